/* SPDX-License-Identifier: MIT */
/* Fault queues: reading messages, writing responses. */
#include "event/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "container/idmap.h"
#include "core/ioctl.h"
#include "event/event.h"
#include "iommu/iommu.h"

/* A group of page requests: queued, then (with a cookie) waiting for its answer. */
struct fault_group {
	TAILQ_ENTRY(fault_group) link; /* while queued */
	const struct fault_source *source;
	uint32_t n;
	struct page_request requests[];
};

struct fault_queue {
	struct event event;
	TAILQ_HEAD(, fault_group) queued;
	struct idmap read; /* struct fault_group by cookie: read, not answered */
};

#define MESSAGE_SIZE sizeof(struct iommu_hwpt_pgfault)

/* ---- answers ---- */

static void answer(struct fault_group *group, enum iommufd_page_response_code code)
{
	const struct page_request *last = &group->requests[group->n - 1];
	struct iommu_dev *dev = group->source->dev;

	if (dev->ops->page_response)
		dev->ops->page_response(dev, last, code);
	free(group);
}

int fault_deliver(struct object *queue, const struct fault_source *source,
		  const struct page_request *requests, uint32_t n)
{
	struct fault_queue *faults = (struct fault_queue *)queue;
	struct fault_group *group = mem_alloc(sizeof(*group) + n * sizeof(*requests));

	if (!group)
		return -ENOMEM;
	group->source = source;
	group->n = n;
	memcpy(group->requests, requests, n * sizeof(*requests));
	TAILQ_INSERT_TAIL(&faults->queued, group, link);
	event_changed(&faults->event);
	return 0;
}

static void forget_queued(struct fault_queue *faults, const struct fault_source *source)
{
	struct fault_group *group = TAILQ_FIRST(&faults->queued), *next;

	for (; group; group = next) {
		next = TAILQ_NEXT(group, link);
		if (group->source != source)
			continue;
		TAILQ_REMOVE(&faults->queued, group, link);
		answer(group, IOMMUFD_PAGE_RESP_INVALID);
	}
}

void fault_forget(struct object *queue, const struct fault_source *source)
{
	struct fault_queue *faults = (struct fault_queue *)queue;
	struct fault_group *group;
	uint32_t cookie = 0;

	forget_queued(faults, source);
	while ((group = idmap_next(&faults->read, cookie, &cookie))) {
		if (group->source != source)
			continue;
		idmap_remove(&faults->read, cookie);
		answer(group, IOMMUFD_PAGE_RESP_INVALID);
	}
	event_changed(&faults->event);
}

/* ---- the descriptor ---- */

static struct iommu_hwpt_pgfault message(const struct fault_group *group, uint32_t i,
					 uint32_t cookie)
{
	const struct page_request *request = &group->requests[i];

	return (struct iommu_hwpt_pgfault){
		.flags = (request->pasid_valid ? IOMMU_PGFAULT_FLAGS_PASID_VALID : 0) |
			 (request->last ? IOMMU_PGFAULT_FLAGS_LAST_PAGE : 0),
		.dev_id = group->source->dev_id,
		.pasid = request->pasid,
		.grpid = request->grpid,
		.perm = request->perm,
		.addr = request->addr,
		.cookie = cookie,
	};
}

/* Copies a whole group out; only then it counts as read. */
static int read_group(struct fault_queue *faults, struct fault_group *group, struct client *client,
		      uint64_t buf)
{
	uint32_t cookie;
	int rc = idmap_reserve(&faults->read, &cookie);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < group->n; i++) {
		struct iommu_hwpt_pgfault out = message(group, i, cookie);

		if (client_write(client, buf + i * MESSAGE_SIZE, &out, sizeof(out))) {
			idmap_remove(&faults->read, cookie);
			return -EFAULT;
		}
	}
	TAILQ_REMOVE(&faults->queued, group, link);
	idmap_publish(&faults->read, cookie, group);
	return 0;
}

static ssize_t fault_read(struct event *event, struct client *client, uint64_t buf, size_t count)
{
	struct fault_queue *faults = (struct fault_queue *)event;
	struct fault_group *group;
	size_t done = 0;
	int rc = 0;

	if (count % MESSAGE_SIZE)
		return -ESPIPE;
	while (!rc && (group = TAILQ_FIRST(&faults->queued))) {
		size_t len = group->n * MESSAGE_SIZE;

		if (len > count - done) {
			rc = -EINVAL;
			break;
		}
		rc = read_group(faults, group, client, buf + done);
		if (!rc)
			done += len;
	}
	if (done)
		event_changed(event);
	return done ? (ssize_t)done : rc;
}

static int take_answer(struct fault_queue *faults, const struct iommu_hwpt_page_response *response)
{
	struct fault_group *group;

	if (response->code != IOMMUFD_PAGE_RESP_SUCCESS &&
	    response->code != IOMMUFD_PAGE_RESP_INVALID)
		return -EINVAL;
	group = idmap_find(&faults->read, response->cookie);
	if (!group)
		return -EINVAL;
	idmap_remove(&faults->read, response->cookie);
	answer(group, response->code);
	return 0;
}

static ssize_t fault_write(struct event *event, struct client *client, uint64_t buf, size_t count)
{
	struct fault_queue *faults = (struct fault_queue *)event;
	struct iommu_hwpt_page_response response;
	size_t done = 0;
	int rc = 0;

	if (count % sizeof(response))
		return -ESPIPE;
	while (!rc && done < count) {
		rc = client_read(client, &response, buf + done, sizeof(response));
		if (!rc)
			rc = take_answer(faults, &response);
		if (!rc)
			done += sizeof(response);
	}
	return done ? (ssize_t)done : rc;
}

static unsigned int fault_poll(struct event *event)
{
	struct fault_queue *faults = (struct fault_queue *)event;
	unsigned int ready = EPOLLOUT;

	if (!TAILQ_EMPTY(&faults->queued))
		ready |= EPOLLIN | EPOLLRDNORM;
	return ready;
}

static const struct event_ops fault_ops = {
	.link = "anon_inode:[iommufd-pgfault]",
	.read = fault_read,
	.write = fault_write,
	.poll = fault_poll,
};

/* ---- the object ---- */

/* Sources hold a use of the queue through their page tables, so no group is left. */
static void fault_destroy(struct object *object)
{
	struct fault_queue *faults = (struct fault_queue *)object;

	idmap_done(&faults->read);
	free(faults);
}

const struct object_type fault_queue_type = {
	.name = "fault queue",
	.destroy = fault_destroy,
};

static int fault_queue_new(struct ctx *ctx, struct fault_queue **ret_faults)
{
	struct fault_queue *faults = mem_zalloc(sizeof(*faults));
	int rc;

	if (!faults)
		return -ENOMEM;
	rc = object_init(&faults->event.object, ctx, &fault_queue_type);
	if (rc) {
		free(faults);
		return rc;
	}
	faults->event.ops = &fault_ops;
	TAILQ_INIT(&faults->queued);
	idmap_init(&faults->read);
	*ret_faults = faults;
	return 0;
}

int fault_queue_alloc_ioctl(struct ucmd *ucmd)
{
	struct iommu_fault_alloc *cmd = ucmd->cmd;
	struct fault_queue *faults;
	int rc, fd;

	if (cmd->flags)
		return -EOPNOTSUPP;
	rc = fault_queue_new(ucmd->ctx, &faults);
	if (rc)
		return rc;
	fd = event_open(&faults->event, ucmd->client);
	cmd->out_fault_id = faults->event.object.id;
	cmd->out_fault_fd = fd;
	return event_respond_new(ucmd, sizeof(*cmd), &faults->event, fd);
}
