/* SPDX-License-Identifier: MIT */
#include "frontend/preload/held.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "frontend/mmio/space.h"
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"
#include "frontend/preload/trace.h"
#include "frontend/service/quiet.h"

struct held {
	struct mmio_target target; /* first */
	LIST_ENTRY(held) entry;
	struct descriptor_kept keep;
};

static LIST_HEAD(, held) all;
/* Guards the list, signals blocked. Inside of it nothing else is locked. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct held *of_target(struct mmio_target *target)
{
	return (struct held *)target;
}

static ssize_t transfer(struct mmio_target *target, uint64_t buf, size_t len, uint64_t offset,
			bool write)
{
	struct held *held = of_target(target);
	struct descriptor descriptor;
	struct wire_msg msg = {
		.op = write ? WIRE_WRITE : WIRE_READ,
		.arg = {buf, len, offset},
	};
	ssize_t rc = descriptor_find_kept(&held->keep, &descriptor);

	if (rc)
		return rc;
	if (descriptor.local) {
		struct file *file = descriptor.local->file;
		struct client *client = process_client(process_get());

		rc = (write ? file_write : file_read)(file, client, buf, len, (int64_t)offset);
	} else {
		rc = descriptor_ask(atomic_load(&held->keep.fd), &descriptor, &msg, NULL);
	}
	descriptor_done(&descriptor);
	return rc;
}

static ssize_t traced(struct mmio_target *target, const void *buf, size_t len, uint64_t offset,
		      bool write)
{
	struct trace_access access = {
		.node = of_target(target)->keep.identity.node,
		.store = write,
		.offset = offset,
		.value = buf,
		.len = len,
		.result = transfer(target, (uintptr_t)buf, len, offset, write),
	};

	if (trace_on)
		trace_access(&access);
	return access.result;
}

static ssize_t held_read(struct mmio_target *target, void *buf, size_t len, uint64_t offset)
{
	return traced(target, buf, len, offset, false);
}

static ssize_t held_write(struct mmio_target *target, const void *buf, size_t len, uint64_t offset)
{
	return traced(target, buf, len, offset, true);
}

static void held_release(struct mmio_target *target)
{
	struct held *held = of_target(target);
	int fd = atomic_load(&held->keep.fd);
	struct descriptor closing;
	bool ours;
	QUIET;

	pthread_mutex_lock(&lock);
	LIST_REMOVE(held, entry);
	pthread_mutex_unlock(&lock);
	ours = descriptor_closing(fd, &closing);
	descriptor_release(fd);
	if (ours)
		descriptor_closed(&closing);
	free(held);
}

static const struct mmio_target_ops held_ops = {
	.read = held_read,
	.write = held_write,
	.release = held_release,
};

/* One that is not on its way out. The lock is held. */
static struct held *find(const struct identity *identity)
{
	struct held *held;

	LIST_FOREACH(held, &all, entry) {
		if (!memcmp(held->keep.identity.id, identity->id, sizeof(identity->id)) &&
		    mmio_target_try(&held->target))
			return held;
	}
	return NULL;
}

static struct held *held_new(int fd, const struct identity *identity, int *ret_rc)
{
	struct held *held = mem_zalloc(sizeof(*held));

	*ret_rc = held ? descriptor_keep(fd) : -ENOMEM;
	if (*ret_rc < 0) {
		free(held);
		return NULL;
	}
	mmio_target_init(&held->target, &held_ops);
	held->keep.identity = *identity;
	atomic_init(&held->keep.fd, *ret_rc);
	return held;
}

/* The child's only thread: nobody holds it. */
static void after_fork_in_child(void)
{
	pthread_mutex_init(&lock, NULL);
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, after_fork_in_child);
}

int held_get(int fd, struct mmio_target **ret_target)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct identity identity;
	struct held *held;
	int rc = identity_of(fd, &identity);
	QUIET;

	if (rc)
		return rc;
	pthread_once(&once, watch_forks);
	pthread_mutex_lock(&lock);
	held = find(&identity);
	if (!held) {
		held = held_new(fd, &identity, &rc);
		if (held)
			LIST_INSERT_HEAD(&all, held, entry);
	}
	pthread_mutex_unlock(&lock);
	if (!held)
		return rc;
	*ret_target = &held->target;
	return 0;
}

void held_moved(int from, int to)
{
	struct held *held;
	QUIET;

	pthread_mutex_lock(&lock);
	LIST_FOREACH(held, &all, entry) {
		if (atomic_load(&held->keep.fd) == from)
			atomic_store(&held->keep.fd, to);
	}
	pthread_mutex_unlock(&lock);
}
