/* SPDX-License-Identifier: MIT */
/*
 * Calls on page tables: HWPT_INVALIDATE, dirty tracking of 1 GiB, and a page fault from the device to the program and back. Stand-ins: what
 * the call has to do at the least (a copy and a store under a mutex), a flat bitmap, and a pair of pipes.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "hwpt/dirty.h"
#include "world.h"

#define PAGE  4096ull
#define BASE  0x40000000ull
#define SIZE  (1ull << 30)
#define PAGES (SIZE / PAGE)

struct setting {
	struct world world;
	uint32_t hwpt; /* the kind that the row is about */
	size_t count;
	pthread_mutex_t lock;

	uint32_t entries;
	struct iommu_hwpt_invalidate_selftest requests[256];
	uint32_t cache[4]; /* of the stand-in */

	struct hwpt_paging *paging;
	unsigned int every; /* every nth page is dirty; 0: none */
	uint64_t bitmap[PAGES / 64];
	_Atomic uint64_t flat[PAGES / 64]; /* of the stand-in */

	struct file *faults;
	int raise[2], answer[2]; /* of the stand-in */
};

static uint32_t alloc_nested(struct setting *s, uint32_t fault)
{
	struct iommu_hwpt_selftest format = {.iotlb = IOMMU_TEST_IOTLB_DEFAULT};
	uint32_t parent = world_hwpt(
		&s->world, (struct iommu_hwpt_alloc){.flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
						     .pt_id = s->world.ioas});

	return world_hwpt(&s->world, (struct iommu_hwpt_alloc){
					     .flags = fault ? IOMMU_HWPT_FAULT_ID_VALID : 0,
					     .fault_id = fault,
					     .pt_id = parent,
					     .data_type = IOMMU_HWPT_DATA_SELFTEST,
					     .data_len = sizeof(format),
					     .data_uptr = (uintptr_t)&format,
				     });
}

/* ---- HWPT_INVALIDATE ---- */

static double invalidate_once(void *arg)
{
	struct setting *s = arg;
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = s->hwpt,
		.data_uptr = (uintptr_t)s->requests,
		.data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST,
		.entry_len = sizeof(s->requests[0]),
	};
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++) {
		cmd.entry_num = s->entries;
		world_call(&s->world, IOMMU_HWPT_INVALIDATE, &cmd);
	}
	return (bench_now() - start) / s->count;
}

static double invalidate_standin_once(void *arg)
{
	struct iommu_hwpt_invalidate_selftest copy[256];
	struct setting *s = arg;
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++) {
		memcpy(copy, s->requests, s->entries * sizeof(copy[0]));
		bench_keep((uintptr_t)copy);
		pthread_mutex_lock(&s->lock);
		for (uint32_t j = 0; j < s->entries; j++)
			*(volatile uint32_t *)&s->cache[copy[j].iotlb_id] = 0;
		pthread_mutex_unlock(&s->lock);
	}
	return (bench_now() - start) / s->count;
}

static void rows_for_invalidate(struct setting *s)
{
	static const uint32_t entries[] = {1, 16, 256};
	struct bench_work ours = {"HWPT_INVALIDATE", invalidate_once, s};
	struct bench_work standin = {"copy and store", invalidate_standin_once, s};

	s->hwpt = alloc_nested(s, 0);
	for (int i = 0; i < 3; i++) {
		s->entries = entries[i];
		ours.goal = 200 + 10 * s->entries;
		bench_row("invalidate, entries:", s->entries, &ours, &standin);
	}
}

/* ---- dirty tracking ---- */

static double bitmap_once(void *arg)
{
	struct setting *s = arg;
	struct iommu_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = s->hwpt,
		.iova = BASE,
		.length = SIZE,
		.page_size = PAGE,
		.data = (uintptr_t)s->bitmap,
	};
	double start;

	for (uint64_t i = 0; s->every && i < PAGES; i += s->every)
		dirty_mark_pages(s->paging, BASE + i * PAGE, BASE + i * PAGE);
	memset(s->bitmap, 0, sizeof(s->bitmap));
	start = bench_now();
	world_call(&s->world, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd);
	start = bench_now() - start;
	for (uint64_t i = 0; i < PAGES; i++)
		if ((s->bitmap[i / 64] >> i % 64 & 1) != (s->every && i % s->every == 0))
			exit(1);
	return start;
}

static double flat_once(void *arg)
{
	struct setting *s = arg;
	double start;

	memset(s->bitmap, 0, sizeof(s->bitmap));
	for (uint64_t i = 0; s->every && i < PAGES; i += s->every)
		s->flat[i / 64] |= 1ull << i % 64;
	start = bench_now();
	for (uint64_t i = 0; i < PAGES / 64; i++)
		if (atomic_load(&s->flat[i]))
			s->bitmap[i] |= atomic_exchange(&s->flat[i], 0);
	return bench_now() - start;
}

/* One page each time, all dirty by the end of the first round: a test before the store is what most cost. */
static double mark_once(void *arg)
{
	struct setting *s = arg;
	uint64_t mask = s->every ? 0 : PAGES - 1, seed = 1;
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++) {
		uint64_t at = BASE + (seed >> 32 & mask) * PAGE;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		dirty_mark_pages(s->paging, at, at + 63);
	}
	return (bench_now() - start) / s->count;
}

static double mark_flat_once(void *arg)
{
	struct setting *s = arg;
	uint64_t mask = s->every ? 0 : PAGES - 1, seed = 1;
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++) {
		uint64_t at = seed >> 32 & mask;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		atomic_fetch_or(&s->flat[at / 64], 1ull << at % 64);
	}
	return (bench_now() - start) / s->count;
}

static void rows_for_dirty(struct setting *s)
{
	struct bench_work ours = {"GET_DIRTY_BITMAP", bitmap_once, s};
	struct bench_work flat = {"flat bitmap", flat_once, s};
	struct bench_work mark = {"mark", mark_once, s, .goal = 2};
	struct bench_work mark_flat = {"always fetch_or", mark_flat_once, s};
	struct iommu_hwpt_set_dirty_tracking on = {.size = sizeof(on),
						   .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE};

	world_plug_wide(&s->world);
	s->hwpt = s->world.hwpt;
	lock_take(&s->world.ctx->lock);
	s->paging = hwpt_find_paging(s->world.ctx, s->hwpt);
	lock_release(&s->world.ctx->lock);
	world_map(&s->world, (uintptr_t)s->world.memory, SIZE, BASE);
	on.hwpt_id = s->hwpt;
	world_call(&s->world, IOMMU_HWPT_SET_DIRTY_TRACKING, &on);
	ours.goal = 5000;
	bench_row("dirty bitmap 1 GiB, none", 0, &ours, &flat);
	ours.goal = 60000;
	s->every = 2;
	bench_row("dirty bitmap 1 GiB, half", 0, &ours, &flat);
	s->every = 1;
	bench_row("dirty bitmap 1 GiB, all", 0, &ours, &flat);
	bench_row("mark dirty, same page", 0, &mark, &mark_flat);
	s->every = 0;
	bench_row("mark dirty, random", 0, &mark, &mark_flat);
}

/* ---- page faults ---- */

static int install(struct client *client, struct file *file)
{
	struct world *world = (struct world *)((char *)client - offsetof(struct world, client));

	((struct setting *)world)->faults = file;
	return 0;
}

static const struct client_ops fault_client = {.fd_install = install};

static void check(ssize_t n, size_t wanted)
{
	if (n == (ssize_t)wanted)
		return;
	fprintf(stderr, "%zd, wanted %zu\n", n, wanted);
	exit(1);
}

static void raise_fault(struct setting *s)
{
	struct page_request request = {.last = true, .perm = IOMMU_PGFAULT_PERM_READ, .addr = BASE};

	LOCK_SCOPED(&s->world.ctx->lock);
	check(device_page_request(s->world.device, &request), 0);
}

static double fault_once(void *arg)
{
	struct setting *s = arg;
	struct client *client = &s->world.client;
	struct iommu_hwpt_page_response response = {.code = IOMMUFD_PAGE_RESP_SUCCESS};
	struct iommu_hwpt_pgfault fault;
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++) {
		raise_fault(s);
		check(file_read(s->faults, client, (uintptr_t)&fault, sizeof(fault), -1),
		      sizeof(fault));
		response.cookie = fault.cookie;
		check(file_write(s->faults, client, (uintptr_t)&response, sizeof(response), -1),
		      sizeof(response));
	}
	return (bench_now() - start) / s->count;
}

static double pipes_once(void *arg)
{
	struct setting *s = arg;
	struct iommu_hwpt_page_response response = {0};
	struct iommu_hwpt_pgfault fault = {0};
	size_t count = s->count / 10 + 1;
	double start = bench_now();

	for (size_t i = 0; i < count; i++) {
		check(write(s->raise[1], &fault, sizeof(fault)), sizeof(fault));
		check(read(s->raise[0], &fault, sizeof(fault)), sizeof(fault));
		check(write(s->answer[1], &response, sizeof(response)), sizeof(response));
		check(read(s->answer[0], &response, sizeof(response)), sizeof(response));
	}
	return (bench_now() - start) / count;
}

static void row_for_faults(struct setting *s)
{
	struct bench_work ours = {"fault queue", fault_once, s, .goal = 2000};
	struct bench_work pipes = {"two pipes", pipes_once, s};
	struct iommu_fault_alloc queue = {.size = sizeof(queue)};
	struct iommu_test_cmd attach = {.size = sizeof(attach),
					.op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE};

	s->world.client.ops = &fault_client;
	world_call(&s->world, IOMMU_FAULT_QUEUE_ALLOC, &queue);
	attach.id = s->world.stdev;
	attach.mock_domain_replace.pt_id = alloc_nested(s, queue.out_fault_id);
	world_call(&s->world, IOMMU_TEST_CMD, &attach);
	if (pipe(s->raise) || pipe(s->answer))
		exit(1);
	bench_row("fault: raise, read, answer", 0, &ours, &pipes);
	for (int i = 0; i < 2; i++) {
		close(s->raise[i]);
		close(s->answer[i]);
	}
	file_put(s->faults);
}

void bench_hwpt(void)
{
	static struct setting s = {.lock = PTHREAD_MUTEX_INITIALIZER};

	s.count = bench_smoke() ? 10 : 100000;
	world_init(&s.world, SIZE);
	world_plug(&s.world);
	rows_for_invalidate(&s);
	rows_for_dirty(&s);
	row_for_faults(&s);
	world_done(&s.world);
}
