/* SPDX-License-Identifier: MIT */
/* Pools: objects don't overlap, come back, count, and can fail. */
#include "base/inject.h"
#include "base/pool.h"
#include "unit.h"

#include <string.h>

#define N 10000

static void fill_and_check(struct pool *pool, size_t size)
{
	static unsigned char *objects[N];

	for (int i = 0; i < N; i++) {
		objects[i] = pool_alloc(pool);
		assert_non_null(objects[i]);
		assert_int_equal((uintptr_t)objects[i] % 8, 0);
		memset(objects[i], i & 0xff, size);
	}
	assert_int_equal(pool->live, N);
	for (int i = 0; i < N; i++) {
		assert_int_equal(objects[i][0], i & 0xff);
		assert_memory_equal(objects[i], objects[i] + 1, size - 1);
	}
	for (int i = 0; i < N; i++)
		pool_free(pool, objects[i]);
	assert_int_equal(pool->live, 0);
}

static void objects_of_many_sizes(void **state)
{
	static const size_t sizes[] = {1, 8, 12, 40, 64, 100, 129, 1000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct pool pool;

		pool_init(&pool, sizes[i]);
		fill_and_check(&pool, sizes[i]);
		fill_and_check(&pool, sizes[i]); /* and again, of what came back */
		pool_done(&pool);
	}
}

static void large_objects(void **state)
{
	struct pool pool;
	char *a, *b;

	pool_init(&pool, 300000);
	a = pool_alloc(&pool);
	b = pool_alloc(&pool);
	memset(a, 1, 300000);
	memset(b, 2, 300000);
	assert_int_equal(a[299999], 1);
	pool_free(&pool, a);
	pool_free(&pool, b);
	pool_done(&pool);
}

static void fails_on_purpose(void **state)
{
	struct pool pool;
	void *a;

	pool_init(&pool, 32);
	inject_arm(2);
	a = pool_alloc(&pool);
	assert_non_null(a);
	assert_null(pool_alloc(&pool));
	assert_int_equal(pool.live, 1);
	pool_free(&pool, a);
	pool_free(&pool, NULL);
	pool_done(&pool);
}

#ifndef NDEBUG
static void lose_an_object(void *arg)
{
	static struct pool pool;

	pool_init(&pool, 32);
	pool_alloc(&pool);
	pool_done(&pool);
}
#endif

static void done_finds_what_is_left(void **state)
{
#ifndef NDEBUG
	assert_true(unit_died_of(unit_in_child(lose_an_object, NULL), SIGABRT));
#endif
}

static void empty(void **state)
{
	struct pool pool;

	pool_init(&pool, 32);
	pool_done(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_of_many_sizes),
		cmocka_unit_test(large_objects),
		cmocka_unit_test(fails_on_purpose),
		cmocka_unit_test(done_finds_what_is_left),
		cmocka_unit_test(empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
