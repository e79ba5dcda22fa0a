/* SPDX-License-Identifier: MIT */
#include "faults.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

unsigned int faults_answers(const struct iommu_hwpt_pgfault *messages, size_t bytes, fault_map *map,
			    void *arg, struct iommu_hwpt_page_response *responses)
{
	enum iommufd_page_response_code code = IOMMUFD_PAGE_RESP_SUCCESS;
	size_t n = bytes / sizeof(*messages);
	unsigned int answers = 0;

	for (size_t i = 0; i < n; i++) {
		if (map(arg, &messages[i]) != IOMMUFD_PAGE_RESP_SUCCESS)
			code = IOMMUFD_PAGE_RESP_INVALID;
		if (!(messages[i].flags & IOMMU_PGFAULT_FLAGS_LAST_PAGE))
			continue;
		responses[answers++] = (struct iommu_hwpt_page_response){
			.cookie = messages[i].cookie, .code = code};
		code = IOMMUFD_PAGE_RESP_SUCCESS;
	}
	return answers;
}

/*
 * A write ends at the first answer that isn't wanted, and says how many were taken before it: that one is left out, and the rest written again.
 */
static int write_answers(int queue, const struct iommu_hwpt_page_response *responses,
			 unsigned int n)
{
	unsigned int at = 0;
	bool refused = false;

	while (at < n) {
		ssize_t put = write(queue, &responses[at], (n - at) * sizeof(*responses));

		if (put < 0 && errno != EINVAL)
			return -errno;
		refused |= put < 0;
		at += put < 0 ? 1 : put / sizeof(*responses);
	}
	return refused ? -EINVAL : (int)n;
}

int faults_handle(int queue, int timeout, fault_map *map, void *arg)
{
	struct pollfd ready = {.fd = queue, .events = POLLIN};
	struct iommu_hwpt_page_response responses[FAULTS_AT_ONCE];
	struct iommu_hwpt_pgfault messages[FAULTS_AT_ONCE];
	ssize_t got;

	if (poll(&ready, 1, timeout) < 0)
		return -errno;
	/* Never waits, and gives nothing if there is nothing: so the answer of poll() need not be looked at. */
	got = read(queue, messages, sizeof(messages));
	if (got < 0)
		return -errno;
	return write_answers(queue, responses,
			     faults_answers(messages, (size_t)got, map, arg, responses));
}
