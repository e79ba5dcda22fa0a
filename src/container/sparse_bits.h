/* SPDX-License-Identifier: MIT */
/*
 * A sparse bitmap over all 64-bit indices, for dirty pages: setting takes no lock and never waits; where no bit was ever set
 * there is no memory, and looking takes no time.
 *
 * Setting may run in any thread at any time. Finding and clearing are for one caller at a time; a bit that is set meanwhile is seen
 * by it or by the next. Memory is kept until sparse_bits_done().
 */
#ifndef UIOMMUFD_CONTAINER_SPARSE_BITS_H
#define UIOMMUFD_CONTAINER_SPARSE_BITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sparse_bits {
	void *_Atomic root;
};

void sparse_bits_done(struct sparse_bits *bits);

/* Sets first..last. -ENOMEM: some may not be set. */
int sparse_bits_set(struct sparse_bits *bits, uint64_t first, uint64_t last);
void sparse_bits_clear(struct sparse_bits *bits, uint64_t first, uint64_t last);
/* The first run of set bits within first..last, as far as it goes there. False if there is none. */
bool sparse_bits_find(const struct sparse_bits *bits, uint64_t first, uint64_t last,
		      uint64_t *ret_first, uint64_t *ret_last);

#endif
