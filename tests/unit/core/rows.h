/* SPDX-License-Identifier: MIT */
/*
 * The sweep of an ioctl. A row says what a good call looks like and what can be wrong with it, *in the order in which the core has to
 * notice*: alone each fault gives its error, of two the earlier one wins, and whatever fails leaves the context as it was. From the
 * sizes in the row follow the rules of the front door, tried for every size and every byte of the tail.
 */
#ifndef UIOMMUFD_TESTS_CORE_ROWS_H
#define UIOMMUFD_TESTS_CORE_ROWS_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "world.h"

/* A field, and what to put there: world->id[world] + value. */
struct field {
	uint16_t at, size; /* size 0: no field */
	enum world_id world;
	uint64_t value;
};

#define ROW_FIELDS 3

/* Something wrong with a call. */
struct wrong {
	const char *what;
	int error;
	struct field fields[ROW_FIELDS];
};

enum reply {
	REPLY_NONE,   /* the struct is not written back */
	REPLY_UNDONE, /* -EFAULT if it can't be, and nothing has happened */
	REPLY_STAYS,  /* -EFAULT if it can't be, and the call has taken effect */
};

#define ROW_MAX_WRONG 28

struct row {
	const char *name;
	unsigned int cmd;
	uint16_t size, min_size;
	uint16_t good_size; /* the shortest that a good call can have, if not min_size */
	enum reply reply;
	long result;	    /* of a good call, if not 0: for what no machine here can do */
	bool writes_errors; /* the struct is written back on errors of the handler too */
	void (*prepare)(
		struct world *world); /* what the good call needs beside the world; may be NULL */
	void (*fill)(const struct world *world,
		     void *cmd); /* a good call; `size` is set after it */
	struct wrong wrong[ROW_MAX_WRONG];
};

#define FIELD_AT(type, field) offsetof(struct type, field), sizeof(((struct type *)0)->field)
#define SET(type, field, value)                                                                    \
	{                                                                                          \
		FIELD_AT(type, field), W_NONE, (uint64_t)(value)                                   \
	}
#define SET_ID(type, field, world)                                                                 \
	{                                                                                          \
		FIELD_AT(type, field), world, 0                                                    \
	}
#define SET_AT(type, field, world, value)                                                          \
	{                                                                                          \
		FIELD_AT(type, field), world, (uint64_t)(value)                                    \
	}
#define ROW_SIZES(type, last)                                                                      \
	.size = sizeof(struct type),                                                               \
	.min_size = offsetof(struct type, last) + sizeof(((struct type *)0)->last)

/* Runs each row as a group of tests; to be returned by main(). */
int rows_run(const struct row *rows, size_t n);

#endif
