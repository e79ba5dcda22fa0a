/* SPDX-License-Identifier: MIT */
/* Makers: the VFIO calls and raw commands. */
#include "maker.h"

static void make_vfio_ioas(struct gen *g)
{
	put(g, "vfio_ioas op=%lu id=%u", chance(g, 50) ? 1 : rnd(g, 4), pick(g, K_IOAS));
	add_reserved_word(g, 3);
}

static void make_version(struct gen *g)
{
	if (chance(g, 15))
		put(g, "vfio do=0");
	else
		put(g, "vfio do=1 val=%lu", rnd(g, 12));
}

/* 1 is TYPE1, which may cut areas, 3 TYPE1v2. */
static void make_set_iommu(struct gen *g)
{
	put(g, "vfio do=2 val=%lu", chance(g, 85) ? 1 + 2 * rnd(g, 2) : rnd(g, 12));
}

/* A range inside what VFIO mapped, at any of its pages, now and then at half a page. */
static struct area part_of_area(struct gen *g)
{
	struct area area = near_area(g, g->picture.compat_ioas);
	uint64_t pages = area.length >> 12;

	if (pages > 1 && chance(g, 65)) {
		uint64_t skip = rnd(g, pages);

		area.iova += skip << 12;
		area.va += skip << 12;
		area.length = (1 + rnd(g, pages - skip)) << 12;
	}
	if (chance(g, 5))
		area.iova += 0x800;
	if (chance(g, 5))
		area.length += 0x800;
	return area;
}

static void make_vfio_map(struct gen *g)
{
	/* Close together, so that a range meets several. */
	uint64_t iova = chance(g, 80) ? (UINT64_C(1) << 24) + (rnd(g, 64) << 14) : some_iova(g);
	uint64_t length = chance(g, 80) ? (1 + rnd(g, 8)) << 12 : some_length(g);

	put(g, "vfio do=3 fl=%lu va=0x%lx iova=0x%lx len=0x%lx",
	    chance(g, 90) ? 1 + rnd(g, 3) : rnd(g, 8), some_va(g), iova, length);
}

static void make_vfio_unmap(struct gen *g)
{
	struct area area = part_of_area(g);

	if (chance(g, 4))
		put(g, "vfio do=4 fl=2 va=0x0 iova=0x0 len=0x%lx", chance(g, 80) ? 0 : area.length);
	else
		put(g, "vfio do=4 fl=%lu va=0x0 iova=0x%lx len=0x%lx",
		    chance(g, 96) ? 0 : rnd(g, 8), area.iova, area.length);
}

static void make_vfio_info(struct gen *g)
{
	put(g, "vfio do=5 fl=0 va=0x0 iova=0x0 len=0x%lx", rnd(g, 160));
}

/* What a cut left, seen from below: by a page table, an access or a copy. */
static void make_check_part(struct gen *g)
{
	struct area area = part_of_area(g);

	put(g, "check_map hwpt=%u iova=0x%lx len=0x%lx va=0x%lx", pick(g, K_HWPT), area.iova,
	    area.length, area.va);
}

static void make_copy_part(struct gen *g)
{
	struct area area = part_of_area(g);

	put(g, "copy dst=%u src=%u fl=%u len=0x%lx diova=0x%lx siova=0x%lx", pick(g, K_IOAS),
	    g->picture.compat_ioas, some_map_flags(g), area.length, some_iova(g), area.iova);
}

/* Small numbers only: a number that is an id must not name a mock device (see make_destroy). */
static void make_raw(struct gen *g)
{
	uint64_t nr = 0x80 + rnd(g, 0x18);

	put(g, "raw nr=0x%lx w=%lu,%lu", nr, chance(g, 50) ? rnd(g, 80) : 4 * rnd(g, 18),
	    nr == 0x80 ? 0 : rnd(g, 4));
	for (int i = 0; i < 14; i++)
		add(g, ",%lu", rnd(g, i < 1 ? 4 : 2));
}

/* A table to be read by columns. */
/* clang-format off */
const struct maker compat_makers[] = {
	/*                                       mix vfi pas vio acc pag lim dir fau mem */
	{make_vfio_ioas,    K_IOAS,            {  1,  3,  1,  0,  0,  1,  0,  0,  0,  0}},
	{make_version,      K_NONE,            {  1,  3,  0,  0,  0,  0,  0,  0,  0,  0}},
	{make_set_iommu,    K_NONE,            {  1,  4,  0,  0,  0,  1,  0,  0,  0,  0}},
	{make_vfio_map,     K_IOAS,            {  1, 26,  0,  0,  0,  2,  0,  0,  0,  1}},
	{make_vfio_unmap,   K_IOAS,            {  1, 26,  0,  0,  0,  2,  0,  0,  0,  1}},
	{make_vfio_info,    K_NONE,            {  1,  6,  0,  0,  0,  1,  0,  0,  0,  0}},
	{make_check_part,   K_HWPT,            {  0,  8,  0,  0,  0,  1,  0,  0,  0,  0}},
	{make_copy_part,    K_IOAS,            {  0,  5,  0,  0,  0,  1,  0,  0,  0,  0}},
	{make_raw,          K_NONE,            {  1,  1,  0,  0,  0,  0,  0,  0,  0,  0}},
	{},
};
/* clang-format on */
