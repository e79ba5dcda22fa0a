/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a page-set are pinned by someone who needs only some of them, and how often.
 *
 * A sorted array of disjoint runs, each with its count. Removing a range that was added never needs memory: adding keeps
 * room for the cuts that removing may make.
 */
#ifndef UIOMMUFD_MEM_PINMAP_H
#define UIOMMUFD_MEM_PINMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pin_run {
	uint64_t first, last; /* page indices */
	uint32_t count;
};

struct pinmap {
	struct pin_run *runs;
	size_t n, room;
	size_t ranges;	 /* added and not removed */
	uint64_t npages; /* pages with a count */
};

void pinmap_done(struct pinmap *map);
/* Makes room, so that the next pinmap_add() can't fail. -ENOMEM. */
int pinmap_prepare(struct pinmap *map);
void pinmap_add(struct pinmap *map, uint64_t first, uint64_t last);
void pinmap_remove(struct pinmap *map, uint64_t first, uint64_t last);
bool pinmap_has(const struct pinmap *map, uint64_t page);
/* How many pages of the range have no count yet. */
uint64_t pinmap_missing(const struct pinmap *map, uint64_t first, uint64_t last);
/* The first run of pages with a count within *first..last: moves *first to it and tells where it ends. False if there is none. */
bool pinmap_next_run(const struct pinmap *map, uint64_t *first, uint64_t last,
		     uint64_t *ret_run_last);
/*
 * The first pages of *first..last without a count: moves *first to them and tells where they end. False if there are
 * none.
 */
bool pinmap_next_missing(const struct pinmap *map, uint64_t *first, uint64_t last,
			 uint64_t *ret_run_last);

#endif
