/* SPDX-License-Identifier: MIT */
/*
 * Registers that a program maps, under the toy shim: stores act before the next load and none is lost, in threads, in children, where signals are
 * blocked, beside handlers of the program's own, and through what is done to the mapping. Each test is a process. Prints TAP.
 */
#include "toy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "# %s:%d: %s (errno %d)\n", __FILE__, __LINE__, #what,     \
				errno);                                                            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static int fd;
static volatile char *bar;

static volatile uint32_t *at32(size_t offset)
{
	return (volatile uint32_t *)(bar + offset);
}

static volatile uint64_t *at64(size_t offset)
{
	return (volatile uint64_t *)(bar + offset);
}

static void ring(void)
{
	*at32(TOY_BELL) = 1;
}

static uint64_t rung(void)
{
	return *at64(TOY_RUNG);
}

static void map(void)
{
	fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0);
	bar = mmap(NULL, TOY_BAR_PAGES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(bar != MAP_FAILED);
}

static void wait_for(pid_t pid)
{
	int status;

	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* Does touching this die of the signal? */
static void expect_death(void (*touch)(void), int sig)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		touch();
		_exit(0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == sig);
}

static void test_store_and_load(void)
{
	map();
	for (int i = 1; i <= 100; i++) {
		ring();
		CHECK(rung() == (uint64_t)i);
	}
	*at32(0x40) = 0x12345678;
	CHECK(*at32(0x40) == 0x12345678);
	*at32(PAGE + 8) = 5;
	CHECK(*at32(PAGE + 8) == 5);
	for (uint32_t i = 1; i <= 10; i++)
		CHECK(*at32(TOY_COUNT) == i);
	*at32(2 * PAGE) = 77;
	CHECK(*at32(2 * PAGE) == 77);
	/* Over the edges of pages: the last bytes of one, the first of another. */
	memcpy((char *)bar + PAGE - 3, "abcdef", 6);
	CHECK(!memcmp((char *)bar + PAGE - 3, "abcdef", 6));
	memcpy((char *)bar + 2 * PAGE - 3, "ghijkl", 6);
	CHECK(!memcmp((char *)bar + 2 * PAGE - 3, "ghijkl", 6));
}

static void test_offsets(void)
{
	volatile uint32_t *page;

	map();
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2 * PAGE);
	CHECK(page != MAP_FAILED && *(page + (TOY_COUNT - 2 * PAGE) / 4) == 1);
	CHECK(*at32(TOY_COUNT) == 2);
	CHECK(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE) == MAP_FAILED);
	CHECK(errno == EINVAL);
	CHECK(mmap(NULL, 0, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EINVAL);
	/* What is refused leaves what stands there. */
	CHECK(mmap((void *)bar, 4 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED);
	ring();
	CHECK(rung() == 1);
}

#define THREADS 10
#define RINGS	2000

static void *ringer(void *arg)
{
	(void)arg;
	for (int i = 0; i < RINGS; i++)
		ring();
	return NULL;
}

static void *locked_adder(void *arg)
{
	(void)arg;
	for (int i = 0; i < RINGS; i++)
		__atomic_fetch_add(at64(0x80), 3, __ATOMIC_SEQ_CST);
	return NULL;
}

static void run_threads(void *(*run)(void *))
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, run, NULL));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void test_threads(void)
{
	map();
	run_threads(ringer);
	CHECK(rung() == (uint64_t)THREADS * RINGS);
	run_threads(locked_adder);
	CHECK(*at64(0x80) == 3ull * THREADS * RINGS);
}

/* Threads that block everything, from before the mapping and from after it. */

static void block_all(sigset_t *old)
{
	sigset_t set;

	sigfillset(&set);
	CHECK(!pthread_sigmask(SIG_SETMASK, &set, old));
}

static void check_blocked(bool blocked)
{
	sigset_t now;

	CHECK(!sigprocmask(SIG_BLOCK, NULL, &now));
	CHECK(sigismember(&now, SIGSEGV) == blocked && sigismember(&now, SIGBUS) == blocked);
	CHECK(sigismember(&now, SIGUSR1) == blocked);
}

static void *blocked_ringer(void *arg)
{
	check_blocked(true);
	ringer(arg);
	check_blocked(true);
	return NULL;
}

static void test_blocked(void)
{
	sigset_t old, now;

	map();
	block_all(&old);
	CHECK(!sigismember(&old, SIGSEGV));
	run_threads(blocked_ringer);
	CHECK(rung() == (uint64_t)THREADS * RINGS);
	check_blocked(true);
	sigemptyset(&now);
	sigaddset(&now, SIGSEGV);
	CHECK(!sigprocmask(SIG_UNBLOCK, &now, NULL) && !sigprocmask(SIG_BLOCK, NULL, &now));
	CHECK(!sigismember(&now, SIGSEGV) && sigismember(&now, SIGBUS));
	CHECK(!sigprocmask(SIG_SETMASK, &old, &now) && sigismember(&now, SIGBUS));
	check_blocked(false);
}

/* What is executed starts with the mask that was set: all but SIGKILL and SIGSTOP. */
static void test_blocked_exec(void)
{
	static char name[] = "grep", quiet[] = "-q", pattern[] = "^SigBlk:.*ef.$";
	static char path[] = "/proc/self/status";
	char *const argv[] = {name, quiet, pattern, path, NULL};
	char *const none[] = {NULL};
	pid_t pid;

	map();
	block_all(NULL);
	CHECK(execve("/", argv, none) == -1 && errno == EACCES);
	ring();
	CHECK(rung() == 1);
	pid = fork();
	if (!pid) {
		execve("/bin/grep", argv, none);
		_exit(9);
	}
	wait_for(pid);
}

static pthread_barrier_t mapped;

static void *early_ringer(void *arg)
{
	block_all(NULL);
	pthread_barrier_wait(&mapped);
	pthread_barrier_wait(&mapped);
	return ringer(arg);
}

static void test_blocked_early(void)
{
	pthread_t thread;

	pthread_barrier_init(&mapped, NULL, 2);
	CHECK(!pthread_create(&thread, NULL, early_ringer, NULL));
	pthread_barrier_wait(&mapped);
	map();
	pthread_barrier_wait(&mapped);
	pthread_join(thread, NULL);
	CHECK(rung() == RINGS);
}

static volatile sig_atomic_t handled;

static void ring_in_handler(int sig)
{
	handled++;
	ring();
	(void)sig;
}

static void test_handlers_ring(void)
{
	struct sigaction act = {.sa_handler = ring_in_handler};
	struct timespec no_time = {0, 0};
	sigset_t all, none, usr;

	map();
	sigfillset(&act.sa_mask);
	CHECK(!sigaction(SIGUSR1, &act, NULL));
	CHECK(!raise(SIGUSR1));
	CHECK(!sigaction(SIGUSR1, NULL, &act) && sigismember(&act.sa_mask, SIGSEGV));
	/* Waits with a mask of their own: the handler runs under it. */
	sigfillset(&all);
	sigdelset(&all, SIGUSR1);
	sigemptyset(&none);
	sigemptyset(&usr);
	sigaddset(&usr, SIGUSR1);
	CHECK(!sigprocmask(SIG_BLOCK, &usr, NULL));
	raise(SIGUSR1);
	CHECK(sigsuspend(&all) == -1 && errno == EINTR);
	raise(SIGUSR1);
	CHECK(ppoll(NULL, 0, NULL, &all) == -1 && errno == EINTR);
	raise(SIGUSR1);
	CHECK(pselect(0, NULL, NULL, NULL, &no_time, &all) == -1 && errno == EINTR);
	CHECK(handled == 4 && rung() == 4);
}

/* The program's own faults stay its own. */

static sigjmp_buf back;
static siginfo_t seen;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	seen = *info;
	siglongjmp(back, 1);
}

static void test_own_handler(void)
{
	struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old;
	volatile char *none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(!sigaction(SIGSEGV, &act, NULL));
	map();
	CHECK(!sigaction(SIGBUS, &act, NULL));
	CHECK(!sigaction(SIGSEGV, NULL, &old) && old.sa_sigaction == on_fault);
	for (int i = 0; i < 3; i++) {
		ring();
		if (!sigsetjmp(back, 1)) {
			none[7] = 1;
			CHECK(false);
		}
		CHECK(seen.si_signo == SIGSEGV && seen.si_addr == none + 7);
		CHECK(seen.si_code == SEGV_ACCERR);
	}
	if (!sigsetjmp(back, 1)) {
		*at32(TOY_REFUSED) = 1;
		CHECK(false);
	}
	CHECK(seen.si_signo == SIGBUS && seen.si_addr == bar + TOY_REFUSED);
	if (!sigsetjmp(back, 1)) {
		CHECK(*at32(TOY_REFUSED) != 1);
		CHECK(false);
	}
	CHECK(!mprotect((void *)bar, PAGE, PROT_READ));
	if (!sigsetjmp(back, 1)) {
		ring();
		CHECK(false);
	}
	CHECK(seen.si_signo == SIGSEGV && seen.si_addr == bar + TOY_BELL && rung() == 3);
}

static void count_signal(int sig)
{
	(void)sig;
	handled++;
}

static void touch_none(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	*(volatile char *)0 = 1;
}

static void store_refused(void)
{
	*at32(TOY_REFUSED) = 1;
}

static void execute_it(void)
{
	((void (*)(void))(uintptr_t)(bar + 2 * PAGE))();
}

static void test_deaths(void)
{
	struct sigaction act = {.sa_handler = SIG_DFL};

	map();
	expect_death(touch_none, SIGSEGV);
	expect_death(store_refused, SIGBUS);
	expect_death(execute_it, SIGSEGV);
	/* Blocked, a fault kills though there is a handler. */
	act.sa_handler = SIG_IGN;
	CHECK(!sigaction(SIGSEGV, &act, NULL));
	expect_death(touch_none, SIGSEGV);
	act.sa_handler = count_signal;
	CHECK(!sigaction(SIGSEGV, &act, NULL));
	expect_death(touch_none, SIGSEGV);
}

/* One that is sent while it is blocked waits. */
static void test_sent(void)
{
	struct sigaction act = {.sa_handler = count_signal};
	sigset_t segv, pending;

	map();
	CHECK(!sigaction(SIGSEGV, &act, NULL));
	sigemptyset(&segv);
	sigaddset(&segv, SIGSEGV);
	CHECK(!sigprocmask(SIG_BLOCK, &segv, NULL));
	CHECK(!raise(SIGSEGV) && !handled);
	CHECK(!sigpending(&pending) && sigismember(&pending, SIGSEGV));
	CHECK(!sigprocmask(SIG_UNBLOCK, &segv, NULL) && handled == 1);
	CHECK(!sigprocmask(SIG_BLOCK, NULL, &segv) && !sigismember(&segv, SIGSEGV));
	ring();
}

static void test_small_stack(void)
{
	stack_t stack = {.ss_size = 8192};
	pid_t pid;
	char *memory = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED && !mprotect(memory + PAGE, 2 * PAGE, PROT_READ | PROT_WRITE));
	stack.ss_sp = memory + PAGE;
	CHECK(!sigaltstack(&stack, NULL));
	map();
	ring();
	CHECK(rung() == 1 && *at32(TOY_COUNT) == 1);
	/* A child is a client: its first access attaches. */
	pid = fork();
	if (!pid) {
		ring();
		_exit(*at32(TOY_COUNT) != 2);
	}
	wait_for(pid);
}

static void test_children(void)
{
	pid_t pid;

	map();
	ring();
	for (int i = 0; i < 3; i++) {
		pid = fork();
		if (!pid) {
			run_threads(ringer);
			CHECK(*at32(TOY_COUNT) > 0);
			_exit(rung() < 1 + (uint64_t)THREADS * RINGS);
		}
		wait_for(pid);
	}
	CHECK(rung() == 1 + 3ull * THREADS * RINGS && *at32(TOY_COUNT) == 4);
	pid = vfork();
	if (!pid) {
		ring();
		_exit(0);
	}
	wait_for(pid);
	CHECK(rung() == 2 + 3ull * THREADS * RINGS);
}

/* The host goes; its child goes on with the registers. */
static void test_orphan(void)
{
	int ready[2], go[2];
	char byte;
	pid_t pid;

	CHECK(!pipe(ready) && !pipe(go));
	pid = fork();
	if (!pid) {
		map();
		ring();
		pid = fork();
		if (!pid) {
			close(go[1]);
			CHECK(read(go[0], &byte, 1) == 0);
			ring();
			byte = (char)rung();
			CHECK(write(ready[1], &byte, 1) == 1);
		}
		_exit(0);
	}
	wait_for(pid);
	close(go[1]);
	close(ready[1]);
	CHECK(read(ready[0], &byte, 1) == 1 && byte == 2);
}

/* A mapping holds the file, a last unmapping lets it go. */
static void test_held(void)
{
	int other;

	map();
	other = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	CHECK(ioctl(other, TOY_LIVE) == 2);
	close(fd);
	CHECK(ioctl(other, TOY_LIVE) == 2);
	ring();
	CHECK(rung() == 1);
	for (int i = 3; i < 256; i++) {
		if (i != other)
			close(i);
	}
	ring();
	CHECK(rung() == 2);
	CHECK(!munmap((void *)bar, PAGE) && ioctl(other, TOY_LIVE) == 2);
	CHECK(!munmap((void *)(bar + PAGE), 2 * PAGE) && ioctl(other, TOY_LIVE) == 1);
}

static void test_unmapped(void)
{
	volatile char *plain;

	map();
	ring();
	/* The middle, and then something else over the first. */
	CHECK(!munmap((void *)(bar + PAGE), PAGE));
	CHECK(*at32(TOY_COUNT) == 1);
	plain = mmap((void *)bar, PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(plain == bar);
	plain[TOY_BELL] = 1;
	CHECK(rung() == 0);
	CHECK(!munmap((void *)bar, TOY_BAR_PAGES));
	CHECK(ioctl(fd, TOY_LIVE) == 1);
}

static void test_moved(void)
{
	volatile char *old, *to;

	map();
	old = bar;
	to = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(mremap((void *)bar, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
	bar = mremap((void *)bar, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	CHECK(bar == to);
	ring();
	CHECK(rung() == 1);
	CHECK(*(volatile uint32_t *)(old + TOY_COUNT) == 1);
}

static void test_protected(void)
{
	map();
	CHECK(!mprotect((void *)bar, TOY_BAR_PAGES, PROT_READ));
	CHECK(!mprotect((void *)bar, TOY_BAR_PAGES, PROT_READ | PROT_WRITE));
	ring();
	CHECK(rung() == 1 && *at32(TOY_COUNT) == 1);
	CHECK(!mprotect((void *)bar, PAGE, PROT_WRITE));
	ring();
	CHECK(rung() == 2);
}

static void receive(int sock)
{
	char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))), byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space),
	};

	CHECK(recvmsg(sock, &msg, 0) == 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	bar = mmap(NULL, TOY_BAR_PAGES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(bar != MAP_FAILED);
	ring();
	CHECK(rung() == 2 && *at32(TOY_COUNT) == 1);
}

static void test_received(void)
{
	char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0}, byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int pair[2];
	pid_t pid;

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid = fork();
	if (!pid) {
		receive(pair[1]);
		_exit(0);
	}
	map();
	ring();
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	CHECK(sendmsg(pair[0], &msg, 0) == 1);
	wait_for(pid);
	CHECK(rung() == 2);
}

/* System calls that are given registers. */
static void test_system_calls(void)
{
	char *page = NULL, *loads = NULL, buf[64] = {};
	struct iovec iov[2] = {{buf, 4}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	uint32_t one = 1, count = 0;
	int pair[2];

	map();
	page = (char *)bar;
	loads = (char *)bar + TOY_COUNT;
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	CHECK(send(pair[0], &one, 4, 0) == 4 && read(pair[1], page + TOY_BELL, 4) == 4);
	CHECK(send(pair[0], &one, 4, 0) == 4 && recv(pair[1], page + TOY_BELL, 4, 0) == 4);
	CHECK(rung() == 2);
	CHECK(write(pair[0], loads, 4) == 4 && read(pair[1], &count, 4) == 4 && count == 1);
	CHECK(send(pair[0], loads, 4, 0) == 4 && read(pair[1], &count, 4) == 4 && count == 2);
	/* Readable pages are the kernel's to read. */
	CHECK(write(pair[0], page + TOY_RUNG, 4) == 4 && read(pair[1], &count, 4) == 4);
	CHECK(count == 2);
	iov[1] = (struct iovec){loads, 4};
	CHECK(writev(pair[0], iov, 2) == 8 && read(pair[1], buf, 64) == 8);
	memcpy(&count, buf + 4, 4);
	CHECK(count == 3);
	CHECK(sendmsg(pair[0], &msg, 0) == 8);
	iov[1] = (struct iovec){page + TOY_BELL, 4};
	CHECK(recvmsg(pair[1], &msg, 0) == 8 && msg.msg_iov == iov && rung() == 6);
	CHECK(send(pair[0], buf, 8, 0) == 8 && readv(pair[1], iov, 2) == 8 && rung() == 9);
	/* The device's own descriptor, too. */
	CHECK(pread(fd, page + TOY_BELL, 8, TOY_RUNG) == 8 && rung() == 18);
	CHECK(!mprotect(page, 4096, PROT_READ) && send(pair[0], &one, 4, 0) == 4);
	CHECK(recv(pair[1], page + TOY_BELL, 4, 0) == -1 && errno == EFAULT);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{"a store acts before the next load", test_store_and_load},
	{"parts are mapped, and what is refused leaves what stands", test_offsets},
	{"ten threads ring at once, none is lost", test_threads},
	{"in threads that block all signals", test_blocked},
	{"... and did so before there was a mapping", test_blocked_early},
	{"what is executed inherits the mask", test_blocked_exec},
	{"in handlers that block all signals", test_handlers_ring},
	{"the program's own faults are its own", test_own_handler},
	{"what kills, kills", test_deaths},
	{"a signal that is sent while it is blocked waits", test_sent},
	{"on an alternate stack of 8 KiB", test_small_stack},
	{"in children", test_children},
	{"in children whose host is gone", test_orphan},
	{"a mapping holds the file", test_held},
	{"what is unmapped or mapped over is not trapped", test_unmapped},
	{"what moves is followed", test_moved},
	{"no permission opens a page", test_protected},
	{"in who received the descriptor", test_received},
	{"system calls that are given registers", test_system_calls},
};

int main(int argc, char **argv)
{
	size_t n = sizeof(tests) / sizeof(tests[0]);
	int failed = 0, status;

	printf("1..%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		pid_t pid;

		if (argc > 1 && atoi(argv[1]) != (int)i + 1)
			continue;
		fflush(stdout);
		pid = fork();
		if (!pid) {
			tests[i].run();
			_exit(0);
		}
		waitpid(pid, &status, 0);
		if (status)
			fprintf(stderr, "# wait status %#x\n", status);
		printf("%s %zu - %s\n", status ? "not ok" : "ok", i + 1, tests[i].name);
		failed += status != 0;
	}
	return failed != 0;
}
