/* SPDX-License-Identifier: MIT */
/*
 * The handler for SIGSEGV and SIGBUS, and the program's own actions, which it stands in front of.
 *
 * Those are kept here, so the kernel's work for them is done here: masks, SA_RESETHAND, SA_NODEFER,
 * default and ignored actions. One thing differs: a handler without SA_ONSTACK runs on the
 * alternate stack too, where the thread has one.
 */
#include "base/guard.h"
#include "base/guard_private.h"
#include "base/sys.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <ucontext.h>

/*
 * State of the process, as signal actions are. The lock is held for a few instructions with all
 * signals blocked: it is taken in handlers.
 */
static atomic_flag busy = ATOMIC_FLAG_INIT;
static guard_sigaction_fn real_action; /* set once the handlers stand */
static struct sigaction next[2];       /* the program's, for SIGSEGV and SIGBUS */
static _Atomic guard_fault_fn on_fault;

static struct sigaction *next_of(int sig)
{
	return &next[sig == SIGBUS];
}

static uint64_t actions_take(void)
{
	uint64_t all = UINT64_MAX, mask = 0;

	sys_raw(SYS_rt_sigprocmask, SIG_BLOCK, &all, &mask, sizeof(mask));
	while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
		sys_raw(SYS_sched_yield);
	return mask;
}

static void actions_release(uint64_t mask)
{
	atomic_flag_clear_explicit(&busy, memory_order_release);
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

/* A fork in between must not leave the child a lock that nobody releases. */
static uint64_t mask_at_fork;

static void before_fork(void)
{
	uint64_t mask = actions_take();

	mask_at_fork = mask;
}

static void after_fork(void)
{
	actions_release(mask_at_fork);
}

/* Where the signal came. */
static uintptr_t instruction(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return context->uc_mcontext.pc;
#endif
}

static void go_on_at(ucontext_t *context, const char *place)
{
#if defined(__x86_64__)
	context->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)place;
#elif defined(__aarch64__)
	context->uc_mcontext.pc = (uintptr_t)place;
#endif
}

/* What another process of this memory wants to be called here. Its address marks the signal. */
static void (*_Atomic asked)(void);

int guard_ask(pid_t pid, void (*fn)(void))
{
	siginfo_t info = {.si_signo = SIGSEGV, .si_code = SI_QUEUE};
	void (*none)(void) = NULL;
	long rc;

	info.si_pid = (pid_t)sys_raw(SYS_getpid);
	info.si_value.sival_ptr = (void *)&asked;
	if (!atomic_compare_exchange_strong(&asked, &none, fn))
		return -EBUSY;
	rc = sys_raw(SYS_rt_sigqueueinfo, pid, SIGSEGV, &info);
	if (rc < 0)
		atomic_store(&asked, NULL);
	return (int)rc;
}

static bool was_asked(const siginfo_t *info)
{
	void (*fn)(void) = NULL;

	if (info->si_code == SI_QUEUE && info->si_value.sival_ptr == (void *)&asked)
		fn = atomic_exchange(&asked, NULL);
	if (fn)
		fn();
	return fn;
}

bool guard_handle(int sig, siginfo_t *info, void *ucontext)
{
	uintptr_t ip = instruction(ucontext);

	if (was_asked(info))
		return true;

	/* A signal that somebody sent, code 0 or less, says nothing of the instruction that it came
	 * at. */
	if (info->si_code <= 0 || ip < (uintptr_t)guard_bytes || ip >= (uintptr_t)guard_bytes_end)
		return false;
	go_on_at(ucontext, guard_bytes_fault);
	return true;
}

/*
 * The default action, with this very signal, at the place that it came from: it is sent again, held
 * back until our handler returns, and then kills there, as a debugger and a core file want to see
 * it.
 */
static void die_of(int sig, siginfo_t *info)
{
	struct sigaction by_default = {.sa_handler = SIG_DFL};
	uint64_t mask = GUARD_SIGNAL(sig);

	real_action(sig, &by_default, NULL);
	sys_raw(SYS_rt_sigprocmask, SIG_BLOCK, &mask, NULL, sizeof(mask));
	sys_raw(SYS_rt_tgsigqueueinfo, sys_raw(SYS_getpid), sys_raw(SYS_gettid), sig, info);
}

/* The program's action for this delivery; one for a single use is used up. */
static struct sigaction next_take(int sig)
{
	uint64_t mask = actions_take();
	struct sigaction *action = next_of(sig), taken = *action;

	if ((taken.sa_flags & (int)SA_RESETHAND) && taken.sa_handler != SIG_IGN)
		action->sa_handler = SIG_DFL;
	actions_release(mask);
	return taken;
}

static void run(const struct sigaction *action, int sig, siginfo_t *info, void *ucontext)
{
	const ucontext_t *context = ucontext;
	int state = guard_thread_forget();
	uint64_t mask, more;

	memcpy(&mask, &context->uc_sigmask, sizeof(mask));
	memcpy(&more, &action->sa_mask, sizeof(more));
	mask |= more;
	if (!(action->sa_flags & SA_NODEFER))
		mask |= GUARD_SIGNAL(sig);
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
	if (action->sa_flags & SA_SIGINFO)
		action->sa_sigaction(sig, info, ucontext);
	else
		action->sa_handler(sig);
	guard_thread_restore(state);
}

/* Blocked where the thread goes on, and sent again: it waits until the program opens it. */
static void put_off(int sig, siginfo_t *info, ucontext_t *context)
{
	uint64_t mask;

	memcpy(&mask, &context->uc_sigmask, sizeof(mask));
	mask |= GUARD_SIGNAL(sig);
	memcpy(&context->uc_sigmask, &mask, sizeof(mask));
	mask = GUARD_SIGNAL(sig);
	sys_raw(SYS_rt_sigprocmask, SIG_BLOCK, &mask, NULL, sizeof(mask));
	/* One that was sent to the process may be another thread's to take. */
	if (info->si_code == SI_TKILL)
		sys_raw(SYS_rt_tgsigqueueinfo, sys_raw(SYS_getpid), sys_raw(SYS_gettid), sig, info);
	else
		sys_raw(SYS_rt_sigqueueinfo, sys_raw(SYS_getpid), sig, info);
}

/* The thread believes to block it. */
static void chain_hidden(int sig, siginfo_t *info, void *ucontext)
{
	if (info->si_code > 0)
		die_of(sig, info);
	else
		put_off(sig, info, ucontext);
}

void guard_chain(int sig, siginfo_t *info, void *ucontext)
{
	struct sigaction action;
	bool sent = info->si_code <= 0;

	if (guard_thread_hidden() & GUARD_SIGNAL(sig)) {
		chain_hidden(sig, info, ucontext);
		return;
	}
	action = next_take(sig);
	if (action.sa_handler == SIG_IGN && sent)
		return;
	if (action.sa_handler == SIG_IGN || action.sa_handler == SIG_DFL)
		die_of(sig, info);
	else
		run(&action, sig, info, ucontext);
}

void guard_on_fault(guard_fault_fn fn)
{
	atomic_store_explicit(&on_fault, fn, memory_order_release);
}

static void handler(int sig, siginfo_t *info, void *ucontext)
{
	guard_fault_fn fn;

	if (guard_handle(sig, info, ucontext))
		return;
	fn = atomic_load_explicit(&on_fault, memory_order_acquire);
	if (!fn || !fn(sig, info, ucontext))
		guard_chain(sig, info, ucontext);
}

/* Signals that faults bring; others wait until a handler returns or the program's own is run. */
static void mask_others(sigset_t *set)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};

	/* sigfillset() leaves out libc's own: a thread that is cancelled in here would take locks with it. */
	memset(set, 0xff, sizeof(*set));
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(set, faults[i]);
}

/*
 * SA_NODEFER: a guarded copy may fault within a handler that guard_chain() runs, or
 * within a frontend's own work on a fault. SA_ONSTACK: the program's handlers may be for stacks
 * that have run out.
 */
static int install(int sig, guard_sigaction_fn real, int program_flags, struct sigaction *ret_old)
{
	struct sigaction ours = {
		.sa_sigaction = handler,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | (program_flags & SA_RESTART),
	};

	mask_others(&ours.sa_mask);
	return real(sig, &ours, ret_old) ? -errno : 0;
}

static int install_both(guard_sigaction_fn real)
{
	struct sigaction segv, bus;
	int ret = install(SIGSEGV, real, 0, &segv);

	if (ret < 0)
		return ret;
	ret = install(SIGBUS, real, 0, &bus);
	if (ret < 0) {
		real(SIGSEGV, &segv, NULL);
		return ret;
	}
	*next_of(SIGSEGV) = segv;
	*next_of(SIGBUS) = bus;
	real_action = real;
	return 0;
}

int guard_init(guard_sigaction_fn real_sigaction)
{
	uint64_t mask = actions_take();
	bool first = !real_action;
	int ret = 0;

	if (first)
		ret = install_both(real_sigaction ? real_sigaction : sigaction);
	actions_release(mask);
	if (first && ret == 0)
		pthread_atfork(before_fork, after_fork, after_fork);
	return ret;
}

int guard_sigaction(int sig, const struct sigaction *act, struct sigaction *ret_old)
{
	struct sigaction wanted, old;
	uint64_t mask;
	int ret;

	if (sig != SIGSEGV && sig != SIGBUS)
		return -EINVAL;
	ret = guard_init(NULL);
	if (ret < 0)
		return ret;
	if (act)
		wanted = *act;
	mask = actions_take();
	old = *next_of(sig);
	if (act)
		ret = install(sig, real_action, wanted.sa_flags, NULL);
	if (act && ret == 0)
		*next_of(sig) = wanted;
	actions_release(mask);
	if (ret == 0 && ret_old)
		*ret_old = old;
	return ret;
}
