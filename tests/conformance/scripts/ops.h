/* SPDX-License-Identifier: MIT */
/*
 * The operations that a script may name. Each family is a table in a file of its own; a table ends
 * with an empty row. An operation reads its arguments, acts on the world and says its result. What
 * it says must be the same on every right implementation: ids, IOVAs, errnos and hashes, never a
 * descriptor's number, an address of ours or a time.
 */
#ifndef REPLAY_OPS_H
#define REPLAY_OPS_H

#include "args.h"
#include "world.h"

struct op {
	const char *name;
	void (*run)(struct world *world, const struct args *args);
};

extern const struct op ioas_ops[], hwpt_ops[], event_ops[], viommu_ops[], mock_ops[], access_ops[],
	memory_ops[], compat_ops[], process_ops[];

struct iommu_test_cmd;
/* One command to the mock IOMMU (its size is set here): as call(). */
bool call_mock(struct world *world, struct iommu_test_cmd *cmd);

/* Runs one operation; its result is in world->result. */
void op_run(struct world *world, const char *text);

#endif
