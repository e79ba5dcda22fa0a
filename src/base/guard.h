/* SPDX-License-Identifier: MIT */
/*
 * Copies that survive a bad address. The copy runs at one known instruction; a handler for SIGSEGV
 * and SIGBUS mends a fault that happens there and the copy returns -EFAULT. Threads that block
 * these signals get process_vm_readv/writev of this process instead.
 */
#ifndef UIOMMUFD_BASE_GUARD_H
#define UIOMMUFD_BASE_GUARD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Installs the handlers, chaining to those that stand. Idempotent. A frontend that interposes
 * sigaction calls guard_init() itself and hands it the real sigaction.
 */
int guard_init(int (*real_sigaction)(int, const struct sigaction *, struct sigaction *));
/* The handler's work: true if the fault was ours and is mended. For frontends that own the
 * handlers. */
bool guard_handle(int sig, siginfo_t *info, void *ucontext);
/* What the program had installed for `sig` before us: a frontend emulates sigaction() on it. */
struct sigaction *guard_next_action(int sig);
/* Tells that this thread now blocks SIGSEGV or SIGBUS (or no longer does). Unknown threads are
 * looked at once a call. */
void guard_thread_blocks(bool blocks);

/* Both sides may be bad; 0 or -EFAULT. */
int guard_copy(void *dst, const void *src, size_t len);

#endif
