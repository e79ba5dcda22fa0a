/* SPDX-License-Identifier: MIT */
/*
 * Fault queues: page requests on their way to the user, and the answers on their way back.
 *
 * A group is the page requests that share RID or PASID and group index and end with LAST_PAGE; the earlier ones wait at the device. It
 * belongs to the attachment that it was raised through: when that ends, the group is answered INVALID wherever it is. All with
 * the context's lock held.
 */
#ifndef UIOMMUFD_EVENT_FAULT_H
#define UIOMMUFD_EVENT_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/object.h"

struct ctx;

/* One page request of a device. */
struct page_request {
	bool pasid_valid, last;
	uint32_t pasid, grpid;
	uint32_t perm; /* IOMMU_PGFAULT_PERM_* */
	uint64_t addr;
};

/* Where page requests come from: an attachment of a device to a page table that has a fault queue. */
struct fault_source {
	uint32_t dev_id; /* the device object's */
	/* The answer to a group, which its last request names: IOMMUFD_PAGE_RESP_*. */
	void (*answered)(struct fault_source *source, const struct page_request *last, int code);
};

extern const struct object_type fault_queue_type;

/*
 * Queues a complete group for the user: the fault queue keeps it with its source until it is answered or the source forgets it. Where nobody
 * holds the queue's descriptor any more, the answer is INVALID and comes before this returns. -ENOMEM.
 */
int fault_deliver(struct object *queue, struct fault_source *source,
		  const struct page_request *requests, uint32_t n);
/* The source ends: answers INVALID to all its groups. */
void fault_forget(struct object *queue, const struct fault_source *source);

#endif
