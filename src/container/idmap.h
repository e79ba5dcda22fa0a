/* SPDX-License-Identifier: MIT */
/*
 * Object ids: small numbers from 1, each standing for a pointer.
 *
 * The lowest free number is always given next, so that programs see the ids that Linux would give
 * them. An id has three states: free; taken without a value, which is how an object under
 * construction or a tombstone looks; and taken with a value. Lookups see only the last.
 *
 * Cost: every call is one step for each 6 bits of the largest id. Memory follows the ids that are
 * taken: at best 8 bytes each, and a block of ids that are all free holds none.
 *
 * Locking: none here; the owner's lock guards the map.
 */
#ifndef UIOMMUFD_CONTAINER_IDMAP_H
#define UIOMMUFD_CONTAINER_IDMAP_H

#include <stdbool.h>
#include <stdint.h>

#define IDMAP_MAX_ID INT32_MAX /* an id is also an ioctl's positive result */

struct idmap_node;

struct idmap {
	struct idmap_node *root;
	unsigned int levels; /* of nodes; 0: there is none */
	uint32_t count;	     /* ids that are taken */
};

void idmap_init(struct idmap *map);
/* Gives back the memory. Values are the owner's: it has dealt with them before. */
void idmap_done(struct idmap *map);

/* Takes the lowest free id, without a value. 0, -ENOMEM, or -EBUSY if all ids are taken. */
int idmap_reserve(struct idmap *map, uint32_t *ret_id);
/* Gives a taken id a value, or another one. NULL hides the id: it stays taken, lookups don't see
 * it. */
void idmap_publish(struct idmap *map, uint32_t id, void *value);
/* Frees a taken id, and gives the value that it had. Never fails. */
void *idmap_remove(struct idmap *map, uint32_t id);

/* Any id, also 0 and those above IDMAP_MAX_ID: its value or NULL. */
void *idmap_find(const struct idmap *map, uint32_t id);
/* Any id: is it taken, with a value or without? */
bool idmap_taken(const struct idmap *map, uint32_t id);
/*
 * The value with the lowest id above `after`, and that id; NULL if there is none. The map may
 *change between two calls: for (id = 0; (value = idmap_next(map, id, &id));)
 */
void *idmap_next(const struct idmap *map, uint32_t after, uint32_t *ret_id);

#endif
