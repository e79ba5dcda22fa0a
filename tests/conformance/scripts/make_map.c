/* SPDX-License-Identifier: MIT */
/* Makers: address spaces and what is mapped in them. */
#include "maker.h"

static void make_ioas(struct gen *g)
{
	put(g, "ioas_alloc fl=%d", chance(g, 3));
}

/* A mock device torn down while it is in use upsets some kernels: those are left alone. */
static bool is_stdev(const struct gen *g, uint32_t id)
{
	const struct pool *pool = &g->picture.pools[K_STDEV];

	for (unsigned int i = 0; i < pool->n; i++)
		if (pool->id[i] == id)
			return true;
	return false;
}

static void make_destroy(struct gen *g)
{
	static const enum kind kinds[] = {K_ANY,    K_ANY,    K_HWPT,	 K_NESTED,
					  K_VIOMMU, K_FAULTQ, K_VDEVICE, K_HW_QUEUE};
	uint32_t victim = pick(g, kinds[rnd(g, 8)]);

	if (g->topic == T_MANY && chance(g, 25))
		victim = pick(g, K_STDEV);
	else if (is_stdev(g, victim))
		victim = 0;
	put(g, "destroy id=%u", victim);
}

static void make_iova_ranges(struct gen *g)
{
	put(g, "iova_ranges id=%u n=%lu", pick(g, K_IOAS), rnd(g, 7));
	add_reserved_word(g, 2);
	add_bad_pointer(g, true);
}

static void make_allow_iovas(struct gen *g)
{
	uint64_t first = some_iova(g) & ~UINT64_C(0xfff);
	uint64_t last = first + (rnd(g, 4096) << 12) - (chance(g, 90) ? 1 : 0);

	put(g, "allow_iovas id=%u", pick(g, K_IOAS));
	if (chance(g, 25))
		return; /* none: clears the list */
	add(g, " r=0x%lx,0x%lx", first, last);
	if (chance(g, 25))
		add(g, ",0x%lx,0x%lx", last + 1 + (rnd(g, 16) << 12), last + (rnd(g, 64) << 12));
	add_reserved_word(g, 2);
	add_bad_pointer(g, true);
}

static void make_map(struct gen *g)
{
	put(g, "map id=%u fl=%u va=0x%lx len=0x%lx iova=0x%lx", pick(g, K_IOAS), some_map_flags(g),
	    some_va(g), some_length(g), some_iova(g));
	add_reserved_word(g, 1);
}

static void make_map_file(struct gen *g)
{
	uint64_t start = rnd(g, 512) << 12 | (chance(g, 5) ? rnd(g, 4096) : 0);

	put(g, "map_file id=%u fl=%u start=0x%lx len=0x%lx iova=0x%lx", pick(g, K_IOAS),
	    some_map_flags(g), start, some_length(g), some_iova(g));
	if (chance(g, 2))
		add(g, " badfd=1");
}

static void make_copy(struct gen *g)
{
	struct area from = near_area(g, 0);

	put(g, "copy dst=%u src=%u fl=%u len=0x%lx diova=0x%lx siova=0x%lx", pick(g, K_IOAS),
	    from.ioas, some_map_flags(g), from.length, some_iova(g), from.iova);
}

static void make_unmap(struct gen *g)
{
	struct area area = near_area(g, 0);

	if (chance(g, 5))
		put(g, "unmap id=%u iova=0 len=0xffffffffffffffff", pick(g, K_IOAS));
	else
		put(g, "unmap id=%u iova=0x%lx len=0x%lx", area.ioas, area.iova, area.length);
}

static void make_option(struct gen *g)
{
	bool huge = chance(g, 85);

	put(g, "option opt=%lu op=%lu id=%u val=%lu", huge ? 1 : rnd(g, 4),
	    rnd(g, chance(g, 95) ? 2 : 4), chance(g, huge ? 95 : 30) ? pick(g, K_IOAS) : 0,
	    rnd(g, chance(g, 90) ? 2 : 4));
	add_reserved_word(g, 3);
}

static void make_mem(struct gen *g)
{
	struct area area = near_area(g, 0);

	put(g, "mem va=0x%lx len=0x%lx", area.va, area.length > 0x100000 ? 0x1000 : area.length);
}

static void make_reserved(struct gen *g)
{
	put(g, "add_reserved id=%u start=0x%lx len=0x%lx", pick(g, K_IOAS), some_iova(g),
	    some_length(g));
}

static void make_check_map(struct gen *g)
{
	uint32_t table = pick(g, chance(g, 70) ? K_HWPT : K_PARENT);
	struct area area = near_area_of(g, table);

	put(g, "check_map hwpt=%u iova=0x%lx len=0x%lx va=0x%lx", table, area.iova, area.length,
	    area.va);
}

static void make_check_refs(struct gen *g)
{
	struct area area = near_area(g, 0);

	put(g, "check_refs va=0x%lx len=0x%lx refs=%lu", area.va, area.length, rnd(g, 3));
}

static void make_memory_limit(struct gen *g)
{
	static const unsigned int limits[] = {12,  16,	 24,   32,   64,    96,	   128,
					      256, 1000, 2048, 4096, 16384, 65536, 11};

	put(g, "memory_limit limit=%u", limits[rnd(g, chance(g, 90) ? 13 : 14)]);
}

/* A table to be read by columns. */
/* clang-format off */
const struct maker map_makers[] = {
	/*                                       mix vfi pas vio acc pag lim dir fau mem */
	{make_ioas,         K_NONE,            {  3,  2,  2,  2,  3,  3,  3,  1,  2,  2}},
	{make_destroy,      K_ANY,             {  3,  2,  4,  6,  2,  3,  3,  2,  3,  1}},
	{make_iova_ranges,  K_IOAS,            {  3,  3,  3,  2,  3,  3,  2,  1,  2,  0}},
	{make_allow_iovas,  K_IOAS,            {  2,  2,  1,  1,  2,  2,  1,  1,  1,  0}},
	{make_map,          K_IOAS,            { 10,  3,  5,  4, 12, 14, 14,  8,  3, 14}},
	{make_map_file,     K_IOAS,            {  3,  2,  2,  1,  6,  6,  8,  4,  1,  7}},
	{make_copy,         K_IOAS,            {  6,  4,  2,  2, 16, 10, 14,  6,  1,  8}},
	{make_unmap,        K_IOAS,            {  7,  4,  4,  4, 10, 12, 12,  7,  2,  8}},
	{make_option,       K_IOAS,            {  2,  3,  1,  1,  2,  6,  2,  1,  1,  1}},
	{make_mem,          K_IOAS,            {  1,  1,  0,  0,  4,  1,  2,  0,  0,  0}},
	{make_reserved,     K_IOAS,            {  1,  1,  0,  1,  1,  1,  1,  0,  0,  0}},
	{make_check_map,    K_HWPT,            {  4,  6,  4,  2,  8, 10, 14,  4,  1,  8}},
	{make_check_refs,   K_IOAS,            {  2,  3,  2,  1,  8,  6,  8,  2,  0,  8}},
	{make_memory_limit, K_NONE,            {  0,  0,  0,  0,  1,  1,  8,  1,  0,  1}},
	{},
};
/* clang-format on */
