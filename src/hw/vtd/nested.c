/* SPDX-License-Identifier: MIT */
/* First stages in the user's memory, nested on a second stage (VT-d 3.8 "Nested Translation"). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "core/machine_impl.h"
#include "hw/vtd/internal.h"
#include "hw/vtd/registers.h"
#include "iommu/watch.h"
#include "pt/x86_64.h"

#define KNOWN_FLAGS ((uint64_t)IOMMU_VTD_S1_SRE | IOMMU_VTD_S1_EAFE | IOMMU_VTD_S1_WPE)

/* ---- translation ---- */

struct vtd_watch {
	struct stage1_watch watch;
	const struct vtd_nested *nested;
};

static bool begin_walk(const struct stage1_watch *watch, struct pt_walk *walk)
{
	const struct vtd_nested *nested = ((const struct vtd_watch *)watch)->nested;

	return stage1_begin(watch->config, &nested->space, watch->caches, watch->request, walk);
}

static void say_missing(const struct stage1_watch *watch, const struct stage1 *found,
			bool from_device, enum stage1_drop drop,
			char text[static STAGE1_MISSING_BYTES])
{
	snprintf(text, STAGE1_MISSING_BYTES,
		 "IOMMU_HWPT_INVALIDATE of page table %u with addr %#llx, npages %llu, %s",
		 watch->request->hwpt_id, (unsigned long long)found->first,
		 ((unsigned long long)found->last - found->first) / 4096 + 1,
		 drop == STAGE1_LEAF ? "IOMMU_VTD_INV_FLAGS_LEAF"
				     : "flags 0: a table above it has changed");
}

static int translate(struct domain *domain, struct iommu_dev *dev,
		     const struct stage1_request *request, const struct pt_memory *memory,
		     struct stage1 *ret)
{
	struct vtd_nested *nested = vtd_nested_of(domain);
	struct stage1_caches caches = vtd_caches(vtd_of_dev(dev));
	struct sanitizer *sanitizer = nested->machine->sanitizer;
	int rc = stage1_translate(&nested->tables, &nested->space, &caches, request, memory, ret);

	if (rc || !sanitizer)
		return rc;
	return stage1_watch(sanitizer,
			    &(struct vtd_watch){{dev, &nested->tables, &caches, request, memory,
						 begin_walk, say_missing},
						nested}
				     .watch,
			    ret);
}

/* ---- what it is attached to ---- */

/*
 * The caches may hold what DMA put there after this device had left the domain before, and invalidations did not reach since.
 */
static void flush(struct vtd_nested *nested, struct vtd_device *device)
{
	struct stage1_caches caches = vtd_caches(device);

	iotlb_space_change(&nested->space);
	stage1_invalidate(&nested->tables, &nested->space, &caches, 0, UINT64_MAX, STAGE1_TABLES);
	iotlb_space_settle(&nested->space);
}

/* VT-d 9.6, fields SRE, EAFE and FSPM of a PASID-table entry: what they ask for, the IOMMU must have. */
static int check_enter(const struct vtd_nested *nested, const struct vtd_iommu *iommu)
{
	if (nested->addr_width != 48 && (nested->addr_width != 57 || !(iommu->cap & CAP_FS5LP)))
		return -EINVAL;
	if (nested->flags & IOMMU_VTD_S1_SRE && !(iommu->ecap & ECAP_SRS))
		return -EINVAL;
	if (nested->flags & IOMMU_VTD_S1_EAFE && !(iommu->ecap & ECAP_EAFS))
		return -EINVAL;
	return iommu->ecap & ECAP_NEST ? 0 : -EINVAL;
}

int vtd_nested_enter(struct vtd_nested *nested, struct vtd_device *device, uint32_t pasid)
{
	struct vtd_attachment *attachment;
	int rc = check_enter(nested, device->iommu);

	if (rc)
		return rc;
	attachment = mem_alloc(sizeof(*attachment));
	if (!attachment)
		return -ENOMEM;
	*attachment = (struct vtd_attachment){.device = device, .pasid = pasid};
	flush(nested, device);
	LIST_INSERT_HEAD(&nested->attachments, attachment, link);
	return 0;
}

void vtd_nested_leave(struct vtd_nested *nested, struct vtd_device *device, uint32_t pasid)
{
	struct vtd_attachment *attachment;

	LIST_FOREACH(attachment, &nested->attachments, link)
		if (attachment->device == device && attachment->pasid == pasid)
			break;
	LIST_REMOVE(attachment, link);
	free(attachment);
	flush(nested, device);
}

/* ---- its life ---- */

static void nested_free(struct domain *domain)
{
	struct vtd_nested *nested = vtd_nested_of(domain);

	if (nested->machine->sanitizer)
		sanitizer_forget(nested->machine->sanitizer, domain);
	free(nested);
}

static const struct domain_ops nested_ops = {
	.invalidate = vtd_invalidate,
	.translate = translate,
	.free = nested_free,
};

struct vtd_nested *vtd_nested_of(struct domain *domain)
{
	return domain->ops == &nested_ops ? (struct vtd_nested *)domain : NULL;
}

static struct pt_config tables_of(const struct iommu_hwpt_vtd_s1 *s1, const struct domain *parent)
{
	uint32_t flags = X86_64_1G | X86_64_EXEC;

	if (s1->flags & IOMMU_VTD_S1_SRE)
		flags |= X86_64_PRIV;
	if (s1->flags & IOMMU_VTD_S1_WPE)
		flags |= X86_64_WPE;
	if (s1->flags & IOMMU_VTD_S1_EAFE)
		flags |= X86_64_EAFE;
	/* VT-d 9.8: bits of an address beyond the host's width are reserved. The second stage's width is all that the user knows of it. */
	return pt_x86_64_config(
		s1->pgtbl_addr & ~(uint64_t)0xfff, s1->addr_width == 57 ? 5 : 4,
		64 - __builtin_clzll(parent->last) > 52 ? 52 : 64 - __builtin_clzll(parent->last),
		flags);
}

int vtd_alloc_nested(struct iommu_dev *dev, struct domain *parent, uint32_t flags,
		     const struct user_data *data, struct domain **ret_domain)
{
	struct machine *machine = vtd_of_dev(dev)->iommu->machine;
	struct iommu_hwpt_vtd_s1 s1;
	struct vtd_nested *nested;
	int rc;

	if (flags & ~IOMMU_HWPT_ALLOC_PASID || data->type != IOMMU_HWPT_DATA_VTD_S1 ||
	    !(vtd_of_dev(dev)->iommu->ecap & ECAP_NEST))
		return -EOPNOTSUPP;
	rc = user_data_read(data, IOMMU_HWPT_DATA_VTD_S1, &s1, sizeof(s1), sizeof(s1));
	if (rc)
		return rc;
	if (s1.flags & ~KNOWN_FLAGS || s1.__reserved)
		return -EOPNOTSUPP;
	nested = mem_zalloc(sizeof(*nested));
	if (!nested)
		return -ENOMEM;
	nested->domain.ops = &nested_ops;
	nested->domain.owner = &vtd_iommu_ops;
	nested->flags = s1.flags;
	nested->addr_width = s1.addr_width;
	nested->machine = machine;
	nested->tables = tables_of(&s1, parent);
	iotlb_space_init(&nested->space, 1 + atomic_fetch_add(&machine->spaces, 1));
	LIST_INIT(&nested->attachments);
	*ret_domain = &nested->domain;
	return 0;
}
