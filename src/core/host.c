/* SPDX-License-Identifier: MIT */
/* The host that a machine has by itself: this process. */
#include "core/host.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/inject.h"
#include "core/client.h"
#include "core/host_event.h"
#include "core/shared_memory.h"

/* ---- threads ---- */

struct start {
	void (*run)(void *arg);
	void *arg;
};

static void *thread_run(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	start.run(start.arg);
	return NULL;
}

static int create_thread(struct start *start)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int rc;

	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, &attr, thread_run, start);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -rc;
}

static int own_thread(struct machine_host *host, void (*run)(void *arg), void *arg)
{
	struct start *start = mem_alloc(sizeof(*start));
	int rc;

	if (!start)
		return -ENOMEM;
	*start = (struct start){run, arg};
	rc = inject_fail() ? -EAGAIN : create_thread(start);
	if (rc)
		free(start);
	return rc;
}

/* ---- eventfds ---- */

static int own_event_take(struct machine_host *host, struct client *client, int fd,
			  struct host_event **ret_event)
{
	int native, rc;

	native = inject_fail() ? -EMFILE : client->ops->fd_native(client, fd);
	if (native < 0)
		return native;
	rc = host_check_event(native);
	if (!rc)
		rc = host_event_new(native, ret_event);
	if (rc)
		close(native);
	return rc;
}

static void own_event_signal(struct machine_host *host, struct host_event *event)
{
	host_event_signal(event);
}

static void own_event_put(struct machine_host *host, struct host_event *event)
{
	if (!event)
		return;
	host_event_stop(event);
	host_event_wait(event);
	host_event_free(event);
}

/* ---- memory ---- */

static int own_memory_share(struct machine_host *host, struct shared_memory *memory)
{
	return shared_memory_make_fd(memory);
}

static int own_memory_open(struct machine_host *host, const struct shared_memory *memory)
{
	return shared_memory_dup_fd(memory);
}

static void own_memory_close(struct machine_host *host, const struct shared_memory *memory)
{
	shared_memory_close_fd(memory);
}

static const struct machine_host_ops own_ops = {
	.thread = own_thread,
	.event_take = own_event_take,
	.event_signal = own_event_signal,
	.event_watch = host_event_watch,
	.event_put = own_event_put,
	.memory_share = own_memory_share,
	.memory_open = own_memory_open,
	.memory_close = own_memory_close,
};

struct machine_host machine_own_host = {.ops = &own_ops};
