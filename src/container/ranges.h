/* SPDX-License-Identifier: MIT */
/*
 * A short sorted list of closed ranges, which may overlap, each with an owner: the reserved and the allowed IOVAs of an
 * IOAS. There are few of them; what exists a million times is in an imap.
 */
#ifndef UIOMMUFD_CONTAINER_RANGES_H
#define UIOMMUFD_CONTAINER_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
	uint64_t first, last;
	const void *owner;
};

struct ranges {
	struct range *v; /* by rising first */
	size_t n, room;
};

void ranges_done(struct ranges *ranges);
/* -ENOMEM. */
int ranges_add(struct ranges *ranges, uint64_t first, uint64_t last, const void *owner);
void ranges_remove_owner(struct ranges *ranges, const void *owner);
/* Does any range touch [first, last]? */
bool ranges_overlap(const struct ranges *ranges, uint64_t first, uint64_t last);

/*
 * The first stretch of [at, last] that no range covers or, with `covered`, that ranges cover without a gap (ranges that
 * touch count as one). False if there is none. The walk goes on at ret_stretch->last + 1, unless that was `last`.
 */
bool ranges_next(const struct ranges *ranges, bool covered, uint64_t at, uint64_t last,
		 struct range *ret_stretch);

#endif
