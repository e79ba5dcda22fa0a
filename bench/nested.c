/* SPDX-License-Identifier: MIT */
/*
 * Translations by a guest's tables over stage 2: VT-d, four levels. "Walk": no IOTLB and no paging-structure cache. Stand-in: the same four loads, each after the
 * other, without stage 2, rights or anything else.
 */
#include "bench.h"
#include "guest.h"

#define PAGES 1024ull

struct setting {
	struct guest guest;
	size_t rounds;
	bool same;
};

/* 4 KiB pages at IOVA 0 and up: one table of each level above the last. */
static void make_tables(char *memory)
{
	uint64_t(*tables)[512] = (void *)memory;

	tables[1][0] = 2 * 4096 | GUEST_LEAF;
	tables[2][0] = 3 * 4096 | GUEST_LEAF;
	for (uint64_t i = 0; i < PAGES; i++) {
		tables[3][i / 512] = (4 + i / 512) * 4096 | GUEST_LEAF;
		tables[4 + i / 512][i % 512] = (GUEST_DATA + i * 4096) | GUEST_LEAF;
	}
}

static uint64_t iova_of(const struct setting *s)
{
	return s->same ? 64 : bench_random() % PAGES * 4096;
}

static double translate_once(void *arg)
{
	struct setting *s = arg;
	double start;

	dma_enter(&s->guest.port, 0, UINT64_MAX);
	start = bench_now();
	for (size_t i = 0; i < s->rounds; i++) {
		size_t len = 8;
		const char *at = dma_translate(&s->guest.port, 0, iova_of(s), &len, false);

		if (!at)
			bench_fail("translate");
		bench_keep((uintptr_t)at);
	}
	start = (bench_now() - start) / s->rounds;
	dma_leave(&s->guest.port);
	return start;
}

static double loads_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_now();

	for (size_t i = 0; i < s->rounds; i++) {
		uint64_t iova = iova_of(s), table = GUEST_ROOT;

		for (int shift = 39; shift >= 12; shift -= 9)
			table = *(volatile uint64_t *)(s->guest.world.memory + (table & ~0xfffull) +
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
	guest_init(&s.guest, options, NULL);
	make_tables(s.guest.world.memory);
	guest_enter(&s.guest, 0);
	bench_row(name, 0, &ours, &loads);
	guest_done(&s.guest);
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
