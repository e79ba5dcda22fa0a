/* SPDX-License-Identifier: MIT */
/* What is remembered of areas: against a plain model, and with readers and forgetters at the same time. */
#include "base/lock.h"
#include "base/mm_cache.h"
#include "unit.h"

#include <pthread.h>
#include <string.h>

static struct mm_cache cache;

static int fresh(void **state)
{
	memset(&cache, 0, sizeof(cache));
	return 0;
}

static void add(uint64_t start, uint64_t end, uint64_t flags)
{
	struct cache_area area = {.start = start, .end = end, .flags = flags, .inode = start};

	cache_add(&cache, &area, cache_begin(&cache));
}

static void holds_what_was_added(void **state)
{
	struct cache_area area;

	assert_false(cache_holds(&cache, 0, 1, AREA_READ));
	add(100, 200, AREA_READ | AREA_WRITE);
	add(300, 400, AREA_READ);
	add(200, 300, AREA_READ);
	assert_true(cache_holds(&cache, 100, 400, AREA_READ));
	assert_true(cache_holds(&cache, 150, 151, AREA_READ));
	assert_true(cache_holds(&cache, 100, 200, AREA_WRITE));
	assert_false(cache_holds(&cache, 100, 201, AREA_WRITE));
	assert_false(cache_holds(&cache, 99, 101, AREA_READ));
	assert_false(cache_holds(&cache, 399, 401, AREA_READ));
	assert_true(cache_holds(&cache, 7, 7, AREA_READ)); /* nothing */
	assert_true(cache_find(&cache, 250, &area));
	assert_int_equal(area.start, 200);
	assert_int_equal(area.inode, 200);
	assert_false(cache_find(&cache, 400, &area));
}

static void replaces_what_overlaps(void **state)
{
	add(100, 200, AREA_READ);
	add(200, 300, AREA_READ);
	add(300, 400, AREA_READ);
	add(150, 250, AREA_WRITE);
	assert_true(cache_holds(&cache, 150, 250, AREA_WRITE));
	assert_false(cache_holds(&cache, 149, 150, AREA_READ));
	assert_false(cache_holds(&cache, 250, 251, AREA_READ));
	assert_true(cache_holds(&cache, 300, 400, AREA_READ));
}

static void forgets(void **state)
{
	add(100, 200, AREA_READ);
	cache_forget(&cache, 200, 300);
	cache_forget(&cache, 0, 100);
	assert_true(cache_holds(&cache, 100, 200, AREA_READ));
	cache_forget(&cache, 199, 300);
	assert_false(cache_holds(&cache, 100, 101, AREA_READ));
	add(300, 400, AREA_READ);
	assert_false(cache_holds(&cache, 100, 101, AREA_READ));
	assert_true(cache_holds(&cache, 300, 400, AREA_READ));
	cache_forget(&cache, 0, UINT64_MAX);
	assert_false(cache_holds(&cache, 300, 400, AREA_READ));
}

static void what_changed_meanwhile_is_not_added(void **state)
{
	struct cache_area area = {.start = 100, .end = 200, .flags = AREA_READ};
	unsigned long change = cache_begin(&cache);

	cache_forget(&cache, 150, 151);
	cache_add(&cache, &area, change);
	assert_false(cache_holds(&cache, 100, 101, AREA_READ));
}

static void starts_anew_when_full(void **state)
{
	for (uint64_t i = 0; i < CACHE_AREAS; i++)
		add(i * 10, i * 10 + 10, AREA_READ);
	assert_true(cache_holds(&cache, 0, CACHE_AREAS * 10, AREA_READ));
	add(5000, 5010, AREA_READ);
	assert_true(cache_holds(&cache, 5000, 5010, AREA_READ));
	assert_false(cache_holds(&cache, 0, 1, AREA_READ));
}

/* Units of 1 in [0, 256): what a model says can be held must at least not be wrong. */
static void against_a_model(void **state)
{
	unsigned char model[256] = {0};
	unsigned int seed = 1;

	for (int i = 0; i < 20000; i++) {
		uint64_t start = (uint64_t)rand_r(&seed) % 250;
		uint64_t end = start + 1 + (uint64_t)rand_r(&seed) % (256 - start);

		if (i % 7 == 0) {
			cache_forget(&cache, start, end);
			memset(model + start, 0, end - start);
		} else if (end - start < 20) {
			add(start, end, 1 + i % 3);
			memset(model + start, 1 + i % 3, end - start);
			assert_true(cache_holds(&cache, start, end, 1 + i % 3));
		}
		for (uint64_t at = 0; at < 256; at += 5)
			if (cache_holds(&cache, at, at + 1, AREA_READ))
				assert_true(model[at] & AREA_READ);
	}
}

static pthread_mutex_t writers = PTHREAD_MUTEX_INITIALIZER;
static atomic_int stop;

/* Areas of a writer have its number in each word. */
static void *writer(void *arg)
{
	uint64_t me = (uint64_t)arg;

	for (int i = 0; i < 20000; i++) {
		uint64_t start = 1000 * me + 10 * (i % 40);
		struct cache_area area = {start, start + 10, start, start, start, AREA_READ};

		pthread_mutex_lock(&writers);
		cache_add(&cache, &area, cache_begin(&cache));
		pthread_mutex_unlock(&writers);
		if (i % 100 == 0)
			cache_forget(&cache, start, start + 10);
	}
	return NULL;
}

static void *reader(void *arg)
{
	unsigned int seed = 3;
	struct cache_area area;

	while (!atomic_load(&stop)) {
		uint64_t at = (uint64_t)rand_r(&seed) % 4000;

		if (!cache_find(&cache, at, &area))
			continue;
		assert_true(area.start <= at && at < area.end);
		assert_int_equal(area.space, area.start);
		assert_int_equal(area.inode, area.start);
		assert_int_equal(area.offset, area.start);
		assert_int_equal(area.end, area.start + 10);
	}
	return NULL;
}

static void at_the_same_time(void **state)
{
	pthread_t readers[2], adders[2];

	atomic_store(&stop, 0);
	for (uint64_t i = 0; i < 2; i++) {
		pthread_create(&readers[i], NULL, reader, NULL);
		pthread_create(&adders[i], NULL, writer, (void *)(i + 1));
	}
	for (int i = 0; i < 2; i++)
		pthread_join(adders[i], NULL);
	atomic_store(&stop, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(holds_what_was_added, fresh),
		cmocka_unit_test_setup(replaces_what_overlaps, fresh),
		cmocka_unit_test_setup(forgets, fresh),
		cmocka_unit_test_setup(what_changed_meanwhile_is_not_added, fresh),
		cmocka_unit_test_setup(starts_anew_when_full, fresh),
		cmocka_unit_test_setup(against_a_model, fresh),
		cmocka_unit_test_setup(at_the_same_time, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
