/* SPDX-License-Identifier: MIT */
/* The injection counter, and that each allocator asks it. */
#include "base/alloc.h"
#include "base/inject.h"
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

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

struct other {
	pthread_barrier_t barrier;
	pid_t tid;
	bool fails[3];
};

static void *armed_thread(void *arg)
{
	struct other *other = arg;

	other->tid = gettid();
	pthread_barrier_wait(&other->barrier);
	pthread_barrier_wait(&other->barrier);
	for (int i = 0; i < 3; i++)
		other->fails[i] = inject_fail();
	inject_arm(9);
	return NULL;
}

static void can_be_armed_from_another(void **state)
{
	struct other other;
	pthread_t thread;

	pthread_barrier_init(&other.barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, armed_thread, &other), 0);
	pthread_barrier_wait(&other.barrier);
	inject_arm(5);
	assert_int_equal(inject_left_thread(other.tid), 0);
	assert_int_equal(inject_arm_thread(other.tid, 7), 0);
	assert_int_equal(inject_arm_thread(other.tid, 2), 0);
	assert_int_equal(inject_left_thread(other.tid), 2);
	assert_int_equal(inject_left(), 5);
	pthread_barrier_wait(&other.barrier);
	pthread_join(thread, NULL);
	assert_false(other.fails[0]);
	assert_true(other.fails[1]);
	assert_false(other.fails[2]);
	assert_int_equal(inject_left(), 5);
	inject_disarm_all();
	assert_int_equal(inject_left(), 0);
	assert_int_equal(inject_left_thread(other.tid), 0);
	pthread_barrier_destroy(&other.barrier);
}

static void *ends_armed(void *arg)
{
	inject_arm(1000);
	*(bool *)arg = inject_left() == 1000;
	return NULL;
}

/* More threads than there is room for at once. */
static void ended_threads_leave_room(void **state)
{
	bool armed;
	pthread_t thread;

	for (int i = 0; i < 200; i++) {
		armed = false;
		assert_int_equal(pthread_create(&thread, NULL, ends_armed, &armed), 0);
		pthread_join(thread, NULL);
		assert_true(armed);
	}
	assert_false(inject_fail());
	inject_disarm_all();
}

static void *waits(void *arg)
{
	struct other *other = arg;

	other->tid = gettid();
	pthread_barrier_wait(&other->barrier);
	pthread_barrier_wait(&other->barrier);
	return NULL;
}

static void room_ends(void **state)
{
	struct other others[65];
	pthread_t threads[65];

	for (int i = 0; i < 65; i++) {
		pthread_barrier_init(&others[i].barrier, NULL, 2);
		assert_int_equal(pthread_create(&threads[i], NULL, waits, &others[i]), 0);
		pthread_barrier_wait(&others[i].barrier);
	}
	for (int i = 0; i < 64; i++)
		assert_int_equal(inject_arm_thread(others[i].tid, 5), 0);
	assert_int_equal(inject_arm_thread(others[64].tid, 5), -ENOMEM);
	assert_int_equal(inject_arm_thread(others[63].tid, 0), 0);
	assert_int_equal(inject_arm_thread(others[64].tid, 5), 0);
	assert_int_equal(inject_left_thread(others[64].tid), 5);
	for (int i = 0; i < 65; i++) {
		pthread_barrier_wait(&others[i].barrier);
		pthread_join(threads[i], NULL);
		pthread_barrier_destroy(&others[i].barrier);
	}
	inject_disarm_all();
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
		cmocka_unit_test(nothing_armed),
		cmocka_unit_test(fails_once_at_nth),
		cmocka_unit_test(disarms),
		cmocka_unit_test(is_the_threads_own),
		cmocka_unit_test(can_be_armed_from_another),
		cmocka_unit_test(ended_threads_leave_room),
		cmocka_unit_test(room_ends),
		cmocka_unit_test(allocators_ask),
		cmocka_unit_test(zeroed_and_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
