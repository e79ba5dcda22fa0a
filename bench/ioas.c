/* SPDX-License-Identifier: MIT */
/*
 * IOAS_MAP and IOAS_UNMAP in the process, from 10 to a million mappings of 4 KiB, without and with a page table; 1 GiB at once; and the
 * memory that a mapping takes. The stand-in is the C library's red-black tree (tsearch) with an allocation for each mapping, under a
 * mutex: the least that a program would write itself.
 */
#include <malloc.h>
#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "world.h"

#define PAGE 4096ull
#define BASE 0x1000000ull

struct setting {
	size_t n;
	size_t rounds;
	bool plugged;
	uint64_t size; /* of a mapping */
};

/* IOASes of n mappings: as many as it takes for the clock not to be in the time. */
static size_t ioases_of(const struct setting *s)
{
	return s->n < 1000 && s->size == PAGE ? 1000 / s->n : 1;
}

static void make_ioases(const struct setting *s, struct world *world, uint32_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ids[i] = world->ioas = world_ioas(world);
		if (s->plugged)
			world_plug_wide(world);
	}
}

static double map_all(const struct setting *s, struct world *world, const uint32_t *ids,
		      size_t count)
{
	double start = bench_now();

	for (size_t k = 0; k < count; k++) {
		world->ioas = ids[k];
		for (size_t i = 0; i < s->n; i++)
			world_map(world, (uintptr_t)world->memory + i * s->size, s->size,
				  BASE + i * s->size);
	}
	return bench_now() - start;
}

static double unmap_all(const struct setting *s, struct world *world, const uint32_t *ids,
			size_t count)
{
	double start = bench_now();

	for (size_t k = 0; k < count; k++) {
		world->ioas = ids[k];
		for (size_t i = 0; i < s->n; i++)
			world_unmap(world, BASE + i * s->size, s->size);
	}
	return bench_now() - start;
}

/* Time of mapping all, or of unmapping all. */
static double fill_and_drain(const struct setting *s, bool time_map)
{
	size_t count = ioases_of(s);
	uint32_t ids[1000];
	double total = 0;
	struct world world;

	world_init(&world, s->n * s->size);
	make_ioases(s, &world, ids, count);
	for (size_t round = 0; round < s->rounds; round++) {
		double map = map_all(s, &world, ids, count);
		double unmap = unmap_all(s, &world, ids, count);

		total += time_map ? map : unmap;
	}
	world_done(&world);
	return total / s->rounds / s->n / count;
}

static double map_once(void *arg)
{
	return fill_and_drain(arg, true);
}

static double unmap_once(void *arg)
{
	return fill_and_drain(arg, false);
}

/* ---- the stand-in ---- */

struct mapping {
	uint64_t first, last, va;
};

static int compare(const void *a, const void *b)
{
	const struct mapping *x = a, *y = b;

	return x->last < y->first ? -1 : x->first > y->last;
}

static double tree_fill_and_drain(const struct setting *s, bool time_map)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	double total = 0, start;
	void *tree = NULL;

	for (size_t round = 0; round < s->rounds; round++) {
		start = bench_now();
		for (size_t i = 0; i < s->n; i++) {
			struct mapping *m = malloc(sizeof(*m));

			*m = (struct mapping){BASE + i * s->size, BASE + (i + 1) * s->size - 1, i};
			pthread_mutex_lock(&mutex);
			bench_keep((uintptr_t)tsearch(m, &tree, compare));
			pthread_mutex_unlock(&mutex);
		}
		if (time_map)
			total += bench_now() - start;
		start = bench_now();
		for (size_t i = 0; i < s->n; i++) {
			struct mapping key = {BASE + i * s->size, BASE + i * s->size, 0}, *m;

			pthread_mutex_lock(&mutex);
			m = *(struct mapping **)tfind(&key, &tree, compare);
			tdelete(m, &tree, compare);
			pthread_mutex_unlock(&mutex);
			free(m);
		}
		if (!time_map)
			total += bench_now() - start;
	}
	return total / s->rounds / s->n;
}

static double tree_map_once(void *arg)
{
	return tree_fill_and_drain(arg, true);
}

static double tree_unmap_once(void *arg)
{
	return tree_fill_and_drain(arg, false);
}

/* ---- rows ---- */

static void rows_for(size_t n, bool plugged)
{
	struct setting s = {.n = n, .rounds = n < 10000 ? 20 : 1, .plugged = plugged, .size = PAGE};
	double map_goal = plugged ? 200 : n > 1000 ? 150 : 100;
	double unmap_goal = plugged ? 150 : n > 1000 ? 120 : 80;
	struct bench_work map = {"IOAS_MAP", map_once, &s, .goal = map_goal};
	struct bench_work unmap = {"IOAS_UNMAP", unmap_once, &s, .goal = unmap_goal};
	struct bench_work tree_map = {"tsearch", tree_map_once, &s};
	struct bench_work tree_unmap = {"tdelete", tree_unmap_once, &s};

	if (bench_smoke()) {
		s.n = n < 1000 ? n : 1000;
		s.rounds = 1;
	}
	bench_row(plugged ? "map 4 KiB, page table" : "map 4 KiB", n, &map, &tree_map);
	bench_row(plugged ? "unmap 4 KiB, page table" : "unmap 4 KiB", n, &unmap, &tree_unmap);
}

/* At once, whatever the size: there is no work for a page. */
static void rows_for_size(uint64_t size, const char *map_name, const char *unmap_name, double goal)
{
	struct setting s = {
		.n = 64, .rounds = bench_smoke() ? 1 : 20, .plugged = true, .size = size};
	struct bench_work map = {"IOAS_MAP", map_once, &s, .goal = goal};
	struct bench_work unmap = {"IOAS_UNMAP", unmap_once, &s, .goal = goal};

	bench_row(map_name, 0, &map, NULL);
	bench_row(unmap_name, 0, &unmap, NULL);
}

static void row_for_memory(size_t n)
{
	struct mallinfo2 before, after;
	struct world world;

	world_init(&world, n * PAGE);
	before = mallinfo2();
	for (size_t i = 0; i < n; i++)
		world_map(&world, (uintptr_t)world.memory + i * PAGE, PAGE, BASE + i * PAGE);
	after = mallinfo2();
	bench_number("memory for a mapping", n,
		     (double)(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / n,
		     "bytes", 128);
	world_done(&world);
}

void bench_ioas(void)
{
	static const size_t sizes[] = {10, 100, 1000, 10000, 100000, 1000000};

	for (size_t i = 0; i < 6; i++)
		rows_for(sizes[i], false);
	for (size_t i = 0; i < 6; i++)
		rows_for(sizes[i], true);
	rows_for_size(2 << 20, "map 2 MiB, page table", "unmap 2 MiB, page table", 0);
	rows_for_size(1 << 30, "map 1 GiB, page table", "unmap 1 GiB, page table", 20000);
	row_for_memory(bench_smoke() ? 100 : 1000000);
}
