/* SPDX-License-Identifier: MIT */
/* Hardware queues: rings in the guest's memory that the IOMMU reads by itself. */
#include <errno.h>
#include <stdlib.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "core/ioctl.h"
#include "viommu/viommu.h"

/* The array of pinned pages must be one allocation; Linux refuses from this many bytes of queue on. */
#define MAX_BYTES ((uint64_t)1 << 40)

/* It can't let go: its memory is locked against UNMAP. */
static const struct access_ops queue_access_ops = {.pins_pages = true};

/* ---- memory ---- */

static uint64_t span_start(const struct hw_queue *queue)
{
	return page_floor(queue->iova);
}

static uint64_t span_length(const struct hw_queue *queue)
{
	return page_ceil(queue->iova + queue->length) - span_start(queue);
}

/* Do two pinned pages follow each other in physical memory? Only pages of one hugepage surely do. */
static bool adjacent(const struct pinned_page *a, const struct pinned_page *b)
{
	uint64_t next = a->pages->start + (b->index << PAGE_SHIFT);

	return a->pages == b->pages && b->index == a->index + 1 &&
	       next & (pages_page_size(a->pages, a->index) - 1);
}

/* Where the queue is in our memory; -EFAULT if it is not in one piece of physical memory. */
static int find_host(struct hw_queue *queue, const struct pinned_page *pages, uint64_t npages)
{
	char *first = pages_host(pages[0].pages, pages[0].index << PAGE_SHIFT, npages * PAGE_SIZE);

	for (uint64_t i = 1; i < npages; i++)
		if (!adjacent(&pages[i - 1], &pages[i]))
			return -EFAULT;
	queue->host = first ? first + page_offset(queue->iova) : NULL;
	return 0;
}

static int pin(struct hw_queue *queue)
{
	uint64_t npages = span_length(queue) >> PAGE_SHIFT;
	struct pinned_page *pages = mem_calloc(npages, sizeof(*pages));
	int rc;

	if (!pages)
		return -ENOMEM;
	rc = access_pin(queue->access, span_start(queue), span_length(queue), 0, pages);
	if (!rc) {
		rc = find_host(queue, pages, npages);
		if (rc)
			access_unpin(queue->access, span_start(queue), span_length(queue));
	}
	free(pages);
	return rc;
}

static int lock_memory(struct hw_queue *queue)
{
	struct ctx *ctx = queue->object.ctx;
	int rc;

	rc = access_new(ctx, &queue_access_ops, queue, &queue->access);
	if (rc)
		return rc;
	rc = access_attach(queue->access, queue->viommu->parent->ioas->object.id);
	if (!rc)
		rc = pin(queue);
	if (rc) {
		access_free(queue->access);
		queue->access = NULL;
	}
	return rc;
}

/* ---- the object ---- */

static void hw_queue_destroy(struct object *object)
{
	struct hw_queue *queue = (struct hw_queue *)object;
	struct viommu *viommu = queue->viommu;

	if (queue->started && viommu->ops->hw_queue_destroy)
		viommu->ops->hw_queue_destroy(queue);
	if (queue->depends_on)
		object_unuse(queue->depends_on);
	if (queue->access) {
		access_unpin(queue->access, span_start(queue), span_length(queue));
		access_free(queue->access);
	}
	object_unuse(&viommu->object);
	free(queue);
}

static const struct object_type hw_queue_type = {
	.name = "hw queue",
	.destroy = hw_queue_destroy,
};

static int hw_queue_new(struct viommu *viommu, const struct iommu_hw_queue_alloc *cmd, size_t size,
			struct hw_queue **ret_queue)
{
	struct hw_queue *queue = mem_zalloc(size);
	int rc;

	if (!queue)
		return -ENOMEM;
	rc = object_init(&queue->object, viommu->object.ctx, &hw_queue_type);
	if (rc) {
		free(queue);
		return rc;
	}
	queue->viommu = viommu;
	queue->type = cmd->type;
	queue->index = cmd->index;
	queue->iova = cmd->nesting_parent_iova;
	queue->length = cmd->length;
	object_use(&viommu->object);
	*ret_queue = queue;
	return 0;
}

static int start(struct hw_queue *queue)
{
	int rc = lock_memory(queue);

	if (!rc)
		rc = queue->viommu->ops->hw_queue_init(queue);
	if (rc)
		return rc;
	queue->started = true;
	return 0;
}

static int check_length(const struct iommu_hw_queue_alloc *cmd)
{
	uint64_t last;

	if (!cmd->length)
		return -EINVAL;
	if (__builtin_add_overflow(cmd->nesting_parent_iova, cmd->length - 1, &last))
		return -EOVERFLOW;
	return 0;
}

static int check_span(const struct iommu_hw_queue_alloc *cmd)
{
	uint64_t bytes;

	if (__builtin_add_overflow(cmd->length, page_offset(cmd->nesting_parent_iova), &bytes) ||
	    bytes > UINT64_MAX - (PAGE_SIZE - 1))
		return -ERANGE;
	return cmd->length >= MAX_BYTES ? -ENOMEM : 0;
}

int hw_queue_alloc_ioctl(struct ucmd *ucmd)
{
	struct iommu_hw_queue_alloc *cmd = ucmd->cmd;
	struct hw_queue *queue;
	struct viommu *viommu;
	size_t size;
	int rc;

	if (cmd->flags || !cmd->type)
		return -EOPNOTSUPP;
	rc = check_length(cmd);
	if (rc)
		return rc;
	viommu = viommu_find(ucmd->ctx, cmd->viommu_id);
	if (!viommu)
		return -ENOENT;
	size = viommu->ops->hw_queue_size ? viommu->ops->hw_queue_size(viommu, cmd->type) : 0;
	if (!size)
		return -EOPNOTSUPP;
	rc = check_span(cmd);
	if (!rc)
		rc = hw_queue_new(viommu, cmd, size, &queue);
	if (rc)
		return rc;
	rc = start(queue);
	cmd->out_hw_queue_id = queue->object.id;
	return ucmd_respond_new(ucmd, sizeof(*cmd), &queue->object, rc);
}
