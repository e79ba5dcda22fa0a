/* SPDX-License-Identifier: MIT */
/* Regions of a context that programs map. */
#include "core/mmap.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/mm.h"
#include "core/ctx.h"
#include "core/machine_impl.h"

#define PAGE ((uint64_t)4096)

/* The lowest offset, from a page on, where the region does not meet another. */
static uint64_t choose_offset(struct ctx *ctx, uint64_t length)
{
	struct mmap_region *other;
	uint64_t offset = PAGE;

again:
	LIST_FOREACH(other, &ctx->regions, link) {
		if (other->offset < offset + length && offset < other->offset + other->length) {
			offset = other->offset + other->length;
			goto again;
		}
	}
	return offset;
}

int mmap_region_new(struct ctx *ctx, uint64_t length, struct mmap_region **ret_region)
{
	struct mmap_region *region = mem_zalloc(sizeof(*region));
	int rc;

	if (!region)
		return -ENOMEM;
	region->length = length;
	region->offset = choose_offset(ctx, length);
	rc = shared_memory_init(&region->memory, length);
	if (rc) {
		free(region);
		return rc;
	}
	rc = shared_memory_share(&region->memory, ctx->machine->host);
	if (rc) {
		shared_memory_done(&region->memory);
		free(region);
		return rc;
	}
	LIST_INSERT_HEAD(&ctx->regions, region, link);
	*ret_region = region;
	return 0;
}

void mmap_region_free(struct mmap_region *region)
{
	if (!region)
		return;
	LIST_REMOVE(region, link);
	shared_memory_done(&region->memory);
	free(region);
}

bool mmap_region_busy(struct ctx *ctx, const struct mmap_region *region)
{
	/* Our own view is one mapping of this process. */
	return mm_count_maps(region->memory.dev, region->memory.ino) > 1;
}

int ctx_mmap(struct file *file, struct client *client, struct file_mapping *mapping)
{
	struct ctx *ctx = ctx_of_file(file);
	struct mmap_region *region;

	if (mapping->length & (PAGE - 1))
		mapping->length = (mapping->length + PAGE - 1) & ~(PAGE - 1);
	if ((mapping->flags & MAP_TYPE) == MAP_PRIVATE)
		return -EINVAL;
	if (mapping->prot & PROT_EXEC)
		return -EPERM;
	LOCK_SCOPED(&ctx->lock);
	LIST_FOREACH(region, &ctx->regions, link)
		if (region->offset == mapping->offset && region->length == mapping->length)
			break;
	if (!region)
		return -ENXIO;
	mapping->fd_offset = 0;
	mapping->fd = shared_memory_open(&region->memory);
	return mapping->fd < 0 ? mapping->fd : 0;
}
