/* SPDX-License-Identifier: MIT */
/*
 * A sparse bitmap over all 64-bit indices, for dirty pages: setting takes no lock and never waits; where no bit was ever set
 * there is no memory, and looking takes no time.
 *
 * Setting may run in any thread at any time. Taking and clearing are for one caller at a time; a bit that is set meanwhile is seen
 * by it or by the next. Memory is kept until sparse_bits_done().
 *
 * Cost: where bits were set lately a set is a few loads; 64 words that are clean are skipped by one.
 */
#ifndef UIOMMUFD_CONTAINER_SPARSE_BITS_H
#define UIOMMUFD_CONTAINER_SPARSE_BITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sparse_leaf;

/* How many leaves are remembered: what they cover is 1 GiB of pages of 2 KiB. */
#define SPARSE_RECENT 16

struct sparse_bits {
	void *_Atomic root;
	struct sparse_leaf *_Atomic recent[SPARSE_RECENT]; /* used last, by their numbers */
};

void sparse_bits_done(struct sparse_bits *bits);

/* Sets first..last. -ENOMEM: some may not be set. */
int sparse_bits_set(struct sparse_bits *bits, uint64_t first, uint64_t last);
void sparse_bits_clear(struct sparse_bits *bits, uint64_t first, uint64_t last);
/*
 * The next bits within *first..last: of the first 64 of them, counted from a multiple of 64, where any is set. *first becomes that multiple, which may be
 * below what it was. 0: there are none. `take`: they are clear then, and no bit is lost that is set meanwhile.
 */
uint64_t sparse_bits_next(struct sparse_bits *bits, uint64_t *first, uint64_t last, bool take);

#endif
