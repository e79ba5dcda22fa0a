/* SPDX-License-Identifier: MIT */
/* Cutting an area in two that share its pages: only VFIO's first type1 interface asks for it. */
#include <errno.h>

#include "ioas/ioas.h"

static int check(const struct ioas *ioas, const struct imap_entry *entry, uint64_t at)
{
	const struct area *area = entry->value;

	if (area->closing)
		return -EBUSY;
	if (area->pages->kind == PAGES_DMABUF)
		return -EOPNOTSUPP;
	if (area->pins || area->locks)
		return -EINVAL;
	if (!TAILQ_EMPTY(&ioas->tables) && ioas->huge_pages)
		return -EINVAL;
	return at & (ioas->alignment - 1) ? -EINVAL : 0;
}

/* Page indices of the two halves: a page that is cut belongs to both. */
struct halves {
	uint64_t first, low_last, high_first, last;
};

/* Pins each half beside the whole: nothing is pinned anew, so only memory can be missing. */
static int split_pins(struct ioas *ioas, struct pages *pages, const struct halves *halves)
{
	struct ctx *ctx = ioas->object.ctx;
	int rc;

	if (TAILQ_EMPTY(&ioas->tables))
		return 0;
	rc = pages_pin(ctx, pages, halves->first, halves->low_last);
	if (rc)
		return rc;
	rc = pages_pin(ctx, pages, halves->high_first, halves->last);
	if (rc)
		pages_unpin(ctx, pages, halves->first, halves->low_last);
	return rc;
}

/* Gives up the pins of the whole, or if it was not cut those of the halves. */
static void end_split(struct ioas *ioas, struct pages *pages, const struct halves *halves, bool cut)
{
	struct ctx *ctx = ioas->object.ctx;

	if (TAILQ_EMPTY(&ioas->tables))
		return;
	if (cut) {
		pages_unpin(ctx, pages, halves->first, halves->last);
		return;
	}
	pages_unpin(ctx, pages, halves->first, halves->low_last);
	pages_unpin(ctx, pages, halves->high_first, halves->last);
}

/* The cut itself. The front knows whole areas. */
static int cut(struct ioas *ioas, const struct imap_entry *entry, uint64_t at, struct area *high)
{
	const struct imap_entry low = {entry->first, at - 1, entry->value};
	const struct imap_entry halves[] = {low, {at, entry->last, high}};
	int rc;

	ioas_hide_front(ioas, entry);
	rc = imap_cut(&ioas->areas, entry->first, at, entry->value, high);
	if (rc) {
		ioas_show_front(ioas, entry);
		return rc;
	}
	ioas_show_front(ioas, &halves[0]);
	ioas_show_front(ioas, &halves[1]);
	return 0;
}

/* Cuts so that `at` begins a new area. */
static int split(struct ioas *ioas, const struct imap_entry *entry, uint64_t at)
{
	uint64_t low_length = at - entry->first, length = entry->last - entry->first + 1;
	struct area *low = entry->value, *high;
	struct halves halves;
	int rc = check(ioas, entry, at);

	if (rc)
		return rc;
	high = pool_alloc(&ioas->area_pool);
	if (!high)
		return -ENOMEM;
	*high = (struct area){.pages = low->pages, .perm = low->perm};
	high->offset = low->offset + low_length;
	if (low->host)
		atomic_init(&high->host, low->host + low_length);
	halves = (struct halves){area_page(low, 0), area_page(low, low_length - 1),
				 area_page(low, low_length), area_page(low, length - 1)};
	rc = split_pins(ioas, low->pages, &halves);
	if (!rc) {
		rc = cut(ioas, entry, at, high);
		end_split(ioas, low->pages, &halves, !rc);
	}
	if (rc) {
		pool_free(&ioas->area_pool, high);
		return rc;
	}
	pages_get(low->pages);
	return 0;
}

int ioas_cut_after(struct ioas *ioas, uint64_t iova)
{
	struct imap_entry entry;

	if (!imap_first_in(&ioas->areas, iova, iova, &entry))
		return 0;
	/* Linux does not cut after the first byte of an area either. */
	if (entry.first == iova || entry.last == iova)
		return 0;
	return split(ioas, &entry, iova + 1);
}
