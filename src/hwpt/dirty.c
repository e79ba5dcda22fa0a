/* SPDX-License-Identifier: MIT */
/* SET_DIRTY_TRACKING and GET_DIRTY_BITMAP. */
#include "hwpt/dirty.h"

#include <errno.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "core/ioctl.h"
#include "hwpt/leaf.h"

static uint64_t unit_of(const struct hwpt_paging *paging)
{
	return paging->table.page_sizes & -paging->table.page_sizes;
}

static void mark_range(struct hwpt_paging *paging, uint64_t first, uint64_t last, int *rc)
{
	uint64_t unit = unit_of(paging);
	int failed = sparse_bits_set(&paging->dirty, first / unit, last / unit);

	if (failed)
		*rc = failed;
}

int dirty_mark(struct hwpt_paging *paging, uint64_t first, uint64_t last)
{
	struct imap_entry entry;
	int rc = 0;

	imap_for_each_in(&paging->ioas->areas, first, last, &entry) {
		uint64_t at = entry.first > first ? entry.first : first;
		uint64_t end = entry.last < last ? entry.last : last;

		for (;;) {
			uint64_t leaf_first, leaf_last;

			leaf_find(paging, &entry, at, &leaf_first, &leaf_last);
			mark_range(paging, leaf_first, leaf_last, &rc);
			if (leaf_last >= end)
				break;
			at = leaf_last + 1;
		}
	}
	return rc;
}

void dirty_mark_pages(struct hwpt_paging *paging, uint64_t first, uint64_t last)
{
	uint64_t unit = unit_of(paging);

	sparse_bits_set(&paging->dirty, page_floor(first) / unit, (last | (PAGE_SIZE - 1)) / unit);
}

void dirty_forget(struct hwpt_paging *paging, uint64_t first, uint64_t last)
{
	uint64_t unit = unit_of(paging);

	sparse_bits_clear(&paging->dirty, first / unit, last / unit);
}

/* ---- SET_DIRTY_TRACKING ---- */

int hwpt_set_dirty_tracking_ioctl(struct ucmd *ucmd)
{
	struct iommu_hwpt_set_dirty_tracking *cmd = ucmd->cmd;
	struct hwpt_paging *paging;
	bool on = cmd->flags & IOMMU_HWPT_DIRTY_TRACKING_ENABLE;

	if (cmd->flags & ~IOMMU_HWPT_DIRTY_TRACKING_ENABLE)
		return -EOPNOTSUPP;
	paging = hwpt_find_paging(ucmd->ctx, cmd->hwpt_id);
	if (!paging)
		return -ENOENT;
	if (!paging->hwpt.domain->dirty_tracking)
		return -EOPNOTSUPP;
	if (on)
		dirty_forget(paging, 0, UINT64_MAX);
	atomic_store(&paging->tracking, on);
	return 0;
}

/* ---- GET_DIRTY_BITMAP ---- */

/* The user's bitmap: bit 0 is the page at `base`. */
struct bitmap {
	struct client *client;
	uint64_t data, base;
	unsigned int shift; /* log2 of what a bit stands for */
};

/* Sets bits of one byte of the user's. */
static int or_byte(struct bitmap *bitmap, uint64_t byte, uint8_t bits)
{
	uint8_t old;

	if (client_read(bitmap->client, &old, bitmap->data + byte, 1))
		return -EFAULT;
	old |= bits;
	return client_write(bitmap->client, bitmap->data + byte, &old, 1);
}

static int set_bytes(struct bitmap *bitmap, uint64_t byte, uint64_t n)
{
	unsigned char ones[512];

	memset(ones, 0xff, sizeof(ones));
	while (n) {
		size_t now = n < sizeof(ones) ? n : sizeof(ones);

		if (client_write(bitmap->client, bitmap->data + byte, ones, now))
			return -EFAULT;
		byte += now;
		n -= now;
	}
	return 0;
}

/* Reports [first, last] as dirty. Bits are only ever set: what the user had there stays. */
static int report(struct bitmap *bitmap, uint64_t first, uint64_t last)
{
	uint64_t from = (first - bitmap->base) >> bitmap->shift;
	uint64_t to = (last - bitmap->base) >> bitmap->shift;
	uint8_t low = 0xff << (from % 8), high = 0xff >> (7 - to % 8);
	int rc;

	if (from / 8 == to / 8)
		return or_byte(bitmap, from / 8, low & high);
	rc = or_byte(bitmap, from / 8, low);
	if (!rc)
		rc = set_bytes(bitmap, from / 8 + 1, to / 8 - from / 8 - 1);
	return rc ? rc : or_byte(bitmap, to / 8, high);
}

/* Hardware clears an entry's one dirty bit, also for the part of it that was not asked for. */
static void clear_entries(struct hwpt_paging *paging, const struct imap_entry *entry,
			  uint64_t first, uint64_t last)
{
	uint64_t edge, unused;

	leaf_find(paging, entry, first, &edge, &unused);
	if (edge < first)
		first = edge;
	leaf_find(paging, entry, last, &unused, &edge);
	if (edge > last)
		last = edge;
	dirty_forget(paging, first, last);
}

/* The part [first, last] of one area. */
static int report_area(struct hwpt_paging *paging, const struct imap_entry *entry,
		       struct bitmap *bitmap, struct range part, bool clear)
{
	uint64_t unit = unit_of(paging), run_first, run_last, at = part.first / unit;
	int rc = 0;

	while (!rc &&
	       sparse_bits_find(&paging->dirty, at, part.last / unit, &run_first, &run_last)) {
		uint64_t first = run_first * unit, last = run_last * unit + unit - 1;

		rc = report(bitmap, first > part.first ? first : part.first,
			    last < part.last ? last : part.last);
		if (run_last == part.last / unit)
			break;
		at = run_last + 1;
	}
	if (clear)
		clear_entries(paging, entry, part.first, part.last);
	return rc;
}

/*
 * Walks areas that lie side by side from the start. What stops the walk, a hole or a bitmap that can't be written, is not
 * reported: Linux does not either.
 */
static void report_range(struct hwpt_paging *paging, struct bitmap *bitmap, uint64_t last,
			 bool clear)
{
	struct imap_entry entry;
	uint64_t at = bitmap->base;

	while (imap_first_in(&paging->ioas->areas, at, at, &entry)) {
		struct range part = {at, entry.last < last ? entry.last : last, NULL};

		if (report_area(paging, &entry, bitmap, part, clear))
			return;
		if (part.last == last)
			return;
		at = part.last + 1;
	}
}

static int check_range(const struct ioas *ioas, const struct iommu_hwpt_get_dirty_bitmap *cmd)
{
	uint64_t mask = ioas->alignment - 1, last;

	if (!cmd->length)
		return -EINVAL;
	if (__builtin_add_overflow(cmd->iova, cmd->length - 1, &last))
		return -EOVERFLOW;
	if (cmd->iova & mask || (last + 1) & mask)
		return -EINVAL;
	if (!cmd->page_size)
		return -EINVAL;
	/* A mask, also where page_size is no power of two. */
	mask = cmd->page_size - 1;
	return cmd->iova & mask || (last + 1) & mask ? -EINVAL : 0;
}

int hwpt_get_dirty_bitmap_ioctl(struct ucmd *ucmd)
{
	struct iommu_hwpt_get_dirty_bitmap *cmd = ucmd->cmd;
	struct bitmap bitmap = {.client = ucmd->client, .data = cmd->data, .base = cmd->iova};
	struct hwpt_paging *paging;
	int rc;

	if (cmd->flags & ~IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR || cmd->__reserved)
		return -EOPNOTSUPP;
	paging = hwpt_find_paging(ucmd->ctx, cmd->hwpt_id);
	if (!paging)
		return -ENOENT;
	rc = check_range(paging->ioas, cmd);
	if (rc)
		return rc;
	if (!paging->hwpt.domain->dirty_tracking)
		return -EOPNOTSUPP;
	bitmap.shift = __builtin_ctzll(cmd->page_size);
	report_range(paging, &bitmap, cmd->iova + cmd->length - 1,
		     !(cmd->flags & IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR));
	return 0;
}
