/* SPDX-License-Identifier: MIT */
/* Finding an operation by its name. */
#include <string.h>

#include "ops.h"

static const struct op *const families[] = {
	ioas_ops,   hwpt_ops,	event_ops,  viommu_ops,	 mock_ops,
	access_ops, memory_ops, compat_ops, process_ops,
};

static const struct op *op_find(const char *name)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		for (const struct op *op = families[i]; op->name; op++)
			if (!strcmp(op->name, name))
				return op;
	return NULL;
}

void op_run(struct world *world, const char *text)
{
	struct args args;
	const struct op *op;

	world->length = 0;
	world->result[0] = '\0';
	args_parse(&args, text);
	world->read_only = arg(&args, "ro");
	if (arg_text(&args, "ptr"))
		world_reset_edges();
	op = op_find(args.name);
	if (op)
		op->run(world, &args);
	else
		say(world, "unknown operation");
}
