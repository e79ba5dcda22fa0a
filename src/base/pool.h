/* SPDX-License-Identifier: MIT */
/*
 * A pool of objects of one size, without a header for each: for what exists a million times. Memory is handed back to the
 * system only by pool_done(). Not locked: the owner's lock guards it. pool_alloc() is an injection point. Under
 * AddressSanitizer every object is an allocation of its own.
 */
#ifndef UIOMMUFD_BASE_POOL_H
#define UIOMMUFD_BASE_POOL_H

#include <stddef.h>

struct pool {
	size_t size;
	void *free;   /* singly linked through the objects' first word */
	void *chunks; /* all memory, for pool_done() */
	char *fresh, *fresh_end;
	size_t live; /* objects handed out: must be 0 at pool_done() */
};

void pool_init(struct pool *pool, size_t size);
void pool_done(struct pool *pool);
void *pool_alloc(struct pool *pool); /* uninitialised; NULL when out of memory */
void pool_free(struct pool *pool, void *object);

#endif
