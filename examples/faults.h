/* SPDX-License-Identifier: MIT */
/* Handling page faults of devices: the part that is the same for every program. */
#ifndef EXAMPLES_FAULTS_H
#define EXAMPLES_FAULTS_H

#include <stddef.h>

#include <uiommufd/iommufd.h>

/* As many messages as are read at once; a group is never more. */
#define FAULTS_AT_ONCE 64

/*
 * Puts a page where `fault` misses one: IOMMUFD_PAGE_RESP_SUCCESS. IOMMUFD_PAGE_RESP_INVALID: there is none, and the device's access has failed.
 */
typedef enum iommufd_page_response_code fault_map(void *arg,
						  const struct iommu_hwpt_pgfault *fault);

/*
 * Maps for each of the messages, which a read of the queue gave, and fills in the answers, one for a group: their number. What one page of a group is refused
 * the group is.
 */
unsigned int faults_answers(const struct iommu_hwpt_pgfault *messages, size_t bytes, fault_map *map,
			    void *arg, struct iommu_hwpt_page_response *responses);

/*
 * Waits for requests, for `timeout` milliseconds at most (-1: as long as it takes), and handles those that are there. How many groups were answered, or
 * -errno; -EINVAL: of some the answer was not wanted any more, since what they came from is detached, replaced or reset.
 */
int faults_handle(int queue, int timeout, fault_map *map, void *arg);

#endif
