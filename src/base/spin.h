/* SPDX-License-Identifier: MIT */
/*
 * Looking at memory for what another thread is about to store there, before one sleeps for it. That saves sleeping and being woken up, some
 * microseconds each, where the other thread is quick; where it is not a processor was kept from others for nothing. So a thread looks for a limited time,
 * and only if that has been worth it lately. It never is where the other one was on the same processor when it was heard of last, or was not heard of yet.
 *
 * Nothing may depend on whether a thread has looked: who stores tells sleepers as well.
 */
#ifndef UIOMMUFD_BASE_SPIN_H
#define UIOMMUFD_BASE_SPIN_H

#include <stdbool.h>
#include <stdint.h>

/* Between two looks: gives the processor's other thread room. */
static inline void spin_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("isb" ::: "memory"); /* yield is nothing on most processors */
#endif
}

/* For tests it can be decided. */
enum spin_mode { SPIN_ADAPTIVE, SPIN_ALWAYS, SPIN_NEVER };

/* What one thread knows of its waits of a kind. All zero but the limit is a beginning. */
struct spin {
	enum spin_mode mode;
	uint64_t limit; /* nanoseconds */
	/* Grows by success and falls by failure; where there is none it is tried now and then. */
	unsigned int credit, skipped;
};

/* The processor that this thread is on, as one notes it for spin_until(): never 0. */
unsigned int spin_here(void);

/* Looks until done(arg), as long as it seems worth it: what it said last. `other`: the other thread's spin_here(); 0: not heard of. */
bool spin_until(struct spin *spin, unsigned int other, bool (*done)(void *arg), void *arg);

#endif
