/* SPDX-License-Identifier: MIT */
/*
 * Objects: what has an id in a context.
 *
 * An object is made in two steps: object_init() reserves its id, object_publish() lets lookups find it; until then
 * object_abandon() takes it back. `users` counts what depends on an object beside its id (a page table on its IOAS, an
 * attached device on its page table); DESTROY is refused while there are any. All of it is guarded by the context's
 * lock, and every operation is one critical section, so a lookup needs no reference.
 */
#ifndef UIOMMUFD_CORE_OBJECT_H
#define UIOMMUFD_CORE_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

struct ctx;
struct object;

struct object_type {
	const char *name;
	/* Refuses DESTROY (-EBUSY) for a reason other than users. Empty: there is none. */
	bool (*busy)(struct object *object);
	/* Undoes what making it did and frees it. The id is gone already. Never fails. */
	void (*destroy)(struct object *object);
};

struct object {
	const struct object_type *type;
	struct ctx *ctx;
	uint32_t id;
	uint32_t users;
};

/* Reserves the lowest free id. -ENOMEM. */
int object_init(struct object *object, struct ctx *ctx, const struct object_type *type);
void object_publish(struct object *object);
/* For an object that was not published: gives its id back and frees it as destroy does. */
void object_abandon(struct object *object);

/* The object of this id, if it is published and of this type (any, if NULL); else NULL. Takes no reference. */
struct object *object_find(struct ctx *ctx, uint32_t id, const struct object_type *type);
/* Takes the id away and destroys the object, which must have no users. */
void object_destroy(struct object *object);
/* As object_destroy(), but the id is never handed out again. */
void object_destroy_tombstone(struct object *object);

static inline void object_use(struct object *object)
{
	object->users++;
}

static inline void object_unuse(struct object *object)
{
	object->users--;
}

#endif
