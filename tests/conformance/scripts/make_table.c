/* SPDX-License-Identifier: MIT */
/* Makers: devices, page tables, PASIDs, dirty tracking. */
#include "maker.h"

#include <uiommufd/mock.h>

static void make_device(struct gen *g)
{
	uint64_t flags = chance(g, 60) ? 0 : rnd(g, chance(g, 92) ? 8 : 32);

	if (g->topic == T_PASID && chance(g, 75))
		flags = MOCK_FLAGS_DEVICE_PASID;
	if (g->picture.pools[K_DEV].n >= 4 && chance(g, 80))
		put(g, "mock_replace stdev=%u pt=%u", pick(g, K_STDEV), pick(g, K_HWPT));
	else
		put(g, "mock_domain pt=%u fl=%lu", pick(g, chance(g, 75) ? K_IOAS : K_HWPT), flags);
}

static void make_paging(struct gen *g)
{
	uint64_t flags = rnd(g, chance(g, 85) ? 4 : 32);

	if (g->topic == T_DIRTY && chance(g, 70))
		flags |= IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	if (g->topic == T_PASID && chance(g, 60))
		flags = IOMMU_HWPT_ALLOC_PASID | (chance(g, 20) ? rnd(g, 4) : 0);
	put(g, "hwpt_alloc fl=%lu dev=%u pt=%u fault=%u", flags, pick(g, K_DEV), pick(g, K_IOAS),
	    chance(g, 30) ? pick(g, K_FAULTQ) : 0);
	add_reserved_word(g, 2);
}

/* A paging table of the mock's other format: 4 KiB pages, another aperture. */
static void make_paging_typed(struct gen *g)
{
	put(g, "hwpt_alloc fl=%lu dev=%u pt=%u dtype=0x%x dlen=8 iotlb=0 pt_type=%lu fault=0",
	    chance(g, 60) ? 0 : rnd(g, 4), pick(g, K_DEV), pick(g, K_IOAS),
	    IOMMU_HWPT_DATA_SELFTEST, rnd(g, chance(g, 90) ? 2 : 4));
	add_bad_pointer(g, true);
}

static void make_nested(struct gen *g)
{
	uint64_t flags = chance(g, 65) ? 0 : IOMMU_HWPT_FAULT_ID_VALID;

	if (g->topic == T_PASID && chance(g, 50))
		flags |= IOMMU_HWPT_ALLOC_PASID;
	if (g->topic == T_FAULT && chance(g, 60))
		flags |= IOMMU_HWPT_FAULT_ID_VALID;
	if (chance(g, 5))
		flags = rnd(g, 32);
	put(g,
	    "hwpt_alloc fl=%lu dev=%u pt=%u dtype=0x%x dlen=%lu iotlb=0x%lx pt_type=%lu fault=%u",
	    flags, pick(g, K_DEV), pick(g, chance(g, 55) ? K_PARENT : K_VIOMMU),
	    chance(g, 96) ? IOMMU_HWPT_DATA_SELFTEST : (unsigned int)rnd(g, 4),
	    chance(g, 96) ? 8 : rnd(g, 16), 0x1000 + rnd(g, 8), rnd(g, chance(g, 80) ? 2 : 4),
	    pick(g, K_FAULTQ));
	add_bad_pointer(g, true);
}

static void make_replace(struct gen *g)
{
	static const enum kind kinds[] = {K_IOAS,  K_HWPT,	 K_HWPT,       K_NESTED, K_NESTED,
					  K_DIRTY, K_FAULT_HWPT, K_FAULT_HWPT, K_PASID};
	enum kind kind = kinds[rnd(g, 9)];

	if (g->topic == T_VIOMMU && chance(g, 60))
		kind = K_VNESTED;
	if (g->topic == T_FAULT && chance(g, 50))
		kind = K_FAULT_HWPT;
	put(g, "mock_replace stdev=%u pt=%u", pick(g, K_STDEV), pick(g, kind));
}

static void make_hw_info(struct gen *g)
{
	put(g, "hw_info dev=%u fl=%lu dlen=%lu type=0x%lx", pick(g, K_DEV),
	    rnd(g, chance(g, 80) ? 2 : 4), rnd(g, 33),
	    chance(g, 60)   ? 0
	    : chance(g, 60) ? (unsigned long)IOMMU_HW_INFO_TYPE_SELFTEST
			    : rnd(g, 5));
	add_bad_pointer(g, true);
}

/* One that is attached, mostly, if there is any. */
static void make_pasid_again(struct gen *g)
{
	const struct picture *p = &g->picture;
	unsigned int i = rnd(g, p->n_pasids), which = 1 + rnd(g, 3);
	const struct attachment *at = &p->pasids[i];

	if (which == 2 && chance(g, 50))
		which = 3;
	put(g, "pasid do=%u stdev=%u pasid=%u pt=%u", which, at->stdev, at->pasid,
	    which == 3 && chance(g, 70) ? at->hwpt : pick(g, chance(g, 85) ? K_PASID : K_NESTED));
}

/* do= 0 attach, 1 replace, 2 detach, 3 check. */
static void make_pasid(struct gen *g)
{
	enum kind kind = chance(g, 6) ? K_IOAS : chance(g, 8) ? K_NESTED : K_PASID;
	uint64_t pasid = rnd(g, 5);

	if (g->picture.n_pasids && chance(g, 50)) {
		make_pasid_again(g);
		return;
	}
	if (chance(g, 4))
		pasid = chance(g, 50) ? 1024 : (UINT64_C(1) << 20) - rnd(g, 2);
	put(g, "pasid do=%lu stdev=%u pasid=%lu pt=%u", chance(g, 60) ? 0 : rnd(g, 4),
	    pick(g, chance(g, 85) ? K_PASID_STDEV : K_STDEV), pasid,
	    chance(g, 4) ? 0 : pick(g, kind));
}

static void make_set_dirty(struct gen *g)
{
	put(g, "set_dirty hwpt=%u fl=%lu", pick(g, K_DIRTY),
	    chance(g, 70) ? 1 : rnd(g, chance(g, 90) ? 2 : 4));
	add_reserved_word(g, 3);
}

static void make_get_dirty(struct gen *g)
{
	uint32_t table = pick(g, K_DIRTY);
	struct area area = near_area_of(g, table);

	if (chance(g, 25)) { /* a wide look, over several areas and holes */
		area.iova &= ~UINT64_C(0xfffff);
		area.length = (1 + rnd(g, 4)) << 20;
	}
	put(g, "get_dirty hwpt=%u fl=%lu iova=0x%lx len=0x%lx pg=%lu", table,
	    rnd(g, chance(g, 95) ? 2 : 4), area.iova, area.length,
	    chance(g, 90) ? UINT64_C(2048) << rnd(g, 3) : rnd(g, 9000));
	add_reserved_word(g, 2);
	add_bad_pointer(g, true);
}

/*
 * One host page only: how far a leaf entry reaches beyond that depends on physical memory, for a kernel merges pages
 * that are neighbours there.
 */
static void make_mock_dirty(struct gen *g)
{
	uint32_t table = pick(g, K_DIRTY);
	struct area area = near_area_of(g, table);
	bool half = chance(g, 20);

	if (area.length > 4096 && chance(g, 60))
		area.iova += rnd(g, area.length / 4096) << 12;
	put(g, "mock_dirty hwpt=%u fl=0 iova=0x%lx len=0x%x pg=%u step=%lu", table, area.iova,
	    half ? 0x800 : 0x1000, half || chance(g, 90) ? 2048 : 4096, 1 + rnd(g, 2));
}

/* A table to be read by columns. */
/* clang-format off */
const struct maker table_makers[] = {
	/*                                       mix vfi pas vio acc pag lim dir fau mem */
	{make_device,       K_IOAS,            {  4,  4,  5,  4,  3,  5,  4,  3,  3,  4}},
	{make_paging,       K_DEV,             {  4,  3,  8,  4,  2,  5,  5,  6,  4,  3}},
	{make_paging_typed, K_DEV,             {  1,  1,  1,  1,  1,  1,  1,  1,  0,  0}},
	{make_nested,       K_PARENT,          {  3,  0,  5,  8,  0,  1,  0,  0,  8,  0}},
	{make_replace,      K_STDEV,           {  4,  3, 10,  8,  2,  5,  4,  5,  4,  3}},
	{make_hw_info,      K_DEV,             {  1,  1,  2,  1,  0,  0,  0,  1,  0,  0}},
	{make_pasid,        K_PASID_STDEV,     {  3,  0, 34,  1,  0,  0,  0,  1,  3,  0}},
	{make_set_dirty,    K_DIRTY,           {  2,  1,  1,  0,  0,  2,  2,  8,  0,  0}},
	{make_get_dirty,    K_DIRTY,           {  4,  2,  1,  0,  0,  4,  5, 22,  0,  0}},
	{make_mock_dirty,   K_DIRTY,           {  4,  2,  1,  0,  0,  4,  5, 20,  0,  0}},
	{},
};
/* clang-format on */
