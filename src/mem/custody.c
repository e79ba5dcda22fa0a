/* SPDX-License-Identifier: MIT */
/* Runs of pages that live elsewhere now. */
#include "mem/custody.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "mem/page.h"

struct custody_memory *custody_memory_new(char *host, size_t len)
{
	struct custody_memory *memory = mem_alloc(sizeof(*memory));

	if (!memory)
		return NULL;
	atomic_init(&memory->refs, 1);
	memory->host = host;
	memory->len = len;
	return memory;
}

void custody_memory_put(struct custody_memory *memory)
{
	if (!memory || atomic_fetch_sub(&memory->refs, 1) != 1)
		return;
	munmap(memory->host, memory->len);
	free(memory);
}

/* The index of the first run that ends at or after `page`. */
static size_t find_index(const struct custody *custody, uint64_t page)
{
	size_t low = 0, high = custody->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (custody->runs[mid].last < page)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct custody_run *custody_find(const struct custody *custody, uint64_t page)
{
	size_t i;

	if (!custody)
		return NULL;
	i = find_index(custody, page);
	return i < custody->n && custody->runs[i].first <= page ? &custody->runs[i] : NULL;
}

bool custody_meets(const struct custody *custody, uint64_t first, uint64_t last)
{
	size_t i;

	if (!custody)
		return false;
	i = find_index(custody, first);
	return i < custody->n && custody->runs[i].first <= last;
}

/* Room for one more run, and for as many again as custody_drop() may make by cutting each in two. */
static int make_room(struct custody **custody)
{
	size_t n = *custody ? (*custody)->n : 0, room = *custody ? (*custody)->room : 0;
	struct custody *grown;

	if (2 * (n + 2) <= room)
		return 0;
	room = 4 * (n + 2);
	grown = mem_realloc(*custody, sizeof(*grown) + room * sizeof(grown->runs[0]));
	if (!grown)
		return -ENOMEM;
	if (!*custody)
		grown->backing = NULL;
	grown->n = n;
	grown->room = room;
	*custody = grown;
	return 0;
}

static void insert(struct custody *custody, size_t at, struct custody_run run)
{
	memmove(&custody->runs[at + 1], &custody->runs[at], (custody->n - at) * sizeof(run));
	custody->runs[at] = run;
	custody->n++;
	if (run.memory)
		atomic_fetch_add(&run.memory->refs, 1);
}

/* The part of a run from `page` on. */
static struct custody_run upper(struct custody_run run, uint64_t page)
{
	run.host += (page - run.first) << PAGE_SHIFT;
	run.first = page;
	return run;
}

void custody_drop(struct custody *custody, uint64_t first, uint64_t last)
{
	size_t i = find_index(custody, first);

	while (i < custody->n && custody->runs[i].first <= last) {
		struct custody_run *run = &custody->runs[i], old = *run;

		if (old.first < first) {
			run->last = first - 1;
			if (old.last > last)
				insert(custody, i + 1, upper(old, last + 1));
			i++;
		} else if (old.last > last) {
			*run = upper(old, last + 1);
			return;
		} else {
			custody->n--;
			memmove(run, run + 1, (custody->n - i) * sizeof(old));
			custody_memory_put(old.memory);
		}
	}
}

int custody_set(struct custody **custody, struct custody_run run)
{
	int rc = make_room(custody);

	if (rc)
		return rc;
	custody_drop(*custody, run.first, run.last);
	insert(*custody, find_index(*custody, run.first), run);
	return 0;
}

void custody_free(struct custody *custody)
{
	if (!custody)
		return;
	for (size_t i = 0; i < custody->n; i++)
		custody_memory_put(custody->runs[i].memory);
	free(custody);
}
