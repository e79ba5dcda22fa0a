/* SPDX-License-Identifier: MIT */
/*
 * Page-sets: the memory that one MAP named. Areas (ioas/area.h) show parts of a page-set at IOVAs; COPY shares it.
 *
 * Pinning is counted and charged per page-set and once per page, however many areas, domains and accesses use it. A pin
 * of all of it is a counter; pins of parts are runs in a pinmap. A page-set of a process's memory is read through that
 * process's address space, until the program takes pinned memory away: then `custody` says where the pages are.
 *
 * Everything is guarded by the context's lock. Page indices count from the page-set's first page.
 */
#ifndef UIOMMUFD_MEM_PAGES_H
#define UIOMMUFD_MEM_PAGES_H

#include "base/mm.h"
#include "core/ctx.h"
#include "mem/backing.h"
#include "mem/page.h"
#include "mem/pinmap.h"

struct dmabuf;
struct custody;
struct custody_run;

enum pages_kind {
	PAGES_USER,   /* a range of a client's addresses */
	PAGES_FILE,   /* a range of a file */
	PAGES_DMABUF, /* a range of a dma-buf */
};

struct pages {
	uint32_t refs;	    /* areas that share it */
	uint32_t full_pins; /* pins of all pages */
	uint8_t kind;	    /* enum pages_kind */
	uint8_t mode;	    /* enum account_mode: decided when it was mapped */
	bool writable;	    /* MAP asked for WRITEABLE: pages are pinned for writing */
	bool kept;	    /* PAGES_FILE: `custody` stands, which has the backing */
	union {
		uint32_t seen; /* PAGES_DMABUF: revocations when it was mapped */
		uid_t uid;     /* others: the user that the mapper was then */
	};
	uint64_t start; /* address or file offset of the first page */
	uint64_t npages;
	struct mm *mm; /* the mapper: its memory (PAGES_USER), and who is charged */
	union {
		struct custody *
			custody; /* pages that left the program's addresses (PAGES_USER; or NULL), or the file */
		struct backing *backing; /* PAGES_FILE */
		struct dmabuf *dmabuf;	 /* PAGES_DMABUF */
	};
	struct pinmap *partial; /* pins of parts, or NULL */
};

/* What MAP says of the memory. */
struct memory_range {
	uint64_t start, length; /* bytes; need not be page-aligned */
	bool writable;
};

/*
 * A range of the client's addresses, or after pages_of_file() or pages_of_dmabuf() of that, which takes a reference. Touches no memory. Nobody
 * has a reference on the page-set yet: the first area takes one, or it is given back by pages_free(). -EINVAL: no bytes, or too many; -ENOMEM.
 */
int pages_new(struct ctx *ctx, struct client *client, const struct memory_range *range,
	      struct pages **ret_pages);
void pages_of_file(struct pages *pages, struct backing *backing);
void pages_of_dmabuf(struct pages *pages, struct dmabuf *dmabuf);
void pages_free(struct ctx *ctx, struct pages *pages);

static inline void pages_get(struct pages *pages)
{
	pages->refs++;
}

static inline void pages_put(struct ctx *ctx, struct pages *pages)
{
	if (!--pages->refs)
		pages_free(ctx, pages);
}

/*
 * Pins pages first..last. -EFAULT: a process's memory that can't be had; -EINVAL: a file's; -ENOMEM: the memlock limit.
 * Nothing is pinned then. Each pin is undone by a pages_unpin() of the same range.
 */
int pages_pin(struct ctx *ctx, struct pages *pages, uint64_t first, uint64_t last);
void pages_unpin(struct ctx *ctx, struct pages *pages, uint64_t first, uint64_t last);
bool pages_pinned(const struct pages *pages, uint64_t page);
uint64_t pages_npinned(const struct pages *pages);
/* Where pages are that left the program's addresses or their file; NULL: none did. */
const struct custody *pages_custody(const struct pages *pages);
/* The pages of a run are there from now on, which takes a reference on its memory. Not for PAGES_DMABUF. -ENOMEM: nothing has changed. */
int pages_set_custody(struct pages *pages, struct custody_run run);
/* The first pinned pages within *first..last: moves *first to them and tells where they end. False if there are none. */
bool pages_next_pinned(const struct pages *pages, uint64_t *first, uint64_t last,
		       uint64_t *ret_run_last);
/* Moves the charge of what is pinned to another process. -ENOMEM: over its limit; nothing has changed then. */
int pages_charge_to(struct ctx *ctx, struct pages *pages, struct mm *mm);
/* Moves it back to where it was: whatever the limit says by now. */
void pages_charge_back(struct ctx *ctx, struct pages *pages, struct mm *mm, uid_t uid);

/*
 * Where bytes [offset, offset + len) from the start of the first page are in our own memory, if they are in one piece
 * there; else NULL. Holds as long as they are pinned.
 */
char *pages_host(struct pages *pages, uint64_t offset, uint64_t len);
/* Copies out of or into the memory. -EFAULT. */
int pages_read(struct pages *pages, uint64_t offset, void *dst, size_t len);
int pages_write(struct pages *pages, uint64_t offset, const void *src, size_t len);
/* Could these pages be had now? As pages_pin(), without pinning; `write`: for writing. */
int pages_probe(struct pages *pages, uint64_t first, uint64_t last, bool write);
/* The size of the memory's own page that a page is in: PAGE_SIZE, or a hugepage's. */
uint64_t pages_page_size(struct pages *pages, uint64_t page);
/* What memory is behind a page? -EFAULT. */
int pages_key(struct pages *pages, uint64_t page, struct page_key *ret_key);

#endif
