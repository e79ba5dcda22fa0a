/* SPDX-License-Identifier: MIT */
/*
 * Signals. The handlers for SIGSEGV and SIGBUS are the guard's (base/guard.h), which stands in front of the program's; and
 * mask.c keeps them open. In front of all other handlers stands one that makes them wait while the core works
 * (frontend/preload/defer.h).
 */
#include "base/guard.h"
#include "frontend/preload/defer.h"
#include "frontend/preload/mask.h"
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"

static int set_action(int sig, const struct sigaction *act, struct sigaction *old)
{
	int rc;

	if ((sig != SIGSEGV && sig != SIGBUS) || !faults_are_ours())
		return defer_sigaction(sig, act, old);
	rc = guard_sigaction(sig, act, old);
	if (!rc && old)
		defer_translate(sig, old);
	return rc;
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
