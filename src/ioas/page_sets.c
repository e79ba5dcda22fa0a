/* SPDX-License-Identifier: MIT */
#include "ioas/page_sets.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "ioas/ioas.h"

static int add(struct page_sets *sets, struct pages *pages)
{
	if (!pages_npinned(pages) || (sets->n && sets->v[sets->n - 1] == pages))
		return 0;
	if (sets->n == sets->room) {
		size_t room = sets->room ? 2 * sets->room : 64;
		struct pages **v = mem_realloc(sets->v, room * sizeof(*v));

		if (!v)
			return -ENOMEM;
		sets->v = v;
		sets->room = room;
	}
	sets->v[sets->n++] = pages;
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct pages *const *x = a, *const *y = b;

	return (*x > *y) - (*x < *y);
}

static void unique(struct page_sets *sets)
{
	size_t kept = 0;

	if (sets->n)
		qsort(sets->v, sets->n, sizeof(sets->v[0]), by_address);
	for (size_t i = 0; i < sets->n; i++)
		if (!i || sets->v[i] != sets->v[i - 1])
			sets->v[kept++] = sets->v[i];
	sets->n = kept;
}

int page_sets_pinned(struct ctx *ctx, struct page_sets *ret_sets)
{
	struct page_sets sets = {0};
	struct object *object;
	uint32_t id = 0;

	while ((object = idmap_next(&ctx->ids, id, &id))) {
		struct imap_entry entry;

		if (object->type != &ioas_type)
			continue;
		imap_for_each_in(&((struct ioas *)object)->areas, 0, UINT64_MAX, &entry) {
			int rc = add(&sets, ((struct area *)entry.value)->pages);

			if (rc) {
				page_sets_done(&sets);
				return rc;
			}
		}
	}
	unique(&sets);
	*ret_sets = sets;
	return 0;
}

void page_sets_done(struct page_sets *sets)
{
	free(sets->v);
	*sets = (struct page_sets){0};
}
