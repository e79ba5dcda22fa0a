/* SPDX-License-Identifier: MIT */
/*
 * Choosing IOVAs: the lowest place inside the allowed ranges that is free of areas and reserved ranges. The alignment follows
 * the memory, so that an IOMMU could use large pages, and the offset within a page stays what it is in memory.
 */
#include <errno.h>

#include "ioas/ioas.h"
#include "mem/page.h"

/* What is looked for. */
struct wish {
	uint64_t length, alignment, offset;
};

/* Moves the start of a free stretch to where the wish could begin; false if it does not fit then. */
static bool fit(struct range *stretch, const struct wish *wish)
{
	uint64_t start = stretch->first;

	if (start > UINT64_MAX - (wish->alignment - 1))
		return false;
	start = ((start + wish->alignment - 1) & ~(wish->alignment - 1)) | wish->offset;
	if (start >= stretch->last || stretch->last - start < wish->length - 1)
		return false;
	stretch->first = start;
	return true;
}

/* A stretch without areas: tries its parts without reserved ranges. */
static bool place_in_gap(const struct ioas *ioas, struct range gap, const struct wish *wish,
			 uint64_t *ret_iova)
{
	uint64_t at = gap.first;
	struct range hole;

	while (ranges_next(&ioas->reserved, false, at, gap.last, &hole)) {
		uint64_t last = hole.last;

		if (fit(&hole, wish)) {
			*ret_iova = hole.first;
			return true;
		}
		if (last == gap.last)
			return false;
		at = last + 1;
	}
	return false;
}

static bool place_in_allowed(const struct ioas *ioas, struct range allowed, const struct wish *wish,
			     uint64_t *ret_iova)
{
	struct range gap;
	uint64_t at;

	if (!fit(&allowed, wish))
		return false;
	at = allowed.first;
	while (at <= allowed.last &&
	       imap_next_gap(&ioas->areas, at, wish->length, &gap.first, &gap.last)) {
		uint64_t last = gap.last;

		if (gap.first < at)
			gap.first = at;
		if (gap.first > allowed.last)
			return false;
		if (gap.last > allowed.last)
			gap.last = allowed.last;
		if (place_in_gap(ioas, gap, wish, ret_iova))
			return true;
		if (last >= allowed.last)
			return false;
		at = last + 1;
	}
	return false;
}

static uint64_t round_up_pow2(uint64_t length)
{
	return length <= 1 ? 1 : (uint64_t)1 << (64 - __builtin_clzll(length - 1));
}

static uint64_t wished_alignment(uint64_t base, uint64_t length)
{
	uint64_t alignment = round_up_pow2(length);

	if (base && (base & -base) < alignment)
		alignment = base & -base;
	return alignment < PAGE_SIZE_PMD ? alignment : PAGE_SIZE_PMD;
}

int ioas_place(struct ioas *ioas, uint64_t base, uint64_t length, uint64_t *ret_iova)
{
	const uint64_t top = UINT64_MAX - PAGE_SIZE;
	struct range allowed = {PAGE_SIZE, top, NULL};
	struct wish wish = {.length = length, .offset = page_offset(base)};
	uint64_t at = PAGE_SIZE;

	if (!length || length >= UINT64_MAX / 2)
		return -EOVERFLOW;
	wish.alignment = wished_alignment(base, length);
	if (wish.alignment < ioas->alignment)
		return -EINVAL;
	if (!ioas->allowed.n)
		return place_in_allowed(ioas, allowed, &wish, ret_iova) ? 0 : -ENOSPC;
	while (ranges_next(&ioas->allowed, true, at, top, &allowed)) {
		at = allowed.last + 1;
		if (place_in_allowed(ioas, allowed, &wish, ret_iova))
			return 0;
		if (allowed.last == top)
			break;
	}
	return -ENOSPC;
}
