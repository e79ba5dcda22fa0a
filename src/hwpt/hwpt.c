/* SPDX-License-Identifier: MIT */
/* The life of page tables. */
#include "hwpt/hwpt.h"

#include <errno.h>
#include <stdlib.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "hwpt/dirty.h"

/* ---- both kinds ---- */

static void hwpt_done(struct hwpt *hwpt)
{
	if (hwpt->domain)
		hwpt->domain->ops->free(hwpt->domain);
	if (hwpt->fault)
		object_unuse(hwpt->fault);
	if (hwpt->parent)
		object_unuse(hwpt->parent);
}

struct hwpt *hwpt_find(struct ctx *ctx, uint32_t id)
{
	struct object *object = object_find(ctx, id, NULL);

	if (!object || (object->type != &hwpt_paging_type && object->type != &hwpt_nested_type))
		return NULL;
	return (struct hwpt *)object;
}

struct hwpt_paging *hwpt_find_paging(struct ctx *ctx, uint32_t id)
{
	return (struct hwpt_paging *)object_find(ctx, id, &hwpt_paging_type);
}

void hwpt_attached(struct hwpt *hwpt)
{
	object_use(&hwpt->object);
}

void hwpt_detached(struct hwpt *hwpt)
{
	object_unuse(&hwpt->object);
	if (hwpt == &hwpt->stage2->hwpt && hwpt->stage2->automatic && !hwpt->object.users)
		object_destroy(&hwpt->object);
}

/* ---- paging ---- */

static void paging_destroy(struct object *object)
{
	struct hwpt_paging *paging = (struct hwpt_paging *)object;

	if (paging->shown)
		ioas_remove_table(paging->ioas, &paging->table);
	sparse_bits_done(&paging->dirty);
	hwpt_done(&paging->hwpt);
	object_unuse(&paging->ioas->object);
	free(paging);
}

const struct object_type hwpt_paging_type = {
	.name = "hwpt",
	.destroy = paging_destroy,
};

static int check_paging_flags(struct iommu_dev *dev, uint32_t flags, const struct user_data *data)
{
	const uint32_t known = IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_DIRTY_TRACKING |
			       IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID;

	if (flags & ~known || !dev->ops->alloc_paging)
		return -EOPNOTSUPP;
	if (flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING &&
	    !dev->ops->capable(dev, IOMMU_CAN_DIRTY_TRACKING))
		return -EOPNOTSUPP;
	if (flags & IOMMU_HWPT_FAULT_ID_VALID && flags & IOMMU_HWPT_ALLOC_NEST_PARENT)
		return -EOPNOTSUPP;
	return 0;
}

static void forget_dirty(struct ioas_table *table, uint64_t first, uint64_t last)
{
	dirty_forget(hwpt_of_table(table), first, last);
}

static void set_table(struct hwpt_paging *paging)
{
	const struct domain *domain = paging->hwpt.domain;

	paging->table.first = domain->first;
	paging->table.last = domain->last;
	paging->table.page_sizes = domain->page_sizes;
	paging->table.coherent = domain->coherent;
	paging->dirty_shift = __builtin_ctzll(domain->page_sizes);
	paging->dirty_page = ((uint64_t)1 << (PAGE_SIZE >> paging->dirty_shift)) - 1;
	if (domain->dirty_tracking)
		paging->table.unmapped = forget_dirty;
}

int hwpt_paging_new(struct ioas *ioas, struct iommu_dev *dev, uint32_t flags,
		    const struct user_data *data, struct hwpt_paging **ret_hwpt)
{
	struct hwpt_paging *paging;
	int rc;

	rc = check_paging_flags(dev, flags, data);
	if (rc)
		return rc;
	paging = mem_zalloc(sizeof(*paging));
	if (!paging)
		return -ENOMEM;
	rc = object_init(&paging->hwpt.object, ioas->object.ctx, &hwpt_paging_type);
	if (rc) {
		free(paging);
		return rc;
	}
	object_use(&ioas->object);
	paging->ioas = ioas;
	paging->nest_parent = flags & IOMMU_HWPT_ALLOC_NEST_PARENT;
	paging->hwpt.pasid_compatible = flags & IOMMU_HWPT_ALLOC_PASID;
	paging->hwpt.stage2 = paging;
	rc = dev->ops->alloc_paging(dev, flags & ~IOMMU_HWPT_FAULT_ID_VALID, data,
				    &paging->hwpt.domain);
	if (rc) {
		object_abandon(&paging->hwpt.object);
		return rc;
	}
	set_table(paging);
	*ret_hwpt = paging;
	return 0;
}

int hwpt_paging_show(struct hwpt_paging *paging)
{
	int rc = ioas_add_table(paging->ioas, &paging->table);

	paging->shown = !rc;
	return rc;
}

/* ---- nested ---- */

static void nested_destroy(struct object *object)
{
	struct hwpt *hwpt = (struct hwpt *)object;

	hwpt_done(hwpt);
	free(hwpt);
}

const struct object_type hwpt_nested_type = {
	.name = "nested hwpt",
	.destroy = nested_destroy,
};

int hwpt_nested_wrap(struct ctx *ctx, struct hwpt_paging *stage2, struct object *parent,
		     struct domain *domain, struct hwpt **ret_hwpt)
{
	struct hwpt *hwpt = mem_zalloc(sizeof(*hwpt));
	int rc;

	if (!hwpt)
		return -ENOMEM;
	rc = object_init(&hwpt->object, ctx, &hwpt_nested_type);
	if (rc) {
		free(hwpt);
		return rc;
	}
	object_use(parent);
	hwpt->parent = parent;
	hwpt->stage2 = stage2;
	hwpt->domain = domain;
	*ret_hwpt = hwpt;
	return 0;
}

int hwpt_nested_new(struct hwpt_paging *parent, struct iommu_dev *dev, uint32_t flags,
		    const struct user_data *data, struct hwpt **ret_hwpt)
{
	struct domain *domain;
	int rc;

	if (flags & ~(IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID) || !data ||
	    !dev->ops->alloc_nested)
		return -EOPNOTSUPP;
	if (parent->automatic || !parent->nest_parent || parent->hwpt.domain->owner != dev->ops)
		return -EINVAL;
	rc = dev->ops->alloc_nested(dev, parent->hwpt.domain, flags & ~IOMMU_HWPT_FAULT_ID_VALID,
				    data, &domain);
	if (rc)
		return rc;
	rc = hwpt_nested_wrap(parent->hwpt.object.ctx, parent, &parent->hwpt.object, domain,
			      ret_hwpt);
	if (rc) {
		domain->ops->free(domain);
		return rc;
	}
	(*ret_hwpt)->pasid_compatible = flags & IOMMU_HWPT_ALLOC_PASID;
	return 0;
}
