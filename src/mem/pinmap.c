/* SPDX-License-Identifier: MIT */
/* Counted runs of pages. */
#include "mem/pinmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void pinmap_done(struct pinmap *map)
{
	free(map->runs);
	*map = (struct pinmap){0};
}

/* n ranges have 2n edges, so at most 2n + 1 runs; two more while one is being cut in. */
int pinmap_prepare(struct pinmap *map)
{
	size_t need = 2 * (map->ranges + 1) + 3, room = map->room ? map->room : 4;
	struct pin_run *runs;

	if (need <= map->room)
		return 0;
	while (room < need)
		room *= 2;
	runs = mem_realloc(map->runs, room * sizeof(*runs));
	if (!runs)
		return -ENOMEM;
	map->runs = runs;
	map->room = room;
	return 0;
}

/* The first run that ends at or after `page`. */
static size_t find(const struct pinmap *map, uint64_t page)
{
	size_t low = 0, high = map->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (map->runs[mid].last < page)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void insert(struct pinmap *map, size_t at, struct pin_run run)
{
	memmove(&map->runs[at + 1], &map->runs[at], (map->n - at) * sizeof(run));
	map->runs[at] = run;
	map->n++;
}

static void drop(struct pinmap *map, size_t at)
{
	map->n--;
	memmove(&map->runs[at], &map->runs[at + 1], (map->n - at) * sizeof(map->runs[0]));
}

/* Makes `page` the first of a run, if it is inside one. */
static void cut_before(struct pinmap *map, uint64_t page)
{
	size_t i = find(map, page);

	if (i == map->n || map->runs[i].first >= page)
		return;
	insert(map, i, map->runs[i]);
	map->runs[i].last = page - 1;
	map->runs[i + 1].first = page;
}

static void merge_with_next(struct pinmap *map, size_t i)
{
	struct pin_run *run = &map->runs[i];

	if (i + 1 >= map->n || run[1].first != run->last + 1 || run[1].count != run->count)
		return;
	run->last = run[1].last;
	drop(map, i + 1);
}

/* Joins equal neighbours from just before `first` to just after `last`. */
static void tidy(struct pinmap *map, uint64_t first, uint64_t last)
{
	size_t i = find(map, first ? first - 1 : 0);

	while (i < map->n && map->runs[i].first <= last) {
		size_t n = map->n;

		merge_with_next(map, i);
		if (map->n == n)
			i++;
	}
}

void pinmap_add(struct pinmap *map, uint64_t first, uint64_t last)
{
	uint64_t at = first;
	size_t i;

	cut_before(map, first);
	if (last != UINT64_MAX)
		cut_before(map, last + 1);
	for (i = find(map, first); at <= last; i++) {
		uint64_t hole_last = last;

		if (i < map->n && map->runs[i].first <= at) {
			map->runs[i].count++;
			at = map->runs[i].last + 1;
			continue;
		}
		if (i < map->n && map->runs[i].first <= last)
			hole_last = map->runs[i].first - 1;
		insert(map, i, (struct pin_run){at, hole_last, 1});
		map->npages += hole_last - at + 1;
		at = hole_last + 1;
	}
	map->ranges++;
	tidy(map, first, last);
}

void pinmap_remove(struct pinmap *map, uint64_t first, uint64_t last)
{
	size_t i;

	cut_before(map, first);
	cut_before(map, last + 1);
	for (i = find(map, first); i < map->n && map->runs[i].first <= last;) {
		struct pin_run *run = &map->runs[i];

		if (--run->count) {
			i++;
			continue;
		}
		map->npages -= run->last - run->first + 1;
		drop(map, i);
	}
	map->ranges--;
	tidy(map, first, last);
}

bool pinmap_has(const struct pinmap *map, uint64_t page)
{
	size_t i = find(map, page);

	return i < map->n && map->runs[i].first <= page;
}

uint64_t pinmap_missing(const struct pinmap *map, uint64_t first, uint64_t last)
{
	uint64_t missing = last - first + 1;

	for (size_t i = find(map, first); i < map->n && map->runs[i].first <= last; i++) {
		const struct pin_run *run = &map->runs[i];
		uint64_t from = run->first > first ? run->first : first;
		uint64_t to = run->last < last ? run->last : last;

		missing -= to - from + 1;
	}
	return missing;
}

bool pinmap_next_missing(const struct pinmap *map, uint64_t *first, uint64_t last,
			 uint64_t *ret_run_last)
{
	size_t i = find(map, *first);

	while (i < map->n && map->runs[i].first <= *first)
		*first = map->runs[i++].last + 1;
	if (*first > last)
		return false;
	*ret_run_last = i < map->n && map->runs[i].first <= last ? map->runs[i].first - 1 : last;
	return true;
}

bool pinmap_next_run(const struct pinmap *map, uint64_t *first, uint64_t last,
		     uint64_t *ret_run_last)
{
	size_t i = find(map, *first);

	if (i == map->n || map->runs[i].first > last)
		return false;
	if (map->runs[i].first > *first)
		*first = map->runs[i].first;
	*ret_run_last = map->runs[i].last < last ? map->runs[i].last : last;
	return true;
}
