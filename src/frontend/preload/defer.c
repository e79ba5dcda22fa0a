/* SPDX-License-Identifier: MIT */
#include "frontend/preload/defer.h"

#include <string.h>
#include <ucontext.h>

#include "base/sys.h"
#include "frontend/preload/mask.h"
#include "frontend/preload/real.h"

#define SIGNALS 64 /* of the kernel: 1 to 64 */

TLS struct defer defer;

/*
 * The program's actions. A new one is written beside the one that stands, and then takes its place: a handler that runs meanwhile reads a whole
 * one. There is no lock, for sigaction() is allowed in handlers.
 */
static struct {
	struct sigaction actions[2];
	struct sigaction *_Atomic now;
} programs[SIGNALS + 1];

void defer_unblock(void)
{
	uint64_t mask = defer.mask;

	defer.blocked = false;
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

/* A fault of the thread itself can't wait: it would only happen again. */
static bool is_fault(int sig, const siginfo_t *info)
{
	return info->si_code > 0 && (sig == SIGILL || sig == SIGFPE || sig == SIGTRAP ||
				     sig == SIGSEGV || sig == SIGBUS || sig == SIGSYS);
}

static void run(int sig, siginfo_t *info, void *context)
{
	const struct sigaction *act = atomic_load(&programs[sig].now);

	if (act->sa_flags & (int)SA_RESETHAND) {
		struct sigaction none = {.sa_handler = SIG_DFL};

		REAL(sigaction)(sig, &none, NULL);
	}
	if (act->sa_flags & SA_SIGINFO)
		act->sa_sigaction(sig, info, context);
	else
		act->sa_handler(sig);
}

/* Sent again it waits at the kernel, behind the mask that the interrupted thread goes on with. */
static void put_off(int sig, siginfo_t *info, ucontext_t *context)
{
	uint64_t all = ~(uint64_t)0;
	static const int faults[] = {SIGILL, SIGFPE, SIGTRAP, SIGSEGV, SIGBUS, SIGSYS};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		all &= ~((uint64_t)1 << (faults[i] - 1));
	if (!defer.blocked)
		memcpy(&defer.mask, &context->uc_sigmask, sizeof(defer.mask));
	defer.blocked = true;
	/* The kernel's mask is 8 bytes; what follows it in the frame is not ours. */
	memcpy(&context->uc_sigmask, &all, sizeof(all));
	sys_raw(SYS_rt_tgsigqueueinfo, getpid(), sys_raw(SYS_gettid), sig, info);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	if (defer.depth && !is_fault(sig, info))
		put_off(sig, info, context);
	else
		run(sig, info, context);
}

static bool is_function(const struct sigaction *act)
{
	return act->sa_handler != SIG_DFL && act->sa_handler != SIG_IGN;
}

static void remember(int sig, const struct sigaction *act)
{
	struct sigaction *now = atomic_load(&programs[sig].now);
	struct sigaction *next = &programs[sig].actions[now == &programs[sig].actions[0]];

	*next = *act;
	atomic_store(&programs[sig].now, next);
}

void defer_translate(int sig, struct sigaction *action)
{
	if (action->sa_sigaction == on_signal)
		*action = *atomic_load(&programs[sig].now);
}

int defer_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction ours, was, program = {0};

	if (sig < 1 || sig > SIGNALS)
		return -EINVAL;
	if (atomic_load(&programs[sig].now))
		program = *atomic_load(&programs[sig].now);
	if (act && is_function(act)) {
		/* Before it is installed: a signal may come at once. The kernel's refusals leave nothing that is used. */
		ours = *act;
		ours.sa_sigaction = on_signal;
		ours.sa_flags = (act->sa_flags | SA_SIGINFO) & ~(int)SA_RESETHAND;
		mask_open(&ours.sa_mask);
		remember(sig, act);
		act = &ours;
	}
	if (REAL(sigaction)(sig, act, &was)) {
		if (act == &ours)
			remember(sig, &program);
		return -errno;
	}
	if (old)
		*old = was.sa_sigaction == on_signal ? program : was;
	return 0;
}
