/* SPDX-License-Identifier: MIT */
/*
 * The threads that answer calls. The kernel wakes up all that wait for the next call, so only one does: it has the *turn*. It keeps the turn while it
 * serves, for most calls are over in less time than it takes to wake up another thread; before one that is going to wait it gives the turn away.
 * If a call lasts without that, a watch takes the turn from it: it ticks while there are calls, and sleeps when there are none.
 */
#ifndef UIOMMUFD_LAUNCHER_WORKERS_H
#define UIOMMUFD_LAUNCHER_WORKERS_H

#include "base/lock.h"
#include "frontend/launcher/notify.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct workers {
	int listener;
	/* Serves a call; `turn` is its number. Called in threads that have said begin(). */
	void (*serve)(void *arg, struct notice *notice, unsigned long turn);
	void (*begin)(void *arg);
	void *arg;
	atomic_ulong calls;   /* the number of the last one; written by who has the turn */
	atomic_ulong serving; /* the call that who has the turn is at; 0: it waits for one */
	atomic_bool watched;  /* the watch ticks */
	struct lock lock;
	/* The lock guards these. */
	unsigned int spare; /* threads that wait for a turn */
	unsigned int turns; /* given to those, and not taken yet */
	pthread_cond_t turn, watch;
};

/* The first has the turn. `rank` is of the workers' own lock, with which no other is taken. -EAGAIN, -ENOMEM. */
int workers_start(struct workers *workers, enum lock_rank rank);
/* The call may wait for long: another thread takes the next one, if there can be one. No lock is held. */
void workers_give_turn(struct workers *workers, unsigned long turn);
/* Has the call lasted for no more than a tick or two? */
static inline bool workers_turn_kept(struct workers *workers, unsigned long turn)
{
	return atomic_load_explicit(&workers->serving, memory_order_relaxed) == turn;
}

#endif
