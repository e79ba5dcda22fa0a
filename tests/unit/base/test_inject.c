/* SPDX-License-Identifier: MIT */
/* The injection counter, and that each allocator asks it. */
#include "base/alloc.h"
#include "base/inject.h"
#include "unit.h"

#include <pthread.h>
#include <string.h>

static void nothing_armed(void **state)
{
	assert_int_equal(inject_left(), 0);
	for (int i = 0; i < 10; i++)
		assert_false(inject_fail());
}

static void fails_once_at_nth(void **state)
{
	inject_arm(3);
	assert_int_equal(inject_left(), 3);
	assert_false(inject_fail());
	assert_false(inject_fail());
	assert_int_equal(inject_left(), 1);
	assert_true(inject_fail());
	assert_int_equal(inject_left(), 0);
	assert_false(inject_fail());
}

static void disarms(void **state)
{
	inject_arm(1);
	inject_arm(0);
	assert_false(inject_fail());
}

static void *other_thread(void *arg)
{
	*(bool *)arg = inject_fail();
	return NULL;
}

static void is_the_threads_own(void **state)
{
	bool failed = true;
	pthread_t thread;

	inject_arm(1);
	assert_int_equal(pthread_create(&thread, NULL, other_thread, &failed), 0);
	pthread_join(thread, NULL);
	assert_false(failed);
	assert_true(inject_fail());
}

static void allocators_ask(void **state)
{
	char *p;

	inject_arm(1);
	assert_null(mem_alloc(8));
	inject_arm(1);
	assert_null(mem_zalloc(8));
	inject_arm(1);
	assert_null(mem_calloc(2, 8));
	p = mem_alloc(8);
	assert_non_null(p);
	memcpy(p, "abcdefg", 8);
	inject_arm(1);
	assert_null(mem_realloc(p, 800));
	assert_string_equal(p, "abcdefg");
	p = mem_realloc(p, 800);
	assert_string_equal(p, "abcdefg");
	free(p);
}

static void zeroed_and_checked(void **state)
{
	static const char zero[64];
	volatile size_t huge = SIZE_MAX / 4;
	char *p = mem_zalloc(64);

	assert_memory_equal(p, zero, 64);
	free(p);
	p = mem_calloc(8, 8);
	assert_memory_equal(p, zero, 64);
	free(p);
	if (!UNIT_ASAN && !UNIT_TSAN) /* which would stop there */
		assert_null(mem_calloc(huge, 16));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_armed),  cmocka_unit_test(fails_once_at_nth),
		cmocka_unit_test(disarms),	  cmocka_unit_test(is_the_threads_own),
		cmocka_unit_test(allocators_ask), cmocka_unit_test(zeroed_and_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
