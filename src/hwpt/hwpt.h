/* SPDX-License-Identifier: MIT */
/*
 * HWPTs: page tables of an IOMMU as objects.
 *
 * A paging HWPT shows an IOAS; a nested one is a stage 1 in the user's memory over a paging HWPT (directly or by a vIOMMU).
 * Those made for an attachment to an IOAS are *automatic* and die with their last attachment.
 */
#ifndef UIOMMUFD_HWPT_HWPT_H
#define UIOMMUFD_HWPT_HWPT_H

#include <stddef.h>

#include "container/sparse_bits.h"
#include "core/object.h"
#include "ioas/ioas.h"
#include "iommu/iommu.h"

struct fault_queue;
struct hwpt_paging;

struct hwpt {
	struct object object;
	struct domain *domain;
	struct hwpt_paging *stage2; /* itself if paging, the parent if nested */
	struct object *parent;	    /* nested: the paging HWPT or vIOMMU that it holds a use of */
	struct object
		*fault; /* the fault queue that gets its page requests, or NULL; holds a use */
	bool pasid_compatible; /* made with IOMMU_HWPT_ALLOC_PASID */
};

struct hwpt_paging {
	struct hwpt hwpt;
	struct ioas *ioas; /* holds a use */
	struct ioas_table table;
	bool shown; /* the table is in the IOAS */
	bool automatic;
	bool nest_parent;
	atomic_bool tracking;	  /* SET_DIRTY_TRACKING; DMA looks at it */
	struct sparse_bits dirty; /* see hwpt/dirty.h */
	unsigned int dirty_shift; /* log2 of what a bit of it stands for */
	uint64_t dirty_page;	  /* as many bits as a page has */
};

extern const struct object_type hwpt_paging_type;
extern const struct object_type hwpt_nested_type;

/* Either kind, by id; NULL if there is none or it is something else. */
struct hwpt *hwpt_find(struct ctx *ctx, uint32_t id);
struct hwpt_paging *hwpt_find_paging(struct ctx *ctx, uint32_t id);

/*
 * A page table for a device's IOMMU, not published and not shown yet (hwpt_paging_show). -EOPNOTSUPP: flags or data that the
 * model doesn't have; errors of the model; -ENOMEM.
 */
int hwpt_paging_new(struct ioas *ioas, struct iommu_dev *dev, uint32_t flags,
		    const struct user_data *data, struct hwpt_paging **ret_hwpt);
/* Shows the IOAS through it. Errors of ioas_add_table(). */
int hwpt_paging_show(struct hwpt_paging *paging);
/*
 * A stage 1 over `parent`, not published. -EOPNOTSUPP: flags, no data, or no nesting; -EINVAL: the parent is automatic, not a
 * NEST_PARENT or another model's; errors of the model; -ENOMEM.
 */
int hwpt_nested_new(struct hwpt_paging *parent, struct iommu_dev *dev, uint32_t flags,
		    const struct user_data *data, struct hwpt **ret_hwpt);
/* Wraps a nested domain that a vIOMMU made; takes it over on success. -ENOMEM. */
int hwpt_nested_wrap(struct ctx *ctx, struct hwpt_paging *stage2, struct object *parent,
		     struct domain *domain, struct hwpt **ret_hwpt);

static inline struct hwpt_paging *hwpt_of_table(struct ioas_table *table)
{
	return (struct hwpt_paging *)((char *)table - offsetof(struct hwpt_paging, table));
}

/* An attachment more or less. The last one of an automatic page table destroys it. */
void hwpt_attached(struct hwpt *hwpt);
void hwpt_detached(struct hwpt *hwpt);

#endif
