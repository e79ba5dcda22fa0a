/* SPDX-License-Identifier: MIT */
/*
 * Translations by a guest's tables over stage 2: VT-d, four levels. "Walk": no IOTLB and no paging-structure cache. Stand-in: the same four loads, each after the
 * other, without stage 2, rights or anything else.
 */
#include "bench.h"
#include "hw/vtd/vtd.h"
#include "world.h"

#define SIZE	(64ull << 20)
#define PAGES	1024ull
#define DATA	(16ull << 20)
#define PRESENT 0x67ull /* writable, for users, accessed and dirty */

struct setting {
	struct world world;
	struct vtd_iommu iommu;
	struct vtd_device vtd;
	struct dma_port port;
	size_t rounds;
	bool same;
};

/* 4 KiB pages at IOVA 0 and up: one table of each level above the last. */
static void make_tables(char *memory)
{
	uint64_t(*tables)[512] = (void *)memory;

	tables[1][0] = 2 * 4096 | PRESENT;
	tables[2][0] = 3 * 4096 | PRESENT;
	for (uint64_t i = 0; i < PAGES; i++) {
		tables[3][i / 512] = (4 + i / 512) * 4096 | PRESENT;
		tables[4 + i / 512][i % 512] = (DATA + i * 4096) | PRESENT;
	}
}

static void set_up(struct setting *s, const struct vtd_options *options)
{
	struct iommu_hwpt_vtd_s1 s1 = {.pgtbl_addr = 4096, .addr_width = 48};
	struct world *w = &s->world;
	uint32_t id;

	world_init(w, SIZE);
	if (vtd_iommu_init(&s->iommu, w->machine, options) ||
	    vtd_device_init(&s->vtd, &s->iommu, 8, NULL))
		bench_fail("VT-d");
	lock_take(&w->ctx->lock);
	if (device_bind(w->ctx, &s->vtd.dev, NULL, &w->device))
		bench_fail("bind");
	lock_release(&w->ctx->lock);
	w->dev = w->device->object.id;
	make_tables(w->memory);
	id = world_hwpt(w, (struct iommu_hwpt_alloc){.flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
						     .pt_id = w->ioas});
	world_map(w, (uintptr_t)w->memory, SIZE, 0);
	id = world_hwpt(w, (struct iommu_hwpt_alloc){.pt_id = id,
						     .data_type = IOMMU_HWPT_DATA_VTD_S1,
						     .data_len = sizeof(s1),
						     .data_uptr = (uintptr_t)&s1});
	lock_take(&w->ctx->lock);
	if (device_attach(w->device, 0, &id) || dma_port_init(&s->port, w->device))
		bench_fail("attach");
	lock_release(&w->ctx->lock);
}

static void tear_down(struct setting *s)
{
	struct world *w = &s->world;

	dma_port_done(&s->port);
	lock_take(&w->ctx->lock);
	device_unbind(w->device);
	lock_release(&w->ctx->lock);
	vtd_device_done(&s->vtd);
	vtd_iommu_done(&s->iommu);
	world_done(w);
}

static uint64_t iova_of(const struct setting *s)
{
	return s->same ? 64 : bench_random() % PAGES * 4096;
}

static double translate_once(void *arg)
{
	struct setting *s = arg;
	double start;

	dma_enter(&s->port, 0, UINT64_MAX);
	start = bench_now();
	for (size_t i = 0; i < s->rounds; i++) {
		size_t len = 8;
		const char *at = dma_translate(&s->port, 0, iova_of(s), &len, false);

		if (!at)
			bench_fail("translate");
		bench_keep((uintptr_t)at);
	}
	start = (bench_now() - start) / s->rounds;
	dma_leave(&s->port);
	return start;
}

static double loads_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_now();

	for (size_t i = 0; i < s->rounds; i++) {
		uint64_t iova = iova_of(s), table = 4096;

		for (int shift = 39; shift >= 12; shift -= 9)
			table = *(volatile uint64_t *)(s->world.memory + (table & ~0xfffull) +
						       (iova >> shift & 511) * 8);
		bench_keep(table);
	}
	return (bench_now() - start) / s->rounds;
}

static void row(const char *name, const struct vtd_options *options, bool same, double goal)
{
	struct setting s = {.rounds = bench_count(100000), .same = same};
	struct bench_work ours = {"translate", translate_once, &s, .goal = goal};
	struct bench_work loads = {"four loads", loads_once, &s};

	if (!bench_wanted(name))
		return;
	set_up(&s, options);
	bench_row(name, 0, &ours, &loads);
	tear_down(&s);
}

void bench_nested(void)
{
	static const struct vtd_options none = {.iotlb_entries = IOTLB_NONE,
						.table_entries = IOTLB_NONE};
	static const struct vtd_options large = {.iotlb_entries = 8192};

	row("nested, walk without caches", &none, false, 250);
	row("nested, IOTLB hit, same page", &large, true, 10);
	row("nested, IOTLB hit, random pages", &large, false, 0);
}
