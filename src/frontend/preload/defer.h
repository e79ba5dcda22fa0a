/* SPDX-License-Identifier: MIT */
/*
 * Signals wait while the core works. A handler of the program may do what it likes: another ioctl, exit(), siglongjmp(). In the kernel none
 * of that meets a call that is half done; here it would meet the context's lock. So handlers run before a call or after it, as they do there,
 * and that costs no system call where no signal comes: a handler of ours stands in front of the program's, and when it finds the
 * thread at work it sends the signal again and leaves the thread with signals blocked until the work is done.
 */
#ifndef UIOMMUFD_PRELOAD_DEFER_H
#define UIOMMUFD_PRELOAD_DEFER_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/tls.h"

struct defer {
	unsigned int depth; /* of work: handlers wait while it is not 0 */
	bool blocked;	    /* a signal waits, and all are blocked until the work is done */
	uint64_t mask;	    /* what was blocked before, as the kernel has it */
};

extern TLS struct defer defer;

void defer_unblock(void);

static inline void defer_begin(void)
{
	defer.depth++;
	atomic_signal_fence(memory_order_seq_cst);
}

static inline void defer_end(void)
{
	atomic_signal_fence(memory_order_seq_cst);
	if (!--defer.depth && __builtin_expect(defer.blocked, 0))
		defer_unblock();
}

/* sigaction() with our handler in front of the program's. 0 or -errno. */
int defer_sigaction(int sig, const struct sigaction *act, struct sigaction *old);
/* An action that may be our handler becomes the program's. */
void defer_translate(int sig, struct sigaction *action);

#endif
