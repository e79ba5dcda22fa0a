/* SPDX-License-Identifier: MIT */
/* Eventfds: adding to them, and hearing of it when others do. */
#include "core/host_event.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/event.h"
#include "base/inject.h"
#include "base/lock.h"
#include "base/sys.h"
#include "core/host.h"

struct host_event {
	int fd;
	/* Of a watch: */
	void (*fired)(void *arg);
	void *arg;
	int stop; /* an eventfd that ends it; -1: not watched */
	/* Robust, and held by the thread that watches: the kernel marks it when the thread's process is killed. */
	pthread_mutex_t watching;
	sem_t begun;
};

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

int host_event_new(int fd, struct host_event **ret_event)
{
	struct host_event *event = mem_zalloc(sizeof(*event));

	if (!event)
		return -ENOMEM;
	event->fd = fd;
	event->stop = -1;
	*ret_event = event;
	return 0;
}

void host_event_signal(struct host_event *event)
{
	event_add(event->fd);
}

/* ---- watches ---- */

static void watch_run(void *arg)
{
	struct host_event *event = arg;
	struct pollfd fds[] = {{.fd = event->stop, .events = POLLIN},
			       {.fd = event->fd, .events = POLLIN}};

	pthread_mutex_lock(&event->watching);
	sem_post(&event->begun);
	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		if (fds[0].revents)
			break;
		if (fds[1].revents && event_take(event->fd))
			event->fired(event->arg);
	}
	pthread_mutex_unlock(&event->watching);
}

static void watch_init(struct host_event *event)
{
	lock_init_robust(&event->watching);
	sem_init(&event->begun, 1, 0);
}

int host_event_watch(struct machine_host *host, struct host_event *event, void (*fired)(void *arg),
		     void *arg)
{
	int rc;

	event->stop = inject_fail() ? -1 : eventfd(0, EFD_CLOEXEC);
	if (event->stop < 0)
		return -ENOMEM;
	watch_init(event);
	event->fired = fired;
	event->arg = arg;
	rc = host->ops->thread(host, watch_run, event);
	if (rc) {
		close(event->stop);
		event->stop = -1;
		return rc;
	}
	while (sem_wait(&event->begun)) /* a signal came */
		;
	return 0;
}

void host_event_stop(struct host_event *event)
{
	if (event->stop >= 0)
		event_add(event->stop);
}

void host_event_wait(struct host_event *event)
{
	if (event->stop < 0)
		return;
	pthread_mutex_lock(
		&event->watching); /* EOWNERDEAD: no thread ends it, for its process was killed */
	pthread_mutex_unlock(&event->watching);
}

void host_event_free(struct host_event *event)
{
	if (event->stop >= 0) {
		close(event->stop);
		sem_destroy(&event->begun);
		pthread_mutex_destroy(&event->watching);
	}
	close(event->fd);
	free(event);
}
