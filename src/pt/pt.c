/* SPDX-License-Identifier: MIT */
/* What a walk leaves to be written: accessed and dirty bits. */
#include "pt/pt.h"

#include <errno.h>

/* One entry of the trail. */
static int update_one(const struct pt_config *config, const struct pt_memory *memory,
		      enum pt_kind kind, bool write, struct pt_walk *walk, unsigned int i)
{
	uint64_t word = walk->trail[i].word, expected = word;
	uint64_t used = config->format->used(config, kind, word, write);
	int rc;

	if (used == word)
		return 0;
	rc = memory->exchange(memory, walk->trail[i].address, &expected, used);
	if (rc == -EFAULT)
		walk->fault = PT_FAULT_FETCH;
	if (rc)
		return rc;
	if (expected != word)
		return -ESTALE;
	walk->trail[i].word = used;
	return 0;
}

int pt_update(const struct pt_config *config, const struct pt_memory *memory, bool write,
	      struct pt_walk *walk)
{
	for (unsigned int i = 0; i < walk->trail_len; i++) {
		bool leaf = i == walk->trail_len - 1u;
		int rc = update_one(config, memory, leaf ? PT_LEAF : PT_TABLE, leaf && write, walk,
				    i);

		if (rc)
			return rc;
	}
	walk->dirty |= write;
	return 0;
}
