/* SPDX-License-Identifier: MIT */
/* All page-sets of a context, each once: those that several areas share too. */
#ifndef UIOMMUFD_IOAS_PAGE_SETS_H
#define UIOMMUFD_IOAS_PAGE_SETS_H

#include "core/ctx.h"
#include "mem/pages.h"

struct page_sets {
	struct pages **v;
	size_t n, room;
};

/* The page-sets that have pinned pages. With the context's lock, under which the result is true. -ENOMEM. */
int page_sets_pinned(struct ctx *ctx, struct page_sets *ret_sets);
void page_sets_done(struct page_sets *sets);

#endif
