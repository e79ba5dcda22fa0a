/* SPDX-License-Identifier: MIT */
/*
 * container/hazard: no reader touches what a writer has removed and waited for. Nothing here measures time: what has to come
 * first is told by counters that the threads write in order.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/inject.h"
#include "container/imap.h"
#include "container/hazard.h"
#include "unit.h"

static void test_register(void **state)
{
	struct hazard_slot *slots[48], *again; /* three full blocks */
	struct hazard hazard;

	hazard_init(&hazard);
	hazard_wait(&hazard, 0, UINT64_MAX);
	for (unsigned int i = 0; i < 48; i++) {
		assert_int_equal(hazard_register(&hazard, &slots[i]), 0);
		assert_int_equal((uintptr_t)slots[i] % 64, 0);
		for (unsigned int j = 0; j < i; j++)
			assert_ptr_not_equal(slots[i], slots[j]);
	}
	hazard_unregister(slots[17]);
	assert_int_equal(hazard_register(&hazard, &again), 0);
	assert_ptr_equal(again, slots[17]);
	for (unsigned int i = 0; i < 48; i++)
		hazard_unregister(slots[i]);
	hazard_unregister(NULL);
	hazard_done(&hazard);
}

static void test_register_fails(void **state)
{
	struct hazard_slot *slot = NULL;
	struct hazard hazard;

	hazard_init(&hazard);
	inject_arm(1);
	assert_int_equal(hazard_register(&hazard, &slot), -ENOMEM);
	assert_null(slot);
	assert_int_equal(hazard_register(&hazard, &slot), 0);
	hazard_unregister(slot);
	hazard_done(&hazard);
}

/* Ranges that do not overlap, and sections that are over: returns though this very thread is the reader. */
static void test_others_do_not_wait(void **state)
{
	struct hazard_slot *slot;
	struct hazard hazard;

	hazard_init(&hazard);
	assert_int_equal(hazard_register(&hazard, &slot), 0);
	hazard_enter(slot, 0x1000, 0x1fff);
	hazard_wait(&hazard, 0, 0xfff);
	hazard_wait(&hazard, 0x2000, UINT64_MAX);
	hazard_leave(slot);
	hazard_wait(&hazard, 0, UINT64_MAX);
	hazard_enter(slot, UINT64_MAX, UINT64_MAX);
	hazard_wait(&hazard, 0, UINT64_MAX - 1);
	hazard_leave(slot);
	hazard_wait(&hazard, 0, UINT64_MAX);
	hazard_unregister(slot);
	hazard_done(&hazard);
}

struct waiter {
	struct hazard *hazard;
	uint64_t first, last;
	atomic_bool started, left;
	bool saw_left;
};

static void *wait_once(void *arg)
{
	struct waiter *waiter = arg;

	atomic_store(&waiter->started, true);
	hazard_wait(waiter->hazard, waiter->first, waiter->last);
	waiter->saw_left = atomic_load(&waiter->left);
	return NULL;
}

/* A waiter that overlaps by one address returns only after the section was left. */
static void overlap_waits(uint64_t first, uint64_t last, unsigned int others)
{
	struct hazard hazard;
	struct waiter waiter = {.hazard = &hazard, .first = first, .last = last};
	struct hazard_slot *slots[32];
	pthread_t thread;

	hazard_init(&hazard);
	for (unsigned int i = 0; i <= others; i++)
		assert_int_equal(hazard_register(&hazard, &slots[i]), 0);
	hazard_enter(slots[others], 0x1000, 0x1fff);
	assert_int_equal(pthread_create(&thread, NULL, wait_once, &waiter), 0);
	while (!atomic_load(&waiter.started))
		sched_yield();
	for (unsigned int i = 0; i < 100; i++)
		sched_yield(); /* gives a wrong waiter the time to be wrong */
	atomic_store(&waiter.left, true);
	hazard_leave(slots[others]);
	/* A new section is not waited for: the thread ends. */
	hazard_enter(slots[others], 0, UINT64_MAX);
	pthread_join(thread, NULL);
	assert_true(waiter.saw_left);
	hazard_leave(slots[others]);
	for (unsigned int i = 0; i <= others; i++)
		hazard_unregister(slots[i]);
	hazard_done(&hazard);
}

static void test_overlap_waits(void **state)
{
	overlap_waits(0, 0x1000, 0);
	overlap_waits(0x1fff, 0x1fff, 3);
	overlap_waits(0x1800, 0x1810, 31); /* in a later block */
	overlap_waits(0, UINT64_MAX, 5);
}

#define PAGES	16
#define PAGE	256
#define READERS 3
#define ROUNDS	20000

/* Pages that a writer maps and unmaps in turn. A page that is not mapped is poisoned. */
struct world {
	struct imap map;
	struct hazard hazard;
	unsigned char *pages[PAGES]; /* each an allocation of its own: freed when unmapped */
	atomic_uint running;
	atomic_bool over;
	atomic_ulong broken, copies;
};

static bool is_poisoned(const unsigned char *copy)
{
	for (unsigned int i = 0; i < PAGE; i++)
		if (copy[i] != 0xaa)
			return true;
	return false;
}

/* One DMA read: true if it copied something that it should not have. */
static bool dma(struct world *world, struct hazard_slot *slot, uint64_t iova, bool whole,
		unsigned long *copies)
{
	unsigned char copy[PAGE];
	struct imap_entry entry;
	bool found;

	hazard_enter(slot, whole ? 0 : iova, whole ? UINT64_MAX : iova + PAGE - 1);
	found = imap_lookup(&world->map, iova, &entry);
	if (found)
		memcpy(copy, entry.value, PAGE);
	hazard_leave(slot);
	*copies += found;
	return found && is_poisoned(copy);
}

static void *device(void *arg)
{
	struct world *world = arg;
	unsigned int seed = atomic_fetch_add(&world->running, 1);
	unsigned long broken = 0, copies = 0;
	struct hazard_slot *slot;

	if (hazard_register(&world->hazard, &slot))
		abort();
	while (!atomic_load_explicit(&world->over, memory_order_relaxed)) {
		uint64_t iova = rand_r(&seed) % PAGES * PAGE;

		broken += dma(world, slot, iova, rand_r(&seed) % 4 == 0, &copies);
	}
	hazard_unregister(slot);
	atomic_fetch_add(&world->broken, broken);
	atomic_fetch_add(&world->copies, copies);
	return NULL;
}

static void flip(struct world *world, unsigned int i)
{
	uint64_t iova = i * PAGE;

	if (world->pages[i]) {
		assert_ptr_equal(imap_remove(&world->map, iova), world->pages[i]);
		hazard_wait(&world->hazard, iova, iova + PAGE - 1);
		memset(world->pages[i], 0xdb, PAGE);
		free(world->pages[i]);
		world->pages[i] = NULL;
		return;
	}
	world->pages[i] = malloc(PAGE);
	memset(world->pages[i], 0xaa, PAGE);
	assert_int_equal(imap_insert(&world->map, iova, iova + PAGE - 1, world->pages[i]), 0);
}

static void test_promise(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	pthread_t threads[READERS];
	unsigned int seed = 3;

	imap_init(&world->map);
	hazard_init(&world->hazard);
	for (unsigned int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, device, world), 0);
	while (atomic_load(&world->running) < READERS)
		sched_yield();
	for (unsigned int i = 0; i < ROUNDS; i++)
		flip(world, rand_r(&seed) % PAGES);
	atomic_store(&world->over, true);
	for (unsigned int i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&world->broken), 0);
	for (unsigned int i = 0; i < PAGES; i++)
		free(world->pages[i]);
	imap_done(&world->map);
	hazard_done(&world->hazard);
	free(world);
}

/*
 * What the fence is for. Without it a processor may do the lookup before the announcement is visible to others. That can't be
 * provoked without timing, but its effect is that of a reader that looks up first: here it does so, the writer's wait
 * between the two steps has nobody to wait for, and the check of test_promise sees it.
 */
static void test_lookup_before_announcement_breaks_it(void **state)
{
	static unsigned char page[PAGE];
	struct hazard_slot *slot;
	struct imap_entry entry;
	struct hazard hazard;
	struct imap map;

	imap_init(&map);
	hazard_init(&hazard);
	memset(page, 0xaa, PAGE);
	assert_int_equal(hazard_register(&hazard, &slot), 0);
	assert_int_equal(imap_insert(&map, 0, PAGE - 1, page), 0);

	assert_true(imap_lookup(&map, 0, &entry));
	imap_remove(&map, 0);
	hazard_wait(&hazard, 0, PAGE - 1);
	memset(page, 0xdb, PAGE);
	hazard_enter(slot, 0, PAGE - 1);
	assert_true(is_poisoned(entry.value));
	hazard_leave(slot);

	hazard_unregister(slot);
	hazard_done(&hazard);
	imap_done(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_register),
		cmocka_unit_test(test_register_fails),
		cmocka_unit_test(test_others_do_not_wait),
		cmocka_unit_test(test_overlap_waits),
		cmocka_unit_test(test_promise),
		cmocka_unit_test(test_lookup_before_announcement_breaks_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
