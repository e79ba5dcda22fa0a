/* SPDX-License-Identifier: MIT */
/* Stage 1: caches in front of a walk. */
#include "iommu/stage1.h"

#include <errno.h>

/* How often a walk begins again since an entry changed under it. A table that changes all the time has no translation worth having. */
#define MAX_TRIES 100

/* One request on its way. */
struct trip {
	const struct pt_config *config;
	struct iotlb_space *space;
	const struct stage1_caches *caches;
	const struct stage1_request *request;
	const struct pt_memory *memory;
	uint64_t epoch; /* of the space, from before anything was read */
};

static uint64_t page_mask(unsigned int shift)
{
	return ((uint64_t)1 << shift) - 1;
}

struct stage1 stage1_found(uint64_t iova, const struct iotlb_hit *hit)
{
	return (struct stage1){
		.first = iova & ~page_mask(hit->shift),
		.last = iova | page_mask(hit->shift),
		.address = hit->address,
		.perm = hit->perm,
		.version = hit->version,
		.seen = hit->seen,
	};
}

static int answer(const struct trip *trip, const struct iotlb_hit *hit, struct stage1 *ret)
{
	*ret = stage1_found(trip->request->iova, hit);
	return 0;
}

static bool find(const struct trip *trip, const struct iotlb *cache, struct iotlb_hit *ret_hit)
{
	return cache && iotlb_find(cache, trip->space, iotlb_space_sizes(trip->space),
				   trip->request->iova, trip->request->perm, ret_hit);
}

/* Into the caches that are there; *hit names the last of them. */
static void insert(const struct trip *trip, struct iotlb *cache, struct iotlb_hit *hit)
{
	if (cache)
		iotlb_insert(cache, trip->space, trip->epoch, trip->request->iova, hit);
}

/* ---- the paging-structure cache ---- */

/* The sizes of what entries cover that lead to tables. */
static uint64_t table_sizes(const struct pt_config *config)
{
	uint64_t sizes = 0;

	for (unsigned int level = 1; level < config->levels; level++)
		sizes |= (uint64_t)1 << pt_shift(config, level);
	return sizes;
}

bool stage1_begin(const struct pt_config *config, const struct iotlb_space *space,
		  const struct stage1_caches *caches, const struct stage1_request *request,
		  struct pt_walk *walk)
{
	struct iotlb_hit hit;

	pt_walk_start(config, walk);
	if (!caches->tables || !iotlb_find(caches->tables, space, table_sizes(config),
					   request->iova, request->perm, &hit))
		return false;
	walk->table = hit.address;
	walk->perm = hit.perm;
	walk->level = (hit.shift - config->page_shift) / (config->page_shift - 3) - 1;
	return true;
}

/* Remembers the tables that the walk came through. */
static void keep_tables(const struct trip *trip, const struct pt_walk *walk)
{
	if (!trip->caches->tables)
		return;
	for (unsigned int i = 0; i + 1 < walk->trail_len; i++) {
		struct iotlb_hit hit = {
			.address =
				walk->trail[i + 1].address & ~page_mask(trip->config->page_shift),
			.shift = pt_shift(trip->config, walk->trail_top - i),
			.perm = walk->trail[i].perm,
		};

		insert(trip, trip->caches->tables, &hit);
	}
}

/* ---- walks ---- */

/*
 * From where walk stands: reads, checks, and sets bits. -ESTALE: an entry changed meanwhile.
 */
static int walk_down(const struct stage1_walk *job, struct pt_walk *walk)
{
	int rc = pt_walk(job->config, job->memory, job->va, walk);

	if (rc)
		return rc;
	if (job->limit)
		walk->perm = job->limit(job->arg, walk->perm);
	if ((walk->perm & job->perm) != job->perm) {
		walk->fault = PT_FAULT_PERMISSION;
		return -EFAULT;
	}
	return pt_update(job->config, job->memory, job->perm & PT_ANY_WRITE, walk);
}

int stage1_walk(const struct stage1_walk *job, bool below, struct pt_walk *walk)
{
	if (below && !walk_down(job, walk))
		return 0;
	for (unsigned int tries = 0; tries < MAX_TRIES; tries++) {
		int rc;

		pt_walk_start(job->config, walk);
		rc = walk_down(job, walk);
		if (rc != -ESTALE)
			return rc;
	}
	walk->fault = PT_FAULT_ABSENT;
	return -EFAULT;
}

struct iotlb_hit stage1_hit(const struct pt_walk *walk)
{
	return (struct iotlb_hit){
		.address = walk->leaf.address,
		.shift = walk->leaf.shift,
		.perm = walk->dirty ? walk->perm : walk->perm & ~(uint32_t)PT_ANY_WRITE,
	};
}

/* Can the fault be repaired by who owns the tables? */
static bool recoverable(enum pt_fault fault)
{
	return fault == PT_FAULT_ABSENT || fault == PT_FAULT_PERMISSION || fault == PT_FAULT_ACCESS;
}

static int translate_by_walk(const struct trip *trip, struct stage1 *ret)
{
	const struct stage1_walk job = {.config = trip->config,
					.memory = trip->memory,
					.va = trip->request->iova,
					.perm = trip->request->perm};
	struct iotlb_hit hit;
	struct pt_walk walk;
	bool below = stage1_begin(trip->config, trip->space, trip->caches, trip->request, &walk);
	int rc = stage1_walk(&job, below, &walk);

	if (rc) {
		*ret = (struct stage1){.recoverable = recoverable(walk.fault)};
		return rc;
	}
	hit = stage1_hit(&walk);
	iotlb_space_has(trip->space, hit.shift);
	keep_tables(trip, &walk);
	insert(trip, trip->caches->iotlb, &hit);
	insert(trip, trip->caches->device, &hit);
	return answer(trip, &hit, ret);
}

int stage1_translate(const struct pt_config *config, struct iotlb_space *space,
		     const struct stage1_caches *caches, const struct stage1_request *request,
		     const struct pt_memory *memory, struct stage1 *ret)
{
	const struct trip trip = {config, space, caches, request, memory, iotlb_space_epoch(space)};
	struct iotlb_hit hit;

	if (find(&trip, caches->device, &hit))
		return answer(&trip, &hit, ret);
	if (!find(&trip, caches->iotlb, &hit))
		return translate_by_walk(&trip, ret);
	insert(&trip, caches->device, &hit);
	return answer(&trip, &hit, ret);
}

/* ---- invalidation ---- */

void stage1_invalidate(const struct pt_config *config, const struct iotlb_space *space,
		       const struct stage1_caches *caches, uint64_t first, uint64_t last,
		       enum stage1_drop drop)
{
	uint64_t sizes = iotlb_space_sizes(space);

	if (caches->tables && drop == STAGE1_TABLES)
		iotlb_invalidate(caches->tables, space, table_sizes(config), first, last);
	if (caches->iotlb)
		iotlb_invalidate(caches->iotlb, space, sizes, first, last);
	if (caches->device)
		iotlb_invalidate(caches->device, space, sizes, first, last);
}
