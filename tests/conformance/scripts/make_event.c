/* SPDX-License-Identifier: MIT */
/* Makers: page faults, vIOMMUs and their events, invalidation. */
#include "maker.h"

#include <uiommufd/mock.h>

static void make_fault_alloc(struct gen *g)
{
	put(g, "fault_alloc fl=%d", chance(g, 5));
}

/* Few groups, many without LAST_PAGE, so that partial faults meet. */
static void make_iopf(struct gen *g)
{
	put(g, "iopf dev=%u pasid=%lu grp=%lu perm=%lu addr=0x%lx",
	    pick(g, chance(g, 85) ? K_FAULT_DEV : K_DEV), chance(g, 60) ? 0 : rnd(g, 4), rnd(g, 6),
	    rnd(g, 16), rnd(g, 1u << 20) << 12);
}

static void make_fault_read(struct gen *g)
{
	put(g, "fault_read slot=%u bytes=%lu", pick_slot(g, &g->world.faults),
	    chance(g, 85) ? 40 * rnd(g, 6) : rnd(g, 100));
}

static void make_fault_write(struct gen *g)
{
	const struct picture *p = &g->picture;
	unsigned int slot = pick_slot(g, &g->world.faults), cookie = 1 + rnd(g, 5);

	if (!p->n_cookies && chance(g, 70)) {
		make_fault_read(g);
		return;
	}
	if (p->n_cookies && chance(g, 80)) {
		unsigned int i = rnd(g, p->n_cookies);

		slot = p->cookies[i].slot;
		cookie = p->cookies[i].cookie;
	}
	put(g, "fault_write slot=%u r=%u,%lu", slot, cookie, rnd(g, chance(g, 92) ? 2 : 4));
	if (chance(g, 20))
		add(g, ",%lu,%lu", 1 + rnd(g, 4), rnd(g, 2));
	if (chance(g, 4))
		add(g, " extra=4");
}

static void make_fault_look(struct gen *g)
{
	put(g, "%s slot=%u", g->world.faults.n < 2 || chance(g, 92) ? "fault_poll" : "fault_close",
	    pick_slot(g, &g->world.faults));
}

static void make_viommu(struct gen *g)
{
	put(g, "viommu_alloc fl=%d type=0x%x dev=%u hwpt=%u dlen=%lu in=%lu", chance(g, 3),
	    chance(g, 92) ? IOMMU_VIOMMU_TYPE_SELFTEST : (unsigned int)rnd(g, 3), pick(g, K_DEV),
	    pick(g, K_PARENT),
	    chance(g, 60)   ? 0ul
	    : chance(g, 85) ? 24ul
			    : rnd(g, 25),
	    rnd(g, 1000));
	add_reserved_word(g, 3);
	add_bad_pointer(g, true);
}

static void make_vdevice(struct gen *g)
{
	put(g, "vdevice_alloc viommu=%u dev=%u virt=0x%lx", pick(g, K_VIOMMU), pick(g, K_DEV),
	    chance(g, 92) ? rnd(g, 4) : rnd(g, UINT64_MAX));
}

static void make_veventq(struct gen *g)
{
	put(g, "veventq_alloc fl=%d viommu=%u type=0x%x depth=%lu", chance(g, 3), pick(g, K_VIOMMU),
	    chance(g, 90) ? IOMMU_VEVENTQ_TYPE_SELFTEST : (unsigned int)rnd(g, 3),
	    chance(g, 95) ? rnd(g, 5) : (1ul << 19) + rnd(g, 2));
	add_reserved_word(g, 3);
}

static void make_vevent(struct gen *g)
{
	put(g, "trigger_vevent dev=%u", pick(g, chance(g, 90) ? K_VDEV_DEV : K_DEV));
}

static void make_vevent_read(struct gen *g)
{
	put(g, "vevent_read slot=%u bytes=%lu", pick_slot(g, &g->world.vevents),
	    chance(g, 50) ? 12 * rnd(g, 5) : rnd(g, 64));
}

static void make_vevent_look(struct gen *g)
{
	put(g, "%s slot=%u",
	    g->world.vevents.n < 2 || chance(g, 92) ? "vevent_poll" : "vevent_close",
	    pick_slot(g, &g->world.vevents));
}

/* Regions are counted from 0; what is not right is refused. */
static void make_region(struct gen *g)
{
	if (chance(g, 40)) {
		put(g, "region_unmap map=%lu", rnd(g, 3));
		return;
	}
	put(g, "region_map slot=%lu delta=0x%x len=0x%lx prot=%lu shared=%d", rnd(g, 2),
	    chance(g, 90) ? 0 : 0x1000, chance(g, 80) ? 0x2000 : rnd(g, 4) << 12,
	    chance(g, 80) ? 3 : rnd(g, 8), chance(g, 90));
}

static void make_hw_queue(struct gen *g)
{
	uint32_t viommu = pick(g, K_VIOMMU);
	struct area area = near_area_of(g, viommu);

	put(g, "hw_queue_alloc fl=%d viommu=%u type=0x%x index=%lu iova=0x%lx len=0x%lx",
	    chance(g, 3), viommu,
	    chance(g, 92) ? IOMMU_HW_QUEUE_TYPE_SELFTEST : (unsigned int)rnd(g, 3),
	    rnd(g, chance(g, 90) ? 2 : 4), (area.iova & ~UINT64_C(0xfff)) + 0x100 * rnd(g, 8),
	    chance(g, 95) ? 0x100 * (1 + rnd(g, 8)) : some_length(g));
}

/* Entries of a nested table: flags, IOTLB id; of a vIOMMU: flags, virtual device, cache id. */
static void make_invalidate(struct gen *g)
{
	bool whole = chance(g, 50); /* of a vIOMMU */
	unsigned int n = rnd(g, 5);

	put(g, "invalidate hwpt=%u dtype=0x%x elen=%lu num=%u",
	    pick(g, whole ? K_VIOMMU : K_NESTED),
	    chance(g, 93)   ? IOMMU_HWPT_INVALIDATE_DATA_SELFTEST
	    : chance(g, 50) ? IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID
			    : (unsigned int)rnd(g, 3),
	    chance(g, 92) ? (whole ? 12ul : 8ul) : rnd(g, 20), n);
	for (unsigned int i = 0; i < n; i++) {
		add(g, "%s%lu", i ? "," : " e=", rnd(g, chance(g, 85) ? 2 : 4));
		if (whole)
			add(g, ",%lu", rnd(g, 4));
		add(g, ",%lu", rnd(g, chance(g, 88) ? 4 : 9));
	}
	if (chance(g, 3))
		add(g, " null=1");
	add_reserved_word(g, 2);
	add_bad_pointer(g, true);
}

static void make_check_iotlb(struct gen *g)
{
	uint32_t table = pick(g, K_NESTED);
	uint32_t value = table < OWNED_MAX ? g->picture.iotlb_of[table] : 0;

	if (chance(g, 45))
		value = chance(g, 80) ? 0 : IOMMU_TEST_IOTLB_DEFAULT;
	put(g, "check_iotlb hwpt=%u i=%lu val=0x%x", table, rnd(g, chance(g, 90) ? 4 : 5), value);
}

static void make_check_cache(struct gen *g)
{
	put(g, "check_cache dev=%u i=%lu val=0x%x", pick(g, K_DEV), rnd(g, 5),
	    chance(g, 50) ? 0 : IOMMU_TEST_DEV_CACHE_DEFAULT);
}

/* A table to be read by columns. */
/* clang-format off */
const struct maker event_makers[] = {
	/*                                       mix vfi pas vio acc pag lim dir fau mem */
	{make_fault_alloc,  K_NONE,            {  1,  0,  1,  1,  0,  0,  0,  0,  2,  0}},
	{make_iopf,         K_FAULT_DEV,       {  4,  0,  4,  3,  0,  0,  0,  0, 26,  0}},
	{make_fault_read,   K_FAULT_SLOT,      {  2,  0,  2,  2,  0,  0,  0,  0, 16,  0}},
	{make_fault_write,  K_FAULT_SLOT,      {  2,  0,  2,  2,  0,  0,  0,  0, 14,  0}},
	{make_fault_look,   K_FAULT_SLOT,      {  1,  0,  1,  1,  0,  0,  0,  0,  5,  0}},
	{make_viommu,       K_PARENT,          {  1,  0,  1,  2,  0,  0,  0,  0,  1,  0}},
	{make_vdevice,      K_VIOMMU,          {  1,  0,  1,  5,  0,  0,  0,  0,  1,  0}},
	{make_veventq,      K_VIOMMU,          {  1,  0,  0,  4,  0,  0,  0,  0,  0,  0}},
	{make_vevent,       K_VEVENT_SLOT,     {  2,  0,  0, 12,  0,  0,  0,  0,  0,  0}},
	{make_vevent_read,  K_VEVENT_SLOT,     {  1,  0,  0,  8,  0,  0,  0,  0,  0,  0}},
	{make_vevent_look,  K_VEVENT_SLOT,     {  1,  0,  0,  4,  0,  0,  0,  0,  0,  0}},
	{make_hw_queue,     K_VIOMMU,          {  1,  0,  0,  6,  0,  0,  0,  0,  0,  0}},
	{make_region,        K_VIOMMU,          {  1,  0,  0,  3,  0,  0,  0,  0,  0,  0}},
	{make_invalidate,   K_NESTED,          {  3,  0,  2, 10,  0,  0,  0,  0,  2,  0}},
	{make_check_iotlb,  K_NESTED,          {  2,  0,  1,  6,  0,  0,  0,  0,  1,  0}},
	{make_check_cache,  K_VDEVICE,         {  1,  0,  0,  5,  0,  0,  0,  0,  0,  0}},
	{},
};
/* clang-format on */
