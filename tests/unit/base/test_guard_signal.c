/* SPDX-License-Identifier: MIT */
/*
 * The program's own actions for SIGSEGV and SIGBUS behind ours do what they would do without it.
 * Each test is a child, since what is tested is a process's; the tests of actions run twice, with
 * the action set before and after ours.
 */
#include "base/guard.h"
#include "base/guard_private.h"
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define PAGE 4096

static char *bad;
static volatile sig_atomic_t calls;
static siginfo_t seen;
static sigset_t mask_in_handler;
static sigjmp_buf back;

static void bad_new(void)
{
	bad = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(bad, MAP_FAILED);
}

static void check_guard(void)
{
	char c;

	assert_int_equal(guard_copy(&c, bad, 1), -EFAULT);
}

/* Installs the program's action before or after ours. */
static void act(const struct sigaction *action, bool before)
{
	static const struct sigaction by_default = {.sa_handler = SIG_DFL};
	struct sigaction old;

	bad_new();
	if (before) {
		assert_int_equal(sigaction(SIGSEGV, action, NULL), 0);
		assert_int_equal(guard_init(NULL), 0);
		assert_int_equal(guard_sigaction(SIGSEGV, NULL, &old), 0);
	} else {
		assert_int_equal(sigaction(SIGSEGV, &by_default, NULL), 0);
		assert_int_equal(guard_init(NULL), 0);
		assert_int_equal(guard_sigaction(SIGSEGV, action, &old), 0);
		assert_true(old.sa_handler == SIG_DFL);
		assert_int_equal(guard_sigaction(SIGSEGV, NULL, &old), 0);
	}
	assert_true(old.sa_sigaction == action->sa_sigaction);
	assert_int_equal(old.sa_flags & 0x7fffffff & ~0x04000000 /* SA_RESTORER */,
			 action->sa_flags & 0x7fffffff);
	check_guard();
	assert_int_equal(calls, 0);
}

static void touch(void)
{
	*(volatile char *)bad = 1;
}

static void note(int sig, siginfo_t *info, void *context)
{
	calls++;
	seen = *info;
	pthread_sigmask(SIG_BLOCK, NULL, &mask_in_handler);
}

/* Makes the page good, so that the access goes through when the handler returns. */
static void mend(int sig, siginfo_t *info, void *context)
{
	note(sig, info, context);
	mprotect(bad, PAGE, PROT_READ | PROT_WRITE);
}

static void jump(int sig, siginfo_t *info, void *context)
{
	note(sig, info, context);
	siglongjmp(back, 1);
}

static void mends(void *before)
{
	struct sigaction action = {.sa_sigaction = mend, .sa_flags = SA_SIGINFO};
	sigset_t now;

	sigaddset(&action.sa_mask, SIGUSR1);
	act(&action, before);
	touch();
	assert_int_equal(calls, 1);
	assert_int_equal(seen.si_signo, SIGSEGV);
	assert_ptr_equal(seen.si_addr, bad);
	assert_int_equal(seen.si_code, SEGV_ACCERR);
	assert_true(sigismember(&mask_in_handler, SIGSEGV));
	assert_true(sigismember(&mask_in_handler, SIGUSR1));
	assert_false(sigismember(&mask_in_handler, SIGUSR2));
	pthread_sigmask(SIG_BLOCK, NULL, &now);
	assert_false(sigismember(&now, SIGSEGV));
	assert_false(sigismember(&now, SIGUSR1));
	mprotect(bad, PAGE, PROT_NONE);
	check_guard();
}

static void jumps(void *before)
{
	struct sigaction action = {.sa_sigaction = jump, .sa_flags = SA_SIGINFO};

	act(&action, before);
	for (int i = 0; i < 3; i++) {
		if (!sigsetjmp(back, 1))
			touch();
		check_guard();
	}
	assert_int_equal(calls, 3);
}

static void plain_mend(int sig)
{
	siginfo_t none = {.si_signo = sig};

	mend(sig, &none, NULL);
}

static void plain(void *before)
{
	struct sigaction action = {.sa_handler = plain_mend, .sa_flags = SA_NODEFER};

	act(&action, before);
	touch();
	assert_int_equal(calls, 1);
	assert_int_equal(seen.si_signo, SIGSEGV);
	assert_false(sigismember(&mask_in_handler, SIGSEGV)); /* SA_NODEFER */
}

/* Guarded copies in the program's handler, where the signal is blocked. */
static void copy_in_handler(int sig, siginfo_t *info, void *context)
{
	char good[64], c;

	check_guard();
	memset(good, 5, sizeof(good));
	assert_int_equal(guard_copy(&c, good, 1), 0);
	assert_int_equal(c, 5);
	mend(sig, info, context);
}

static void copies_within(void *before)
{
	struct sigaction action = {.sa_sigaction = copy_in_handler, .sa_flags = SA_SIGINFO};

	act(&action, before);
	touch();
	assert_int_equal(calls, 1);
	mprotect(bad, PAGE, PROT_NONE);
	check_guard();
	action.sa_flags |= SA_NODEFER;
	assert_int_equal(guard_sigaction(SIGSEGV, &action, NULL), 0);
	touch();
	assert_int_equal(calls, 2);
}

static void refault(int sig, siginfo_t *info, void *context)
{
	touch();
}

/* A fault in a handler that blocks it kills. */
static void faults_within(void *before)
{
	struct sigaction action = {.sa_sigaction = refault, .sa_flags = SA_SIGINFO};

	act(&action, before);
	touch();
}

static void once_only(void *before)
{
	struct sigaction action = {.sa_sigaction = jump,
				   .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND)};
	struct sigaction now;

	act(&action, before);
	if (!sigsetjmp(back, 1))
		touch();
	assert_int_equal(calls, 1);
	check_guard();
	assert_int_equal(guard_sigaction(SIGSEGV, NULL, &now), 0);
	assert_true(now.sa_handler == SIG_DFL);
	touch();
}

static void by_default(void *before)
{
	struct sigaction action = {.sa_handler = SIG_DFL};

	act(&action, before);
	touch();
}

static void by_default_sent(void *before)
{
	struct sigaction action = {.sa_handler = SIG_DFL};

	act(&action, before);
	kill(getpid(), SIGSEGV);
}

static void ignored(void *before)
{
	struct sigaction action = {.sa_handler = SIG_IGN};

	act(&action, before);
	kill(getpid(), SIGSEGV);
	check_guard();
	_exit(3);
}

static void ignored_but_real(void *before)
{
	struct sigaction action = {.sa_handler = SIG_IGN};

	act(&action, before);
	touch();
}

static void sent_is_handled(void *before)
{
	struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};

	act(&action, before);
	kill(getpid(), SIGSEGV);
	assert_int_equal(calls, 1);
	assert_int_equal(seen.si_code, SI_USER);
	assert_int_equal(seen.si_pid, getpid());
}

static void actions_work(void **state)
{
	static void (*const good[])(void *) = {mends, jumps, plain, copies_within, sent_is_handled};
	static void (*const deadly[])(void *) = {faults_within, once_only, by_default,
						 by_default_sent, ignored_but_real};

	for (uintptr_t before = 0; before < 2; before++) {
		for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
			assert_true(unit_exited(unit_in_child(good[i], (void *)before), 0));
		for (size_t i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
			assert_true(
				unit_died_of(unit_in_child(deadly[i], (void *)before), SIGSEGV));
		assert_true(unit_exited(unit_in_child(ignored, (void *)before), 3));
	}
}

static char small_stack[64 * 1024];

static void on_small_stack(int sig, siginfo_t *info, void *context)
{
	char *here = (char *)&here;

	check_guard();
	_exit(here >= small_stack && here < small_stack + sizeof(small_stack) ? 7 : 8);
}

__attribute__((noinline)) static int deeper(volatile char *above)
{
	volatile char frame[4096];

	frame[0] = above[0];
	return above[0] == 99 ? 0 : deeper(frame) + frame[0];
}

static void *overflow(void *arg)
{
	stack_t stack = {.ss_sp = small_stack, .ss_size = sizeof(small_stack)};
	char c = 0;

	sigaltstack(&stack, NULL);
	check_guard();
	deeper(&c);
	return NULL;
}

static void overflows(void *before)
{
	struct sigaction action = {.sa_sigaction = on_small_stack,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK};
	pthread_attr_t attr;
	pthread_t thread;

	act(&action, before);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	pthread_create(&thread, &attr, overflow, NULL);
	pthread_join(thread, NULL);
}

static void alternate_stack(void **state)
{
	assert_true(unit_exited(unit_in_child(overflows, (void *)0), 7));
	assert_true(unit_exited(unit_in_child(overflows, (void *)1), 7));
}

static void bus_action(void *arg)
{
	struct sigaction action = {.sa_sigaction = jump, .sa_flags = SA_SIGINFO}, old;
	int fd = memfd_create("guard", 0);
	char c;

	bad = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(guard_init(NULL), 0);
	assert_int_equal(guard_sigaction(SIGBUS, &action, &old), 0);
	assert_int_equal(guard_copy(&c, bad, 1), -EFAULT);
	if (!sigsetjmp(back, 1))
		touch();
	assert_int_equal(calls, 1);
	assert_int_equal(seen.si_signo, SIGBUS);
	assert_int_equal(guard_sigaction(SIGINT, &action, &old), -EINVAL);
}

static void bus(void **state)
{
	assert_true(unit_exited(unit_in_child(bus_action, NULL), 0));
}

/* Only a fault is mended, not a signal that was sent while the copy ran. */
static void whose_fault(void **state)
{
	siginfo_t info = {.si_signo = SIGSEGV, .si_code = SEGV_MAPERR};
	ucontext_t context = {0};
#if defined(__x86_64__)
	greg_t *ip = &context.uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	unsigned long long *ip = &context.uc_mcontext.pc;
#endif

	*ip = (__typeof__(*ip))(uintptr_t)guard_bytes;
	info.si_code = SI_USER;
	assert_false(guard_handle(SIGSEGV, &info, &context));
	info.si_code = SEGV_MAPERR;
	assert_true(guard_handle(SIGSEGV, &info, &context));
	assert_int_equal(*ip, (uintptr_t)guard_bytes_fault);
	*ip = (__typeof__(*ip))(uintptr_t)guard_bytes_end;
	assert_false(guard_handle(SIGSEGV, &info, &context));
	*ip = (__typeof__(*ip))(uintptr_t)guard_bytes - 1;
	assert_false(guard_handle(SIGSEGV, &info, &context));
}

static int refuse(int sig, const struct sigaction *action, struct sigaction *old)
{
	errno = EPERM;
	return sig == SIGBUS ? -1 : sigaction(sig, action, old);
}

static void refused(void *arg)
{
	struct sigaction before, after;

	sigaction(SIGSEGV, NULL, &before);
	assert_int_equal(guard_init(refuse), -EPERM);
	sigaction(SIGSEGV, NULL, &after);
	assert_true(before.sa_sigaction == after.sa_sigaction);
	assert_int_equal(guard_init(NULL), 0);
	sigaction(SIGSEGV, NULL, &after);
	assert_true(before.sa_sigaction != after.sa_sigaction);
}

static void init_can_fail(void **state)
{
	assert_true(unit_exited(unit_in_child(refused, NULL), 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(actions_work),	 cmocka_unit_test(alternate_stack),
		cmocka_unit_test(bus),		 cmocka_unit_test(whose_fault),
		cmocka_unit_test(init_can_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
