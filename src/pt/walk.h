/* SPDX-License-Identifier: MIT */
/*
 * The walker, for files of formats alone: PT_WALKER(name, format) defines name(), which is what struct pt_format's `walk` wants. The format's
 * functions become part of it, so it is as fast as one written by hand.
 */
#ifndef UIOMMUFD_PT_WALK_H
#define UIOMMUFD_PT_WALK_H

#include <errno.h>

#include "pt/pt.h"

static inline __attribute__((always_inline)) int pt_walk_failed(struct pt_walk *walk,
								enum pt_kind kind)
{
	static const enum pt_fault faults[] = {
		[PT_ABSENT] = PT_FAULT_ABSENT,
		[PT_RESERVED] = PT_FAULT_RESERVED,
		[PT_UNTOUCHED] = PT_FAULT_ACCESS,
	};

	walk->fault = faults[kind];
	return -EFAULT;
}

/* Fetches the entry for `va` in the table that the walk has come to. */
static inline __attribute__((always_inline)) int pt_walk_fetch(const struct pt_config *config,
							       const struct pt_memory *memory,
							       uint64_t va, struct pt_walk *walk)
{
	unsigned int shift = pt_shift(config, walk->level);
	unsigned int bits = config->page_shift - 3;
	uint64_t index = (va & (((uint64_t)2 << (config->input_bits - 1)) - 1)) >> shift;
	int rc;

	walk->trail[walk->trail_len].address = walk->table + (index & ((1u << bits) - 1)) * 8;
	rc = memory->read(memory, walk->trail[walk->trail_len].address,
			  &walk->trail[walk->trail_len].word);
	if (rc == -EFAULT)
		walk->fault = PT_FAULT_FETCH;
	return rc;
}

static inline __attribute__((always_inline)) int pt_walk_with(const struct pt_config *config,
							      const struct pt_format *format,
							      const struct pt_memory *memory,
							      uint64_t va, struct pt_walk *walk)
{
	walk->fault = PT_FAULT_NONE;
	walk->trail_len = 0;
	walk->trail_top = walk->level;
	if (format->check_input(config, va)) {
		walk->fault = PT_FAULT_INPUT;
		return -EFAULT;
	}
	for (;;) {
		int rc = pt_walk_fetch(config, memory, va, walk);
		uint64_t word = walk->trail[walk->trail_len].word;
		enum pt_kind kind;

		if (rc)
			return rc;
		kind = format->decode(config, walk->level, pt_shift(config, walk->level), word,
				      &walk->leaf);
		if (kind != PT_TABLE && kind != PT_LEAF)
			return pt_walk_failed(walk, kind);
		walk->perm &= walk->leaf.perm;
		walk->trail[walk->trail_len++].perm = walk->perm;
		if (kind == PT_LEAF) {
			walk->dirty = format->used(config, PT_LEAF, word, true) == word;
			return 0;
		}
		walk->table = walk->leaf.address;
		walk->level--;
	}
}

#define PT_WALKER(name, format)                                                                    \
	static int name(const struct pt_config *config, const struct pt_memory *memory,            \
			uint64_t va, struct pt_walk *walk)                                         \
	{                                                                                          \
		return pt_walk_with(config, &(format), memory, va, walk);                          \
	}

#endif
