/* SPDX-License-Identifier: MIT */
/*
 * Objects are cut from chunks that grow from a page to 64 KiB: a context with ten mappings costs a
 * page, one with a million costs the allocator only a call for every few hundred. Below the size
 * from which malloc() asks the system for each chunk by itself (128 KiB) they also don't use up the
 * areas that a process may have.
 */
#include "base/pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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

void *pool_take_fresh(struct pool *pool)
{
	void *object;

	if (POOL_SANITIZED) {
		object = malloc(pool->size);
	} else {
		if ((size_t)(pool->fresh_end - pool->fresh) < pool->size && !pool_grow(pool))
			return NULL;
		object = pool->fresh;
		pool->fresh += pool->size;
	}
	pool->live += object != NULL;
	return object;
}

void pool_give_back(struct pool *pool, void *object)
{
	free(object);
}
