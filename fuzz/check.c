/* SPDX-License-Identifier: MIT */
/* Adding up: what the core counts must be what there is. */
#include "fuzz.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/machine_impl.h"
#include "ioas/access.h"
#include "ioas/ioas.h"
#include "mem/pages.h"

/* Page-sets that were met, each with the areas that show it. */
struct met {
	struct pages *pages[1024];
	uint32_t areas[1024];
	size_t n;
};

static void meet(struct met *met, struct pages *pages)
{
	size_t i = 0;

	while (i < met->n && met->pages[i] != pages)
		i++;
	if (i == sizeof(met->pages) / sizeof(met->pages[0]))
		fuzz_fail("too many page-sets to check");
	if (i == met->n) {
		met->pages[met->n] = pages;
		met->areas[met->n++] = 0;
	}
	met->areas[i]++;
}

static void check_area(const struct ioas *ioas, const struct imap_entry *entry, struct met *met)
{
	const struct area *area = entry->value;
	uint64_t all = entry->first | (entry->last - entry->first + 1) | page_offset(area->offset);
	uint64_t last = area_page(area, entry->last - entry->first);

	if (all & (ioas->alignment - 1))
		fuzz_fail("an area at %" PRIx64 " does not fit alignment %" PRIu64, entry->first,
			  ioas->alignment);
	if (last >= area->pages->npages)
		fuzz_fail("an area at %" PRIx64 " has more pages than its page-set", entry->first);
	if (ranges_overlap(&ioas->reserved, entry->first, entry->last))
		fuzz_fail("an area at %" PRIx64 " where it must not be", entry->first);
	if (!TAILQ_EMPTY(&ioas->tables) &&
	    !(pages_pinned(area->pages, area_page(area, 0)) && pages_pinned(area->pages, last)))
		fuzz_fail("an area at %" PRIx64 " is shown and not pinned", entry->first);
	if (area->closing)
		fuzz_fail("nobody unmaps the area at %" PRIx64, entry->first);
	meet(met, area->pages);
}

static void check_ioas(const struct ioas *ioas, struct met *met)
{
	const struct access *access;
	struct imap_entry entry;
	size_t n = 0;

	imap_for_each_in(&ioas->areas, 0, UINT64_MAX, &entry) {
		check_area(ioas, &entry, met);
		n++;
	}
	if (n != ioas->areas.count)
		fuzz_fail("%zu areas, counted %zu", n, (size_t)ioas->areas.count);
	LIST_FOREACH(access, &ioas->accesses, link)
		if (access->ioas != ioas)
			fuzz_fail("an access in the wrong list");
}

/* How many pages are charged to the process (ACCOUNT_MM). */
static uint64_t check_context(struct ctx *ctx)
{
	struct met met = {.n = 0};
	struct object *object;
	uint64_t locked = 0;
	uint32_t id = 0;

	while ((object = idmap_next(&ctx->ids, id, &id))) {
		if (object->id != id || object->ctx != ctx)
			fuzz_fail("object %u does not know itself", id);
		if (object->type == &ioas_type)
			check_ioas((struct ioas *)object, &met);
	}
	for (size_t i = 0; i < met.n; i++) {
		if (met.pages[i]->refs != met.areas[i])
			fuzz_fail("%u areas show a page-set with %u references", met.areas[i],
				  met.pages[i]->refs);
		if (met.pages[i]->kind != PAGES_DMABUF && met.pages[i]->mode == ACCOUNT_MM)
			locked += pages_npinned(met.pages[i]);
	}
	return locked;
}

void fuzz_check(struct stage *stage)
{
	uint64_t locked = 0;
	struct ctx *ctx;

	lock_take(&stage->machine->contexts_lock);
	LIST_FOREACH(ctx, &stage->machine->contexts, link) {
		lock_take(&ctx->lock);
		locked += check_context(ctx);
		lock_release(&ctx->lock);
	}
	lock_release(&stage->machine->contexts_lock);
	if (locked != atomic_load(&stage->client.mm->locked_vm))
		fuzz_fail("%" PRIu64 " pages pinned, %lu charged", locked,
			  atomic_load(&stage->client.mm->locked_vm));
}
