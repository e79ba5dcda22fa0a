/* SPDX-License-Identifier: MIT */
/* The host that a machine has by itself: this process. */
#include "core/host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/inject.h"
#include "base/sys.h"
#include "core/client.h"

struct host_event {
	int fd;
	/* Of a watch: */
	void (*fired)(void *arg);
	void *arg;
	int stop; /* an eventfd that ends it; -1: not watched */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool ended;
};

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

int host_check_event(int fd)
{
	char way[48], text[32] = {0};
	long n;

	snprintf(way, sizeof(way), "/proc/thread-self/fd/%d", fd);
	n = sys_raw(SYS_readlinkat, AT_FDCWD, way, text, sizeof(text) - 1);
	if (n < 0) /* nobody to ask: what it is shows when it is used */
		return fcntl(fd, F_GETFD) < 0 ? -EBADF : 0;
	return strcmp(text, "anon_inode:[eventfd]") ? -EINVAL : 0;
}

static int own_event_take(struct machine_host *host, struct client *client, int fd,
			  struct host_event **ret_event)
{
	struct host_event *event;
	int native, rc;

	native = inject_fail() ? -EMFILE : client->ops->fd_native(client, fd);
	if (native < 0)
		return native;
	rc = host_check_event(native);
	event = rc ? NULL : mem_zalloc(sizeof(*event));
	if (!event) {
		close(native);
		return rc ? rc : -ENOMEM;
	}
	event->fd = native;
	event->stop = -1;
	*ret_event = event;
	return 0;
}

static void add_one(int fd)
{
	const uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one));
}

static void own_event_signal(struct machine_host *host, struct host_event *event)
{
	add_one(event->fd);
}

/* Takes out what was added: true if somebody did. Others may read the eventfd too, and it may block. */
static bool take_out(int fd)
{
	struct pollfd now = {.fd = fd, .events = POLLIN};
	uint64_t count;

	return poll(&now, 1, 0) == 1 && read(fd, &count, sizeof(count)) == sizeof(count);
}

static void watch_run(void *arg)
{
	struct host_event *event = arg;
	struct pollfd fds[] = {{.fd = event->stop, .events = POLLIN},
			       {.fd = event->fd, .events = POLLIN}};

	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		if (fds[0].revents)
			break;
		if (fds[1].revents && take_out(event->fd))
			event->fired(event->arg);
	}
	pthread_mutex_lock(&event->mutex);
	event->ended = true;
	pthread_cond_signal(&event->changed);
	pthread_mutex_unlock(&event->mutex);
}

static int own_event_watch(struct machine_host *host, struct host_event *event,
			   void (*fired)(void *arg), void *arg)
{
	int rc;

	event->stop = inject_fail() ? -1 : eventfd(0, EFD_CLOEXEC);
	if (event->stop < 0)
		return -ENOMEM;
	pthread_mutex_init(&event->mutex, NULL);
	pthread_cond_init(&event->changed, NULL);
	event->fired = fired;
	event->arg = arg;
	rc = own_thread(host, watch_run, event);
	if (rc) {
		close(event->stop);
		event->stop = -1;
	}
	return rc;
}

static void end_watch(struct host_event *event)
{
	add_one(event->stop);
	pthread_mutex_lock(&event->mutex);
	while (!event->ended)
		pthread_cond_wait(&event->changed, &event->mutex);
	pthread_mutex_unlock(&event->mutex);
	close(event->stop);
	pthread_cond_destroy(&event->changed);
	pthread_mutex_destroy(&event->mutex);
}

static void own_event_put(struct machine_host *host, struct host_event *event)
{
	if (!event)
		return;
	if (event->stop >= 0)
		end_watch(event);
	close(event->fd);
	free(event);
}

static const struct machine_host_ops own_ops = {
	.thread = own_thread,
	.event_take = own_event_take,
	.event_signal = own_event_signal,
	.event_watch = own_event_watch,
	.event_put = own_event_put,
};

struct machine_host machine_own_host = {.ops = &own_ops};
