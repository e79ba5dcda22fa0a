/* SPDX-License-Identifier: MIT */
/* Runs of pages that live elsewhere now. */
#include "mem/custody.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"

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

int custody_add(struct custody **custody, struct custody_run run)
{
	size_t n = *custody ? (*custody)->n : 0, at;
	struct custody *grown = mem_realloc(*custody, sizeof(*grown) + (n + 1) * sizeof(run));

	if (!grown)
		return -ENOMEM;
	grown->n = n;
	at = find_index(grown, run.first);
	memmove(&grown->runs[at + 1], &grown->runs[at], (n - at) * sizeof(run));
	grown->runs[at] = run;
	grown->n++;
	if (run.memory)
		run.memory->refs++;
	*custody = grown;
	return 0;
}

static void put_memory(struct custody_memory *memory)
{
	if (!memory || --memory->refs)
		return;
	munmap(memory->host, memory->len);
	free(memory);
}

void custody_free(struct custody *custody)
{
	if (!custody)
		return;
	for (size_t i = 0; i < custody->n; i++)
		put_memory(custody->runs[i].memory);
	free(custody);
}
