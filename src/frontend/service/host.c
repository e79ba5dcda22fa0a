/* SPDX-License-Identifier: MIT */
/*
 * The host of machines whose files a service serves. Devices' threads are the service's: the program doesn't see them, and they go on while
 * anybody uses the devices. So eventfds are the service's too, and memfds, which no close_range() of the program's reaches; the program's own threads reach them over the link.
 */
#include "frontend/service/internal.h"
#include "frontend/service/quiet.h"

#include "base/alloc.h"
#include "core/client.h"
#include "core/host_event.h"
#include "core/shared_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* A thread on its way. */
struct host_start {
	struct service *service;
	void (*run)(void *arg);
	void *arg;
};

static struct service *of_host(struct machine_host *host)
{
	return (struct service *)((char *)host - offsetof(struct service, host));
}

/* ---- the service's side ---- */

static void *start_run(void *arg)
{
	struct host_start start = *(struct host_start *)arg;

	free(arg);
	service_enter(start.service);
	start.run(start.arg);
	return NULL;
}

static int64_t serve_take(struct wire_msg *msg, int *fd)
{
	struct host_event *event;
	int rc;

	if (*fd < 0)
		return -EMFILE;
	rc = host_event_new(*fd, &event);
	if (rc)
		return rc;
	*fd = -1;
	msg->arg[0] = (uintptr_t)event;
	return 0;
}

int64_t host_serve(struct service *service, struct wire_msg *msg, int *fd)
{
	struct host_event *event = (struct host_event *)(uintptr_t)msg->arg[0];

	switch (msg->op) {
	case WIRE_THREAD:
		return service_thread(start_run, (void *)(uintptr_t)msg->arg[0]);
	case WIRE_EVENT_TAKE:
		return serve_take(msg, fd);
	case WIRE_EVENT_SIGNAL:
		host_event_signal(event);
		return 0;
	case WIRE_EVENT_WATCH:
		return host_event_watch(&service->host, event,
					(void (*)(void *))(uintptr_t)msg->arg[1],
					(void *)(uintptr_t)msg->arg[2]);
	case WIRE_EVENT_STOP:
		host_event_stop(event);
		return 0;
	case WIRE_EVENT_FREE:
		host_event_free(event);
		return 0;
	case WIRE_MEMORY_SHARE:
		return shared_memory_make_fd((void *)(uintptr_t)msg->arg[0]);
	case WIRE_MEMORY_CLOSE:
		shared_memory_close_fd((void *)(uintptr_t)msg->arg[0]);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/* ---- any side ---- */

/* In the service at once, from the program over the link. */
static int64_t ask(struct service *service, struct wire_msg *msg, int *fd)
{
	int64_t rc;
	QUIET;

	if (service_inside(service))
		return host_serve(service, msg, fd);
	rc = service_start(service);
	return rc ? rc : link_call(service, msg, *fd, NULL);
}

/* `subject`: an event or memory, as wire.h says. */
static int64_t ask_of(struct machine_host *host, uint32_t op, const void *subject)
{
	struct wire_msg msg = {.op = op, .arg = {(uintptr_t)subject}};
	int none = -1;

	return ask(of_host(host), &msg, &none);
}

static int host_thread(struct machine_host *host, void (*run)(void *arg), void *arg)
{
	struct host_start *start = mem_alloc(sizeof(*start));
	struct wire_msg msg = {.op = WIRE_THREAD, .arg = {(uintptr_t)start}};
	int none = -1;
	int64_t rc;

	if (!start)
		return -ENOMEM;
	*start = (struct host_start){of_host(host), run, arg};
	rc = ask(start->service, &msg, &none);
	if (rc)
		free(start);
	return (int)rc;
}

static int host_event_take(struct machine_host *host, struct client *client, int number,
			   struct host_event **ret_event)
{
	struct wire_msg msg = {.op = WIRE_EVENT_TAKE};
	int fd = client->ops->fd_native(client, number);
	int64_t rc;

	if (fd < 0)
		return fd;
	rc = host_check_event(fd);
	if (!rc)
		rc = ask(of_host(host), &msg, &fd);
	if (fd >= 0)
		close(fd);
	if (!rc)
		*ret_event = (struct host_event *)(uintptr_t)msg.arg[0];
	return (int)rc;
}

static void host_signal(struct machine_host *host, struct host_event *event)
{
	ask_of(host, WIRE_EVENT_SIGNAL, event);
}

static int host_watch(struct machine_host *host, struct host_event *event, void (*fired)(void *arg),
		      void *arg)
{
	struct wire_msg msg = {
		.op = WIRE_EVENT_WATCH,
		.arg = {(uintptr_t)event, (uintptr_t)fired, (uintptr_t)arg},
	};
	int none = -1;

	return (int)ask(of_host(host), &msg, &none);
}

/* The link's worker must not wait: `fired` may want a lock that another caller of the link holds. */
static void host_put(struct machine_host *host, struct host_event *event)
{
	if (!event)
		return;
	ask_of(host, WIRE_EVENT_STOP, event);
	host_event_wait(event);
	ask_of(host, WIRE_EVENT_FREE, event);
}

static int host_memory_share(struct machine_host *host, struct shared_memory *memory)
{
	return (int)ask_of(host, WIRE_MEMORY_SHARE, memory);
}

static int host_memory_open(struct machine_host *host, const struct shared_memory *memory)
{
	struct wire_msg msg = {.op = WIRE_MEMORY_OPEN, .arg = {(uintptr_t)memory}};
	int fd = -1;
	int64_t rc;
	QUIET;

	if (service_inside(of_host(host)))
		return shared_memory_dup_fd(memory);
	rc = link_call(of_host(host), &msg, -1, &fd);
	return rc ? (int)rc : fd;
}

static void host_memory_close(struct machine_host *host, const struct shared_memory *memory)
{
	ask_of(host, WIRE_MEMORY_CLOSE, memory);
}

const struct machine_host_ops service_host_ops = {
	.thread = host_thread,
	.event_take = host_event_take,
	.event_signal = host_signal,
	.event_watch = host_watch,
	.event_put = host_put,
	.memory_share = host_memory_share,
	.memory_open = host_memory_open,
	.memory_close = host_memory_close,
};
