/* SPDX-License-Identifier: MIT */
/* Locks exclude, wait, and die of a wrong order. */
#include "base/lock.h"
#include "unit.h"

static struct lock low, high, also_high;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn, sum;

static int setup(void **state)
{
	lock_init(&low, RANK_CONTEXT);
	lock_init(&high, RANK_MM);
	lock_init(&also_high, RANK_MM);
	return 0;
}

static int teardown(void **state)
{
	lock_done(&low);
	lock_done(&high);
	lock_done(&also_high);
	return 0;
}

static void rising_order(void **state)
{
	lock_take(&low);
	lock_assert_held(&low);
	{
		LOCK_SCOPED(&high);
		lock_assert_held(&high);
	}
	{
		LOCK_SCOPED(&also_high);
		lock_assert_held(&also_high);
	}
	lock_release(&low);
}

static void any_order_of_release(void **state)
{
	lock_take(&low);
	lock_take(&high);
	lock_release(&low);
	lock_release(&high);
	lock_take(&low);
	lock_release(&low);
}

static void *add(void *arg)
{
	for (int i = 0; i < 10000; i++) {
		LOCK_SCOPED(&low);
		sum++;
	}
	return NULL;
}

static void excludes(void **state)
{
	pthread_t threads[4];

	sum = 0;
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, add, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(sum, 40000);
}

static void *pong(void *arg)
{
	LOCK_SCOPED(&low);
	while (turn != 1)
		lock_wait(&low, &cond);
	lock_assert_held(&low);
	turn = 2;
	pthread_cond_broadcast(&cond);
	return NULL;
}

static void waits(void **state)
{
	pthread_t thread;

	turn = 0;
	pthread_create(&thread, NULL, pong, NULL);
	{
		LOCK_SCOPED(&low);
		turn = 1;
		pthread_cond_broadcast(&cond);
		while (turn != 2)
			lock_wait(&low, &cond);
		lock_assert_held(&low);
	}
	pthread_join(thread, NULL);
}

#ifndef NDEBUG

static void falling(void *arg)
{
	lock_take(&high);
	lock_take(&low);
}

static void same_rank(void *arg)
{
	lock_take(&high);
	lock_take(&also_high);
}

static void twice(void *arg)
{
	lock_take(&high);
	lock_take(&high);
}

static void release_unheld(void *arg)
{
	lock_release(&low);
}

static void release_other(void *arg)
{
	lock_take(&high);
	lock_release(&also_high);
}

static void unheld(void *arg)
{
	lock_assert_held(&low);
}

static void wait_under_higher(void *arg)
{
	lock_take(&low);
	lock_take(&high);
	lock_wait(&low, &cond);
}

static void violations_die(void **state)
{
	static void (*const wrong[])(void *) = {falling,	  same_rank,	 twice,
						release_unheld,	  release_other, unheld,
						wait_under_higher};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_true(unit_died_of(unit_in_child(wrong[i], NULL), SIGABRT));
}

#else

static void violations_die(void **state)
{
	skip();
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rising_order),	  cmocka_unit_test(any_order_of_release),
		cmocka_unit_test(excludes),	  cmocka_unit_test(waits),
		cmocka_unit_test(violations_die),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
