/* SPDX-License-Identifier: MIT */
/* Eventfds are added to and taken from, and nobody waits: also when they are full, in every thread, and after a fork. */
#include "base/event.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define FULL (UINT64_MAX - 1)

static uint64_t count_of(int fd)
{
	uint64_t count = 0;

	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	return count;
}

static int made(uint64_t count, int flags)
{
	int fd = eventfd(0, flags | EFD_CLOEXEC);

	assert_true(fd >= 0);
	if (count)
		assert_int_equal(eventfd_write(fd, count), 0);
	return fd;
}

static void adds_one(void **state)
{
	int fd = made(0, 0);

	for (int i = 0; i < 1000; i++)
		event_add(fd);
	assert_int_equal(count_of(fd), 1000);
	close(fd);
}

static void semaphore(void **state)
{
	int fd = made(0, EFD_SEMAPHORE);

	event_add(fd);
	event_add(fd);
	assert_int_equal(count_of(fd), 1);
	assert_int_equal(count_of(fd), 1);
	close(fd);
}

/* A write() would wait: the alarm kills the test. */
static void full(void **state)
{
	int fd = made(FULL, 0);

	alarm(20);
	event_add(fd);
	event_add(fd);
	alarm(0);
	assert_true(count_of(fd) >= FULL);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	event_add(fd);
	assert_int_equal(count_of(fd), 1);
	close(fd);
}

static void takes(void **state)
{
	int fd = made(0, 0);

	alarm(20);
	assert_false(event_take(fd));
	event_add(fd);
	assert_true(event_take(fd));
	assert_false(event_take(fd));
	alarm(0);
	close(fd);
}

static void no_eventfd(void **state)
{
	int fds[2];
	char byte;

	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	fds[0] = open("/dev/null", O_RDWR);
	event_add(-1);
	event_add(fds[0]);
	assert_int_equal(read(fds[0], &byte, 1), 0);
	close(fds[0]);
	close(fds[1]);
}

static void *add_many(void *arg)
{
	for (int i = 0; i < 5000; i++)
		event_add(*(int *)arg);
	return NULL;
}

static void many_threads(void **state)
{
	pthread_t threads[8];
	int fd = made(0, 0);

	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, &fd), 0);
	for (size_t i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	/* Whoever else was at the eventfd: each was there when its call returned. */
	assert_int_equal(count_of(fd), 8 * 5000);
	close(fd);
}

static void in_child(void *arg)
{
	add_many(arg);
	full(NULL);
}

static void after_fork(void **state)
{
	int fd = made(0, 0);

	event_add(fd);
	assert_true(unit_exited(unit_in_child(in_child, &fd), 0));
	assert_int_equal(count_of(fd), 5001);
	close(fd);
}

/* Asynchronous I/O is forbidden. */
static void in_sandbox(void *arg)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_setup, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_submit, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(*filter), .filter = filter};

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
	adds_one(NULL);
	full(NULL);
}

static void sandboxed(void **state)
{
	assert_true(unit_exited(unit_in_child(in_sandbox, NULL), 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_one),   cmocka_unit_test(semaphore),
		cmocka_unit_test(full),	      cmocka_unit_test(takes),
		cmocka_unit_test(no_eventfd), cmocka_unit_test(many_threads),
		cmocka_unit_test(after_fork), cmocka_unit_test(sandboxed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
