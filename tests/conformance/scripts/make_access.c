/* SPDX-License-Identifier: MIT */
/* Makers: in-process accesses. */
#include "maker.h"

static struct area seen_by(struct gen *g, unsigned int slot)
{
	return near_area(g, slot < SLOTS ? g->picture.access_ioas[slot] : 0);
}

static void make_create(struct gen *g)
{
	put(g, "access_create id=%u fl=%d", pick(g, K_IOAS), chance(g, 80) ? 1 : (int)rnd(g, 4));
}

/* Flag 0x10000 is none that is known: refused. */
static void make_pages(struct gen *g)
{
	unsigned int slot = pick_slot(g, &g->world.accesses);
	struct area area = seen_by(g, slot);

	if (area.length > 0x40000)
		area.length = 0x3000;
	if (chance(g, 8))
		area.length += rnd(g, 4096);
	put(g, "access_pages slot=%u fl=%lu iova=0x%lx len=0x%lx va=0x%lx", slot,
	    (chance(g, 10) ? 0x10000ul : 0) | rnd(g, 2), area.iova, area.length, area.va);
}

static void make_unpin(struct gen *g)
{
	const struct picture *p = &g->picture;
	unsigned int i = rnd(g, p->n_pins);

	if (p->n_pins && chance(g, 75))
		put(g, "access_unpin slot=%u item=%u", p->pins[i].slot, p->pins[i].item);
	else
		put(g, "access_unpin slot=%u item=%lu", pick_slot(g, &g->world.accesses),
		    rnd(g, 8));
}

static void make_rw(struct gen *g)
{
	unsigned int slot = pick_slot(g, &g->world.accesses);
	struct area area = seen_by(g, slot);
	uint64_t flags = chance(g, 80) ? rnd(g, 2) : chance(g, 80) ? 4 + rnd(g, 2) : rnd(g, 8);

	if (chance(g, 40))
		area.iova += rnd(g, 4096);
	put(g, "access_rw slot=%u iova=0x%lx len=0x%lx fl=%lu byte=%lu", slot, area.iova,
	    chance(g, 70) ? rnd(g, 9000) : area.length & 0xffff, flags, rnd(g, 256));
	add_bad_pointer(g, false);
}

static void make_replace(struct gen *g)
{
	put(g, "access_replace slot=%u id=%u", pick_slot(g, &g->world.accesses),
	    chance(g, 8) ? 0 : pick(g, K_IOAS));
}

static void make_close(struct gen *g)
{
	if (g->world.accesses.n < 3)
		make_create(g);
	else
		put(g, "access_close slot=%u", pick_slot(g, &g->world.accesses));
}

/* A table to be read by columns. */
/* clang-format off */
const struct maker access_makers[] = {
	/*                                       mix vfi pas vio acc pag lim dir fau mem */
	{make_create,       K_IOAS,            {  2,  3,  0,  1,  3,  3,  2,  1,  0,  3}},
	{make_pages,        K_ACCESS_SLOT,     {  4,  5,  0,  1, 20,  6, 10,  2,  0, 10}},
	{make_unpin,        K_ACCESS_SLOT,     {  2,  3,  0,  1, 12,  3,  6,  1,  0,  6}},
	{make_rw,           K_ACCESS_SLOT,     {  3,  4,  0,  1, 14,  4,  8,  2,  0, 12}},
	{make_replace,      K_ACCESS_SLOT,     {  1,  1,  0,  0,  3,  1,  1,  0,  0,  1}},
	{make_close,        K_ACCESS_SLOT,     {  0,  0,  0,  0,  1,  0,  0,  0,  0,  0}},
	{},
};
/* clang-format on */
