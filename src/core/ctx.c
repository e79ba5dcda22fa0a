/* SPDX-License-Identifier: MIT */
/* The life of a context. */
#include "core/ctx.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/ioctl.h"
#include "core/machine_impl.h"
#include "core/mmap.h"

static void ctx_release(struct file *file)
{
	ctx_put((struct ctx *)file);
}

static const struct file_ops ctx_file_ops = {
	.link = "/dev/iommu",
	.ioctl = ctx_ioctl,
	.mmap = ctx_mmap,
	.release = ctx_release,
};

struct ctx *ctx_of_file(struct file *file)
{
	return file->ops == &ctx_file_ops ? (struct ctx *)file : NULL;
}

int ctx_new(struct machine *machine, enum account_mode mode, struct ctx **ret_ctx)
{
	struct ctx *ctx = mem_zalloc(sizeof(*ctx));

	if (!ctx)
		return -ENOMEM;
	file_init(&ctx->file, &ctx_file_ops);
	atomic_init(&ctx->refs, 1);
	lock_init(&ctx->lock, RANK_CONTEXT);
	pthread_cond_init(&ctx->unmapped, NULL);
	idmap_init(&ctx->ids);
	ctx->account_mode = mode;
	ctx->machine = machine_get(machine);
	lock_take(&machine->contexts_lock);
	LIST_INSERT_HEAD(&machine->contexts, ctx, link);
	lock_release(&machine->contexts_lock);
	*ret_ctx = ctx;
	return 0;
}

void ctx_get(struct ctx *ctx)
{
	atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
}

/* Each round destroys what nothing depends on any more, until nothing is left. */
static void destroy_all(struct ctx *ctx)
{
	bool progress = true;

	while (progress) {
		struct object *object;
		uint32_t id = 0;

		progress = false;
		while ((object = idmap_next(&ctx->ids, id, &id))) {
			if (object->users)
				continue;
			object_destroy(object);
			progress = true;
		}
	}
}

void ctx_put(struct ctx *ctx)
{
	struct machine *machine = ctx->machine;

	if (atomic_fetch_sub_explicit(&ctx->refs, 1, memory_order_acq_rel) != 1)
		return;
	lock_take(&machine->contexts_lock);
	LIST_REMOVE(ctx, link);
	lock_release(&machine->contexts_lock);
	lock_take(&ctx->lock);
	destroy_all(ctx);
	lock_release(&ctx->lock);
	idmap_done(&ctx->ids);
	if (ctx->pages.size)
		pool_done(&ctx->pages);
	pthread_cond_destroy(&ctx->unmapped);
	lock_done(&ctx->lock);
	free(ctx);
	machine_put(machine);
}
