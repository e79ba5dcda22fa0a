/* SPDX-License-Identifier: MIT */
/* CHANGE_PROCESS: another process takes over what the context's mappings are charged to. */
#include <errno.h>
#include <stdlib.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "core/ioctl.h"
#include "ioas/ioas.h"

/* Calls `visit` for each area of each IOAS until one refuses. */
static int for_each_area(struct ctx *ctx,
			 int (*visit)(struct ctx *ctx, struct area *area, void *arg), void *arg)
{
	struct object *object;
	uint32_t id = 0;

	while ((object = idmap_next(&ctx->ids, id, &id))) {
		struct imap_entry entry;

		if (object->type != &ioas_type)
			continue;
		imap_for_each_in(&((struct ioas *)object)->areas, 0, UINT64_MAX, &entry) {
			int rc = visit(ctx, entry.value, arg);

			if (rc)
				return rc;
		}
	}
	return 0;
}

/* Only a file's memory can change hands. */
static int check_area(struct ctx *ctx, struct area *area, void *arg)
{
	return area->pages->kind == PAGES_FILE ? 0 : -EINVAL;
}

/* Page-sets that were moved, to undo it. */
struct moved {
	struct pages *pages;
	struct mm *from;
	uid_t uid;
};

struct move {
	struct mm *to;
	struct moved *v;
	size_t n, room;
};

static int grow(struct move *move)
{
	size_t room = move->room ? 2 * move->room : 16;
	struct moved *v;

	if (move->n < move->room)
		return 0;
	v = mem_realloc(move->v, room * sizeof(*v));
	if (!v)
		return -ENOMEM;
	move->v = v;
	move->room = room;
	return 0;
}

/* Page-sets that several areas share are moved by the first and found moved by the others. */
static int move_area(struct ctx *ctx, struct area *area, void *arg)
{
	struct pages *pages = area->pages;
	struct move *move = arg;
	struct mm *from = pages->mm;
	uid_t uid = pages->uid;
	int rc;

	if (from == move->to)
		return 0;
	rc = grow(move);
	if (rc)
		return rc;
	mm_get(from);
	rc = pages_charge_to(ctx, pages, move->to);
	if (rc) {
		mm_put(from);
		return rc;
	}
	move->v[move->n++] = (struct moved){pages, from, uid};
	return 0;
}

/* Gives back what was moved if `undo`: it was charged there before, so it fits. */
static void end_move(struct ctx *ctx, struct move *move, bool undo)
{
	for (size_t i = 0; i < move->n; i++) {
		if (undo)
			pages_charge_back(ctx, move->v[i].pages, move->v[i].from, move->v[i].uid);
		mm_put(move->v[i].from);
	}
	free(move->v);
}

int ioas_change_process_ioctl(struct ucmd *ucmd)
{
	struct iommu_ioas_change_process *cmd = ucmd->cmd;
	struct move move = {.to = ucmd->client->mm};
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	rc = for_each_area(ucmd->ctx, check_area, NULL);
	if (rc)
		return rc;
	rc = for_each_area(ucmd->ctx, move_area, &move);
	end_move(ucmd->ctx, &move, rc != 0);
	return rc;
}
