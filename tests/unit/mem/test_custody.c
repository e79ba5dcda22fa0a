/* SPDX-License-Identifier: MIT */
/* Where pages in custody are, against a plain table; and that their memory goes with its last use. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#include "base/inject.h"
#include "mem/custody.h"
#include "mem/page.h"

#define PAGES 60

static uint64_t seed;

static uint64_t rnd(uint64_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % below;
}

/* Only compared, never touched. */
static char *place(uint64_t n)
{
	return (char *)(uintptr_t)((n + 1) << 24);
}

static void compare(const struct custody *custody, char *const *hosts)
{
	uint64_t first = rnd(PAGES), last = first + rnd(PAGES - first);
	bool any = false;

	for (uint64_t i = first; i <= last; i++)
		any = any || hosts[i];
	assert_int_equal(custody_meets(custody, first, last), any);
	for (uint64_t i = 0; i < PAGES; i++) {
		const struct custody_run *run = custody_find(custody, i);
		char *host = run ? run->host + ((i - run->first) << PAGE_SHIFT) : NULL;

		assert_ptr_equal(host, hosts[i]);
	}
}

static void like_a_table(void **state)
{
	(void)state;
	for (uint64_t s = 0; s < 100; s++) {
		struct custody *custody = NULL;
		char *hosts[PAGES] = {NULL};

		seed = s;
		for (uint64_t round = 0; round < 60; round++) {
			uint64_t first = rnd(PAGES), last = first + rnd(PAGES - first);
			bool set = rnd(3);

			if (set)
				assert_int_equal(
					custody_set(&custody,
						    (struct custody_run){first, last, place(round),
									 NULL}),
					0);
			else if (custody)
				custody_drop(custody, first, last);
			for (uint64_t i = first; i <= last; i++)
				hosts[i] = set ? place(round) + ((i - first) << PAGE_SHIFT) : NULL;
			compare(custody, hosts);
		}
		custody_free(custody);
	}
}

/* Two page-sets share a piece of memory; a cut run holds it twice. */
static void memory_goes_with_its_last_use(void **state)
{
	char *host = mmap(NULL, 8 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	struct custody_memory *memory = custody_memory_new(host, 8 * PAGE_SIZE);
	struct custody *one = NULL, *two = NULL;
	unsigned char resident[8];

	(void)state;
	assert_int_equal(custody_set(&one, (struct custody_run){0, 7, host, memory}), 0);
	assert_int_equal(
		custody_set(&two, (struct custody_run){10, 13, host + 4 * PAGE_SIZE, memory}), 0);
	custody_memory_put(memory);
	custody_drop(one, 3, 4);
	assert_int_equal(memory->refs, 3);
	custody_drop(one, 0, 7);
	assert_int_equal(memory->refs, 1);
	assert_int_equal(mincore(host, 8 * PAGE_SIZE, resident), 0);
	custody_free(two);
	assert_int_equal(mincore(host, 8 * PAGE_SIZE, resident), -1);
	assert_int_equal(errno, ENOMEM);
	custody_free(one);
}

#define SHARED 2000

/* Contexts share memory, each with a lock of its own. */
static void *let_go(void *arg)
{
	struct custody **custodies = arg;

	for (size_t i = 0; i < SHARED; i++)
		custody_free(custodies[i]);
	return NULL;
}

static void contexts_let_go_at_once(void **state)
{
	static struct custody *custodies[2][SHARED];
	struct custody_memory *memory;
	char *host = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t threads[2];

	(void)state;
	memory = custody_memory_new(host, PAGE_SIZE);
	for (size_t i = 0; i < 2 * SHARED; i++)
		assert_int_equal(custody_set(&custodies[i % 2][i / 2],
					     (struct custody_run){0, 0, host, memory}),
				 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, let_go, custodies[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(memory->refs, 1);
	custody_memory_put(memory);
}

static void out_of_memory(void **state)
{
	struct custody *custody = NULL;

	(void)state;
	inject_arm(1);
	assert_int_equal(custody_set(&custody, (struct custody_run){0, 3, place(1), NULL}),
			 -ENOMEM);
	assert_null(custody_find(custody, 0));
	custody_free(custody);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_a_table),
		cmocka_unit_test(memory_goes_with_its_last_use),
		cmocka_unit_test(contexts_let_go_at_once),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
