/* SPDX-License-Identifier: MIT */
/*
 * The promise to DMA: after an UNMAP or a replace has returned, nothing goes through the old translation.
 *
 *	stress-promise [--translations N] [--seed N] [--without-wait | --without-fence]
 *
 * Two devices' threads translate and look, through a section; one thread maps, unmaps and replaces all the time (promise.h).
 *
 * A checker that can't fail proves nothing, so it can break the promise: --without-wait takes the waiting out of what unmaps, --without-fence the
 * fence out of who announces. Then it must find violations, and its status is 0 if it did. The second needs two processors and
 * luck (some in ten million), so only the first is a test.
 */
#include "core/ctx.h"
#include "device/dma.h"

#include "promise.h"

/* So many single pages that they are found by the front of the map (ioas/host.c). */
#define SLOTS	640
#define PAGES	(2 * SLOTS + 2) /* both sides' and some that wait for their turn */
#define IOVA(i) (0x2000000 + (uint64_t)(i)*WORLD_PAGE)
#define RW	(IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)

/* An IOAS with a page in each slot. */
struct side {
	uint32_t ioas;
	unsigned int page[SLOTS];
};

struct world_of_promise {
	struct bench_device device;
	struct device *bound;
	struct promise_pages pages;
	struct side sides[2];
	unsigned int here; /* the side that the device is attached to */
	atomic_ulong seen, violations;
};

/* ---- who maps ---- */

static void put_page(struct worker *worker, struct side *side, unsigned int slot)
{
	struct world_of_promise *world = worker->world;
	unsigned int page = page_take(&world->pages);
	uint64_t iova = IOVA(slot);

	side->page[slot] = page;
	assert_int_equal(bench_try_map(&worker->bench, side->ioas,
				       (uintptr_t)page_word(&world->pages, page, 0), WORLD_PAGE,
				       &iova, RW | IOMMU_IOAS_MAP_FIXED_IOVA),
			 0);
}

static void take_page(struct worker *worker, struct side *side, unsigned int slot)
{
	struct world_of_promise *world = worker->world;

	assert_int_equal(bench_unmap(&worker->bench, side->ioas, IOVA(slot), WORLD_PAGE),
			 WORLD_PAGE);
	page_keep(&world->pages, side->page[slot]);
}

static void turn_side(struct world_of_promise *world, const struct side *side)
{
	for (unsigned int slot = 0; slot < SLOTS; slot++)
		page_turn(&world->pages, side->page[slot]);
}

/* The pages of the side that the device is not on are odd. */
static void step_replace(struct worker *worker)
{
	struct world_of_promise *world = worker->world;
	struct side *old = &world->sides[world->here];

	world->here = !world->here;
	turn_side(world, &world->sides[world->here]);
	assert_int_equal(
		bench_replace(&worker->bench, world->device.stdev, world->sides[world->here].ioas),
		0);
	turn_side(world, old);
}

static void step_map(struct worker *worker)
{
	struct world_of_promise *world = worker->world;
	unsigned int slot = worker_random(worker, SLOTS);
	struct side *side = &world->sides[world->here];

	promise_schedule(worker);
	atomic_fetch_add(&promise_changes, 1);
	if (!worker_random(worker, 64)) {
		step_replace(worker);
		return;
	}
	take_page(worker, side, slot);
	put_page(worker, side, slot);
}

/* ---- who does DMA ---- */

static void enter(struct dma_port *port, uint64_t first, uint64_t last)
{
	if (!options.without_fence) {
		dma_enter(port, first, last);
		return;
	}
	/* hazard_enter() but for that. */
	atomic_store_explicit(&port->slot->first, first, memory_order_release);
	atomic_store_explicit(&port->slot->last, last, memory_order_release);
	atomic_store_explicit(&port->slot->section,
			      atomic_load_explicit(&port->slot->section, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

/* As many translations as a step has. */
static void step_dma(struct worker *worker)
{
	struct world_of_promise *world = worker->world;
	struct dma_port port;

	promise_schedule(worker);
	assert_int_equal(dma_port_init(&port, world->bound), 0);
	for (int i = 0; i < 1000; i++) {
		uint64_t iova = IOVA(worker_random(worker, SLOTS)) + 512 * worker_random(worker, 8);
		size_t len = 8;
		char *at;

		enter(&port, iova, iova + 7);
		at = dma_translate(&port, 0, iova, &len, false);
		if (at && !page_look((volatile uint64_t *)at))
			atomic_fetch_add(&world->violations, 1);
		worker->done += at != NULL;
		dma_leave(&port);
	}
	dma_port_done(&port);
}

/* ---- all of it ---- */

static void open_world(struct world_of_promise *world, struct bench *bench)
{
	struct worker here = {.world = world, .bench = *bench};

	promise_pages_init(&world->pages, bench_pages(PAGES), PAGES);
	for (int i = 0; i < 2; i++) {
		world->sides[i].ioas = bench_ioas(bench);
		for (unsigned int slot = 0; slot < SLOTS; slot++)
			put_page(&here, &world->sides[i], slot);
	}
	turn_side(world, &world->sides[1]);
	world->device = bench_plug(bench, world->sides[0].ioas, 0);
	lock_take(&ctx_of_file(bench->file)->lock);
	world->bound = device_find(ctx_of_file(bench->file), world->device.dev);
	lock_release(&ctx_of_file(bench->file)->lock);
}

static void promise_is_kept(void **state)
{
	struct world_of_promise world = {0};
	struct worker workers[3] = {{0}};
	struct bench bench;

	bench_init(&bench);
	open_world(&world, &bench);
	for (unsigned int i = 0; i < 2; i++)
		workers[i] = (struct worker){step_dma, &world, options.seed + i,
					     STRESS_STEPS(options.translations / 2000)};
	workers[2] = (struct worker){step_map, &world, options.seed + 2};
	workers_run(workers, 3, &bench);
	print_message("%lu translations, %lu violations\n", workers[0].done + workers[1].done,
		      atomic_load(&world.violations));
	assert_true(workers[0].done + workers[1].done > 0);
	assert_int_equal(atomic_load(&world.violations) > 0, promise_is_broken());
	bench_done(&bench);
	bench_free_pages(world.pages.memory, PAGES);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(promise_is_kept)};

	if (promise_options(argc, argv) || options.without_invalidation)
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
