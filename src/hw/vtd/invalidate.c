/* SPDX-License-Identifier: MIT */
/* Invalidation of a first stage by its user. */
#include <errno.h>

#include <uiommufd/iommufd.h>

#include "core/client.h"
#include "core/machine_impl.h"
#include "core/sanitizer.h"
#include "hw/vtd/internal.h"

/* Of an entry's last word, with report_invalidation_errors: as in the interface's version of December 2023. */
enum invalidation_error {
	ERROR_NONE,
	ERROR_ICE, /* VT-d 6.5.2.10: a wrong completion of a device TLB invalidation */
	ERROR_ITE, /* none in time */
};

#define PAGE 4096ull

static int check(const struct iommu_hwpt_vtd_s1_invalidate *req)
{
	if (req->flags & ~(uint32_t)IOMMU_VTD_INV_FLAGS_LEAF || req->__reserved)
		return -EOPNOTSUPP;
	if (req->addr % PAGE || (req->npages == UINT64_MAX && req->addr))
		return -EINVAL;
	return 0;
}

/* The last byte of the range; a range that goes beyond the end ends there. */
static uint64_t last_of(const struct iommu_hwpt_vtd_s1_invalidate *req)
{
	uint64_t most = (UINT64_MAX - req->addr) / PAGE;

	return req->npages > most ? UINT64_MAX : req->addr + req->npages * PAGE - 1;
}

/* The caches of one device and its IOMMU; what the device says to that. */
static enum invalidation_error drop(struct vtd_nested *nested, struct vtd_device *device,
				    const struct iommu_hwpt_vtd_s1_invalidate *req)
{
	struct stage1_caches caches = vtd_caches(device);
	enum vtd_answer answer = atomic_load(&device->answer);
	bool has_tlb = caches.device;

	if (answer == VTD_NEVER_ANSWERS)
		caches.device = NULL;
	stage1_invalidate(&nested->tables, &nested->space, &caches, req->addr, last_of(req),
			  req->flags & IOMMU_VTD_INV_FLAGS_LEAF ? STAGE1_LEAF : STAGE1_TABLES);
	if (!has_tlb || answer == VTD_ANSWERS)
		return ERROR_NONE;
	return answer == VTD_NEVER_ANSWERS ? ERROR_ITE : ERROR_ICE;
}

/* The options may say that one has no effect. */
static bool is_lost(const struct vtd_nested *nested)
{
	const struct vtd_attachment *attachment = LIST_FIRST(&nested->attachments);
	struct vtd_iommu *iommu;

	if (!attachment)
		return false;
	iommu = attachment->device->iommu;
	return atomic_fetch_add_explicit(&iommu->invalidations, 1, memory_order_relaxed) + 1 ==
	       iommu->options.lose_invalidation;
}

static enum invalidation_error apply(struct vtd_nested *nested,
				     const struct iommu_hwpt_vtd_s1_invalidate *req)
{
	enum invalidation_error error = ERROR_NONE;
	struct vtd_attachment *attachment;

	if (!req->npages || is_lost(nested))
		return ERROR_NONE;
	if (nested->machine->sanitizer)
		sanitizer_remember(nested->machine->sanitizer,
				   (struct sanitizer_event){.space = nested,
							    .first = req->addr,
							    .last = last_of(req)});
	LIST_FOREACH(attachment, &nested->attachments, link) {
		enum invalidation_error one = drop(nested, attachment->device, req);

		if (one != ERROR_NONE)
			error = one;
	}
	return error;
}

static bool reports(const struct vtd_nested *nested)
{
	const struct vtd_attachment *attachment = LIST_FIRST(&nested->attachments);

	return attachment && attachment->device->iommu->options.report_invalidation_errors;
}

static int write_error(const struct user_array *array, uint32_t index,
		       enum invalidation_error error)
{
	uint64_t entry = array->uptr + (uint64_t)index * array->entry_len;
	uint32_t word = error;

	return client_write(array->client,
			    entry + offsetof(struct iommu_hwpt_vtd_s1_invalidate, __reserved),
			    &word, sizeof(word));
}

static int invalidate_all(struct vtd_nested *nested, struct user_array *array)
{
	const void *req;

	while (array->done < array->entry_num) {
		enum invalidation_error error;
		int rc = user_array_next(array, sizeof(struct iommu_hwpt_vtd_s1_invalidate), &req);

		if (!rc)
			rc = check(req);
		if (rc)
			return rc;
		error = apply(nested, req);
		if (error != ERROR_NONE && reports(nested))
			return write_error(array, array->done, error);
		array->done++;
	}
	return 0;
}

int vtd_invalidate(struct domain *domain, struct user_array *array)
{
	struct vtd_nested *nested = vtd_nested_of(domain);
	int rc;

	if (array->type != IOMMU_HWPT_INVALIDATE_DATA_VTD_S1)
		return -EINVAL;
	iotlb_space_change(&nested->space);
	rc = invalidate_all(nested, array);
	iotlb_space_settle(&nested->space);
	hazard_wait(&nested->machine->hazard, 0, UINT64_MAX);
	return rc;
}
