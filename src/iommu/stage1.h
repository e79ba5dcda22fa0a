/* SPDX-License-Identifier: MIT */
/*
 * Translation by stage 1 through caches: what models of IOMMUs have in common.
 *
 * The way of a request: the device's own TLB, the IOTLB, then a walk, which begins at the lowest table that the paging-structure cache knows.
 * On the way back the translation comes into each of them. Accessed and dirty bits are set before anything is cached, so a translation that
 * allows writes is only cached once the entry is dirty.
 */
#ifndef UIOMMUFD_IOMMU_STAGE1_H
#define UIOMMUFD_IOMMU_STAGE1_H

#include "iommu/iommu.h"
#include "iommu/iotlb.h"

/* Each may be NULL. */
struct stage1_caches {
	struct iotlb *device; /* the device's TLB */
	struct iotlb *iotlb;
	struct iotlb *tables; /* the paging-structure cache */
};

/*
 * Translates; as domain_ops.translate. `space` is that of these tables. No lock; see iommu/iotlb.h for what keeps it right while others
 * invalidate.
 */
int stage1_translate(const struct pt_config *config, struct iotlb_space *space,
		     const struct stage1_caches *caches, const struct stage1_request *request,
		     const struct pt_memory *memory, struct stage1 *ret);

/*
 * Begins a walk where a miss does: at the lowest table that is known to lead to the address of the request. False: at the top.
 */
bool stage1_begin(const struct pt_config *config, const struct iotlb_space *space,
		  const struct stage1_caches *caches, const struct stage1_request *request,
		  struct pt_walk *walk);

/* ---- pieces of it, for models that find their tables in another way ---- */

struct stage1_walk {
	const struct pt_config *config;
	const struct pt_memory *memory;
	uint64_t va;
	uint32_t perm; /* that is asked for */
	/* What is left of what the tables allow; NULL: all. */
	uint32_t (*limit)(const void *arg, uint32_t perm);
	const void *arg;
};

/*
 * Walks, checks, sets what hardware sets, and begins again if an entry changes under it. `below`: *walk is at a table that a cache knows; what that
 * forbids or does not have may have been granted since, which takes no invalidation, so failure counts from the top only. As pt_walk(); walk->perm
 * is what is left.
 */
int stage1_walk(const struct stage1_walk *job, bool below, struct pt_walk *walk);
/* What a cache may hold of it: writes only if the leaf is dirty. */
struct iotlb_hit stage1_hit(const struct pt_walk *walk);
/* What the page means for an address of it. */
struct stage1 stage1_found(uint64_t iova, const struct iotlb_hit *hit);

/* ---- invalidation ---- */

/* What is dropped: translations, and the tables above them too. */
enum stage1_drop {
	STAGE1_LEAF,
	STAGE1_TABLES,
};

/*
 * Drops what the caches have of [first, last]. Between iotlb_space_change() and iotlb_space_settle().
 */
void stage1_invalidate(const struct pt_config *config, const struct iotlb_space *space,
		       const struct stage1_caches *caches, uint64_t first, uint64_t last,
		       enum stage1_drop drop);

#endif
