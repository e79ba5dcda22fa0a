/* SPDX-License-Identifier: MIT */
/*
 * container/imap: readers beside a writer. Two kinds of entries: those that stay, which a reader must find at every moment
 * whatever is split, joined or recycled around them; and those that come and go, which a reader finds whole or not at
 * all. A value says what interval it belongs to, so an entry put together from two is noticed.
 *
 * The readers run for as long as the writer has work, and the writer's work is a fixed number of steps that begins when
 * all readers run: a verdict does not depend on timing, only how much of it is tried.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "container/imap_node.h"
#include "unit.h"

#define READERS 3
#define CELLS	3000 /* each 16 addresses; every fourth holds an entry that stays */
#define CELL	16
#define STEPS	200000

struct world {
	struct imap map;
	atomic_uint running;
	atomic_bool over;
	atomic_ulong lookups, broken;
};

/* [first, last] within a cell, as a value. */
static void *value_of(uint64_t first, uint64_t last)
{
	return (void *)(uintptr_t)(first << 8 | (last - first) << 1 | 1);
}

static bool stays(uint64_t cell)
{
	return cell % 4 == 0;
}

/* The entries that stay are replaced and cut too: a cut one is two entries for a while. */
static bool is_whole(const struct imap_entry *entry, uint64_t at)
{
	return entry->first <= at && at <= entry->last &&
	       entry->value == value_of(entry->first, entry->last);
}

static void *reader(void *arg)
{
	struct world *world = arg;
	unsigned int seed = atomic_fetch_add(&world->running, 1) + 1;
	unsigned long lookups = 0, broken = 0;
	struct imap_entry entry;

	while (!atomic_load_explicit(&world->over, memory_order_relaxed)) {
		uint64_t at = rand_r(&seed) % (CELLS * CELL);
		bool found = imap_lookup(&world->map, at, &entry);

		broken += found ? !is_whole(&entry, at) : stays(at / CELL);
		lookups++;
	}
	atomic_fetch_add(&world->lookups, lookups);
	atomic_fetch_add(&world->broken, broken);
	return NULL;
}

static void insert(struct world *world, uint64_t first, uint64_t last)
{
	assert_int_equal(imap_insert(&world->map, first, last, value_of(first, last)), 0);
}

static void change_cell(struct world *world, uint64_t cell, unsigned int how)
{
	uint64_t first = cell * CELL + how % 5, last = cell * CELL + 15 - how % 7;
	struct imap_entry entry;

	if (stays(cell))
		return;
	if (imap_first_in(&world->map, cell * CELL, cell * CELL + 15, &entry)) {
		imap_remove(&world->map, entry.first);
		if (imap_first_in(&world->map, cell * CELL, cell * CELL + 15, &entry))
			imap_remove(&world->map, entry.first);
		return;
	}
	insert(world, first, last);
	if (how % 3 == 0)
		assert_int_equal(imap_cut(&world->map, first, first + 3, value_of(first, first + 2),
					  value_of(first + 3, last)),
				 0);
}

/* Random changes, then runs of cells emptied and filled, in both directions. */
static void writer(struct world *world)
{
	unsigned int seed = 7;

	for (unsigned int i = 0; i < STEPS; i++)
		change_cell(world, rand_r(&seed) % CELLS, rand_r(&seed));
	for (unsigned int i = 0; i < STEPS / CELLS / 2; i++) {
		for (unsigned int cell = 0; cell < CELLS; cell++)
			change_cell(world, cell, rand_r(&seed));
		for (unsigned int cell = CELLS; cell--;)
			change_cell(world, cell, rand_r(&seed));
	}
}

static void test_readers(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	pthread_t threads[READERS];

	imap_init(&world->map);
	for (uint64_t cell = 0; cell < CELLS; cell++)
		if (stays(cell))
			insert(world, cell * CELL, cell * CELL + 15);
	for (unsigned int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, world), 0);
	while (atomic_load(&world->running) < READERS)
		sched_yield();
	writer(world);
	atomic_store(&world->over, true);
	for (unsigned int i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&world->broken), 0);
	imap_done(&world->map);
	free(world);
}

/*
 * A reader that was stopped in the middle goes on after its node has become another: it must notice. The steps of
 * imap_lookup() are done by hand here, so that the change comes between two of them.
 */
static void test_recycled_node(void **state)
{
	struct imap_node *leaf;
	uint64_t before;
	struct imap map;

	imap_init(&map);
	assert_int_equal(imap_insert(&map, 10, 19, &map), 0);
	leaf = atomic_load(&map.root);
	before = node_state(leaf);
	assert_int_equal(imap_insert(&map, 30, 39, &map), 0);
	assert_ptr_equal(atomic_load(&map.root), leaf);
	assert_true(state_same(node_state(leaf), before)); /* grew in place */
	assert_int_equal(imap_insert(&map, 0, 5, &map), 0);
	assert_false(state_same(node_state(leaf), before)); /* replaced */
	assert_int_equal(imap_insert(&map, 20, 25, &map), 0);
	assert_ptr_equal(atomic_load(&map.root), leaf); /* recycled */
	assert_false(state_same(node_state(leaf), before));
	before = node_state(leaf);
	imap_remove(&map, 20);
	assert_true(state_same(node_state(leaf), before)); /* emptied in place */
	assert_int_equal(imap_insert(&map, 21, 22, &map), 0);
	assert_ptr_equal(atomic_load(&map.root), leaf);
	assert_false(state_same(node_state(leaf), before)); /* filled in place */
	imap_done(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readers),
		cmocka_unit_test(test_recycled_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
