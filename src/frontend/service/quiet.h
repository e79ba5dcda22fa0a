/* SPDX-License-Identifier: MIT */
/*
 * A stretch without signals. The program's handlers may close descriptors or exit, so they must not run while their
 * thread holds a lock of ours or waits for an answer. Signals that a fault brings stay open, and so do libc's own.
 *
 * The fast path has none of this, for it costs two system calls: there the shim makes handlers wait (preload/defer.h).
 */
#ifndef UIOMMUFD_SERVICE_QUIET_H
#define UIOMMUFD_SERVICE_QUIET_H

#include "base/sys.h"

#include <signal.h>
#include <stdint.h>

static inline uint64_t quiet_enter(void)
{
	const uint64_t open = 1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1) | 1ull << (SIGILL - 1) |
			      1ull << (SIGFPE - 1) | 1ull << (SIGTRAP - 1) | 1ull << (32 - 1) |
			      1ull << (33 - 1);
	uint64_t mask = ~open, old = 0;

	sys_raw(SYS_rt_sigprocmask, SIG_BLOCK, &mask, &old, sizeof(mask));
	return old;
}

static inline void quiet_leave(const uint64_t *old)
{
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, old, NULL, sizeof(*old));
}

/* Until the end of the scope. */
#define QUIET uint64_t quiet_mask __attribute__((cleanup(quiet_leave), unused)) = quiet_enter()

#endif
