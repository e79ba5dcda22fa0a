/* SPDX-License-Identifier: MIT */
/*
 * Custody: pinned pages that the program has taken away from their addresses (munmap, mremap, MADV_DONTNEED, exit).
 *
 * An address is not a pin. Before the program's call takes effect the shim tells us, the pages move to addresses of our
 * own (mremap keeps them the same pages) or are copied out of a process that leaves, and the page-set remembers where.
 */
#ifndef UIOMMUFD_MEM_CUSTODY_H
#define UIOMMUFD_MEM_CUSTODY_H

#include <stddef.h>
#include <stdint.h>

struct custody_run {
	uint64_t first, last; /* page indices of the page-set */
	char *host;
	struct custody_memory *memory; /* keeps the addresses; NULL: they are not ours to free */
};

struct custody {
	size_t n;
	struct custody_run runs[]; /* sorted, disjoint */
};

/* A piece of address space that page-sets point into, freed with its last run. */
struct custody_memory {
	size_t refs;
	char *host;
	size_t len;
};

/* The run that holds `page`, or NULL. `custody` may be NULL. */
const struct custody_run *custody_find(const struct custody *custody, uint64_t page);
/* Adds a run that overlaps none, taking a reference on its memory. -ENOMEM. */
int custody_add(struct custody **custody, struct custody_run run);
void custody_free(struct custody *custody);

#endif
