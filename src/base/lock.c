/* SPDX-License-Identifier: MIT */
/*
 * Rank checks need no more than what the calling thread holds, by rank: a thread holds at most one
 * lock of a rank. They come before the lock is asked for, so that a wrong order is found on the
 * first run that has it and not on the one in a million that deadlocks.
 */
#include "base/lock.h"
#include "base/tls.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef NDEBUG

static TLS const struct lock *held[RANK_LOG + 1];

static const char *rank_name(enum lock_rank rank)
{
	static const char *const names[] = {
		[RANK_MMIO] = "MMIO",	    [RANK_ENDPOINTS] = "ENDPOINTS",
		[RANK_VFIO] = "VFIO",	    [RANK_CONTEXTS] = "CONTEXTS",
		[RANK_CONTEXT] = "CONTEXT", [RANK_MACHINE] = "MACHINE",
		[RANK_IOMMU] = "IOMMU",	    [RANK_FUNCTION] = "FUNCTION",
		[RANK_WORK] = "WORK",	    [RANK_ENDPOINT] = "ENDPOINT",
		[RANK_MM] = "MM",	    [RANK_FILES] = "FILES",
		[RANK_LOG] = "LOG",
	};

	return names[rank];
}

static void rank_take(const struct lock *lock)
{
	for (int rank = lock->rank; rank <= RANK_LOG; rank++) {
		if (!held[rank])
			continue;
		fprintf(stderr, "uiommufd: lock of rank %s wanted while one of rank %s is held%s\n",
			rank_name(lock->rank), rank_name(rank),
			held[rank] == lock ? " (the same one)" : "");
		abort();
	}
	held[lock->rank] = lock;
}

static void rank_tried(const struct lock *lock)
{
	held[lock->rank] = lock;
}

static void rank_release(const struct lock *lock)
{
	lock_assert_held(lock);
	held[lock->rank] = NULL;
}

/* While a thread waits on a condition it holds nothing of this rank, and must hold nothing above
 * it. */
static void rank_wait(const struct lock *lock)
{
	rank_release(lock);
	rank_take(lock);
}

void lock_assert_held(const struct lock *lock)
{
	if (held[lock->rank] == lock)
		return;
	fprintf(stderr, "uiommufd: lock of rank %s should be held and is not%s\n",
		rank_name(lock->rank), held[lock->rank] ? " (another one of its rank is)" : "");
	abort();
}

#else

static void rank_take(const struct lock *lock)
{
}

static void rank_tried(const struct lock *lock)
{
}

static void rank_release(const struct lock *lock)
{
}

static void rank_wait(const struct lock *lock)
{
}

void lock_assert_held(const struct lock *lock)
{
}

#endif

/*
 * Sections are short: where there are several processors, who finds a lock taken looks at it for a moment before it sleeps. That spares both sides a system call.
 */
void lock_renew(struct lock *lock)
{
	pthread_mutexattr_t attr;

	/* Nothing of this can fail with glibc. */
	pthread_mutexattr_init(&attr);
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
#endif
	pthread_mutex_init(&lock->mutex, &attr);
	pthread_mutexattr_destroy(&attr);
}

void lock_init(struct lock *lock, enum lock_rank rank)
{
	assert(rank >= RANK_MMIO && rank <= RANK_LOG);
	lock_renew(lock);
	lock->rank = rank;
}

void lock_done(struct lock *lock)
{
	pthread_mutex_destroy(&lock->mutex);
}

void lock_take(struct lock *lock)
{
	rank_take(lock);
	pthread_mutex_lock(&lock->mutex);
}

bool lock_try(struct lock *lock)
{
	if (pthread_mutex_trylock(&lock->mutex))
		return false;
	rank_tried(lock);
	return true;
}

void lock_release(struct lock *lock)
{
	rank_release(lock);
	pthread_mutex_unlock(&lock->mutex);
}

void lock_wait(struct lock *lock, pthread_cond_t *cond)
{
	rank_wait(lock);
	pthread_cond_wait(cond, &lock->mutex);
}

void lock_init_robust(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
}
