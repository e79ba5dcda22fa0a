/* SPDX-License-Identifier: MIT */
/*
 * Devices bound to a context, their groups, and attaching them to page tables.
 *
 * A group is what an IOMMU can't tell apart: all its devices are behind the same page table, for the RID (pasid 0) and for each
 * PASID. A group belongs to one context at a time. All functions are called with the context's lock held.
 */
#ifndef UIOMMUFD_DEVICE_DEVICE_H
#define UIOMMUFD_DEVICE_DEVICE_H

#include <sys/queue.h>

#include "core/ctx.h"
#include "core/object.h"
#include "event/fault.h"
#include "hwpt/hwpt.h"
#include "iommu/iommu.h"

struct partial_group;
struct sva_bond;

/* The page table behind a RID or PASID of a group. */
struct attachment {
	LIST_ENTRY(attachment) link;
	uint32_t pasid;
	struct hwpt *hwpt;
	uint32_t
		devices; /* how many of the group's devices are attached: each holds a use of the page table */
};

struct group {
	uint32_t refs; /* devices bound */
	LIST_HEAD(, device) devices;
	LIST_HEAD(, attachment) attachments;
};

struct device {
	struct object object;
	struct iommu_dev *iommu_dev;
	struct group *group;
	LIST_ENTRY(device) link;
	/*
	 * DMA walks this list without the lock (device/dma.h): an attachment is complete when it comes in, and freed only after DMA that
	 * may see it has ended.
	 */
	struct device_attachment *_Atomic attachments;
	atomic_ulong changes;			/* of attachments: what DMA remembers is older */
	atomic_uint nested;			/* how many attachments are to nested page tables */
	uint32_t fault_attachments;		/* how many of them take page requests */
	const struct reserved_region *reserved; /* n_reserved of them, constant */
	size_t n_reserved;
	LIST_HEAD(, partial_group) partial; /* groups whose last page request has not come yet */
	LIST_HEAD(, stall) stalls;	    /* DMA that waits for an answer (device/stall.h) */
	atomic_uint answered_on; /* the processor that the last answer came from (base/spin.h) */
	bool faults_aborted;	 /* DMA does not wait now */
	struct sva_bond *_Atomic bonds; /* of PASIDs with processes (device/sva.h) */
	struct object *vdevice;		/* its vDEVICE, or NULL */
};

/* That one device is attached, by RID or PASID. What leads from a fault to the device. */
struct device_attachment {
	struct device_attachment *_Atomic next;
	struct device *device;
	uint32_t pasid;
	struct hwpt *_Atomic hwpt;
	struct fault_source faults;
};

extern const struct object_type device_type;

/*
 * Binds a device to the context: an object with an extra user, so that programs can't destroy it. A NULL group makes one for it
 * alone. -EINVAL: the IOMMU is not coherent with the caches; -ENOMEM.
 */
int device_bind(struct ctx *ctx, struct iommu_dev *iommu_dev, struct group *group,
		struct device **ret_device);
/* Detaches everything and frees. A vDEVICE of it is destroyed and leaves a tombstone. */
void device_unbind(struct device *device);
struct device *device_find(struct ctx *ctx, uint32_t id);

/*
 * Attaches a RID (pasid 0) or PASID to a HWPT, or to an IOAS by an automatic HWPT; *pt_id becomes the HWPT's id.
 * -ENOENT: no such id; -EBUSY: attached already; -EINVAL: not a page table, or not compatible; -EADDRINUSE: reserved regions or
 * the aperture are in the way; -ENOMEM.
 */
int device_attach(struct device *device, uint32_t pasid, uint32_t *pt_id);
/* Moves the whole group to another page table; on failure it stays where it was. -EINVAL: not attached. */
int device_replace(struct device *device, uint32_t pasid, uint32_t *pt_id);
/* Not attached is no error. */
void device_detach(struct device *device, uint32_t pasid);
/* The attachment of a RID or PASID, or NULL. */
static inline struct device_attachment *device_attachment_find(const struct device *device,
							       uint32_t pasid)
{
	struct device_attachment *own;

	own = atomic_load_explicit(&device->attachments, memory_order_acquire);
	while (own && own->pasid != pasid)
		own = atomic_load_explicit(&own->next, memory_order_acquire);
	return own;
}

/*
 * The attachment that DMA with this PASID goes through: its own, or the RID's, if that is a nested page table whose user has the PASID
 * tables. Or NULL.
 */
struct device_attachment *device_attachment_for(const struct device *device, uint32_t pasid);

/* What the device is attached to, or NULL. */
struct hwpt *device_hwpt(const struct device *device, uint32_t pasid);

/*
 * A page request of the device: waits at the device until the last of its group, then goes to the fault queue of the page table
 * that the RID or PASID is attached to. A PASID without an attachment falls back to the RID's nested page table, if the IOMMU
 * leaves PASID tables to the user. -EINVAL: nobody takes it, and the group has been answered INVALID; -ENOMEM: likewise.
 */
int device_page_request(struct device *device, const struct page_request *request);
/* The group that `last` ends has its answer (IOMMUFD_PAGE_RESP_*): for DMA that waits for it, and the model. */
void device_page_response(struct device *device, const struct page_request *last, int code);
/* The device goes, or takes no page requests any more: forgets groups that never ended. */
void device_drop_partial(struct device *device);

#endif
