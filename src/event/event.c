/* SPDX-License-Identifier: MIT */
/* The file behind an event object. */
#include "event/event.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"

struct event_file {
	struct file file;
	struct file_ops ops; /* event_file_ops with the link text of the kind */
	struct ctx *ctx;
	struct event *event; /* NULL: the object was abandoned */
};

/* Counts beyond this are cut, as Linux cuts every read and write (MAX_RW_COUNT). */
#define MAX_COUNT 0x7ffff000

static ssize_t event_read(struct file *file, struct client *client, uint64_t buf, size_t count,
			  int64_t pos)
{
	struct event_file *ef = (struct event_file *)file;
	ssize_t rc;

	if (pos != -1)
		return -ESPIPE;
	LOCK_SCOPED(&ef->ctx->lock);
	if (!ef->event)
		return -EBADF;
	event_settle(ef->event);
	rc = ef->event->ops->read(ef->event, client, buf, count < MAX_COUNT ? count : MAX_COUNT);
	event_changed(ef->event);
	return rc;
}

static ssize_t event_write(struct file *file, struct client *client, uint64_t buf, size_t count,
			   int64_t pos)
{
	struct event_file *ef = (struct event_file *)file;

	LOCK_SCOPED(&ef->ctx->lock);
	if (!ef->event)
		return -EBADF;
	if (!ef->event->ops->write)
		return -EINVAL;
	if (pos != -1)
		return -ESPIPE;
	return ef->event->ops->write(ef->event, client, buf, count < MAX_COUNT ? count : MAX_COUNT);
}

static unsigned int event_poll(struct file *file)
{
	struct event_file *ef = (struct event_file *)file;

	return ef->event ? atomic_load(&ef->event->ready) : 0;
}

/* Goes on with what comes next, if it was read. */
static void event_taken(struct file *file)
{
	struct event_file *ef = (struct event_file *)file;
	struct event *event;
	enum file_offer end;

	LOCK_SCOPED(&ef->ctx->lock);
	event = ef->event;
	if (!event || !(event->offering || event->stuck))
		return;
	end = file_withdraw(file);
	if (end == FILE_STUCK)
		return;
	event->stuck = false;
	/* Another one may be offered by now. */
	if (event->offering)
		event->ops->offered(event, end == FILE_READ);
	event->offering = false;
	event_changed(event);
}

static void event_release(struct file *file)
{
	struct event_file *ef = (struct event_file *)file;
	struct ctx *ctx = ef->ctx;

	lock_take(&ctx->lock);
	if (ef->event) {
		event_settle(ef->event);
		ef->event->file = NULL;
		if (ef->event->ops->closed)
			ef->event->ops->closed(ef->event);
		object_unuse(&ef->event->object);
	}
	lock_release(&ctx->lock);
	free(ef);
	ctx_put(ctx);
}

static struct event_file *new_file(struct event *event)
{
	struct event_file *ef = mem_zalloc(sizeof(*ef));

	if (!ef)
		return NULL;
	ef->ops = (struct file_ops){
		.link = event->ops->link,
		.read = event_read,
		.write = event_write,
		.poll = event_poll,
		.taken = event_taken,
		.release = event_release,
	};
	file_init(&ef->file, &ef->ops);
	ef->ctx = event->object.ctx;
	ef->event = event;
	ctx_get(ef->ctx);
	event->file = ef;
	atomic_store(&event->ready, event->ops->poll(event));
	object_use(&event->object);
	return ef;
}

static void part(struct event *event)
{
	if (!event->file)
		return;
	event->file->event = NULL;
	event->file = NULL;
	object_unuse(&event->object);
}

int event_open(struct event *event, struct client *client)
{
	struct ctx *ctx = event->object.ctx;
	struct event_file *ef = new_file(event);
	int fd;

	if (!ef)
		return -ENOMEM;
	lock_release(&ctx->lock);
	fd = client->ops->fd_install(client, &ef->file);
	lock_take(&ctx->lock);
	if (fd >= 0)
		return fd;
	part(event);
	lock_release(&ctx->lock);
	file_put(&ef->file);
	lock_take(&ctx->lock);
	return fd;
}

static void take_back(struct event *event, struct client *client, int fd)
{
	struct ctx *ctx = event->object.ctx;

	part(event);
	lock_release(&ctx->lock);
	client->ops->fd_close(client, fd);
	lock_take(&ctx->lock);
}

int event_respond_new(struct ucmd *ucmd, size_t size, struct event *event, int fd)
{
	int rc = fd < 0 ? fd : ucmd_respond(ucmd, size);

	if (!rc) {
		object_publish(&event->object);
		return 0;
	}
	if (fd >= 0)
		take_back(event, ucmd->client, fd);
	object_abandon(&event->object);
	return rc;
}

void event_settle(struct event *event)
{
	enum file_offer end;

	if (!event->offering && !event->stuck)
		return;
	end = file_withdraw(&event->file->file);
	event->stuck = end == FILE_STUCK;
	/* What is out of reach counts as read: it will be. */
	if (event->offering)
		event->ops->offered(event, end != FILE_WITHDRAWN);
	event->offering = false;
}

bool event_was_read(struct event *event)
{
	enum file_offer end;

	if (!event->offering)
		return false;
	end = file_withdraw(&event->file->file);
	if (end == FILE_STUCK)
		return false;
	event->offering = false;
	event->ops->offered(event, end == FILE_READ);
	return end == FILE_READ;
}

void event_changed(struct event *event)
{
	const void *message;
	size_t len;

	atomic_store(&event->ready, event->ops->poll(event));
	if (!event->file)
		return;
	if (!event->offering && !event->stuck) {
		len = event->ops->next(event, &message);
		event->offering = len && file_offer(&event->file->file, message, len);
		if (len && !event->offering)
			event->ops->offered(event, false);
	}
	file_changed(&event->file->file);
}
