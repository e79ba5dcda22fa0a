/* SPDX-License-Identifier: MIT */
/*
 * Signals. The handlers for SIGSEGV and SIGBUS are the guard's (base/guard.h), which stands in front of the program's; and
 * the guard wants to know which threads block them. In front of all other handlers stands one that makes them wait while the core works
 * (frontend/preload/defer.h).
 */
#include "base/guard.h"
#include "frontend/preload/defer.h"
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"

#include <pthread.h>

/* Until this process, or one that it was forked from, uses a file, there is no guard to stand in front of anything. */
static bool guarded(int sig)
{
	return (sig == SIGSEGV || sig == SIGBUS) && process_was_used();
}

static int set_action(int sig, const struct sigaction *act, struct sigaction *old)
{
	return guarded(sig) ? guard_sigaction(sig, act, old) : defer_sigaction(sig, act, old);
}

SHIM int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	return (int)shim_result(set_action(sig, act, old));
}

/* signal() and its variants differ in flags alone. */
static sighandler_t set_handler(int sig, sighandler_t handler, int flags)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = flags}, old;
	int rc = set_action(sig, &act, &old);

	if (rc) {
		errno = -rc;
		return SIG_ERR;
	}
	return old.sa_handler;
}

SHIM sighandler_t signal(int sig, sighandler_t handler)
{
	return set_handler(sig, handler, SA_RESTART);
}

sighandler_t bsd_signal(int sig, sighandler_t handler);
SHIM sighandler_t bsd_signal(int sig, sighandler_t handler)
{
	return signal(sig, handler);
}

SHIM sighandler_t sysv_signal(int sig, sighandler_t handler)
{
	return set_handler(sig, handler, (int)(SA_RESETHAND | SA_NODEFER));
}

SHIM sighandler_t __sysv_signal(int sig, sighandler_t handler)
{
	return sysv_signal(sig, handler);
}

/* The mask has changed: does it have one of the guard's now? */
static void tell_guard(int how, const sigset_t *set)
{
	sigset_t now;

	if (!set || !process_was_used() ||
	    (how != SIG_SETMASK && !sigismember(set, SIGSEGV) && !sigismember(set, SIGBUS)))
		return;
	if (how == SIG_UNBLOCK && !REAL(pthread_sigmask)(SIG_BLOCK, NULL, &now))
		set = &now;
	guard_thread_blocks(sigismember(set, SIGSEGV) || sigismember(set, SIGBUS));
}

SHIM int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	int rc;

	/* Between the two calls a fault must find the guard careful. */
	if (set && how != SIG_UNBLOCK)
		tell_guard(SIG_BLOCK, set);
	rc = REAL(sigprocmask)(how, set, old);
	if (!rc)
		tell_guard(how, set);
	return rc;
}

SHIM int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	int rc;

	if (set && how != SIG_UNBLOCK)
		tell_guard(SIG_BLOCK, set);
	rc = REAL(pthread_sigmask)(how, set, old);
	if (!rc)
		tell_guard(how, set);
	return rc;
}
