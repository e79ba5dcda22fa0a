/* SPDX-License-Identifier: MIT */
/* The service itself: its start, and the loop that sees attaching clients and last closes. */
#include "frontend/service/internal.h"

#include "base/alloc.h"
#include "base/guard.h"
#include "base/inject.h"
#include "base/lock.h"
#include "base/mm.h"
#include "base/tls.h"
#include "core/client.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EVENTS 16
/* What of one native write is looked at, in bytes. */
#define WRITTEN_MAX 65536
/* The first number in the service's table that isn't a standard stream. */
#define FIRST_FD 3

/* The service that this thread belongs to. */
static TLS struct service *inside;

/*
 * The thread that started the service has not ended, and executed nothing: so neither has the program. Who takes the mutex to find that out
 * would hide it from the others; so the kernel's mark is looked at.
 */
static bool starter_lives(struct service *service)
{
#ifdef __GLIBC__
	int word = __atomic_load_n(&service->starter.__data.__lock, __ATOMIC_ACQUIRE);

	return word && !(word & (int)FUTEX_OWNER_DIED);
#else
	return false;
#endif
}

int service_new(const struct service_hooks *hooks, void *owner, struct service **ret_service)
{
	struct service *service = mem_zalloc(sizeof(*service));

	if (!service)
		return -ENOMEM;
	if (getrandom(service->id, sizeof(service->id), 0) != sizeof(service->id)) {
		free(service);
		return -ENOMEM;
	}
	service->hooks = hooks;
	service->owner = owner;
	service->host.ops = &service_host_ops;
	lock_init(&service->lock, RANK_ENDPOINT);
	lock_init(&service->link_lock, RANK_ENDPOINT);
	pthread_cond_init(&service->released, NULL);
	lock_init_robust(&service->starter);
	LIST_INIT(&service->unused);
	LIST_INIT(&service->stale);
	LIST_INIT(&service->peers);
	LIST_INIT(&service->handed);
	for (int i = 0; i < SERVICE_BUCKETS; i++)
		LIST_INIT(&service->endpoints[i]);
	service->link = -1;
	*ret_service = service;
	return 0;
}

int service_start(struct service *service)
{
	int fds[2], rc;

	LOCK_SCOPED(&service->link_lock);
	if (atomic_load(&service->lost))
		return -EIO;
	if (service->link >= 0)
		return 0;
	if (inject_fail())
		return -ENOMEM;
	(void)!pthread_mutex_trylock(&service->starter);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	service->link_end = fds[1];
	service->link = service->hooks->place(fds[0]);
	rc = service->link < 0 ? service->link : service_spawn(service);
	close(fds[1]);
	if (rc) {
		close(service->link < 0 ? fds[0] : service->link);
		service->link = -1;
	}
	return rc;
}

/* A fault in the service that is no guarded copy is a bug of ours: not for the program's handlers. */
static void on_fault(int sig, siginfo_t *info, void *ucontext)
{
	if (!guard_handle(sig, info, ucontext))
		signal(sig, SIG_DFL);
}

void service_own_signals(void)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

/* The copy of the program's descriptors goes, but for the link and, while the program lives, stderr. */
static int own_descriptors(struct service *service)
{
	int null;

	dup2(service->link_end, FIRST_FD);
	close_range(FIRST_FD + 1, ~0u, 0);
	service->link_end = FIRST_FD;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	dup2(null, 0);
	dup2(null, 1);
	close(null);
	return service_own_epoll(service);
}

int service_own_epoll(struct service *service)
{
	struct epoll_event event = {.events = EPOLLIN};

	service->epoll = epoll_create1(EPOLL_CLOEXEC);
	service->closes = service->epoll < 0 ? -1 : epoll_create1(EPOLL_CLOEXEC);
	service->wake = service->closes < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (service->wake < 0)
		return -errno;
	return epoll_ctl(service->epoll, EPOLL_CTL_ADD, service->wake, &event) ? -errno : 0;
}

void service_own_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

void service_enter(struct service *service)
{
	inside = service;
	mm_thread_files(service);
}

bool service_inside(struct service *service)
{
	return inside == service || (!service->in_program && getpid() == service->pid);
}

/* Whoever sees first that the program is gone says so; the others wait until that has been said. */
static void orphan(struct service *service)
{
	bool first;

	lock_take(&service->lock);
	first = !service->orphaned;
	service->orphaned = true;
	service->moving |= first;
	while (!first && service->moving)
		lock_wait(&service->lock, &service->released);
	lock_release(&service->lock);
	if (!first)
		return;
	service->hooks->moved(service);
	endpoint_release_handed(service);
	LOCK_SCOPED(&service->lock);
	service->moving = false;
	pthread_cond_broadcast(&service->released);
}

static bool program_gone(struct service *service)
{
	struct pollfd link = {.fd = service->link_end, .events = POLLRDHUP};

	return poll(&link, 1, 0) == 1 && link.revents & POLLHUP;
}

void service_check_orphaned(struct service *service)
{
	if (!starter_lives(service) && program_gone(service))
		orphan(service);
}

static void *link_thread(void *arg)
{
	struct service *service = arg;
	uint64_t one = 1;

	service_enter(service);
	link_run(service);
	(void)!write(service->wake, &one, sizeof(one));
	orphan(service);
	dup2(1, 2); /* whoever waits for the program's output to end must not wait for us */
	return NULL;
}

/* Somebody wrote to the descriptor without us. Whether that was right nobody can be told any more. */
static void endpoint_written(struct service *service, struct endpoint *endpoint, const void *data,
			     size_t len)
{
	if (!endpoint_get(endpoint))
		return;
	file_write(endpoint->file, service->program, (uintptr_t)data, len, -1);
	endpoint_put(endpoint);
}

/* Another process sends a socket on which it wants to be served; or something was written. */
static void endpoint_receive(struct service *service, struct endpoint *endpoint)
{
	char data[WRITTEN_MAX];
	int fd, rc;

	for (;;) {
		fd = -1;
		lock_take(&service->lock);
		rc = endpoint->b < 0 ? -EPIPE
				     : identity_receive(endpoint->b, data, sizeof(data), &fd);
		lock_release(&service->lock);
		if (rc < 0 && rc != -EMFILE)
			return;
		if (fd < 0 && rc > 0)
			endpoint_written(service, endpoint, data, (size_t)rc);
		if (fd < 0)
			continue;
		/* It may have taken the marker out while it looked for a newborn. */
		endpoint_mark(endpoint);
		connection_start(service, fd);
	}
}

/* Somebody may have read what was offered. */
static void endpoint_taken(struct endpoint *endpoint)
{
	if (!atomic_load(&endpoint->offering) || endpoint_unread(endpoint) ||
	    !endpoint_get(endpoint))
		return;
	file_taken(endpoint->file);
	endpoint_put(endpoint);
}

/*
 * The program is gone and nobody has a descriptor. What is not released yet goes with the memory; to release it could mean to wait for
 * a lock that the program died with.
 */
static bool loop_done(struct service *service)
{
	return !atomic_load(&service->served) && program_gone(service);
}

static void loop_event(struct service *service, const struct epoll_event *event)
{
	struct endpoint *endpoint = event->data.ptr;
	uint64_t count;

	if (!endpoint) {
		(void)!read(service->wake, &count, sizeof(count));
		return;
	}
	if (event->events & EPOLLHUP) {
		if (endpoint_retire(service, endpoint) && !loop_done(service))
			endpoint_release(endpoint);
	} else {
		endpoint_taken(endpoint);
		endpoint_receive(service, endpoint);
	}
}

int service_loop(struct service *service)
{
	struct epoll_event events[EVENTS];
	int n, rc = service_thread(link_thread, service);

	service_started(service, rc);
	while (!rc && !loop_done(service)) {
		n = epoll_wait(service->epoll, events, EVENTS, -1);
		for (int i = 0; i < n; i++)
			loop_event(service, &events[i]);
	}
	return rc;
}

void service_main(struct service *service)
{
	int rc;

	service_enter(service);
	if (!service->in_program) {
		service_own_signals();
		service_own_limits();
	}
	prctl(PR_SET_NAME, "uiommufd");
	rc = own_descriptors(service);
	if (rc)
		service_started(service, rc);
	else
		(void)service_loop(service);
	if (!service->in_program)
		syscall(SYS_exit_group, 0);
}
