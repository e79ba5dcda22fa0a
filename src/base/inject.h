/* SPDX-License-Identifier: MIT */
/*
 * Injection points: places that can be made to fail on purpose. Every acquisition of a resource
 * asks here first, so that a sweep can make each of them fail in turn, and the kernel's `fail-nth`
 * files are served from the same counter.
 *
 * The counter is the thread's own, as fail-nth is the task's: a sweep in one thread doesn't disturb
 * others. Any thread of the address space may look at another's and set it. Locking: none, all is
 * atomic; usable in signal handlers.
 */
#ifndef UIOMMUFD_BASE_INJECT_H
#define UIOMMUFD_BASE_INJECT_H

#include <stdbool.h>
#include <sys/types.h>

/* Makes this thread's nth point from now fail, once (1 is the next); 0 disarms. */
void inject_arm(unsigned int nth);
/* How many points are left before the failure; 0 when it has happened or nothing is armed. */
unsigned int inject_left(void);
/* True if this acquisition has to fail. */
bool inject_fail(void);

/* The same for the thread with this number. -ENOMEM: too many threads are armed at once (64). */
int inject_arm_thread(pid_t tid, unsigned int nth);
unsigned int inject_left_thread(pid_t tid);
/* Disarms all. For a child after fork, where the numbers are those of its parent's threads. */
void inject_disarm_all(void);

#endif
