/* SPDX-License-Identifier: MIT */
#include "frontend/preload/mask.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/guard.h"
#include "base/sys.h"
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"

static bool devices;

bool faults_are_ours(void)
{
	return devices || process_was_used();
}

/* Of a set, its first word, which is all that the kernel has. */
static uint64_t faults_of(const sigset_t *set)
{
	uint64_t word;

	memcpy(&word, set, sizeof(word));
	return word & GUARD_SIGNALS;
}

static void add_faults(sigset_t *set, uint64_t faults)
{
	uint64_t word;

	memcpy(&word, set, sizeof(word));
	word |= faults;
	memcpy(set, &word, sizeof(word));
}

void mask_open(sigset_t *set)
{
	if (!faults_are_ours())
		return;
	sigdelset(set, SIGSEGV);
	sigdelset(set, SIGBUS);
}

/* A copy that the kernel may have. NULL stays NULL, and what can't be read is left to the kernel, which says so. */
static const sigset_t *opened(const sigset_t *set, sigset_t *copy)
{
	uint64_t word;

	if (!set || !faults_are_ours() || guard_copy(&word, set, sizeof(word)))
		return set;
	*copy = (sigset_t){0};
	word &= ~GUARD_SIGNALS;
	memcpy(copy, &word, sizeof(word));
	return copy;
}

static void remember(int how, uint64_t faults)
{
	uint64_t hidden = guard_thread_hidden();

	if (how == SIG_BLOCK)
		hidden |= faults;
	else if (how == SIG_UNBLOCK)
		hidden &= ~faults;
	else
		hidden = faults;
	guard_thread_hide(hidden);
	/* Nothing of the kernel's mask but what was blocked before faults were ours, and is no more. */
	if (how != SIG_BLOCK)
		guard_thread_blocks(false);
}

typedef int (*mask_fn)(int how, const sigset_t *set, sigset_t *old);

static int change(mask_fn real_change, int how, const sigset_t *set, sigset_t *old)
{
	sigset_t copy;
	uint64_t hidden = guard_thread_hidden(), faults;
	int rc;

	if (!faults_are_ours())
		return real_change(how, set, old);
	faults = set ? faults_of(set) : 0;
	/* A signal that waits comes within the call, and must find what holds from now on. */
	if (set && how == SIG_UNBLOCK)
		guard_thread_hide(hidden & ~faults);
	else if (set && how == SIG_SETMASK)
		guard_thread_hide(faults);
	rc = real_change(how, set && how != SIG_UNBLOCK ? opened(set, &copy) : set, old);
	if (rc) {
		guard_thread_hide(hidden);
		return rc;
	}
	if (set)
		remember(how, faults);
	if (old)
		add_faults(old, hidden);
	return 0;
}

SHIM int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	return change(REAL(sigprocmask), how, set, old);
}

SHIM int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return change(REAL(pthread_sigmask), how, set, old);
}

/* Handlers that come while one of these waits run with its mask. */

SHIM int sigsuspend(const sigset_t *set)
{
	sigset_t copy;

	return REAL(sigsuspend)(opened(set, &copy));
}

SHIM int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *set)
{
	sigset_t copy;

	return REAL(ppoll)(fds, n, timeout, opened(set, &copy));
}

int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *set,
		size_t size);
SHIM int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		     const sigset_t *set, size_t size)
{
	sigset_t copy;

	return REAL(__ppoll_chk)(fds, n, timeout, opened(set, &copy), size);
}

SHIM int pselect(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout,
		 const sigset_t *set)
{
	sigset_t copy;

	return REAL(pselect)(n, in, out, except, timeout, opened(set, &copy));
}

SHIM int epoll_pwait(int epoll, struct epoll_event *events, int n, int timeout, const sigset_t *set)
{
	sigset_t copy;

	return REAL(epoll_pwait)(epoll, events, n, timeout, opened(set, &copy));
}

SHIM int epoll_pwait2(int epoll, struct epoll_event *events, int n, const struct timespec *timeout,
		      const sigset_t *set)
{
	sigset_t copy;

	return REAL(epoll_pwait2)(epoll, events, n, timeout, opened(set, &copy));
}

SHIM int pthread_attr_setsigmask_np(pthread_attr_t *attr, const sigset_t *set)
{
	sigset_t copy;

	return REAL(pthread_attr_setsigmask_np)(attr, opened(set, &copy));
}

/* A thread starts with its maker's mask. */

struct start {
	void *(*run)(void *);
	void *arg;
	uint64_t hidden;
};

static void *start_hidden(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	guard_thread_hide(start.hidden);
	return start.run(start.arg);
}

SHIM int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
			void *arg)
{
	uint64_t hidden = guard_thread_hidden();
	struct start *start;
	int rc;

	if (!hidden)
		return REAL(pthread_create)(thread, attr, run, arg);
	start = mem_zalloc(sizeof(*start));
	if (!start)
		return EAGAIN;
	*start = (struct start){run, arg, hidden};
	rc = REAL(pthread_create)(thread, attr, start_hidden, start);
	if (rc)
		free(start);
	return rc;
}

void mask_exec(bool begins)
{
	uint64_t hidden = guard_thread_hidden();

	if (hidden)
		sys_raw(SYS_rt_sigprocmask, begins ? SIG_BLOCK : SIG_UNBLOCK, &hidden, NULL,
			sizeof(hidden));
}

/* What was inherited as blocked becomes hidden. */
static void open_inherited(void)
{
	sigset_t faults, old;

	sigemptyset(&faults);
	sigaddset(&faults, SIGSEGV);
	sigaddset(&faults, SIGBUS);
	if (!REAL(sigprocmask)(SIG_UNBLOCK, &faults, &old))
		guard_thread_hide(faults_of(&old));
}

__attribute__((constructor)) static void mask_init(void)
{
	const char *machine = getenv("UIOMMUFD_MACHINE");

	if (!machine || !*machine || guard_init(NULL))
		return;
	devices = true;
	open_inherited();
}
