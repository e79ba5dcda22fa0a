/* SPDX-License-Identifier: MIT */
/* Keeping the pools of ids and the list of areas. */
#include "picture.h"

void picture_learn(struct picture *p, enum kind kind, uint32_t id)
{
	struct pool *pool = &p->pools[kind];

	if (pool->n < POOL_MAX)
		pool->id[pool->n++] = id;
	if (kind != K_ANY)
		picture_learn(p, K_ANY, id);
}

bool picture_knows(const struct picture *p, enum kind kind, uint32_t id)
{
	for (unsigned int i = 0; i < p->pools[kind].n; i++)
		if (p->pools[kind].id[i] == id)
			return true;
	return false;
}

void picture_forget_areas(struct picture *p, uint32_t ioas, uint64_t first, uint64_t last)
{
	for (unsigned int i = p->n_areas; i-- > 0;) {
		const struct area *area = &p->areas[i];

		if (area->ioas == ioas && area->iova >= first &&
		    area->iova + (area->length - 1) <= last)
			p->areas[i] = p->areas[--p->n_areas];
	}
}

void picture_forget(struct picture *p, uint32_t id)
{
	if (picture_knows(p, K_IOAS, id))
		picture_forget_areas(p, id, 0, UINT64_MAX);
	if (p->compat_ioas == id)
		p->compat_ioas = 0;
	for (enum kind kind = 0; kind < KINDS; kind++) {
		struct pool *pool = &p->pools[kind];

		for (unsigned int i = pool->n; i-- > 0;)
			if (pool->id[i] == id)
				pool->id[i] = pool->id[--pool->n];
	}
}

void picture_add_area(struct picture *p, uint32_t ioas, uint64_t iova, uint64_t length, uint64_t va)
{
	if (p->n_areas < AREAS_MAX)
		p->areas[p->n_areas++] = (struct area){ioas, iova, length, va};
}

/* The memory behind the source of a copy, if an area that is known holds it. */
uint64_t picture_va_behind(const struct picture *p, uint32_t ioas, uint64_t iova)
{
	for (unsigned int i = 0; i < p->n_areas; i++) {
		const struct area *area = &p->areas[i];

		if (area->ioas == ioas && iova >= area->iova && iova - area->iova < area->length)
			return area->va + (iova - area->iova);
	}
	return A_BASE;
}

bool picture_has(const struct picture *p, const struct world *world, enum kind kind)
{
	switch (kind) {
	case K_NONE:
		return true;
	case K_FAULT_SLOT:
		return world->faults.n;
	case K_VEVENT_SLOT:
		return world->vevents.n;
	case K_ACCESS_SLOT:
		return world->accesses.n;
	default:
		return p->pools[kind].n;
	}
}
