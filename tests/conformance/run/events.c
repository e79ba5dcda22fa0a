/* SPDX-License-Identifier: MIT */
/* Fault queues in two processes, by calls and past them: a child reads exactly, then natively, then both. */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                 \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

static int iommu, queue;
static uint32_t device;

static void set_up(void)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	struct iommu_test_cmd domain = {.size = sizeof(domain), .op = IOMMU_TEST_OP_MOCK_DOMAIN};
	struct iommu_fault_alloc fault = {.size = sizeof(fault)};
	struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt), .flags = IOMMU_HWPT_FAULT_ID_VALID};
	struct iommu_test_cmd attach = {.size = sizeof(attach),
					.op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE};

	iommu = open("/dev/iommu", O_RDWR);
	CHECK(iommu >= 0 && !ioctl(iommu, IOMMU_IOAS_ALLOC, &ioas));
	domain.id = hwpt.pt_id = ioas.out_ioas_id;
	CHECK(!ioctl(iommu, IOMMU_TEST_CMD, &domain));
	CHECK(!ioctl(iommu, IOMMU_FAULT_QUEUE_ALLOC, &fault));
	hwpt.fault_id = fault.out_fault_id;
	device = hwpt.dev_id = domain.mock_domain.out_idev_id;
	CHECK(!ioctl(iommu, IOMMU_HWPT_ALLOC, &hwpt));
	attach.id = domain.mock_domain.out_stdev_id;
	attach.mock_domain_replace.pt_id = hwpt.out_hwpt_id;
	CHECK(!ioctl(iommu, IOMMU_TEST_CMD, &attach));
	queue = (int)fault.out_fault_fd;
}

static void trigger(uint32_t group)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_TRIGGER_IOPF,
		.trigger_iopf = {.dev_id = device, .grpid = group},
	};

	CHECK(!ioctl(iommu, IOMMU_TEST_CMD, &cmd));
}

static int ready(void)
{
	struct pollfd p = {.fd = queue, .events = POLLIN | POLLOUT};

	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

static ssize_t answer(uint32_t cookie)
{
	struct iommu_hwpt_page_response response = {.cookie = cookie};

	return write(queue, &response, sizeof(response));
}

static void child(void)
{
	struct iommu_hwpt_pgfault messages[4] = {};

	CHECK(ready() == (POLLIN | POLLOUT));
	CHECK(read(queue, messages, sizeof(messages)) == 3 * sizeof(messages[0]));
	CHECK(messages[0].grpid == 1 && messages[2].grpid == 3);
	CHECK(ready() == POLLOUT);
	CHECK(read(queue, messages, sizeof(messages)) == 0);
	CHECK(answer(messages[1].cookie) == 8);
	CHECK(answer(messages[1].cookie) == -1);
	trigger(4);
	trigger(5);
	/* Past the shim: the descriptor itself. */
	CHECK(syscall(SYS_read, queue, messages, sizeof(messages)) == sizeof(messages[0]));
	CHECK(messages[0].grpid == 4);
	CHECK(answer(messages[0].cookie) == 8);
	CHECK(read(queue, messages, sizeof(messages)) == sizeof(messages[0]));
	CHECK(messages[0].grpid == 5);
	CHECK(ready() == POLLOUT);
}

int main(void)
{
	struct iommu_hwpt_pgfault message;
	int status;
	pid_t pid;

	set_up();
	for (uint32_t i = 1; i <= 3; i++)
		trigger(i);
	pid = fork();
	if (!pid) {
		child();
		return 0;
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(ready() == POLLOUT);
	trigger(6);
	CHECK(read(queue, &message, sizeof(message)) == sizeof(message) && message.grpid == 6);
	return 0;
}
