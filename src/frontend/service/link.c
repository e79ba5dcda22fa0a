/* SPDX-License-Identifier: MIT */
/*
 * Both ends of the link: what the program asks of its service, and the worker that answers. The worker does nothing but
 * descriptors: it must never wait for a lock that a caller may hold.
 */
#include "frontend/service/internal.h"
#include "core/shared_memory.h"
#include "base/sys.h"
#include "frontend/service/quiet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Nobody waits for the service any more. That is told once, since what follows would be hard to understand. */
static int link_lost(struct service *service)
{
	char text[200];
	int n;

	if (atomic_exchange(&service->lost, true))
		return -EIO;
	pthread_cond_broadcast(&service->released);
	n = snprintf(text, sizeof(text),
		     "uiommufd: descriptor %d, which is ours, was closed by a bare system call, or "
		     "our process "
		     "was killed: what the program has open is lost (EIO, EFAULT).\n",
		     service->link);
	sys_raw(SYS_write, STDERR_FILENO, text, n);
	return -EIO;
}

static bool link_broken(int rc)
{
	return rc == -EPIPE || rc == -EBADF || rc == -ENOTSOCK || rc == -ENOTCONN;
}

/* The program's side: sends, waits for the reply, returns its result. */
int64_t link_call(struct service *service, struct wire_msg *msg, int fd, int *ret_fd)
{
	int rc;

	endpoint_collect_stale(service);
	LOCK_SCOPED(&service->link_lock);
	if (service->link < 0 || atomic_load(&service->lost))
		return -EIO;
	atomic_fetch_add(&service->messages, 1);
	rc = wire_send(service->link, msg, fd);
	if (!rc)
		rc = wire_recv(service->link, msg, ret_fd);
	atomic_fetch_add(&service->messages, 1);
	if (link_broken(rc))
		return link_lost(service);
	return rc ? rc : msg->result;
}

void service_moved(struct service *service, int from, int to)
{
	lock_take(&service->link_lock);
	if (service->link == from)
		service->link = to;
	lock_release(&service->link_lock);
	endpoint_lent_moved(service, from, to);
}

/* Not to get one is no failure: readiness then goes by the service. */
static void borrow(struct service *service, struct endpoint *endpoint)
{
	struct wire_msg msg = {.op = WIRE_LEND, .arg = {(uintptr_t)endpoint}};
	int fd = -1, placed;

	if (!endpoint->file->ops->poll || link_call(service, &msg, -1, &fd) < 0 || fd < 0)
		return;
	placed = service->hooks->place(fd);
	if (placed < 0)
		close(fd);
	LOCK_SCOPED(&service->lock);
	endpoint->lent = placed < 0 ? -1 : placed;
}

int service_install(struct service *service, struct file *file, int *ret_fd,
		    struct endpoint **ret_endpoint)
{
	struct endpoint *endpoint = endpoint_new(service, file);
	struct wire_msg msg = {.op = WIRE_INSTALL, .arg = {(uintptr_t)endpoint}};
	int fd = -1;
	int64_t rc;

	if (!endpoint)
		return -ENOMEM;
	/* On failure the endpoint may be served for a moment: it needs a reference of its own until then. */
	file_get(file);
	rc = link_call(service, &msg, -1, &fd);
	if (rc == -EMFILE && endpoint->b >= 0) {
		service_closed(service, endpoint->id);
		return -EMFILE;
	}
	if (rc < 0) {
		endpoint_free(endpoint);
		file_put(file);
		return (int)rc;
	}
	file_put(file);
	borrow(service, endpoint);
	*ret_fd = fd;
	*ret_endpoint = endpoint;
	return 0;
}

int service_claim(struct service *service, int a, const struct identity *identity,
		  struct file *file)
{
	struct endpoint *endpoint = endpoint_new(service, file);
	struct wire_msg msg = {
		.op = WIRE_CLAIM,
		.id = {identity->id[0], identity->id[1]},
		.arg = {(uintptr_t)endpoint},
	};
	int64_t rc;

	if (!endpoint)
		return -ENOMEM;
	rc = link_call(service, &msg, a, NULL);
	if (rc < 0)
		endpoint_free(endpoint);
	return (int)rc;
}

/* Last closes that nobody has seen yet, for the caller to carry out. */
static struct endpoint *retire_all(struct service *service)
{
	struct wire_msg msg = {.op = WIRE_CATCH_UP};

	if (service_inside(service))
		return endpoint_retire_all(service);
	return link_call(service, &msg, -1, NULL) < 0 ? NULL
						      : (struct endpoint *)(uintptr_t)msg.arg[0];
}

void service_catch_up(struct service *service)
{
	struct endpoint *endpoint, *next;

	for (endpoint = retire_all(service); endpoint; endpoint = next) {
		next = endpoint->next;
		endpoint_release(endpoint);
	}
	service_settle(service);
}

static __attribute__((noinline)) long ask_again(struct service *service, struct file *file,
						struct client *client, unsigned int cmd,
						uint64_t arg)
{
	QUIET;

	service_catch_up(service);
	return file_ioctl(file, client, cmd, arg);
}

long service_ioctl(struct service *service, struct file *file, struct client *client,
		   unsigned int cmd, uint64_t arg)
{
	long rc = file_ioctl(file, client, cmd, arg);

	return __builtin_expect(rc == -EBUSY, false) ? ask_again(service, file, client, cmd, arg)
						     : rc;
}

void service_closed(struct service *service, const uint64_t id[2])
{
	struct wire_msg msg = {.op = WIRE_CLOSED, .id = {id[0], id[1]}};

	if (link_call(service, &msg, -1, NULL) > 0)
		endpoint_release((struct endpoint *)(uintptr_t)msg.arg[0]);
	/* It may have been the service's loop that saw it first. */
	service_settle(service);
}

void service_ready(struct service *service, struct endpoint *endpoint)
{
	struct wire_msg msg = {.op = WIRE_READY, .arg = {(uintptr_t)endpoint}};
	QUIET;

	link_call(service, &msg, -1, NULL);
}

bool service_offer(struct service *service, struct endpoint *endpoint, const void *message,
		   size_t len)
{
	struct wire_msg msg = {
		.op = WIRE_OFFER,
		.arg = {(uintptr_t)endpoint, (uintptr_t)message, len},
	};
	QUIET;

	return link_call(service, &msg, -1, NULL) > 0;
}

bool service_unread(struct service *service, struct endpoint *endpoint)
{
	struct wire_msg msg = {.op = WIRE_UNREAD, .arg = {(uintptr_t)endpoint}};
	QUIET;

	return link_call(service, &msg, -1, NULL) > 0;
}

/* The service's side. */

static int64_t link_claim(struct endpoint *endpoint, const struct wire_msg *msg, int a)
{
	int b, rc = identity_claim(a, &b);

	if (rc)
		return rc;
	rc = endpoint_serve(endpoint, msg->id, b);
	if (rc && identity_abandon(b))
		close(b);
	return rc;
}

static int64_t link_closed(struct service *service, struct wire_msg *msg)
{
	struct endpoint *endpoint = endpoint_retire_id(service, msg->id, true);

	msg->arg[0] = (uintptr_t)endpoint;
	return !!endpoint;
}

/* *fd: what came along, taken over if it becomes -1. *ret_fd: a descriptor for the reply, the caller's to close, or left alone. */
static int64_t serve_request(struct service *service, struct wire_msg *msg, int *fd, int *ret_fd)
{
	struct endpoint *endpoint = (struct endpoint *)(uintptr_t)msg->arg[0];

	switch (msg->op) {
	case WIRE_INSTALL:
		return endpoint_install(endpoint, ret_fd);
	case WIRE_CLAIM:
		return link_claim(endpoint, msg, *fd);
	case WIRE_CLOSED:
		return link_closed(service, msg);
	case WIRE_CATCH_UP:
		msg->arg[0] = (uintptr_t)endpoint_retire_all(service);
		return 0;
	case WIRE_LEND:
		*ret_fd = fcntl(endpoint->b, F_DUPFD_CLOEXEC, 0);
		return *ret_fd < 0 ? -EMFILE : 0;
	case WIRE_READY:
		endpoint_mark(endpoint);
		return 0;
	case WIRE_OFFER:
		return endpoint_put_message(endpoint, (void *)(uintptr_t)msg->arg[1], msg->arg[2]);
	case WIRE_UNREAD:
		return endpoint_unread(endpoint);
	case WIRE_MEMORY_OPEN:
		*ret_fd = shared_memory_dup_fd((void *)(uintptr_t)msg->arg[0]);
		return *ret_fd < 0 ? *ret_fd : 0;
	default:
		return host_serve(service, msg, fd);
	}
}

/* The program waits: a descriptor that can't be sent is one that it can't have. */
static void link_reply(struct service *service, struct wire_msg *msg, int fd)
{
	msg->op = WIRE_REPLY;
	atomic_fetch_add(&service->messages, 1);
	if (!wire_send(service->link_end, msg, fd) || fd < 0)
		return;
	msg->result = -EMFILE;
	wire_send(service->link_end, msg, -1);
}

static void link_serve(struct service *service, struct wire_msg *msg, int fd)
{
	int reply = -1;

	atomic_fetch_add(&service->messages, 1);
	msg->result = serve_request(service, msg, &fd, &reply);
	if (fd >= 0)
		close(fd);
	link_reply(service, msg, reply);
	if (reply >= 0)
		close(reply);
}

void *link_run(void *arg)
{
	struct service *service = arg;
	struct wire_msg msg;
	int fd, rc;

	for (;;) {
		rc = wire_recv(service->link_end, &msg, &fd);
		if (rc == -EPIPE)
			return NULL;
		if (!rc)
			link_serve(service, &msg, fd);
	}
}
