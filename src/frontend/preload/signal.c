/* SPDX-License-Identifier: MIT */
/*
 * Signals. The handlers for SIGSEGV and SIGBUS are the guard's (base/guard.h), which stands in front of the program's; and
 * the guard wants to know which threads block them.
 */
#include "base/guard.h"
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"

#include <pthread.h>

static bool guarded(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS;
}

SHIM int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	if (!guarded(sig))
		return REAL(sigaction)(sig, act, old);
	return (int)shim_result(guard_sigaction(sig, act, old));
}

/* signal() and its variants differ in flags alone. */
static sighandler_t set_handler(int sig, sighandler_t handler, int flags)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = flags}, old;
	int rc = guard_sigaction(sig, &act, &old);

	if (rc) {
		errno = -rc;
		return SIG_ERR;
	}
	return old.sa_handler;
}

SHIM sighandler_t signal(int sig, sighandler_t handler)
{
	return guarded(sig) ? set_handler(sig, handler, SA_RESTART) : REAL(signal)(sig, handler);
}

sighandler_t bsd_signal(int sig, sighandler_t handler);
SHIM sighandler_t bsd_signal(int sig, sighandler_t handler)
{
	return signal(sig, handler);
}

SHIM sighandler_t sysv_signal(int sig, sighandler_t handler)
{
	return guarded(sig) ? set_handler(sig, handler, (int)(SA_RESETHAND | SA_NODEFER))
			    : REAL(sysv_signal)(sig, handler);
}

SHIM sighandler_t __sysv_signal(int sig, sighandler_t handler)
{
	return sysv_signal(sig, handler);
}

/* The mask has changed: does it have one of the guard's now? */
static void tell_guard(int how, const sigset_t *set)
{
	sigset_t now;

	if (!set || (how != SIG_SETMASK && !sigismember(set, SIGSEGV) && !sigismember(set, SIGBUS)))
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
