/* SPDX-License-Identifier: MIT */
/*
 * Runs a function instruction by instruction, by the processor's trap flag: so that what threads meet by chance is met by
 * plan. For tests; only on x86-64 and without sanitizers, which do too much at each signal.
 */
#ifndef UIOMMUFD_TESTS_STEP_H
#define UIOMMUFD_TESTS_STEP_H

#include <ucontext.h>

#include "unit.h"

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !HAS_FEATURE(thread_sanitizer) &&      \
	!UNIT_ASAN
#define STEP_POSSIBLE 1
#else
#define STEP_POSSIBLE 0
#endif

#define STEP_TRAP_FLAG 0x100

/* One run of a function, instruction by instruction. */
struct stepper {
	unsigned int count;
	void (*step)(struct stepper *stepper); /* after each instruction */
};

static _Thread_local struct stepper *step_current;

static inline void step_on_trap(int sig, siginfo_t *info, void *context)
{
	struct stepper *stepper = step_current;

	if (stepper) {
		stepper->count++;
		stepper->step(stepper);
	}
#if STEP_POSSIBLE
	if (!step_current)
		((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~STEP_TRAP_FLAG;
#endif
}

static inline void step_set_flag(void)
{
#if STEP_POSSIBLE
	/* Below the red zone. */
	__asm__ volatile(
		"lea -128(%%rsp), %%rsp; pushfq; orq %0, (%%rsp); popfq; lea 128(%%rsp), %%rsp" ::
			"i"(STEP_TRAP_FLAG)
		: "memory", "cc");
#endif
}

/* From the step function: runs on at full speed. */
static inline void step_no_more(void)
{
	step_current = NULL;
}

/* Runs fn(arg). The handler takes the flag away when nothing is current. */
static inline void run_stepped(struct stepper *stepper, void (*fn)(void *arg), void *arg)
{
	step_current = stepper;
	step_set_flag();
	fn(arg);
	step_current = NULL;
	__asm__ volatile("" ::: "memory");
}

/* A setup function of cmocka. */
static inline int step_set_handler(void **state)
{
	struct sigaction action = {.sa_sigaction = step_on_trap, .sa_flags = SA_SIGINFO};

	return sigaction(SIGTRAP, &action, NULL);
}

#endif
