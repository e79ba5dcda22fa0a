/* SPDX-License-Identifier: MIT */
/*
 * Custody: pinned pages that are no longer at the addresses that were mapped.
 *
 * An address is not a pin. Before the program's munmap, MADV_DONTNEED or exit takes pinned memory away, we take it over: private memory is
 * copied, since nobody else will see it any more, and a shared mapping is mapped a second time. When the program moves it (mremap), its
 * pages are where they are now. Pages that a file loses (ftruncate, holes) are copied, once for all who have pinned them. Either way the page-set remembers where.
 */
#ifndef UIOMMUFD_MEM_CUSTODY_H
#define UIOMMUFD_MEM_CUSTODY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of our own address space that page-sets point into, also those of several contexts; unmapped with its last use. */
struct custody_memory {
	atomic_size_t refs;
	char *host;
	size_t len;
};

/* Takes over a mapping with one reference. NULL when out of memory. */
struct custody_memory *custody_memory_new(char *host, size_t len);
void custody_memory_put(struct custody_memory *memory); /* NULL is nothing */

struct custody_run {
	uint64_t first, last; /* page indices of the page-set */
	char *host;
	struct custody_memory *memory; /* NULL: the program's own memory, where it moved it to */
};

struct backing;

struct custody {
	struct backing
		*backing; /* PAGES_FILE: the file, which has no other place then (mem/pages.c) */
	size_t n, room;
	struct custody_run runs[]; /* sorted, disjoint */
};

/* The run that holds `page`, or NULL. `custody` may be NULL. */
const struct custody_run *custody_find(const struct custody *custody, uint64_t page);
/* Are any of pages first..last there? */
bool custody_meets(const struct custody *custody, uint64_t first, uint64_t last);
/* Adds a run, taking a reference on its memory; what stood there gives way. -ENOMEM: nothing has changed. */
int custody_set(struct custody **custody, struct custody_run run);
/* Forgets pages first..last. Never fails: a run that loses its middle is cut in two, for which custody_set() left room. */
void custody_drop(struct custody *custody, uint64_t first, uint64_t last);
void custody_free(struct custody *custody);

#endif
