/* SPDX-License-Identifier: MIT */
/*
 * The promise to DMA where the program's own tables are walked: after HWPT_INVALIDATE, an UNMAP of stage 2, or a replace has returned, nothing goes
 * through the old translation.
 *
 *	stress-promise-nested [--translations N] [--seed N] [--without-wait | --without-invalidation]
 *
 * Two threads of a device translate and look; one thread changes leaves and tables and invalidates, takes pages out of stage 2, and replaces one
 * nested page table by another (promise.h). --without-invalidation leaves HWPT_INVALIDATE away: then violations must be found, too.
 */
#include "nested_world.h"
#include "x86_tables.h"

#include "promise.h"

#define SLOTS	   128 /* pages of each side; two tables of leaves show them */
#define SHOWN	   (SLOTS / 2)
#define PAGES	   (2 * SLOTS + 16)
#define TABLES	   (1ull << 20)
#define TABLES_END (12ull << 20)
#define SPARE	   TABLES_END /* a table for each side that is not in use */
#define IOVA(slot) (((uint64_t)((slot) / SHOWN) << 21) + (slot) % SHOWN * PAGE)

struct side {
	struct x86_tables tables;
	uint32_t hwpt;
	unsigned int page[SLOTS];
	uint64_t spare; /* a table of leaves */
};

struct world_of_promise {
	struct nested_world w;
	struct promise_pages pages;
	struct side sides[2];
	unsigned int here;
	atomic_ulong violations;
	/*
	 * The walker reads entries by code that ThreadSanitizer doesn't see, so it misses that who finds an entry finds the page as it was when the
	 * entry was stored. This tells it so; of the other direction, which is the promise, it says nothing.
	 */
	atomic_ulong stored;
};

static uint64_t gpa_of(unsigned int page)
{
	return GUEST_DATA + page * PAGE;
}

static uint64_t leaf_of(unsigned int page)
{
	return gpa_of(page) | X86_P | X86_RW | X86_US;
}

static void put_entry(struct world_of_promise *world, uint64_t *entry, uint64_t value)
{
	atomic_fetch_add_explicit(&world->stored, 1, memory_order_release);
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static void invalidate(struct world_of_promise *world, uint64_t va, uint64_t npages, uint32_t flags)
{
	if (!options.without_invalidation)
		assert_int_equal(world_invalidate(&world->w, world->sides[world->here].hwpt, va,
						  npages, flags),
				 0);
}

/* ---- who changes ---- */

static void change_leaf(struct worker *worker, struct side *side)
{
	struct world_of_promise *world = worker->world;
	unsigned int slot = worker_random(worker, SLOTS), old = side->page[slot];

	side->page[slot] = page_take(&world->pages);
	put_entry(world, x86_entry(&side->tables, IOVA(slot), 1), leaf_of(side->page[slot]));
	invalidate(world, IOVA(slot), 1, IOMMU_VTD_INV_FLAGS_LEAF);
	page_keep(&world->pages, old);
}

/* Another table with the same leaves but for one. The old one is overwritten when it is out of use, so who still walks it sees nothing. */
static void change_table(struct worker *worker, struct side *side)
{
	struct world_of_promise *world = worker->world;
	unsigned int slot = worker_random(worker, SLOTS), old = side->page[slot];
	uint64_t *entry = x86_entry(&side->tables, IOVA(slot), 2);
	uint64_t table = *entry & ~(PAGE - 1), *leaves;

	leaves = (uint64_t *)(world->w.memory + side->spare);
	side->page[slot] = page_take(&world->pages);
	for (unsigned int i = 0; i < SHOWN; i++)
		put_entry(world, &leaves[i], leaf_of(side->page[slot / SHOWN * SHOWN + i]));
	put_entry(world, entry, side->spare | X86_P | X86_RW | X86_US);
	invalidate(world, IOVA(slot / SHOWN * SHOWN), SHOWN, 0);
	page_keep(&world->pages, old);
	side->spare = table;
}

/* Stage 1 stays as it is. */
static void change_stage2(struct worker *worker, struct side *side)
{
	struct world_of_promise *world = worker->world;
	unsigned int page = side->page[worker_random(worker, SLOTS)];

	assert_int_equal(world_unmap(&world->w, gpa_of(page), PAGE), 0);
	page_turn(&world->pages, page);
	page_turn(&world->pages, page);
	assert_int_equal(world_map(&world->w, gpa_of(page), PAGE,
				   IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE),
			 0);
}

static void turn_side(struct world_of_promise *world, const struct side *side)
{
	for (unsigned int slot = 0; slot < SLOTS; slot++)
		page_turn(&world->pages, side->page[slot]);
}

/* The pages of the side that the device is not on are odd. */
static void replace(struct world_of_promise *world)
{
	struct side *old = &world->sides[world->here];

	world->here = !world->here;
	turn_side(world, &world->sides[world->here]);
	assert_int_equal(world_attach(&world->w, 0, world->sides[world->here].hwpt), 0);
	turn_side(world, old);
}

static void step_change(struct worker *worker)
{
	struct world_of_promise *world = worker->world;
	struct side *side = &world->sides[world->here];
	unsigned int what = worker_random(worker, 64);

	promise_schedule(worker);
	atomic_fetch_add(&promise_changes, 1);
	if (what == 0 && !options.without_invalidation)
		replace(world);
	else if (what < 12)
		change_stage2(worker, side);
	else if (what < 24)
		change_table(worker, side);
	else
		change_leaf(worker, side);
}

/* ---- who does DMA ---- */

static void step_dma(struct worker *worker)
{
	struct world_of_promise *world = worker->world;
	struct dma_port port;

	promise_schedule(worker);
	assert_int_equal(dma_port_init(&port, world->w.device), 0);
	for (int i = 0; i < 1000; i++) {
		uint64_t iova =
			IOVA(worker_random(worker, SLOTS)) + 512ull * worker_random(worker, 8);
		size_t len = 8;
		char *at;

		dma_enter(&port, iova, iova + 7);
		at = dma_translate(&port, 0, iova, &len, false);
		atomic_load_explicit(&world->stored, memory_order_acquire);
		if (at && !page_look((volatile uint64_t *)at))
			atomic_fetch_add(&world->violations, 1);
		worker->done += at != NULL;
		dma_leave(&port);
	}
	dma_port_done(&port);
}

/* ---- all of it ---- */

static void open_side(struct world_of_promise *world, struct side *side, uint64_t tables,
		      uint64_t spare)
{
	x86_init(&side->tables, world->w.memory, GUEST_SIZE, tables,
		 tables + (TABLES_END - TABLES) / 2, 4);
	side->spare = spare;
	for (unsigned int slot = 0; slot < SLOTS; slot++) {
		side->page[slot] = page_take(&world->pages);
		put_entry(world, x86_entry(&side->tables, IOVA(slot), 1),
			  leaf_of(side->page[slot]));
	}
	side->hwpt = world_enter(&world->w, side->tables.root, 4, 0);
}

static void open_world(struct world_of_promise *world)
{
	/* Smaller than what is used, so that there is eviction. */
	static const struct vtd_options iommu = {.iotlb_entries = 64};
	static const struct vtd_device_options device = {.ats = true};

	nested_world_init(&world->w, &iommu, &device);
	promise_pages_init(&world->pages, world->w.memory + GUEST_DATA, PAGES);
	/* Each page of stage 2 by itself: they are unmapped one by one. */
	assert_int_equal(world_unmap(&world->w, 0, GUEST_SIZE), 0);
	assert_int_equal(world_map(&world->w, 0, GUEST_DATA,
				   IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE),
			 0);
	for (unsigned int page = 0; page < PAGES; page++)
		assert_int_equal(world_map(&world->w, gpa_of(page), PAGE,
					   IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE),
				 0);
	open_side(world, &world->sides[0], TABLES, SPARE);
	open_side(world, &world->sides[1], TABLES + (TABLES_END - TABLES) / 2, SPARE + PAGE);
	world->here = 1;
	turn_side(world, &world->sides[0]);
}

static void promise_is_kept(void **state)
{
	static struct world_of_promise world;
	struct worker workers[3] = {{0}};
	struct bench bench;

	(void)state;
	bench_init(&bench);
	open_world(&world);
	for (unsigned int i = 0; i < 2; i++)
		workers[i] = (struct worker){step_dma, &world, options.seed + i,
					     STRESS_STEPS(options.translations / 2000)};
	workers[2] = (struct worker){step_change, &world, options.seed + 2};
	workers_run(workers, 3, &bench);
	print_message("%lu translations, %lu violations\n", workers[0].done + workers[1].done,
		      atomic_load(&world.violations));
	assert_true(workers[0].done + workers[1].done > 0);
	assert_int_equal(atomic_load(&world.violations) > 0, promise_is_broken());
	nested_world_done(&world.w);
	bench_done(&bench);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(promise_is_kept)};

	if (promise_options(argc, argv) || options.without_fence)
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
