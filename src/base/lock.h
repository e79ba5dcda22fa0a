/* SPDX-License-Identifier: MIT */
/*
 * Mutexes with ranks: a thread takes locks in rising rank only. Builds with assertions check it;
 * the others pay a plain pthread mutex.
 */
#ifndef UIOMMUFD_BASE_LOCK_H
#define UIOMMUFD_BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>

enum lock_rank {
	RANK_MMIO = 1,	/* frontend: stores to one file that is mapped */
	RANK_ENDPOINTS, /* frontend: the table of served files */
	RANK_VFIO,	/* machine: who has which VFIO device, group and container */
	RANK_CONTEXTS,	/* machine: the list of contexts */
	RANK_CONTEXT,	/* one context: all its objects */
	RANK_MACHINE,	/* machine: devices and groups */
	RANK_IOMMU,	/* one IOMMU model's state */
	RANK_FUNCTION,	/* one PCI function: its model's callbacks, its config space */
	RANK_WORK,	/* its workers, its interrupts */
	RANK_ENDPOINT,	/* frontend: one served file's readiness */
	RANK_MM,	/* accounts and caches of an address space */
	RANK_FILES,	/* shared file backings */
	RANK_LOG,
};

struct lock {
	pthread_mutex_t mutex;
	enum lock_rank rank;
};

void lock_init(struct lock *lock, enum lock_rank rank);
void lock_done(struct lock *lock);
/* A mutex without a rank, for threads of several processes that share its memory: who takes it hears that its holder has died. */
void lock_init_robust(pthread_mutex_t *mutex);
/* In a child after fork: whoever held it isn't there. */
void lock_renew(struct lock *lock);
void lock_take(struct lock *lock);
/* Takes it if nobody has it: true. Never waits, so its rank may be below those that are held. */
bool lock_try(struct lock *lock);
void lock_release(struct lock *lock);
void lock_assert_held(const struct lock *lock);
/* Waits on cond; the lock is released meanwhile and must be the last one taken. */
void lock_wait(struct lock *lock, pthread_cond_t *cond);

static inline void lock_release_p(struct lock **lock)
{
	if (*lock)
		lock_release(*lock);
}

/* Holds `lock_ptr` until the end of the scope. */
#define LOCK_SCOPED(lock_ptr)                                                                      \
	struct lock *LOCK_NAME(__LINE__) __attribute__((cleanup(lock_release_p), unused)) =        \
		lock_taken(lock_ptr)
#define LOCK_NAME(line)	 LOCK_NAME2(line)
#define LOCK_NAME2(line) scoped_lock_##line

static inline struct lock *lock_taken(struct lock *lock)
{
	lock_take(lock);
	return lock;
}

#endif
