/* SPDX-License-Identifier: MIT */
/*
 * Four threads map, unmap, copy, pin and read by accesses in two IOASes, one of them behind a device. Each page of the memory says its
 * number in every word, so what an access reads is some page of the memory and never half of two; and when all has ended nothing
 * is pinned or charged.
 */
#include <errno.h>
#include <string.h>

#include "stress.h"

#define RW	(IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define SLOTS	24
#define IOVA(i) (0x1000000 + (uint64_t)(i)*4 * WORLD_PAGE)

struct world_of_memory {
	char *memory;
	uint32_t ioas[2];
};

static void expect_one_of(long rc, long a, long b, long c)
{
	if (rc != 0 && rc != a && rc != b && rc != c)
		fail_msg("%ld", rc);
}

static void step_map(struct worker *worker)
{
	struct world_of_memory *world = worker->world;
	uint64_t npages = 1 + worker_random(worker, 4);
	uint64_t iova = IOVA(worker_random(worker, SLOTS));
	char *at = world->memory + worker_random(worker, WORLD_NPAGES - 4) * WORLD_PAGE;
	uint32_t ioas = world->ioas[worker_random(worker, 2)];

	expect_one_of(bench_try_map(&worker->bench, ioas, (uintptr_t)at, npages * WORLD_PAGE, &iova,
				    RW | IOMMU_IOAS_MAP_FIXED_IOVA),
		      -EEXIST, 0, 0);
}

static void step_unmap(struct worker *worker)
{
	struct world_of_memory *world = worker->world;
	unsigned int slot = worker_random(worker, SLOTS), n = 1 + worker_random(worker, 3);
	int64_t got = bench_unmap(&worker->bench, world->ioas[worker_random(worker, 2)], IOVA(slot),
				  n * 4 * WORLD_PAGE);

	/* Threads that unmap and pin the same area by turns may tire the one that unmaps. */
	if (got < 0)
		expect_one_of(got, -ENOENT, -EDEADLOCK, 0);
	else
		worker->done += got;
}

static void step_copy(struct worker *worker)
{
	struct world_of_memory *world = worker->world;
	unsigned int from = worker_random(worker, 2);
	struct iommu_ioas_copy cmd = {
		.flags = RW,
		.src_ioas_id = world->ioas[from],
		.dst_ioas_id = world->ioas[worker_random(worker, 2)],
		.length = (1 + worker_random(worker, 2)) * WORLD_PAGE,
		.src_iova = IOVA(worker_random(worker, SLOTS)),
		.dst_iova = IOVA(worker_random(worker, SLOTS)),
	};

	expect_one_of(bench_copy(&worker->bench, cmd), -ENOENT, -EEXIST, 0);
}

static void check_words(const uint64_t *words, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (words[i] != words[0])
			fail_msg("half of page %lu and half of page %lu", words[0], words[i]);
	assert_true(words[0] < WORLD_NPAGES);
}

static void step_read(struct worker *worker)
{
	struct world_of_memory *world = worker->world;
	uint64_t words[WORLD_PAGE / 8];
	int fd = bench_access(&worker->bench, world->ioas[worker_random(worker, 2)], 0);

	for (int i = 0; i < 8; i++) {
		uint32_t slow = worker_random(worker, 2) ? MOCK_ACCESS_RW_SLOW_PATH : 0;
		long rc = bench_rw(&worker->bench, fd, IOVA(worker_random(worker, SLOTS)), words,
				   sizeof(words), slow);

		expect_one_of(rc, -ENOENT, 0, 0);
		if (!rc)
			check_words(words, WORLD_PAGE / 8);
	}
	bench_close(&worker->bench, fd);
}

/* Pins stay until the access is closed or an unmap takes them away: giving one up must not give up another's. */
static void step_pin(struct worker *worker)
{
	struct world_of_memory *world = worker->world;
	int fd = bench_access(&worker->bench, world->ioas[worker_random(worker, 2)],
			      MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);

	for (int i = 0; i < 4; i++) {
		char *page = world->memory + worker_random(worker, WORLD_NPAGES) * WORLD_PAGE;
		int64_t pin = bench_pin(&worker->bench, fd, IOVA(worker_random(worker, SLOTS)),
					WORLD_PAGE, page, MOCK_FLAGS_ACCESS_WRITE);

		/* EBADE: another page is mapped there; EINVAL: it is being unmapped. */
		if (pin < 0)
			expect_one_of(pin, -ENOENT, -EBADE, -EINVAL);
		else if (worker_random(worker, 2))
			expect_one_of(bench_unpin(&worker->bench, fd, pin), -ENOENT, 0, 0);
	}
	bench_close(&worker->bench, fd);
}

static void step(struct worker *worker)
{
	static void (*const steps[])(struct worker *) = {step_map,  step_map,  step_unmap,
							 step_copy, step_read, step_pin};

	steps[worker_random(worker, sizeof(steps) / sizeof(steps[0]))](worker);
}

static void open_world(struct world_of_memory *world, struct bench *bench)
{
	bench_init(bench);
	world->memory = bench_pages(WORLD_NPAGES);
	for (uint64_t i = 0; i < WORLD_NPAGES * WORLD_PAGE / 8; i++)
		((uint64_t *)world->memory)[i] = i / (WORLD_PAGE / 8);
	for (int i = 0; i < 2; i++)
		world->ioas[i] = bench_ioas(bench);
	bench_plug(bench, world->ioas[0], 0);
}

static void memory_stays_whole(void **state)
{
	struct worker workers[4] = {{0}};
	struct world_of_memory world;
	struct bench bench;

	open_world(&world, &bench);
	for (unsigned int i = 0; i < 4; i++)
		workers[i] = (struct worker){step, &world, i + 1, STRESS_STEPS(20000)};
	workers_run(workers, 4, &bench);
	/* What is mapped in an IOAS without a device is not pinned. */
	assert_true(bench_unmap(&bench, world.ioas[0], 0, UINT64_MAX) >= 0);
	assert_int_equal(bench_pinned(&bench), 0);
	assert_int_equal(bench_check_refs(&bench, world.memory, WORLD_NPAGES * WORLD_PAGE, 0), 0);
	assert_int_equal(bench_destroy(&bench, world.ioas[1]), 0);
	for (uint64_t i = 0; i < WORLD_NPAGES; i++)
		check_words((uint64_t *)world.memory + i * (WORLD_PAGE / 8), WORLD_PAGE / 8);
	bench_done(&bench);
	bench_free_pages(world.memory, WORLD_NPAGES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(memory_stays_whole)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
