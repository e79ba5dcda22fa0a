/* SPDX-License-Identifier: MIT */
/*
 * The table of served files, and their life. A file's reference belongs to the count of users: the serving itself is one, each
 * call in flight is another. The last to go drops the reference, wherever it runs, as with the kernel's fdget().
 */
#include "frontend/service/internal.h"

#include "base/alloc.h"
#include "base/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static struct endpoint_list *bucket(struct service *service, const uint64_t id[2])
{
	return &service->endpoints[id[0] % SERVICE_BUCKETS];
}

bool endpoint_get(struct endpoint *endpoint)
{
	unsigned int users = atomic_load_explicit(&endpoint->users, memory_order_relaxed);

	do {
		if (!users)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&endpoint->users, &users, users + 1, memory_order_acquire, memory_order_relaxed));
	return true;
}

void endpoint_put(struct endpoint *endpoint)
{
	struct file *file = endpoint->file;

	if (atomic_fetch_sub_explicit(&endpoint->users, 1, memory_order_acq_rel) != 1)
		return;
	atomic_store(&file->front, NULL);
	endpoint_free(endpoint);
	file_put(file);
}

struct endpoint *endpoint_new(struct service *service, struct file *file)
{
	struct endpoint *endpoint;

	lock_take(&service->lock);
	endpoint = LIST_FIRST(&service->unused);
	if (endpoint)
		LIST_REMOVE(endpoint, entry);
	lock_release(&service->lock);
	if (!endpoint)
		endpoint = mem_zalloc(sizeof(*endpoint));
	if (!endpoint)
		return NULL;
	endpoint->front = (struct file_front){
		.changed = endpoint_changed,
		.offer = endpoint_offer,
		.withdraw = endpoint_withdraw,
	};
	endpoint->service = service;
	endpoint->file = file;
	endpoint->b = -1;
	endpoint->lent = -1;
	atomic_store(&endpoint->readable, false);
	atomic_store(&endpoint->offering, false);
	atomic_store(&endpoint->holder, 0);
	atomic_store(&endpoint->users, 1);
	return endpoint;
}

void endpoint_free(struct endpoint *endpoint)
{
	struct service *service = endpoint->service;

	atomic_store(&endpoint->users, 0);
	LOCK_SCOPED(&service->lock);
	LIST_INSERT_HEAD(endpoint->lent >= 0 ? &service->stale : &service->unused, endpoint, entry);
}

void endpoint_collect_stale(struct service *service)
{
	struct endpoint *endpoint;

	LOCK_SCOPED(&service->lock);
	while ((endpoint = LIST_FIRST(&service->stale))) {
		LIST_REMOVE(endpoint, entry);
		service->hooks->unplace(endpoint->lent);
		endpoint->lent = -1;
		LIST_INSERT_HEAD(&service->unused, endpoint, entry);
	}
}

void endpoint_lent_moved(struct service *service, int from, int to)
{
	struct endpoint *endpoint;

	LOCK_SCOPED(&service->lock);
	for (int i = 0; i < SERVICE_BUCKETS; i++) {
		LIST_FOREACH(endpoint, &service->endpoints[i], entry) {
			if (endpoint->lent == from)
				endpoint->lent = to;
		}
	}
	LIST_FOREACH(endpoint, &service->stale, entry) {
		if (endpoint->lent == from)
			endpoint->lent = to;
	}
}

static struct endpoint *find_locked(struct service *service, const uint64_t id[2])
{
	struct endpoint *endpoint;

	LIST_FOREACH(endpoint, bucket(service, id), entry) {
		if (endpoint->id[0] == id[0] && endpoint->id[1] == id[1])
			return endpoint;
	}
	return NULL;
}

struct endpoint *service_find(struct service *service, const uint64_t id[2])
{
	struct endpoint *endpoint;

	LOCK_SCOPED(&service->lock);
	endpoint = find_locked(service, id);
	return endpoint && endpoint_get(endpoint) ? endpoint : NULL;
}

int endpoint_serve(struct endpoint *endpoint, const uint64_t id[2], int b)
{
	struct service *service = endpoint->service;
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = endpoint};
	struct epoll_event hang_up = {.events = 0, .data.ptr = endpoint};

	lock_take(&service->lock);
	if (epoll_ctl(service->epoll, EPOLL_CTL_ADD, b, &event) ||
	    epoll_ctl(service->closes, EPOLL_CTL_ADD, b, &hang_up)) {
		lock_release(&service->lock);
		return -errno;
	}
	memcpy(endpoint->id, id, sizeof(endpoint->id));
	endpoint->b = b;
	LIST_INSERT_HEAD(bucket(service, id), endpoint, entry);
	service->served++;
	lock_release(&service->lock);
	atomic_store(&endpoint->file->front, &endpoint->front);
	endpoint_mark(endpoint);
	return 0;
}

int endpoint_install(struct endpoint *endpoint, int *ret_a)
{
	struct identity_pair pair;
	struct identity identity;
	const char *node = endpoint->file->ops->link ?: "anon_inode:[uiommufd]";
	int rc = identity_new(node, O_RDWR | O_CLOEXEC, &identity, &pair);

	if (rc)
		return rc;
	if (!(file_poll(endpoint->file) & EPOLLOUT))
		rc = identity_fill(pair.a);
	if (!rc)
		rc = endpoint_serve(endpoint, identity.id, pair.b);
	if (rc) {
		close(pair.a);
		close(pair.b);
		return rc;
	}
	*ret_a = pair.a;
	return 0;
}

/* Serves the newborn `a` by `file`, whose reference goes to the endpoint if that succeeds. */
static int adopt_as(struct service *service, int a, const uint64_t id[2], struct file *file)
{
	struct endpoint *endpoint = endpoint_new(service, file);
	int b, rc;

	if (!endpoint)
		return -ENOMEM;
	rc = identity_claim(a, &b);
	if (!rc) {
		rc = endpoint_serve(endpoint, id, b);
		if (rc && identity_abandon(b))
			close(b);
	}
	if (rc)
		endpoint_free(endpoint);
	return rc;
}

int service_adopt(struct service *service, struct client *client, int a, struct file **ret_file)
{
	struct identity identity;
	struct file *file;
	int rc = identity_of(a, &identity);

	if (rc)
		return rc;
	if (!identity_newborn(a))
		return -EAGAIN;
	rc = service->hooks->open(service, client, identity.node, &file);
	if (rc)
		return rc;
	file_get(file);
	rc = adopt_as(service, a, identity.id, file);
	if (rc) {
		file_put(file);
		file_put(file);
		return rc;
	}
	*ret_file = file;
	return 0;
}

static bool retire_locked(struct endpoint *endpoint)
{
	struct service *service = endpoint->service;
	struct pollfd poll_b = {.fd = endpoint->b, .events = POLLIN};

	if (endpoint->b < 0 || poll(&poll_b, 1, 0) != 1 || !(poll_b.revents & POLLHUP))
		return false;
	LIST_REMOVE(endpoint, entry);
	/* The program's duplicate would keep it there. */
	epoll_ctl(service->closes, EPOLL_CTL_DEL, endpoint->b, NULL);
	close(endpoint->b);
	endpoint->b = -1;
	service->served--;
	service->releasing++;
	return true;
}

bool endpoint_retire(struct service *service, struct endpoint *endpoint)
{
	LOCK_SCOPED(&service->lock);
	return retire_locked(endpoint);
}

/* `hand`: to the program, which may not live to release it. */
static bool retire_and_hand(struct endpoint *endpoint, bool hand)
{
	if (!retire_locked(endpoint))
		return false;
	endpoint->handed = hand;
	if (hand)
		LIST_INSERT_HEAD(&endpoint->service->handed, endpoint, entry);
	return true;
}

struct endpoint *endpoint_retire_id(struct service *service, const uint64_t id[2], bool hand)
{
	struct endpoint *endpoint;

	LOCK_SCOPED(&service->lock);
	endpoint = find_locked(service, id);
	return endpoint && retire_and_hand(endpoint, hand) ? endpoint : NULL;
}

struct endpoint *endpoint_retire_all(struct service *service)
{
	struct epoll_event events[CLOSES];
	struct endpoint *endpoint, *all = NULL;
	int n;

	LOCK_SCOPED(&service->lock);
	do {
		n = epoll_wait(service->closes, events, CLOSES, 0);
		for (int i = 0; i < n; i++) {
			endpoint = events[i].data.ptr;
			if (!retire_and_hand(endpoint, true))
				continue;
			endpoint->next = all;
			all = endpoint;
		}
	} while (n == CLOSES);
	return all;
}

/* Who carries it out: the program if it still lives, else the service. */
static void release_begin(struct service *service, struct endpoint *endpoint, bool inside)
{
	LOCK_SCOPED(&service->lock);
	if (endpoint->handed)
		LIST_REMOVE(endpoint, entry);
	endpoint->handed = false;
	if (!inside) {
		service->releasing--;
		service->leaving++;
	}
}

static void release_end(struct service *service, bool inside)
{
	uint64_t one = 1;

	LOCK_SCOPED(&service->lock);
	if (inside)
		service->releasing--;
	else
		service->leaving--;
	pthread_cond_broadcast(&service->released);
	/* That may have been the last that the loop lived for. */
	if (inside && service->orphaned)
		(void)!write(service->wake, &one, sizeof(one));
}

void endpoint_release(struct endpoint *endpoint)
{
	struct service *service = endpoint->service;
	bool inside = service_inside(service);

	release_begin(service, endpoint, inside);
	service->hooks->forget(service, endpoint);
	endpoint_put(endpoint);
	release_end(service, inside);
	if (!inside)
		endpoint_collect_stale(service);
}

void endpoint_release_handed(struct service *service)
{
	struct endpoint *endpoint;

	for (;;) {
		lock_take(&service->lock);
		endpoint = LIST_FIRST(&service->handed);
		lock_release(&service->lock);
		if (!endpoint)
			return;
		endpoint_release(endpoint);
	}
}

void service_settle(struct service *service)
{
	LOCK_SCOPED(&service->lock);
	while (!atomic_load(&service->lost) &&
	       (service->releasing || (service->leaving && !service->orphaned)))
		lock_wait(&service->lock, &service->released);
}

unsigned int service_served(struct service *service)
{
	return atomic_load(&service->served);
}

static bool in_flight(struct service *service)
{
	struct endpoint *endpoint;

	LOCK_SCOPED(&service->lock);
	for (int i = 0; i < SERVICE_BUCKETS; i++) {
		LIST_FOREACH(endpoint, &service->endpoints[i], entry) {
			if (atomic_load(&endpoint->users) > 1)
				return true;
		}
	}
	return service->releasing || service->leaving;
}

void service_quiesce(struct service *service)
{
	const struct timespec moment = {.tv_nsec = 1000000};

	for (int i = 0; i < 1000 && in_flight(service); i++)
		nanosleep(&moment, NULL);
}

/*
 * Readiness. The queue of A is the truth that poll() sees: it holds the file's next message, or for files without messages a marker.
 * Filling it takes B, which the service has, and the program a duplicate of; emptying it takes A, which only a process that has the descriptor can do. So something may
 * stay behind that isn't true any more; the next read() takes it out.
 *
 * Somebody may read A without us. That wakes up who waits to write to B, and so the service's loop hears of it.
 */

void endpoint_mark(struct endpoint *endpoint)
{
	bool readable = file_poll(endpoint->file) & EPOLLIN;

	if (atomic_load(&endpoint->offering))
		return;
	atomic_store(&endpoint->readable, readable);
	LOCK_SCOPED(&endpoint->service->lock);
	if (readable && endpoint->b >= 0 && !identity_marked(endpoint->b))
		identity_mark(endpoint->b);
}

/* B as this thread knows it, or -1. */
static int server_end(const struct endpoint *endpoint)
{
	return service_inside(endpoint->service) ? endpoint->b : endpoint->lent;
}

bool endpoint_put_message(struct endpoint *endpoint, const void *message, size_t len)
{
	int b;

	LOCK_SCOPED(&endpoint->service->lock);
	b = server_end(endpoint);
	return b >= 0 && !identity_marked(b) && !identity_offer(b, message, len);
}

bool endpoint_unread(struct endpoint *endpoint)
{
	int b;

	LOCK_SCOPED(&endpoint->service->lock);
	b = server_end(endpoint);
	return b >= 0 && identity_marked(b);
}

/* The marker, from the program: by its own B, or by asking the service. */
static void make_readable(struct endpoint *endpoint)
{
	struct service *service = endpoint->service;

	if (service_inside(service)) {
		endpoint_mark(endpoint);
		return;
	}
	if (endpoint->lent < 0) {
		service_ready(service, endpoint);
		return;
	}
	LOCK_SCOPED(&service->lock);
	if (!identity_marked(endpoint->lent))
		identity_mark(endpoint->lent);
}

static TLS int callers = -1;

void endpoint_callers(int a)
{
	callers = a;
}

static bool is_of(const struct endpoint *endpoint, int fd)
{
	struct identity identity;

	return fd >= 0 && !identity_of(fd, &identity) &&
	       !memcmp(identity.id, endpoint->id, sizeof(identity.id));
}

/* A descriptor A that this thread can use, or -1; *ret_fetched: one to be closed, or -1. */
static int reach(struct endpoint *endpoint, int *ret_fetched)
{
	struct service *service = endpoint->service;
	int fd = service_inside(service) ? callers : service->hooks->descriptor(service, endpoint);

	*ret_fetched = -1;
	/* The program may use the number for something else by now. */
	if (is_of(endpoint, fd))
		return fd;
	if (service->hooks->fetch)
		*ret_fetched = service->hooks->fetch(service, endpoint);
	return is_of(endpoint, *ret_fetched) ? *ret_fetched : -1;
}

static void reached(int fetched)
{
	if (fetched >= 0)
		close(fetched);
}

static bool without_asking(const struct endpoint *endpoint)
{
	return service_inside(endpoint->service) || endpoint->lent >= 0;
}

bool endpoint_offer(struct file_front *front, const void *message, size_t len)
{
	struct endpoint *endpoint = (struct endpoint *)front;
	struct service *service = endpoint->service;
	bool offered;

	/* Before anybody can read it: who does wants to be heard of. */
	atomic_store(&endpoint->offering, true);
	offered = without_asking(endpoint) ? endpoint_put_message(endpoint, message, len)
					   : service_offer(service, endpoint, message, len);
	atomic_store(&endpoint->offering, offered);
	if (offered)
		atomic_store(&endpoint->readable, true);
	return offered;
}

enum file_offer endpoint_withdraw(struct file_front *front)
{
	struct endpoint *endpoint = (struct endpoint *)front;
	struct service *service = endpoint->service;
	int fetched, fd = reach(endpoint, &fetched);
	enum file_offer end = FILE_READ;

	if (fd >= 0)
		end = identity_unmark(fd) ? FILE_WITHDRAWN : FILE_READ;
	else if (without_asking(endpoint) ? endpoint_unread(endpoint)
					  : service_unread(service, endpoint))
		end = FILE_STUCK;
	reached(fetched);
	if (end == FILE_STUCK)
		return end;
	atomic_store(&endpoint->offering, false);
	atomic_store(&endpoint->readable, false);
	return end;
}

void endpoint_changed(struct file_front *front)
{
	struct endpoint *endpoint = (struct endpoint *)front;
	bool readable = file_poll(endpoint->file) & EPOLLIN;
	int fd, fetched;

	if (atomic_exchange(&endpoint->readable, readable) == readable)
		return;
	if (readable) {
		make_readable(endpoint);
	} else {
		fd = reach(endpoint, &fetched);
		if (fd >= 0)
			identity_unmark(fd);
		reached(fetched);
	}
}
