/* SPDX-License-Identifier: MIT */
/* The guarded copy: right for every length, and -EFAULT for a fault at every byte, wherever it
 * runs. */
#include "base/guard.h"
#include "unit.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define PAGE 4096

/* Two pages, of which the second can't be touched. */
static char *edge_new(void)
{
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(mprotect(p + PAGE, PAGE, PROT_NONE), 0);
	return p;
}

static void copy_and_check(const unsigned char *src, unsigned char *dst, size_t len, size_t at)
{
	memset(dst, 0xee, len + 64);
	assert_int_equal(guard_copy(dst + at, src, len), 0);
	for (size_t i = 0; i < at; i++)
		assert_int_equal(dst[i], 0xee);
	assert_memory_equal(dst + at, src, len);
	for (size_t i = at + len; i < len + 64; i++)
		assert_int_equal(dst[i], 0xee);
}

static void copies_every_length(void)
{
	unsigned char src[PAGE], dst[PAGE + 64];

	for (size_t i = 0; i < sizeof(src); i++)
		src[i] = (unsigned char)(i * 7 + i / 256);
	for (size_t len = 0; len <= 200; len++)
		copy_and_check(src + len % 5, dst, len, len % 31);
	for (size_t len = 201; len <= 1300; len += 7)
		copy_and_check(src, dst, len, len % 31);
	copy_and_check(src, dst, PAGE, 3);
}

/* All copies of len bytes that have at least one on the bad page. */
static void faults_everywhere(char *edge, size_t len)
{
	char good[PAGE] = {0};

	for (size_t bad = 1; bad <= len; bad++) {
		assert_int_equal(guard_copy(good, edge + PAGE - len + bad, len), -EFAULT);
		assert_int_equal(guard_copy(edge + PAGE - len + bad, good, len), -EFAULT);
	}
	assert_int_equal(guard_copy(good, edge + PAGE - len, len), 0);
	assert_int_equal(guard_copy(edge + PAGE - len, good, len), 0);
}

static void bad_addresses(void)
{
	static char good[64];
	static const uintptr_t bad[] = {0,
					1,
					PAGE - 8,
					(uintptr_t)1 << 62,
					(uintptr_t)1 << 63,
					UINTPTR_MAX - 3,
					UINTPTR_MAX - PAGE + 1,
					0x00007ffffffff000};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(guard_copy(good, (void *)bad[i], 8), -EFAULT);
		assert_int_equal(guard_copy((void *)bad[i], good, 40), -EFAULT);
		assert_int_equal(guard_copy((void *)bad[i], good, 0), 0);
	}
}

/* A mapped file that was truncated: SIGBUS. */
static void past_the_end_of_a_file(void)
{
	char good[PAGE] = {0};
	int fd = memfd_create("guard", 0);
	char *p;

	assert_int_equal(ftruncate(fd, PAGE), 0);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(guard_copy(p, good, 100), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(guard_copy(p, good, 100), -EFAULT);
	assert_int_equal(guard_copy(good, p, PAGE), -EFAULT);
	munmap(p, PAGE);
	close(fd);
}

static void whole_round(void *arg)
{
	char *edge = edge_new();

	assert_int_equal(guard_init(NULL), 0);
	errno = 77;
	copies_every_length();
	for (size_t len = 1; len <= 140; len++)
		faults_everywhere(edge, len);
	faults_everywhere(edge, 700);
	faults_everywhere(edge, 1025);
	bad_addresses();
	past_the_end_of_a_file();
	assert_int_equal(errno, 77);
	munmap(edge, 2 * PAGE);
}

static void *round_in_thread(void *arg)
{
	whole_round(NULL);
	return NULL;
}

static void block(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
}

static void in_the_main_thread(void **state)
{
	assert_true(unit_exited(unit_in_child(whole_round, NULL), 0));
}

static void threads(void *arg)
{
	pthread_t thread[3];

	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, round_in_thread, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
}

static void in_threads(void **state)
{
	assert_true(unit_exited(unit_in_child(threads, NULL), 0));
}

static void blocking_segv(void *arg)
{
	block(SIGSEGV);
	threads(NULL);
}

static void blocking_both(void *arg)
{
	block(SIGBUS);
	blocking_segv(NULL);
}

static void in_threads_that_block(void **state)
{
	assert_true(unit_exited(unit_in_child(blocking_segv, NULL), 0));
	assert_true(unit_exited(unit_in_child(blocking_both, NULL), 0));
}

/* A thread whose mask changes after its first copy, and which tells. */
static void told(void *arg)
{
	whole_round(NULL);
	guard_thread_blocks(true);
	block(SIGSEGV);
	whole_round(NULL);
}

static void in_threads_that_tell(void **state)
{
	assert_true(unit_exited(unit_in_child(told, NULL), 0));
}

/* A thread that was found to block isn't taken for one that blocks ever after, nor the other way
 * round. */
static void unblocking(void *arg)
{
	sigset_t set;

	block(SIGSEGV);
	whole_round(NULL);
	sigemptyset(&set);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	whole_round(NULL);
}

static void in_threads_that_unblock(void **state)
{
	assert_true(unit_exited(unit_in_child(unblocking, NULL), 0));
}

static void forbid(int nr, int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static void forbidden(void *arg)
{
	sigset_t now;

	forbid(SYS_process_vm_readv, *(int *)arg);
	blocking_both(NULL);
	whole_round(NULL);
	pthread_sigmask(SIG_BLOCK, NULL, &now);
	assert_true(sigismember(&now, SIGSEGV));
	assert_true(sigismember(&now, SIGBUS));
}

static void without_process_vm(void **state)
{
	assert_true(unit_exited(unit_in_child(forbidden, &(int){EPERM}), 0));
	assert_true(unit_exited(unit_in_child(forbidden, &(int){ENOSYS}), 0));
}

static void child_of_fork(void *arg)
{
	whole_round(NULL);
	assert_true(unit_exited(unit_in_child(whole_round, NULL), 0));
}

static void in_a_child(void **state)
{
	assert_true(unit_exited(unit_in_child(child_of_fork, NULL), 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_the_main_thread),
		cmocka_unit_test(in_threads),
		cmocka_unit_test(in_threads_that_block),
		cmocka_unit_test(in_threads_that_tell),
		cmocka_unit_test(in_threads_that_unblock),
		cmocka_unit_test(without_process_vm),
		cmocka_unit_test(in_a_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
