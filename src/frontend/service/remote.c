/* SPDX-License-Identifier: MIT */
/* Connections to services of other processes, and the calls that go over them. */
#include "frontend/service/remote.h"

#include "base/alloc.h"
#include "base/guard.h"
#include "base/inject.h"
#include "base/sys.h"
#include "frontend/service/quiet.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_MAX (sizeof(((struct remote_host *)0)->idle) / sizeof(struct remote_link *))

void remotes_init(struct remotes *remotes, const struct remote_ops *ops)
{
	remotes->ops = ops;
	lock_init(&remotes->lock, RANK_ENDPOINTS);
	SLIST_INIT(&remotes->hosts);
	LIST_INIT(&remotes->links);
	if (getrandom(&remotes->cookie, sizeof(remotes->cookie), 0) < 0)
		remotes->cookie = (uint64_t)getpid();
}

/* Owns a socket that is in its place. */
static struct remote_link *link_new(struct remotes *remotes, int sock)
{
	struct remote_link *link = mem_zalloc(sizeof(*link));

	if (!link)
		return NULL;
	channel_init(&link->channel, sock, RING_CLIENT, remotes->mode);
	LOCK_SCOPED(&remotes->lock);
	LIST_INSERT_HEAD(&remotes->links, link, entry);
	return link;
}

static void link_free(struct remotes *remotes, struct remote_link *link)
{
	lock_take(&remotes->lock);
	LIST_REMOVE(link, entry);
	lock_release(&remotes->lock);
	remotes->ops->unplace(link->channel.sock);
	channel_done(&link->channel);
	free(link);
}

void remotes_done(struct remotes *remotes)
{
	struct remote_host *host;

	while (!LIST_EMPTY(&remotes->links))
		link_free(remotes, LIST_FIRST(&remotes->links));
	while ((host = SLIST_FIRST(&remotes->hosts))) {
		SLIST_REMOVE_HEAD(&remotes->hosts, entry);
		free(host);
	}
	lock_done(&remotes->lock);
}

/* The lock is held. */
static struct remote_host *host_find(struct remotes *remotes, const uint64_t id[2])
{
	struct remote_host *host;

	SLIST_FOREACH(host, &remotes->hosts, entry) {
		if (host->id[0] == id[0] && host->id[1] == id[1])
			return host;
	}
	return NULL;
}

/* A new one keeps the connection: *link becomes NULL. */
static struct remote_host *host_get(struct remotes *remotes, const struct wire_msg *hello,
				    struct remote_link **link)
{
	struct remote_host *host;

	LOCK_SCOPED(&remotes->lock);
	host = host_find(remotes, hello->id);
	if (host)
		return host;
	host = mem_zalloc(sizeof(*host));
	if (!host)
		return NULL;
	memcpy(host->id, hello->id, sizeof(host->id));
	host->pid = (pid_t)hello->result;
	atomic_init(&host->kept, *link);
	*link = NULL;
	/* Yama lets a process read another's memory only if that names it. There is one name; for more, any. */
	prctl(PR_SET_PTRACER,
	      SLIST_EMPTY(&remotes->hosts) ? (unsigned long)host->pid : PR_SET_PTRACER_ANY);
	SLIST_INSERT_HEAD(&remotes->hosts, host, entry);
	return host;
}

static void idle_push(struct remotes *remotes, struct remote_host *host, struct remote_link *link)
{
	for (size_t i = 0; i < IDLE_MAX; i++) {
		struct remote_link *none = NULL;

		if (atomic_compare_exchange_strong(&host->idle[i], &none, link))
			return;
	}
	link_free(remotes, link);
}

static struct remote_link *idle_pop(struct remote_host *host)
{
	struct remote_link *link = NULL;

	for (size_t i = 0; i < IDLE_MAX && !link; i++) {
		if (atomic_load_explicit(&host->idle[i], memory_order_relaxed))
			link = atomic_exchange(&host->idle[i], NULL);
	}
	return link;
}

/* Sends the service an end of a new connection: ours, in its place, or -errno. */
static int connect_by(struct remotes *remotes, int fd)
{
	bool filled = identity_filled(fd);
	int ends[2], rc;

	if (inject_fail())
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	rc = identity_send(fd, 'A', ends[1]);
	if (!rc && filled)
		rc = identity_fill(fd);
	sys_raw(SYS_close, ends[1]);
	if (!rc)
		rc = remotes->ops->place(ends[0]);
	if (rc < 0)
		sys_raw(SYS_close, ends[0]);
	return rc == -EPIPE ? -EIO : rc;
}

/* Says who we are. Without a ring the socket does. 0 or -errno; -EPIPE or another: it is no use. */
static int say_hello(struct channel *channel, struct wire_msg *hello)
{
	int memory = channel_make_ring(channel), rc;

	rc = wire_send(channel->sock, hello, memory);
	if (memory >= 0)
		sys_raw(SYS_close, memory);
	if (!rc)
		rc = wire_recv(channel->sock, hello, NULL);
	if (!rc && !(hello->flags & WIRE_RING))
		channel_done(channel);
	return rc;
}

/* A connection that has been greeted, and whose it is. *ret_link is NULL if that is a new one, which keeps it. 0 or -errno. */
static int greet(struct remotes *remotes, int fd, struct remote_host **ret_host,
		 struct remote_link **ret_link)
{
	struct wire_msg hello = {.op = WIRE_HELLO, .arg = {remotes->cookie}};
	struct remote_link *link;
	struct remote_host *host = NULL;
	int sock = connect_by(remotes, fd), rc;

	if (sock < 0)
		return sock;
	link = link_new(remotes, sock);
	if (!link) {
		remotes->ops->unplace(sock);
		return -ENOMEM;
	}
	rc = say_hello(&link->channel, &hello);
	if (!rc)
		host = host_get(remotes, &hello, &link);
	if (!host) {
		link_free(remotes, link);
		return rc ? -EIO : -ENOMEM;
	}
	*ret_host = host;
	*ret_link = link;
	return 0;
}

int remote_attach(struct remotes *remotes, int fd, struct remote_host **ret_host)
{
	struct remote_link *link;
	int rc = greet(remotes, fd, ret_host, &link);

	if (!rc && link)
		idle_push(remotes, *ret_host, link);
	return rc;
}

/* A callback, of which the receipt ended with `rc`: fills in the answer and returns the descriptor that goes with it. */
static int answer(struct remotes *remotes, struct wire_msg *msg, int rc, int fd)
{
	const struct remote_ops *ops = remotes->ops;
	struct identity identity = {};
	int number = (int)msg->arg[0];

	msg->result = rc;
	switch (msg->op) {
	case WIRE_FD_FILE:
		msg->result = ops->fd_file(number, &identity);
		memcpy(msg->id, identity.id, sizeof(msg->id));
		return -1;
	case WIRE_FD_NATIVE:
		msg->result = ops->fd_native(number);
		return (int)msg->result;
	case WIRE_FD_INSTALL:
		if (!rc) {
			ops->fd_installed(fd);
			msg->result = fd;
		}
		return -1;
	case WIRE_FD_CLOSE:
		ops->fd_close(number);
		return -1;
	default:
		msg->result = -EOPNOTSUPP;
		return -1;
	}
}

/* ---- the window ---- */

/* Numbers below are no addresses: the first page can't be mapped. */
#define NO_ADDRESS 4096

/* Stores what is there. Nobody sees that, whoever else stores. */
static bool writable(uint64_t at)
{
	void *word = (void *)(uintptr_t)(at & ~(uint64_t)7);
	uint64_t there = 0, before;

	do {
		before = there;
		if (guard_exchange(word, &there, before))
			return false;
	} while (there != before);
	return true;
}

/* What of the caller's memory the request is about: structs begin with their size. 0: too much, or nothing. */
static size_t about(const struct wire_msg *msg, uint64_t *ret_at)
{
	uint32_t size = 0;

	switch (msg->op) {
	case WIRE_IOCTL:
		*ret_at = msg->arg[1];
		if (*ret_at >= NO_ADDRESS)
			guard_copy(&size, (const void *)(uintptr_t)*ret_at, sizeof(size));
		return size;
	case WIRE_READ:
	case WIRE_WRITE:
		*ret_at = msg->arg[0];
		return msg->arg[1];
	default:
		return 0;
	}
}

static void window_open(struct channel *channel, struct wire_msg *msg)
{
	struct client_window *window;
	uint64_t at = 0;
	size_t len = channel->ring ? about(msg, &at) : 0;

	if (!len || len > CLIENT_WINDOW_MAX)
		return;
	window = &channel->ring->window;
	if (guard_copy(window->bytes, (const void *)(uintptr_t)at, len))
		return;
	window->at = at;
	window->len = (uint32_t)len;
	window->dirty_first = window->dirty_end = 0;
	window->writable = msg->op != WIRE_WRITE && writable(at) && writable(at + len - 1);
	msg->flags |= WIRE_WINDOW;
}

/* What the service wrote there. That another thread has taken the memory away meanwhile the service can't know. */
static int window_close(struct channel *channel, uint64_t at)
{
	const struct client_window *window = &channel->ring->window;
	uint32_t first = window->dirty_first, end = window->dirty_end;

	if (first >= end || end > CLIENT_WINDOW_MAX)
		return 0;
	return guard_copy((void *)(uintptr_t)(at + first), window->bytes + first, end - first);
}

/* ---- calls ---- */

/* Until the reply: serves callbacks. Its descriptor, or -1, is *ret_fd, but for -EPIPE: no reply will come. */
static int await_reply(struct remotes *remotes, struct channel *channel, struct wire_msg *msg,
		       int *ret_fd)
{
	int rc, with;

	for (;;) {
		*ret_fd = -1;
		rc = channel_recv(channel, msg, ret_fd);
		if (rc && rc != -EMFILE)
			return -EPIPE;
		if (msg->op == WIRE_REPLY)
			break;
		with = answer(remotes, msg, rc, *ret_fd);
		msg->op = WIRE_REPLY;
		if (channel_reply(channel, msg, with))
			return -EPIPE;
	}
	if (rc)
		msg->result = rc;
	return 0;
}

/*
 * `fd` goes along with what has to have it. 0: msg is the reply. -errno: there was none, and if it is -EPIPE the connection is no use any
 * more.
 */
static int exchange(struct remotes *remotes, struct channel *channel, struct wire_msg *msg, int fd,
		    int *ret_fd)
{
	int rc, came;

	msg->inject = inject_left();
	rc = channel_send(channel, msg, msg->op == WIRE_READ ? fd : -1);
	if (rc)
		return rc;
	inject_arm(0);
	rc = await_reply(remotes, channel, msg, &came);
	if (rc)
		return rc;
	inject_arm(msg->inject);
	if (ret_fd)
		*ret_fd = came;
	else if (came >= 0)
		sys_raw(SYS_close, came);
	return 0;
}

static int exchange_windowed(struct remotes *remotes, struct channel *channel, struct wire_msg *msg,
			     int fd, int *ret_fd)
{
	bool windowed;
	uint64_t at;
	int rc;

	window_open(channel, msg);
	windowed = msg->flags & WIRE_WINDOW;
	at = windowed ? channel->ring->window.at : 0;
	rc = exchange(remotes, channel, msg, fd, ret_fd);
	if (!rc && windowed && window_close(channel, at))
		msg->result = -EFAULT;
	return rc;
}

static int64_t call_over(struct remotes *remotes, struct remote_host *host,
			 struct remote_link *link, int fd, struct wire_msg *msg, int *ret_fd)
{
	int rc;

	msg->flags = 0;
	rc = exchange_windowed(remotes, &link->channel, msg, fd, ret_fd);
	link->dead = rc == -EPIPE;
	if (rc)
		return rc == -EPIPE ? -EIO : rc;
	if (msg->flags & WIRE_MAPPED)
		atomic_store(&host->mapped, true);
	return msg->result;
}

/* Over the connection that is kept for it. Signals are blocked, for a handler may have something to tell, too. */
static int64_t tell(struct remotes *remotes, struct remote_host *host, struct wire_msg *msg,
		    int *ret_fd)
{
	struct remote_link *link;
	int64_t result;
	QUIET;

	while (!(link = atomic_exchange(&host->kept, NULL)))
		sched_yield();
	/* A service that is gone stays gone: it is not waited for each time. */
	result = link->dead ? -EIO : call_over(remotes, host, link, -1, msg, ret_fd);
	atomic_store(&host->kept, link);
	return result;
}

int64_t remote_call(struct remotes *remotes, struct remote_host *host, int fd, struct wire_msg *msg,
		    int *ret_fd)
{
	struct remote_link *link;
	int64_t result;
	int rc = 0;

	if (fd < 0)
		return tell(remotes, host, msg, ret_fd);
	link = idle_pop(host);
	while (!link && !rc)
		rc = greet(remotes, fd, &host, &link);
	if (rc)
		return rc;
	result = call_over(remotes, host, link, fd, msg, ret_fd);
	if (link->dead)
		link_free(remotes, link);
	else
		idle_push(remotes, host, link);
	return result;
}

void remotes_tell(struct remotes *remotes, enum wire_op op)
{
	struct remote_host *host;

	SLIST_FOREACH(host, &remotes->hosts, entry) {
		struct wire_msg msg = {.op = op};

		remote_call(remotes, host, -1, &msg, NULL);
	}
}

void remotes_going(struct remotes *remotes, uint64_t va, uint64_t len)
{
	struct remote_host *host;

	SLIST_FOREACH(host, &remotes->hosts, entry) {
		struct wire_msg msg = {.op = WIRE_GOING, .arg = {va, len}};

		if (atomic_load(&host->mapped))
			remote_call(remotes, host, -1, &msg, NULL);
	}
}

void remotes_moved(struct remotes *remotes, int from, int to)
{
	struct remote_link *link;

	LOCK_SCOPED(&remotes->lock);
	LIST_FOREACH(link, &remotes->links, entry) {
		if (link->channel.sock == from)
			link->channel.sock = to;
	}
}
