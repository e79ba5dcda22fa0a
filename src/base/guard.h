/* SPDX-License-Identifier: MIT */
/*
 * Copies that survive a bad address. The copy runs in one known function; a handler for SIGSEGV and
 * SIGBUS mends a fault that happens there and the copy returns -EFAULT. Whatever else these signals
 * bring goes to the action that the program has for them, with all that sigaction(2) promises for
 * it.
 *
 * A fault in a thread that blocks these signals would kill the process, so there the copy is left
 * to the kernel (process_vm_readv of this process, about 500 ns instead of 2-4). A thread is asked
 * for its mask by a system call once, and then believed to leave these signals open, until
 * guard_thread_blocks() says otherwise: a frontend that interposes sigmask calls tells. Without
 * such a frontend, a thread that blocks SIGSEGV or SIGBUS after its first guarded copy has to call
 * guard_thread_blocks() by itself, or bad addresses kill it; so does a signal handler whose sa_mask
 * has them. Handlers of SIGSEGV and SIGBUS that are called from here are known to block their own
 * signal.
 *
 * Everything here can be called by any thread at any time and takes no lock that outlives the call;
 * guard_copy(), guard_handle(), guard_chain() and guard_thread_blocks() can be called in signal
 * handlers and leave errno alone.
 */
#ifndef UIOMMUFD_BASE_GUARD_H
#define UIOMMUFD_BASE_GUARD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef int (*guard_sigaction_fn)(int, const struct sigaction *, struct sigaction *);

/*
 * Installs the handlers, chaining to those that stand; the first call decides, further ones change
 * nothing. A frontend that interposes sigaction calls it first, with the real one; NULL is libc's.
 * 0, or -errno of sigaction.
 *
 * A program without such a frontend that installs a handler for SIGSEGV or SIGBUS afterwards
 * replaces ours, and has to call guard_handle() in it.
 */
int guard_init(guard_sigaction_fn real_sigaction);

/*
 * A frontend's own work on a fault that is not a guarded copy's: true if the access is done and the thread may go on. All signals but those of faults are
 * blocked. One in all; set before any fault that is meant for it.
 */
typedef bool (*guard_fault_fn)(int sig, siginfo_t *info, void *ucontext);
void guard_on_fault(guard_fault_fn fn);

/* The handler's work: true if the fault was ours and is mended: return from the handler. */
bool guard_handle(int sig, siginfo_t *info, void *ucontext);
/* What follows for a signal that isn't ours: does what the program's action for it says. For
 * frontends with a handler. */
void guard_chain(int sig, siginfo_t *info, void *ucontext);
/*
 * Asks another process that has this one's memory and handlers to call fn, in a signal handler, in any of its threads. 0, or -errno of the signal; -EBUSY: somebody has
 * asked already.
 */
int guard_ask(pid_t pid, void (*fn)(void));
/*
 * What sigaction(2) would do to the program's action for SIGSEGV or SIGBUS (which ours hides): for
 * frontends that interpose it. 0, or -EINVAL for another signal; -errno of guard_init().
 */
int guard_sigaction(int sig, const struct sigaction *act, struct sigaction *ret_old);

/* Tells that this thread now blocks SIGSEGV or SIGBUS, or no longer does. */
void guard_thread_blocks(bool blocks);

/* Signal sets as the kernel has them, one word. */
#define GUARD_SIGNAL(sig) ((uint64_t)1 << ((sig)-1))
#define GUARD_SIGNALS	  (GUARD_SIGNAL(SIGSEGV) | GUARD_SIGNAL(SIGBUS))

/*
 * For frontends that keep these signals open though the program has blocked them: which of them this thread believes to block. A fault then kills, as it
 * does in a thread that blocks; a signal that somebody has sent is blocked and sent again, and waits.
 */
void guard_thread_hide(uint64_t signals);
uint64_t guard_thread_hidden(void);

/*
 * Copies; both sides may be bad, and may not overlap. 0, or -EFAULT when part may have been copied.
 * Lengths of 1, 2, 4 and 8 are one load and one store, as a device's accesses are. guard_init()
 * must have succeeded.
 */
int guard_copy(void *dst, const void *src, size_t len);

/*
 * Atomic compare-and-exchange of an aligned word that may be bad: stores `word` if *expected is there; *expected becomes what was there. 0,
 * whether it stored or not; -EFAULT.
 */
int guard_exchange(void *at, uint64_t *expected, uint64_t word);

#endif
