/* SPDX-License-Identifier: MIT */
/* Random values that are near to what means something, with a few that do not. */
#include <stdarg.h>
#include <stdio.h>

#include "maker.h"

#define PAGE 4096u

void add(struct gen *gen, const char *format, ...)
{
	int room = sizeof(gen->line) - gen->length;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(gen->line + gen->length, room, format, ap);
	va_end(ap);
	gen->length += n < room ? n : room - 1;
}

void put(struct gen *gen, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	gen->length = vsnprintf(gen->line, sizeof(gen->line), format, ap);
	va_end(ap);
}

/* SplitMix64. */
uint64_t rnd(struct gen *gen, uint64_t below)
{
	uint64_t z = gen->rng += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return below ? z % below : 0;
}

bool chance(struct gen *gen, unsigned int percent)
{
	return rnd(gen, 100) < percent;
}

uint32_t pick(struct gen *gen, enum kind kind)
{
	const struct pool *pool = &gen->picture.pools[kind];
	const struct pool *any = &gen->picture.pools[K_ANY];

	if (chance(gen, 3))
		return rnd(gen, 24);
	if (!pool->n || chance(gen, 3))
		pool = any;
	return pool->n ? pool->id[rnd(gen, pool->n)] : rnd(gen, 4);
}

uint32_t newest(const struct gen *gen, enum kind kind)
{
	const struct pool *pool = &gen->picture.pools[kind];

	return pool->n ? pool->id[pool->n - 1] : 0;
}

unsigned int pick_slot(struct gen *gen, const struct slots *slots)
{
	unsigned int slot = rnd(gen, slots->n);

	for (int i = 0; i < 8 && slot < slots->n && slots->fd[slot] < 0; i++)
		slot = rnd(gen, slots->n);
	return slot;
}

uint64_t some_length(struct gen *gen)
{
	static const uint64_t odd[] = {0, 1, 2048, 4095, 4097, 6144, 0x80000000, UINT64_MAX};

	if (chance(gen, 5))
		return odd[rnd(gen, 8)];
	return (1 + rnd(gen, chance(gen, 85) ? 8 : 600)) * PAGE;
}

uint64_t some_va(struct gen *gen)
{
	uint64_t va = (chance(gen, 75) ? A_BASE : F_BASE) + rnd(gen, 1024) * PAGE;

	if (chance(gen, 6))
		va += rnd(gen, PAGE);
	if (chance(gen, 2))
		va = rnd(gen, 2) ? 0 : A_BASE + A_SIZE + rnd(gen, 4) * PAGE;
	return va;
}

uint64_t some_iova(struct gen *gen)
{
	static const uint64_t odd[] = {0,	   UINT64_MAX, 0x7ffff000, 0x80000000,
				       0xfffff000, 0x1000,     0x7fffff800};

	if (chance(gen, 5))
		return odd[rnd(gen, 7)];
	return (1u << 24) + rnd(gen, 2048) * PAGE + (chance(gen, 6) ? rnd(gen, PAGE) : 0);
}

uint32_t some_map_flags(struct gen *gen)
{
	return (chance(gen, 70) ? 1 : 0) | (chance(gen, 85) ? 2 : 0) | (chance(gen, 90) ? 4 : 0) |
	       (chance(gen, 1) ? 8u << rnd(gen, 20) : 0);
}

void add_reserved_word(struct gen *gen, unsigned int percent)
{
	if (chance(gen, percent))
		add(gen, " rsv=%u", 1u << rnd(gen, 8));
}

void add_bad_pointer(struct gen *gen, bool edges)
{
	static const uint64_t bad[] = {0,
				       8,
				       B_BASE + 4096,
				       R_BASE + 4096,
				       UINT64_C(0xffff888000000000),
				       B_BASE + 4096 - 8,
				       B_BASE + 4096 - 4,
				       B_BASE + 4096 - 32,
				       B_BASE + 4095,
				       R_BASE,
				       R_BASE + 4096 - 16,
				       B_BASE};

	if (gen->topic == T_ABUSE && chance(gen, 35))
		add(gen, " ptr=0x%lx",
		    (unsigned long)bad[rnd(gen, edges ? sizeof(bad) / sizeof(bad[0]) : 5)]);
}

static const struct area *known_area(struct gen *gen, uint32_t ioas)
{
	const struct picture *p = &gen->picture;
	const struct area *fit[AREAS_MAX];
	unsigned int n = 0;

	for (unsigned int i = 0; i < p->n_areas; i++)
		if (!ioas || p->areas[i].ioas == ioas)
			fit[n++] = &p->areas[i];
	return n ? fit[rnd(gen, n)] : NULL;
}

struct area near_area(struct gen *gen, uint32_t ioas)
{
	const struct area *known = known_area(gen, ioas);
	struct area area;
	uint64_t skip;

	if (!known || chance(gen, 7))
		return (struct area){
			.ioas = pick(gen, K_IOAS),
			.iova = some_iova(gen),
			.length = some_length(gen),
			.va = some_va(gen),
		};
	area = *known;
	skip = chance(gen, 60) ? 0 : rnd(gen, 4) * PAGE;
	if (skip < area.length)
		area.length -= skip;
	area.iova += skip;
	area.va += skip;
	if (area.length > PAGE && chance(gen, 15))
		area.length = (1 + rnd(gen, area.length / PAGE)) * PAGE;
	if (chance(gen, 10))
		area.length = some_length(gen);
	if (chance(gen, 4))
		area.iova += rnd(gen, PAGE);
	if (chance(gen, 4))
		area.ioas = pick(gen, K_IOAS);
	return area;
}

struct area near_area_of(struct gen *gen, uint32_t table)
{
	return near_area(gen, table < OWNED_MAX ? gen->picture.ioas_of[table] : 0);
}
