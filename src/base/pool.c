/* SPDX-License-Identifier: MIT */
/*
 * Objects are cut from chunks that grow from a page to 64 KiB: a context with ten mappings costs a
 * page, one with a million costs the allocator only a call for every few hundred. Below the size
 * from which malloc() asks the system for each chunk by itself (128 KiB) they also don't use up the
 * areas that a process may have.
 */
#include "base/pool.h"
#include "base/inject.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

#define CHUNK_FIRST 4096
#define CHUNK_MOST  (64 * 1024)
#define MALLOC_OVERHEAD                                                                            \
	16 /* so that a chunk with malloc's own header is a whole number of pages                  \
	    */

struct chunk {
	struct chunk *next;
	size_t size;
};

void pool_init(struct pool *pool, size_t size)
{
	size_t rounded = (size + 7) & ~(size_t)7;

	*pool = (struct pool){.size = rounded ? rounded : 8};
}

void pool_init_stable(struct pool *pool, size_t size)
{
	pool_init(pool, size);
	pool->stable = true;
}

void pool_done(struct pool *pool)
{
	struct chunk *chunk = pool->chunks;

	assert(pool->live == 0);
	while (chunk) {
		struct chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
	*pool = (struct pool){0};
}

static bool pool_grow(struct pool *pool)
{
	struct chunk *last = pool->chunks, *chunk;
	size_t size = last ? 2 * last->size : CHUNK_FIRST;

	if (size > CHUNK_MOST)
		size = CHUNK_MOST;
	while (size < sizeof(*chunk) + MALLOC_OVERHEAD + 4 * pool->size)
		size *= 2;
	chunk = malloc(size - MALLOC_OVERHEAD);
	if (!chunk)
		return false;
	chunk->next = last;
	chunk->size = size;
	pool->chunks = chunk;
	pool->fresh = (char *)(chunk + 1);
	pool->fresh_end = (char *)chunk + size - MALLOC_OVERHEAD;
	return true;
}

static void *pool_take(struct pool *pool)
{
	void *object = pool->free;

	if (POOL_SANITIZED && !pool->stable)
		return malloc(pool->size);
	if (object) {
		memcpy(&pool->free, object, sizeof(pool->free));
		return object;
	}
	if ((size_t)(pool->fresh_end - pool->fresh) < pool->size && !pool_grow(pool))
		return NULL;
	object = pool->fresh;
	pool->fresh += pool->size;
	return object;
}

void *pool_alloc(struct pool *pool)
{
	void *object = inject_fail() ? NULL : pool_take(pool);

	if (object)
		pool->live++;
	return object;
}

void pool_free(struct pool *pool, void *object)
{
	if (!object)
		return;
	assert(pool->live > 0);
	pool->live--;
	if (POOL_SANITIZED && !pool->stable) {
		free(object);
		return;
	}
	memcpy(object, &pool->free, sizeof(pool->free));
	pool->free = object;
}
