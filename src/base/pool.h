/* SPDX-License-Identifier: MIT */
/*
 * A pool of objects of one size, without a header for each: for what exists a million times. Memory
 * is handed back to the system only by pool_done(). Not locked: the owner's lock guards it.
 * pool_alloc() is an injection point.
 *
 * Objects are aligned to 8 bytes. Under AddressSanitizer every object is an allocation of its own,
 * so that a use after pool_free() is found; a *stable* pool doesn't do that: what was once one of
 * its objects stays readable until pool_done(), always as an object of this pool, as readers that
 * take no lock rely on. Their first word is the pool's while they are free: a reader must find out
 * by other means that it read garbage there.
 */
#ifndef UIOMMUFD_BASE_POOL_H
#define UIOMMUFD_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>

struct pool {
	size_t size;
	void *free;   /* singly linked through the objects' first word */
	void *chunks; /* all memory, for pool_done() */
	char *fresh, *fresh_end;
	size_t live; /* objects handed out: must be 0 at pool_done() */
	bool stable;
};

void pool_init(struct pool *pool, size_t size);
void pool_init_stable(struct pool *pool, size_t size);
void pool_done(struct pool *pool);
void *pool_alloc(struct pool *pool);		 /* uninitialised; NULL when out of memory */
void pool_free(struct pool *pool, void *object); /* NULL is nothing */

#endif
