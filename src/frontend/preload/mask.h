/* SPDX-License-Identifier: MIT */
/*
 * Signal masks. A fault in a thread that blocks SIGSEGV kills the process, and programs block it: all signals, in threads that are to have none. So the
 * kernel never gets to see these two in a mask, while the program is shown what it has set (base/guard.h: guard_thread_hide()).
 */
#ifndef UIOMMUFD_PRELOAD_MASK_H
#define UIOMMUFD_PRELOAD_MASK_H

#include <signal.h>
#include <stdbool.h>

/*
 * Do the guard's handlers stand? From the start if the machine has devices, whose registers threads may store to that have long set their masks; else from when
 * this process, or one that it was forked from, first uses a file.
 */
bool faults_are_ours(void);

/* Takes SIGSEGV and SIGBUS out of a set that the kernel is to have, if faults are ours. */
void mask_open(sigset_t *set);

/* Before an exec, which inherits the mask, and after one that failed: the kernel has the mask that the program believes in. */
void mask_exec(bool begins);

#endif
