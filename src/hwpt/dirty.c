/* SPDX-License-Identifier: MIT */
/* SET_DIRTY_TRACKING and GET_DIRTY_BITMAP. */
#include "hwpt/dirty.h"

#include <errno.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "core/ioctl.h"
#include "core/machine_impl.h"
#include "hwpt/leaf.h"

static void mark_range(struct hwpt_paging *paging, uint64_t first, uint64_t last, int *rc)
{
	unsigned int shift = paging->dirty_shift;
	int failed = sparse_bits_set(&paging->dirty, first >> shift, last >> shift);

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

void dirty_forget(struct hwpt_paging *paging, uint64_t first, uint64_t last)
{
	unsigned int shift = paging->dirty_shift;

	if (!sparse_bits_unused(&paging->dirty))
		sparse_bits_clear(&paging->dirty, first >> shift, last >> shift);
}

/*
 * DMA marks whole pages, then copies. When this returns all marks that have been begun before can be found, and the bytes behind them have been written.
 * Before the marks are read that is for who has found another's mark and relied on it; afterwards for the program, which may look at the
 * memory: a write that it doesn't see sets a new mark.
 */
static void wait_for_marks(const struct hwpt_paging *paging, uint64_t first, uint64_t last)
{
	hazard_wait(&paging->hwpt.object.ctx->machine->hazard, page_floor(first),
		    last | (PAGE_SIZE - 1));
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
	if (on)
		wait_for_marks(paging, 0, UINT64_MAX);
	return 0;
}

/* ---- GET_DIRTY_BITMAP ---- */

#define WINDOW_WORDS 256

/*
 * The user's bitmap: bit 0 is the page at `base`. Bits are only ever set: what the user had there stays. They come in rising order, and are collected in a
 * window, for each access to the user's memory has its price.
 */
struct bitmap {
	struct client *client;
	uint64_t data, base;
	unsigned int shift; /* log2 of what a bit stands for */
	uint64_t window;    /* the first word of the window */
	unsigned int used;  /* how many words it has: the first and the last are not 0 */
	uint64_t words[WINDOW_WORDS];
};

/* Sets the bits of the window in the user's memory, touching no byte before the first of them and behind the last. */
static int flush(struct bitmap *bitmap)
{
	uint64_t at = bitmap->data + bitmap->window * 8, old[WINDOW_WORDS];
	unsigned int used = bitmap->used, from, to;

	if (!used)
		return 0;
	from = __builtin_ctzll(bitmap->words[0]) / 8;
	to = used * 8 - __builtin_clzll(bitmap->words[used - 1]) / 8;
	old[0] = old[used - 1] = 0;
	if (client_read(bitmap->client, (char *)old + from, at + from, to - from))
		return -EFAULT;
	for (unsigned int i = 0; i < used; i++)
		old[i] |= bitmap->words[i];
	bitmap->used = 0;
	return client_write(bitmap->client, at + from, (char *)old + from, to - from);
}

static int put_in_word(struct bitmap *bitmap, uint64_t word, uint64_t bits)
{
	if (bitmap->used && word - bitmap->window >= WINDOW_WORDS) {
		int rc = flush(bitmap);

		if (rc)
			return rc;
	}
	if (!bitmap->used)
		bitmap->window = word;
	while (bitmap->used <= word - bitmap->window)
		bitmap->words[bitmap->used++] = 0;
	bitmap->words[word - bitmap->window] |= bits;
	return 0;
}

/* Up to 64 bits, of which the lowest is bit `at`. */
static int put(struct bitmap *bitmap, uint64_t at, uint64_t bits)
{
	uint64_t low = bits << at % 64, high = at % 64 ? bits >> (64 - at % 64) : 0;
	int rc = low ? put_in_word(bitmap, at / 64, low) : 0;

	return rc || !high ? rc : put_in_word(bitmap, at / 64 + 1, high);
}

/* Half as many bits: one where any of two was set. */
static uint64_t fold(uint64_t bits)
{
	bits = (bits | bits >> 1) & 0x5555555555555555;
	bits = (bits | bits >> 1) & 0x3333333333333333;
	bits = (bits | bits >> 2) & 0x0f0f0f0f0f0f0f0f;
	bits = (bits | bits >> 4) & 0x00ff00ff00ff00ff;
	bits = (bits | bits >> 8) & 0x0000ffff0000ffff;
	return (bits | bits >> 16) & 0xffffffff;
}

/* Units at `unit` and behind it, where a bit of the user's is one of them or more. */
static int report_coarse(struct bitmap *bitmap, uint64_t unit, uint64_t units, unsigned int shift)
{
	uint64_t base = bitmap->base >> bitmap->shift, at = unit << shift >> bitmap->shift;

	for (unsigned int i = shift; units > 1 && i < bitmap->shift && i < shift + 6; i++)
		units = fold(units);
	/* What lies below the base was not asked for, so no bit stands there. */
	return at < base ? put(bitmap, 0, units >> (base - at)) : put(bitmap, at - base, units);
}

/* One unit, where it is many bits of the user's. */
static int report_fine(struct bitmap *bitmap, uint64_t first, uint64_t last)
{
	uint64_t from = (first - bitmap->base) >> bitmap->shift;
	uint64_t to = (last - bitmap->base) >> bitmap->shift;
	int rc = 0;

	for (; !rc && from <= to; from++)
		rc = put(bitmap, from, 1);
	return rc;
}

/* Some of the units at `unit` and behind it, within `part`. */
static int report(struct bitmap *bitmap, const struct range *part, uint64_t unit, uint64_t units,
		  unsigned int shift)
{
	int rc = 0;

	if (shift <= bitmap->shift)
		return report_coarse(bitmap, unit, units, shift);
	for (; !rc && units; units &= units - 1) {
		uint64_t first = (unit + __builtin_ctzll(units)) << shift;
		uint64_t last = first + ((uint64_t)1 << shift) - 1;

		rc = report_fine(bitmap, first > part->first ? first : part->first,
				 last < part->last ? last : part->last);
	}
	return rc;
}

static int report_block(struct bitmap *bitmap, const struct range *part,
			const struct sparse_block *block, unsigned int shift)
{
	int rc = 0;

	for (uint64_t used = block->used; !rc && used; used &= used - 1) {
		unsigned int i = __builtin_ctzll(used);

		rc = report(bitmap, part, block->first + i * 64, block->words[i], shift);
	}
	return rc;
}

/* Hardware clears an entry's one dirty bit, also for the part of it that was not asked for. */
static void clear_edges(struct hwpt_paging *paging, const struct imap_entry *entry,
			const struct range *part)
{
	uint64_t edge, unused;

	leaf_find(paging, entry, part->first, &edge, &unused);
	if (edge < part->first)
		dirty_forget(paging, edge, part->first - 1);
	leaf_find(paging, entry, part->last, &unused, &edge);
	if (edge > part->last)
		dirty_forget(paging, part->last + 1, edge);
}

/* The part of one area. */
static int report_area(struct hwpt_paging *paging, const struct imap_entry *entry,
		       struct bitmap *bitmap, const struct range *part, bool clear)
{
	unsigned int shift = paging->dirty_shift;
	uint64_t at = part->first >> shift, last = part->last >> shift;
	struct sparse_block block;
	int rc = 0;

	while (!rc && sparse_bits_next(&paging->dirty, at, last, clear, &block)) {
		rc = report_block(bitmap, part, &block, shift);
		if (last - block.first < SPARSE_BLOCK)
			break;
		at = block.first + SPARSE_BLOCK;
	}
	if (clear && rc)
		dirty_forget(paging, part->first, part->last);
	if (clear)
		clear_edges(paging, entry, part);
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

		if (report_area(paging, &entry, bitmap, &part, clear))
			return;
		if (part.last == last)
			break;
		at = part.last + 1;
	}
	flush(bitmap);
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
	uint64_t last;
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
	last = cmd->iova + cmd->length - 1;
	wait_for_marks(paging, cmd->iova, last);
	report_range(paging, &bitmap, last, !(cmd->flags & IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR));
	wait_for_marks(paging, cmd->iova, last);
	return 0;
}
