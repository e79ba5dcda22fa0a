/* SPDX-License-Identifier: MIT */
/*
 * Scale, with time and memory of each: a million mappings in one IOAS; a thousand IOASes, a hundred devices; 64 contexts; 1 TiB in maps of
 * 1 GiB; opening a machine with a context and a device.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "world.h"

#define PAGE 4096ull
#define GIB  (1ull << 30)
#define BASE 0x40000000ull

static double heap(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* What one step of a section cost: time and memory for each of `n`. */
static void report(const char *name, size_t n, double ns, double bytes)
{
	char row[128];

	snprintf(row, sizeof(row), "%s, time", name);
	bench_number(row, n, ns / n, "ns", 0);
	snprintf(row, sizeof(row), "%s, memory", name);
	bench_number(row, n, bytes / n, "bytes", 0);
}

/* ---- mappings ---- */

struct maps {
	struct world world;
	uint64_t size; /* of each */
	uint64_t step; /* of their addresses */
};

static void map_all(struct maps *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		world_map(&m->world, (uintptr_t)m->world.memory + i * m->step, m->size,
			  BASE + i * m->size);
}

/* One look-up in each of the n, by DMA. */
static double touch_all(struct maps *m, size_t n)
{
	struct dma_port port;
	double start;

	if (dma_port_init(&port, m->world.device))
		bench_fail("dma_port_init");
	start = bench_now();
	for (size_t i = 0; i < n; i++) {
		uint64_t iova = BASE + i * m->size;
		size_t len = 8;

		dma_enter(&port, iova, iova + 7);
		if (!dma_translate(&port, 0, iova, &len, false))
			bench_fail("dma_translate");
		dma_leave(&port);
	}
	start = bench_now() - start;
	dma_port_done(&port);
	return start;
}

static void rows_for_maps(const char *name, size_t n, uint64_t size, uint64_t step, bool plugged)
{
	struct maps m = {.size = size, .step = step};
	double before, start;
	char row[64];

	world_init(&m.world, n * step + size);
	if (plugged)
		world_plug_wide(&m.world);
	before = heap();
	start = bench_now();
	map_all(&m, n);
	start = bench_now() - start;
	snprintf(row, sizeof(row), "%s, map", name);
	report(row, n, start, heap() - before);
	snprintf(row, sizeof(row), "%s, translate", name);
	if (plugged)
		bench_number(row, n, touch_all(&m, n) / n, "ns", 0);
	start = bench_now();
	for (size_t i = 0; i < n; i++)
		world_unmap(&m.world, BASE + i * size, size);
	snprintf(row, sizeof(row), "%s, unmap", name);
	bench_number(row, n, (bench_now() - start) / n, "ns", 0);
	world_done(&m.world);
}

/* ---- IOASes and devices ---- */

#define DEVICES 100

/* A new device in the IOAS, which has one mapping; tries it. */
static void device_in(struct world *world, uint32_t ioas)
{
	struct dma_port port;
	uint64_t word = 0;

	world->ioas = ioas;
	world_map(world, (uintptr_t)world->memory, PAGE, BASE);
	world_plug(world);
	if (dma_port_init(&port, world->device) || dma_write(&port, 0, BASE, &word, 8, NULL))
		bench_fail("dma_write");
	dma_port_done(&port);
}

static void rows_for_ioases(size_t n)
{
	uint32_t *ids = calloc(n, sizeof(*ids));
	size_t devices = n < DEVICES ? n : DEVICES;
	double before, start;
	struct world world;

	if (!ids)
		bench_fail("calloc");
	world_init(&world, PAGE);
	before = heap();
	start = bench_now();
	for (size_t i = 0; i < n; i++)
		ids[i] = world_ioas(&world);
	report("IOAS_ALLOC", n, bench_now() - start, heap() - before);
	before = heap();
	start = bench_now();
	for (size_t i = 0; i < devices; i++)
		device_in(&world, ids[i * n / devices]);
	report("device in an IOAS of many", devices, bench_now() - start, heap() - before);
	start = bench_now();
	world_done(&world);
	bench_number("end of a context, an IOAS", n, (bench_now() - start) / n, "ns", 0);
	free(ids);
}

/* ---- contexts ---- */

static void rows_for_contexts(size_t n)
{
	struct world *worlds = calloc(n, sizeof(*worlds));
	double before = heap(), start = bench_now();

	if (!worlds)
		bench_fail("calloc");
	for (size_t i = 0; i < n; i++) {
		world_init(&worlds[i], 16 * PAGE);
		world_plug(&worlds[i]);
		for (uint64_t at = 0; at < 16 * PAGE; at += PAGE)
			world_map(&worlds[i], (uintptr_t)worlds[i].memory + at, PAGE, BASE + at);
	}
	report("context, device, 16 maps", n, bench_now() - start, heap() - before);
	for (size_t i = 0; i < n; i++)
		world_done(&worlds[i]);
	free(worlds);
}

static double open_once(void *arg)
{
	struct world world;
	double start = bench_now();

	world_init(&world, PAGE);
	world_plug(&world);
	world_done(&world);
	return bench_now() - start;
}

void bench_scales(void)
{
	struct bench_work open = {"open", open_once, NULL, .goal = 1e6};
	bool smoke = bench_smoke();

	bench_row("machine, context and device", 0, &open, NULL);
	rows_for_maps("IOAS, 4 KiB", smoke ? 1000 : 1000000, PAGE, PAGE, true);
	/* The memory is never touched, so it may be the same; the mock's page tables end at 256 GiB. */
	rows_for_maps("IOAS, 1 GiB", smoke ? 4 : 1024, GIB, PAGE, false);
	rows_for_maps("IOAS, 1 GiB, page table", smoke ? 4 : 200, GIB, PAGE, true);
	rows_for_ioases(smoke ? 20 : 1000);
	rows_for_contexts(smoke ? 4 : 64);
}
