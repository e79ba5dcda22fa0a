/* SPDX-License-Identifier: MIT */
/* A sorted array. */
#include "container/ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void ranges_done(struct ranges *ranges)
{
	free(ranges->v);
	*ranges = (struct ranges){0};
}

int ranges_add(struct ranges *ranges, uint64_t first, uint64_t last, const void *owner)
{
	size_t at = ranges->n;

	if (ranges->n == ranges->room) {
		size_t room = ranges->room ? 2 * ranges->room : 4;
		struct range *v = mem_realloc(ranges->v, room * sizeof(*v));

		if (!v)
			return -ENOMEM;
		ranges->v = v;
		ranges->room = room;
	}
	while (at && ranges->v[at - 1].first > first)
		at--;
	memmove(&ranges->v[at + 1], &ranges->v[at], (ranges->n - at) * sizeof(ranges->v[0]));
	ranges->v[at] = (struct range){first, last, owner};
	ranges->n++;
	return 0;
}

void ranges_remove_owner(struct ranges *ranges, const void *owner)
{
	size_t kept = 0;

	for (size_t i = 0; i < ranges->n; i++)
		if (ranges->v[i].owner != owner)
			ranges->v[kept++] = ranges->v[i];
	ranges->n = kept;
}

bool ranges_overlap(const struct ranges *ranges, uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < ranges->n && ranges->v[i].first <= last; i++)
		if (ranges->v[i].last >= first)
			return true;
	return false;
}

/* The end of the stretch of ranges that covers `at`, or false if none does. */
static bool covered_until(const struct ranges *ranges, uint64_t at, uint64_t *ret_last)
{
	bool found = false;
	uint64_t next = at; /* what has to be covered next */

	for (size_t i = 0; i < ranges->n && ranges->v[i].first <= next; i++) {
		if (ranges->v[i].last < next)
			continue;
		found = true;
		*ret_last = ranges->v[i].last;
		if (*ret_last == UINT64_MAX)
			break;
		next = *ret_last + 1;
	}
	return found;
}

/* The first range that begins after `at`. */
static const struct range *next_begin(const struct ranges *ranges, uint64_t at)
{
	for (size_t i = 0; i < ranges->n; i++)
		if (ranges->v[i].first > at)
			return &ranges->v[i];
	return NULL;
}

bool ranges_next(const struct ranges *ranges, bool covered, uint64_t at, uint64_t last,
		 struct range *ret_stretch)
{
	const struct range *begin;
	uint64_t until = 0;
	bool in = covered_until(ranges, at, &until);

	if (at > last)
		return false;
	if (in && !covered) { /* skip what is covered */
		if (until >= last)
			return false;
		at = until + 1;
		in = false;
	}
	begin = next_begin(ranges, at);
	if (!in && covered) { /* skip the hole */
		if (!begin || begin->first > last)
			return false;
		at = begin->first;
		covered_until(ranges, at, &until);
	}
	if (!covered)
		until = begin ? begin->first - 1 : UINT64_MAX;
	*ret_stretch = (struct range){at, until < last ? until : last, NULL};
	return true;
}
