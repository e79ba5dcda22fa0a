/* SPDX-License-Identifier: MIT */
/*
 * Keeping a script's references right when lines before them were taken out.
 *
 * Ids are the lowest free number and slots are numbered in order of creation, so a creating line
 * that is gone shifts those of all later objects. A line that remains had a result in the old run
 * and has one in the new run: that tells what each old number is called now.
 */
#ifndef REPLAY_REBIND_H
#define REPLAY_REBIND_H

#include <stddef.h>
#include <stdint.h>

#include "world.h"

#define REBIND_IDS 4096 /* ids beyond are left as they are */

struct rebind {
	uint32_t id[REBIND_IDS]; /* by old id: the new one, or 0 if not known */
	struct rebind_slots {
		unsigned int slot[SLOTS]; /* by old slot: the new one + 1, or 0 */
		unsigned int n_old, n_new;
	} faults, vevents, accesses;
};

/* Writes op with its references replaced. */
void rebind_apply(const struct rebind *rebind, const char *op, char *ret_op, size_t room);
/* Tells what op (in its old form) made in the old run and what it made now. */
void rebind_learn(struct rebind *rebind, const char *op, const char *old_result,
		  const char *new_result);

#endif
