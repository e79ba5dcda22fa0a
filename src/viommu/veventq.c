/* SPDX-License-Identifier: MIT */
/* vEVENTQs: events of a vIOMMU on their way to the user, and the news that some were lost. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "core/ioctl.h"
#include "event/event.h"
#include "viommu/viommu.h"

/* The longest queue that can be asked for. */
#define MAX_DEPTH (1u << 19)

struct vevent {
	TAILQ_ENTRY(vevent) link;
	size_t len;			     /* of data */
	struct iommufd_vevent_header header; /* with the data, what is read */
	unsigned char data[];
};

struct veventq {
	struct event event;
	LIST_ENTRY(veventq) link;
	struct viommu *viommu; /* holds a use */
	uint32_t type;
	uint32_t depth, count; /* of events with data */
	uint32_t next_sequence;
	TAILQ_HEAD(, vevent) queue;
	struct vevent *offered; /* the first of the queue, or NULL */
	struct vevent lost;	/* queued at the tail while the latest events are lost */
	bool lost_queued;
};

/* ---- reporting ---- */

static void queue_lost(struct veventq *queue, uint32_t sequence)
{
	queue->lost.header.flags = IOMMU_VEVENTQ_FLAG_LOST_EVENTS;
	queue->lost.header.sequence = sequence;
	if (queue->lost_queued)
		return;
	queue->lost_queued = true;
	TAILQ_INSERT_TAIL(&queue->queue, &queue->lost, link);
}

/* The gap in the sequence says it from now on. */
static void drop_lost(struct veventq *queue)
{
	if (queue->lost_queued)
		TAILQ_REMOVE(&queue->queue, &queue->lost, link);
	queue->lost_queued = false;
}

static struct veventq *find_queue(struct viommu *viommu, uint32_t type)
{
	struct veventq *queue;

	LIST_FOREACH(queue, &viommu->veventqs, link)
		if (queue->type == type)
			return queue;
	return NULL;
}

int viommu_report(struct viommu *viommu, uint32_t type, const void *data, size_t len)
{
	struct veventq *queue = find_queue(viommu, type);
	struct vevent *vevent = NULL;
	uint32_t sequence;
	int rc = 0;

	if (!queue)
		return -EOPNOTSUPP;
	/* One that has been read makes room, and what is offered can't be changed. */
	if (queue->offered && (queue->count >= queue->depth || queue->lost_queued))
		event_settle(&queue->event);
	sequence = queue->next_sequence;
	queue->next_sequence = sequence == INT_MAX ? 0 : sequence + 1;
	if (queue->count < queue->depth) {
		vevent = mem_alloc(sizeof(*vevent) + len);
		rc = vevent ? 0 : -ENOMEM;
	}
	if (!vevent) {
		queue_lost(queue, sequence);
	} else {
		vevent->header = (struct iommufd_vevent_header){.sequence = sequence};
		vevent->len = len;
		memcpy(vevent->data, data, len);
		drop_lost(queue);
		TAILQ_INSERT_TAIL(&queue->queue, vevent, link);
		queue->count++;
	}
	event_changed(&queue->event);
	return rc;
}

/* ---- the descriptor ---- */

static void take_off(struct veventq *queue, struct vevent *vevent)
{
	if (vevent == &queue->lost) {
		drop_lost(queue);
		return;
	}
	TAILQ_REMOVE(&queue->queue, vevent, link);
	queue->count--;
	free(vevent);
}

static ssize_t veventq_read(struct event *event, struct client *client, uint64_t buf, size_t count)
{
	struct veventq *queue = (struct veventq *)event;
	struct vevent *vevent;
	size_t done = 0;
	int rc = 0;

	if (count < sizeof(vevent->header))
		return -EINVAL;
	while ((vevent = TAILQ_FIRST(&queue->queue))) {
		size_t len = sizeof(vevent->header) + vevent->len;

		rc = len > count - done ? -EINVAL
					: client_write(client, buf + done, &vevent->header, len);
		if (rc)
			break;
		take_off(queue, vevent);
		done += len;
	}
	return done ? (ssize_t)done : rc;
}

static unsigned int veventq_poll(struct event *event)
{
	struct veventq *queue = (struct veventq *)event;

	return TAILQ_EMPTY(&queue->queue) ? 0 : EPOLLIN | EPOLLRDNORM;
}

static size_t veventq_next(struct event *event, const void **ret_message)
{
	struct veventq *queue = (struct veventq *)event;
	struct vevent *vevent = TAILQ_FIRST(&queue->queue);

	if (!vevent)
		return 0;
	queue->offered = vevent;
	*ret_message = &vevent->header;
	return sizeof(vevent->header) + vevent->len;
}

static void veventq_offered(struct event *event, bool read)
{
	struct veventq *queue = (struct veventq *)event;
	struct vevent *vevent = queue->offered;

	queue->offered = NULL;
	if (read)
		take_off(queue, vevent);
}

static const struct event_ops veventq_ops = {
	.link = "anon_inode:[iommufd-viommu-event]",
	.read = veventq_read,
	.poll = veventq_poll,
	.next = veventq_next,
	.offered = veventq_offered,
};

/* ---- the object ---- */

static void veventq_destroy(struct object *object)
{
	struct veventq *queue = (struct veventq *)object;
	struct vevent *vevent;

	while ((vevent = TAILQ_FIRST(&queue->queue)))
		take_off(queue, vevent);
	LIST_REMOVE(queue, link);
	object_unuse(&queue->viommu->object);
	free(queue);
}

static const struct object_type veventq_type = {
	.name = "veventq",
	.destroy = veventq_destroy,
};

static int veventq_new(struct viommu *viommu, uint32_t type, uint32_t depth,
		       struct veventq **ret_queue)
{
	struct veventq *queue = mem_zalloc(sizeof(*queue));
	int rc;

	if (!queue)
		return -ENOMEM;
	rc = object_init(&queue->event.object, viommu->object.ctx, &veventq_type);
	if (rc) {
		free(queue);
		return rc;
	}
	queue->event.ops = &veventq_ops;
	queue->viommu = viommu;
	queue->type = type;
	queue->depth = depth;
	TAILQ_INIT(&queue->queue);
	LIST_INSERT_HEAD(&viommu->veventqs, queue, link);
	object_use(&viommu->object);
	*ret_queue = queue;
	return 0;
}

static int open_and_publish(struct ucmd *ucmd, struct veventq *queue)
{
	struct iommu_veventq_alloc *cmd = ucmd->cmd;
	int fd = event_open(&queue->event, ucmd->client);

	cmd->out_veventq_id = queue->event.object.id;
	cmd->out_veventq_fd = fd;
	return event_respond_new(ucmd, sizeof(*cmd), &queue->event, fd);
}

int veventq_alloc_ioctl(struct ucmd *ucmd)
{
	struct iommu_veventq_alloc *cmd = ucmd->cmd;
	struct veventq *queue;
	struct viommu *viommu;
	int rc;

	if (cmd->flags || cmd->__reserved || !cmd->type)
		return -EOPNOTSUPP;
	if (!cmd->veventq_depth || cmd->veventq_depth > MAX_DEPTH)
		return -EINVAL;
	viommu = viommu_find(ucmd->ctx, cmd->viommu_id);
	if (!viommu)
		return -ENOENT;
	if (find_queue(viommu, cmd->type))
		return -EEXIST;
	rc = veventq_new(viommu, cmd->type, cmd->veventq_depth, &queue);
	return rc ? rc : open_and_publish(ucmd, queue);
}
