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
#include "base/pool.h"
#include "container/idmap.h"
#include "core/ioctl.h"
#include "event/event.h"

/* A group of page requests: queued, then (with a cookie) waiting for its answer. */
struct fault_group {
	TAILQ_ENTRY(fault_group) link; /* while queued */
	struct fault_source *source;
	struct page_request last; /* what the answer goes to */
	uint32_t n;
	struct iommu_hwpt_pgfault messages[];
};

struct fault_queue {
	struct event event;
	TAILQ_HEAD(, fault_group) queued;
	struct idmap read;	     /* struct fault_group by cookie: read, not answered */
	struct fault_group *offered; /* the first of the queue; its cookie is reserved */
	struct pool singles;	     /* groups of one message, as most are */
};

#define MESSAGE_SIZE sizeof(struct iommu_hwpt_pgfault)

/* ---- answers ---- */

static struct fault_group *new_group(struct fault_queue *faults, uint32_t n)
{
	struct fault_group *group = n == 1 ? pool_alloc(&faults->singles)
					   : mem_alloc(sizeof(*group) + n * MESSAGE_SIZE);

	if (group)
		group->n = n;
	return group;
}

static void free_group(struct fault_queue *faults, struct fault_group *group)
{
	if (group->n == 1)
		pool_free(&faults->singles, group);
	else
		free(group);
}

static void answer(struct fault_queue *faults, struct fault_group *group,
		   enum iommufd_page_response_code code)
{
	group->source->answered(group->source, &group->last, code);
	free_group(faults, group);
}

static struct iommu_hwpt_pgfault message(const struct fault_source *source,
					 const struct page_request *request)
{
	return (struct iommu_hwpt_pgfault){
		.flags = (request->pasid_valid ? IOMMU_PGFAULT_FLAGS_PASID_VALID : 0) |
			 (request->last ? IOMMU_PGFAULT_FLAGS_LAST_PAGE : 0),
		.dev_id = source->dev_id,
		.pasid = request->pasid,
		.grpid = request->grpid,
		.perm = request->perm,
		.addr = request->addr,
	};
}

int fault_deliver(struct object *queue, struct fault_source *source,
		  const struct page_request *requests, uint32_t n)
{
	struct fault_queue *faults = (struct fault_queue *)queue;
	struct fault_group *group;

	if (!faults->event.file) {
		source->answered(source, &requests[n - 1], IOMMUFD_PAGE_RESP_INVALID);
		return 0;
	}
	group = new_group(faults, n);
	if (!group)
		return -ENOMEM;
	group->source = source;
	group->last = requests[n - 1];
	for (uint32_t i = 0; i < n; i++)
		group->messages[i] = message(source, &requests[i]);
	TAILQ_INSERT_TAIL(&faults->queued, group, link);
	event_changed(&faults->event);
	return 0;
}

/* A NULL source is all of them. */
static void forget_queued(struct fault_queue *faults, const struct fault_source *source)
{
	struct fault_group *group = TAILQ_FIRST(&faults->queued), *next;

	for (; group; group = next) {
		next = TAILQ_NEXT(group, link);
		if (source && group->source != source)
			continue;
		TAILQ_REMOVE(&faults->queued, group, link);
		answer(faults, group, IOMMUFD_PAGE_RESP_INVALID);
	}
}

static void forget(struct fault_queue *faults, const struct fault_source *source)
{
	struct fault_group *group;
	uint32_t cookie = 0;

	forget_queued(faults, source);
	while ((group = idmap_next(&faults->read, cookie, &cookie))) {
		if (source && group->source != source)
			continue;
		idmap_remove(&faults->read, cookie);
		answer(faults, group, IOMMUFD_PAGE_RESP_INVALID);
	}
}

void fault_forget(struct object *queue, const struct fault_source *source)
{
	struct fault_queue *faults = (struct fault_queue *)queue;

	if (faults->offered && faults->offered->source == source)
		event_settle(&faults->event);
	forget(faults, source);
	event_changed(&faults->event);
}

/* ---- the descriptor ---- */

/* Gives a group the cookie by which it will be answered. -ENOMEM. */
static int reserve_cookie(struct fault_queue *faults, struct fault_group *group)
{
	uint32_t cookie;
	int rc = idmap_reserve(&faults->read, &cookie);

	for (uint32_t i = 0; !rc && i < group->n; i++)
		group->messages[i].cookie = cookie;
	return rc;
}

static void mark_read(struct fault_queue *faults, struct fault_group *group)
{
	TAILQ_REMOVE(&faults->queued, group, link);
	idmap_publish(&faults->read, group->messages[0].cookie, group);
}

/* Copies a whole group out; only then it counts as read. */
static int read_group(struct fault_queue *faults, struct fault_group *group, struct client *client,
		      uint64_t buf)
{
	int rc = reserve_cookie(faults, group);

	if (rc)
		return rc;
	if (client_write(client, buf, group->messages, group->n * MESSAGE_SIZE)) {
		idmap_remove(&faults->read, group->messages[0].cookie);
		return -EFAULT;
	}
	mark_read(faults, group);
	return 0;
}

static size_t fault_next(struct event *event, const void **ret_message)
{
	struct fault_queue *faults = (struct fault_queue *)event;
	struct fault_group *group = TAILQ_FIRST(&faults->queued);

	if (!group || reserve_cookie(faults, group))
		return 0;
	faults->offered = group;
	*ret_message = group->messages;
	return group->n * MESSAGE_SIZE;
}

static void fault_offered(struct event *event, bool read)
{
	struct fault_queue *faults = (struct fault_queue *)event;
	struct fault_group *group = faults->offered;

	faults->offered = NULL;
	if (read)
		mark_read(faults, group);
	else
		idmap_remove(&faults->read, group->messages[0].cookie);
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
	return done ? (ssize_t)done : rc;
}

static int take_answer(struct fault_queue *faults, const struct iommu_hwpt_page_response *response)
{
	struct fault_group *group;

	if (response->code != IOMMUFD_PAGE_RESP_SUCCESS &&
	    response->code != IOMMUFD_PAGE_RESP_INVALID)
		return -EINVAL;
	/* Its reader may be faster than the news that it was read; but a cookie that nobody has read is nobody's to answer. */
	if (faults->offered && faults->offered->messages[0].cookie == response->cookie) {
		bool read = event_was_read(&faults->event);

		event_changed(&faults->event);
		if (!read)
			return -EINVAL;
	}
	group = idmap_find(&faults->read, response->cookie);
	if (!group)
		return -EINVAL;
	idmap_remove(&faults->read, response->cookie);
	answer(faults, group, response->code);
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

/* Nobody can read or answer any more: devices don't wait for it. */
static void fault_closed(struct event *event)
{
	forget((struct fault_queue *)event, NULL);
}

static const struct event_ops fault_ops = {
	.link = "anon_inode:[iommufd-pgfault]",
	.read = fault_read,
	.write = fault_write,
	.poll = fault_poll,
	.next = fault_next,
	.offered = fault_offered,
	.closed = fault_closed,
};

/* ---- the object ---- */

/* Sources hold a use of the queue through their page tables, so no group is left. */
static void fault_destroy(struct object *object)
{
	struct fault_queue *faults = (struct fault_queue *)object;

	idmap_done(&faults->read);
	pool_done(&faults->singles);
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
	pool_init(&faults->singles, sizeof(struct fault_group) + MESSAGE_SIZE);
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
