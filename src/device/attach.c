/* SPDX-License-Identifier: MIT */
/* Attaching, replacing, detaching. */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/machine_impl.h"
#include "device/device.h"
#include "device/sva.h"
#include "event/fault.h"

static struct attachment *find_attachment(const struct group *group, uint32_t pasid)
{
	struct attachment *attachment;

	LIST_FOREACH(attachment, &group->attachments, link)
		if (attachment->pasid == pasid)
			return attachment;
	return NULL;
}

struct device_attachment *device_attachment_for(const struct device *device, uint32_t pasid)
{
	const struct iommu_ops *ops = device->iommu_dev->ops;
	struct device_attachment *own = device_attachment_find(device, pasid);
	struct hwpt *hwpt;

	if (own || !pasid || !ops->capable(device->iommu_dev, IOMMU_CAN_PASID_TABLES_BY_USER))
		return own;
	own = device_attachment_find(device, 0);
	if (!own)
		return NULL;
	hwpt = atomic_load_explicit(&own->hwpt, memory_order_acquire);
	return hwpt->object.type == &hwpt_nested_type ? own : NULL;
}

struct hwpt *device_hwpt(const struct device *device, uint32_t pasid)
{
	struct device_attachment *own = device_attachment_find(device, pasid);

	return own ? own->hwpt : NULL;
}

/* ---- what is checked ---- */

static bool any_pasid(const struct group *group)
{
	struct attachment *attachment;

	LIST_FOREACH(attachment, &group->attachments, link)
		if (attachment->pasid)
			return true;
	return false;
}

/* With PASIDs in use, the RID and each of them need page tables made for it. */
static int check_pasid(const struct device *device, uint32_t pasid, const struct hwpt *hwpt)
{
	const struct attachment *rid = find_attachment(device->group, 0);

	if (!pasid)
		return hwpt->pasid_compatible || !any_pasid(device->group) ? 0 : -EINVAL;
	if (!hwpt->pasid_compatible || (rid && !rid->hwpt->pasid_compatible))
		return -EINVAL;
	return pasid < device->iommu_dev->max_pasids ? 0 : -EINVAL;
}

/* A device's reserved regions concern its RID's address space alone. */
static int reserve(struct device *device, uint32_t pasid, struct ioas *ioas)
{
	for (size_t i = 0; !pasid && i < device->n_reserved; i++) {
		int rc = ioas_reserve(ioas, device->reserved[i].first, device->reserved[i].last,
				      device);

		if (rc) {
			ioas_unreserve(ioas, device);
			return rc;
		}
	}
	return 0;
}

static void unreserve(struct device *device, uint32_t pasid, struct ioas *ioas)
{
	if (!pasid)
		ioas_unreserve(ioas, device);
}

/* ---- one device, one domain ---- */

/* Page requests are on while anything that the device is attached to takes them. */
static int take_faults(struct device *device)
{
	const struct iommu_ops *ops = device->iommu_dev->ops;
	int rc = 0;

	if (!ops->enable_faults)
		return -EOPNOTSUPP;
	if (!device->fault_attachments)
		rc = ops->enable_faults(device->iommu_dev, true);
	if (!rc)
		device->fault_attachments++;
	return rc;
}

/* The last one turns them off: groups that have not ended then never will. */
static void refuse_faults(struct device *device)
{
	if (--device->fault_attachments)
		return;
	device->iommu_dev->ops->enable_faults(device->iommu_dev, false);
	device_drop_partial(device);
}

/* Puts a page table behind the RID or PASID in place of `old`; on failure `old` stays. */
static int set_domain(struct device *device, uint32_t pasid, struct hwpt *hwpt, struct hwpt *old)
{
	struct iommu_dev *dev = device->iommu_dev;
	int rc = 0;

	if (hwpt && hwpt->fault)
		rc = take_faults(device);
	if (rc)
		return rc;
	rc = dev->ops->attach(dev, pasid, hwpt ? hwpt->domain : NULL, old ? old->domain : NULL);
	if (rc && hwpt->fault)
		refuse_faults(device);
	if (!rc && old && old->fault)
		refuse_faults(device);
	return rc;
}

/*
 * After every change of what the device is attached to, from `old` to `hwpt`, either of which may be NULL: DMA must not use what it remembers.
 */
static void changed(struct device *device, const struct hwpt *hwpt, const struct hwpt *old)
{
	if (hwpt && hwpt->object.type == &hwpt_nested_type)
		atomic_fetch_add(&device->nested, 1);
	if (old && old->object.type == &hwpt_nested_type)
		atomic_fetch_sub(&device->nested, 1);
	atomic_fetch_add_explicit(&device->changes, 1, memory_order_release);
}

static void unlink_attachment(struct device *device, struct device_attachment *own)
{
	struct device_attachment *_Atomic *at = &device->attachments;

	while (atomic_load(at) != own)
		at = &atomic_load(at)->next;
	atomic_store(at, atomic_load(&own->next));
	changed(device, NULL, own->hwpt);
}

/* No DMA through what the device was attached to is running after this. */
static void wait_for_dma(struct device *device)
{
	hazard_wait(&device->object.ctx->machine->hazard, 0, UINT64_MAX);
}

/* ---- attach ---- */

/* The group's record of this page table, made by the first device. */
static struct attachment *get_attachment(struct group *group, uint32_t pasid, struct hwpt *hwpt)
{
	struct attachment *attachment = find_attachment(group, pasid);

	if (!attachment) {
		attachment = mem_zalloc(sizeof(*attachment));
		if (!attachment)
			return NULL;
		attachment->pasid = pasid;
		attachment->hwpt = hwpt;
		LIST_INSERT_HEAD(&group->attachments, attachment, link);
	}
	attachment->devices++;
	return attachment;
}

static void put_attachment(struct attachment *attachment)
{
	if (--attachment->devices)
		return;
	LIST_REMOVE(attachment, link);
	free(attachment);
}

static int check_attach(struct device *device, uint32_t pasid, struct hwpt *hwpt)
{
	const struct attachment *attachment = find_attachment(device->group, pasid);
	int rc;

	if (device_attachment_find(device, pasid) || sva_find(device, pasid))
		return -EBUSY;
	rc = check_pasid(device, pasid, hwpt);
	if (!rc && attachment && attachment->hwpt != hwpt)
		rc = -EINVAL;
	return rc;
}

static void answered(struct fault_source *source, const struct page_request *last, int code)
{
	struct device_attachment *own =
		(struct device_attachment *)((char *)source -
					     offsetof(struct device_attachment, faults));

	device_page_response(own->device, last, code);
}

static int attach_hwpt(struct device *device, uint32_t pasid, struct hwpt *hwpt)
{
	struct device_attachment *own;
	struct attachment *attachment;
	int rc;

	rc = check_attach(device, pasid, hwpt);
	if (rc)
		return rc;
	own = mem_zalloc(sizeof(*own));
	if (!own)
		return -ENOMEM;
	rc = -ENOMEM;
	attachment = get_attachment(device->group, pasid, hwpt);
	if (!attachment)
		goto free_own;
	rc = reserve(device, pasid, hwpt->stage2->ioas);
	if (rc)
		goto put_attachment;
	rc = set_domain(device, pasid, hwpt, NULL);
	if (rc)
		goto unreserve;
	*own = (struct device_attachment){
		.device = device,
		.pasid = pasid,
		.hwpt = hwpt,
		.faults = {device->object.id, answered},
	};
	atomic_init(&own->next, atomic_load(&device->attachments));
	atomic_store_explicit(&device->attachments, own, memory_order_release);
	changed(device, hwpt, NULL);
	hwpt_attached(hwpt);
	return 0;
unreserve:
	unreserve(device, pasid, hwpt->stage2->ioas);
put_attachment:
	put_attachment(attachment);
free_own:
	free(own);
	return rc;
}

/* ---- replace ---- */

/* One device of the group. */
static int replace_one(struct device_attachment *own, struct hwpt *hwpt)
{
	struct device *device = own->device;
	struct ioas *ioas = hwpt->stage2->ioas, *old_ioas = own->hwpt->stage2->ioas;
	struct hwpt *old;
	int rc = 0;

	if (ioas != old_ioas)
		rc = reserve(device, own->pasid, ioas);
	if (rc)
		return rc;
	rc = set_domain(device, own->pasid, hwpt, own->hwpt);
	if (rc) {
		if (ioas != old_ioas)
			unreserve(device, own->pasid, ioas);
		return rc;
	}
	old = atomic_exchange(&own->hwpt, hwpt);
	changed(device, hwpt, old);
	wait_for_dma(device);
	if (old->fault)
		fault_forget(old->fault, &own->faults);
	if (ioas != old_ioas)
		unreserve(device, own->pasid, old_ioas);
	return 0;
}

static int replace_group(struct group *group, uint32_t pasid, struct hwpt *hwpt, struct hwpt *old)
{
	struct device *device, *undo;

	LIST_FOREACH(device, &group->devices, link) {
		struct device_attachment *own = device_attachment_find(device, pasid);
		int rc = own ? replace_one(own, hwpt) : 0;

		if (!rc)
			continue;
		LIST_FOREACH(undo, &group->devices, link) {
			if (undo == device)
				break;
			own = device_attachment_find(undo, pasid);
			if (own)
				replace_one(own, old);
		}
		return rc;
	}
	return 0;
}

static int replace_hwpt(struct device *device, uint32_t pasid, struct hwpt *hwpt)
{
	struct attachment *attachment = find_attachment(device->group, pasid);
	struct hwpt *old;
	int rc;

	if (!attachment || !device_attachment_find(device, pasid))
		return -EINVAL;
	old = attachment->hwpt;
	if (old == hwpt)
		return 0;
	rc = check_pasid(device, pasid, hwpt);
	if (!rc)
		rc = replace_group(device->group, pasid, hwpt, old);
	if (rc)
		return rc;
	attachment->hwpt = hwpt;
	for (uint32_t i = 0; i < attachment->devices; i++) {
		hwpt_attached(hwpt);
		hwpt_detached(old);
	}
	return 0;
}

/* ---- by id ---- */

typedef int attach_fn(struct device *device, uint32_t pasid, struct hwpt *hwpt);

/* Tries the automatic page tables that stand. 1: none would do. */
static int attach_existing(struct device *device, uint32_t pasid, struct ioas *ioas,
			   attach_fn *attach, uint32_t *pt_id)
{
	struct ioas_table *table;

	TAILQ_FOREACH(table, &ioas->tables, link) {
		struct hwpt_paging *paging = hwpt_of_table(table);
		int rc;

		if (!paging->automatic)
			continue;
		rc = attach(device, pasid, &paging->hwpt);
		if (rc == -EINVAL)
			continue;
		if (!rc)
			*pt_id = paging->hwpt.object.id;
		return rc;
	}
	return 1;
}

/* An attachment comes before the table is filled, a replacement after: so they fail in that order. */
static int attach_and_show(struct device *device, uint32_t pasid, struct hwpt_paging *paging,
			   attach_fn *attach)
{
	int rc;

	if (attach == replace_hwpt) {
		rc = hwpt_paging_show(paging);
		return rc ? rc : attach(device, pasid, &paging->hwpt);
	}
	rc = attach(device, pasid, &paging->hwpt);
	if (rc)
		return rc;
	rc = hwpt_paging_show(paging);
	if (rc) {
		paging->automatic = false; /* it is not published: abandoned below, not destroyed */
		device_detach(device, pasid);
	}
	return rc;
}

static int attach_new(struct device *device, uint32_t pasid, struct ioas *ioas, attach_fn *attach,
		      uint32_t *pt_id)
{
	struct hwpt_paging *paging;
	int rc;

	rc = hwpt_paging_new(ioas, device->iommu_dev, 0, NULL, &paging);
	if (rc)
		return rc;
	paging->automatic = true;
	rc = attach_and_show(device, pasid, paging, attach);
	if (rc) {
		object_abandon(&paging->hwpt.object);
		return rc;
	}
	object_publish(&paging->hwpt.object);
	*pt_id = paging->hwpt.object.id;
	return 0;
}

static int attach_by_id(struct device *device, uint32_t pasid, uint32_t *pt_id, attach_fn *attach)
{
	struct ctx *ctx = device->object.ctx;
	struct hwpt *hwpt = hwpt_find(ctx, *pt_id);
	struct ioas *ioas = ioas_find(ctx, *pt_id);
	int rc;

	if (hwpt)
		return attach(device, pasid, hwpt);
	if (!ioas)
		return object_find(ctx, *pt_id, NULL) ? -EINVAL : -ENOENT;
	rc = attach_existing(device, pasid, ioas, attach, pt_id);
	return rc <= 0 ? rc : attach_new(device, pasid, ioas, attach, pt_id);
}

int device_attach(struct device *device, uint32_t pasid, uint32_t *pt_id)
{
	return attach_by_id(device, pasid, pt_id, attach_hwpt);
}

int device_replace(struct device *device, uint32_t pasid, uint32_t *pt_id)
{
	return attach_by_id(device, pasid, pt_id, replace_hwpt);
}

void device_detach(struct device *device, uint32_t pasid)
{
	struct device_attachment *own = device_attachment_find(device, pasid);
	struct hwpt *hwpt;

	if (!own)
		return;
	hwpt = own->hwpt;
	set_domain(device, pasid, NULL, hwpt);
	unlink_attachment(device, own);
	wait_for_dma(device);
	if (hwpt->fault)
		fault_forget(hwpt->fault, &own->faults);
	free(own);
	unreserve(device, pasid, hwpt->stage2->ioas);
	put_attachment(find_attachment(device->group, pasid));
	hwpt_detached(hwpt);
}
