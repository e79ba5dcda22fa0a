/* SPDX-License-Identifier: MIT */
/*
 * A pool of objects of one size, without a header for each: for what exists a million times. Memory
 * is handed back to the system only by pool_done(). Not locked: the owner's lock guards it.
 * pool_alloc() is an injection point.
 *
 * Objects are aligned to 8 bytes. Under AddressSanitizer every object is an allocation of its own,
 * so that a use after pool_free() is found.
 */
#ifndef UIOMMUFD_BASE_POOL_H
#define UIOMMUFD_BASE_POOL_H

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/inject.h"

#if defined(__SANITIZE_ADDRESS__)
#define POOL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_SANITIZED 1
#endif
#endif
#ifndef POOL_SANITIZED
#define POOL_SANITIZED 0
#endif

struct pool {
	size_t size;
	void *free;   /* singly linked through the objects' first word */
	void *chunks; /* all memory, for pool_done() */
	char *fresh, *fresh_end;
	size_t live; /* objects handed out: must be 0 at pool_done() */
};

void pool_init(struct pool *pool, size_t size);
void pool_done(struct pool *pool);

/* The ways when there is no free object, and back to the allocator; pool.c's own. */
void *pool_take_fresh(struct pool *pool);
void pool_give_back(struct pool *pool, void *object);

/* Uninitialised; NULL when out of memory. */
static inline void *pool_alloc(struct pool *pool)
{
	void *object = pool->free;

	if (inject_fail())
		return NULL;
	if (!object)
		return pool_take_fresh(pool);
	memcpy(&pool->free, object, sizeof(pool->free));
	pool->live++;
	return object;
}

/* NULL is nothing. */
static inline void pool_free(struct pool *pool, void *object)
{
	if (!object)
		return;
	assert(pool->live > 0);
	pool->live--;
#if POOL_SANITIZED
	pool_give_back(pool, object);
#else
	memcpy(object, &pool->free, sizeof(pool->free));
	pool->free = object;
#endif
}

#endif
