/* SPDX-License-Identifier: MIT */
/* Connections to services of other processes, and the calls that go over them. */
#include "frontend/service/remote.h"

#include "base/alloc.h"
#include "base/inject.h"
#include "frontend/service/quiet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_MAX (int)(sizeof(((struct remote_host *)0)->idle) / sizeof(int))

void remotes_init(struct remotes *remotes, const struct remote_ops *ops)
{
	remotes->ops = ops;
	lock_init(&remotes->lock, RANK_ENDPOINTS);
	SLIST_INIT(&remotes->hosts);
	if (getrandom(&remotes->cookie, sizeof(remotes->cookie), 0) < 0)
		remotes->cookie = (uint64_t)getpid();
}

void remotes_done(struct remotes *remotes)
{
	struct remote_host *host;

	while ((host = SLIST_FIRST(&remotes->hosts))) {
		SLIST_REMOVE_HEAD(&remotes->hosts, entry);
		while (host->n_idle)
			remotes->ops->unplace(host->idle[--host->n_idle]);
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

static struct remote_host *host_get(struct remotes *remotes, const struct wire_msg *hello)
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
	/* Yama lets a process read another's memory only if that names it. There is one name; for more, any. */
	prctl(PR_SET_PTRACER,
	      SLIST_EMPTY(&remotes->hosts) ? (unsigned long)host->pid : PR_SET_PTRACER_ANY);
	SLIST_INSERT_HEAD(&remotes->hosts, host, entry);
	return host;
}

static void idle_push(struct remotes *remotes, struct remote_host *host, int sock)
{
	lock_take(&remotes->lock);
	if (host->n_idle < IDLE_MAX) {
		host->idle[host->n_idle++] = sock;
		sock = -1;
	}
	lock_release(&remotes->lock);
	if (sock >= 0)
		remotes->ops->unplace(sock);
}

static int idle_pop(struct remotes *remotes, struct remote_host *host)
{
	LOCK_SCOPED(&remotes->lock);
	return host->n_idle ? host->idle[--host->n_idle] : -1;
}

/* Sends the service an end of a new connection: ours, in its place, or -errno. */
static int connect_by(struct remotes *remotes, int fd)
{
	static const char attach = 'A';
	bool filled = identity_filled(fd);
	int ends[2], rc;

	if (inject_fail())
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	rc = wire_send_bytes(fd, &attach, 1, ends[1]);
	if (!rc && filled)
		rc = identity_fill(fd);
	close(ends[1]);
	if (!rc)
		rc = remotes->ops->place(ends[0]);
	if (rc < 0)
		close(ends[0]);
	return rc == -EPIPE ? -EIO : rc;
}

/* A connection that has been greeted, and whose it is. */
static int greet(struct remotes *remotes, int fd, struct remote_host **ret_host)
{
	struct wire_msg hello = {.op = WIRE_HELLO, .arg = {remotes->cookie}};
	struct remote_host *host = NULL;
	int sock = connect_by(remotes, fd), rc;

	if (sock < 0)
		return sock;
	rc = wire_send(sock, &hello, -1);
	if (!rc)
		rc = wire_recv(sock, &hello, NULL);
	if (!rc)
		host = host_get(remotes, &hello);
	if (!host) {
		remotes->ops->unplace(sock);
		return rc ? -EIO : -ENOMEM;
	}
	*ret_host = host;
	return sock;
}

int remote_attach(struct remotes *remotes, int fd, struct remote_host **ret_host)
{
	int sock = greet(remotes, fd, ret_host);

	if (sock < 0)
		return sock;
	idle_push(remotes, *ret_host, sock);
	return 0;
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

/* `fd` goes along with what has to have it. */
static int64_t exchange(struct remotes *remotes, int sock, struct wire_msg *msg, int fd,
			int *ret_fd)
{
	int rc, with;

	msg->inject = inject_left();
	rc = wire_send(sock, msg, msg->op == WIRE_READ ? fd : -1);
	if (rc)
		return rc;
	inject_arm(0);
	for (;;) {
		fd = -1;
		rc = wire_recv(sock, msg, &fd);
		if (rc && rc != -EMFILE)
			return -EPIPE;
		if (msg->op == WIRE_REPLY) {
			inject_arm(msg->inject);
			break;
		}
		with = answer(remotes, msg, rc, fd);
		msg->op = WIRE_REPLY;
		rc = wire_send(sock, msg, with);
		if (rc)
			return -EPIPE;
	}
	if (ret_fd)
		*ret_fd = fd;
	else if (fd >= 0)
		close(fd);
	return rc ? rc : msg->result;
}

int64_t remote_call(struct remotes *remotes, struct remote_host *host, int fd, struct wire_msg *msg,
		    int *ret_fd)
{
	int sock = idle_pop(remotes, host);
	int64_t result;

	if (sock < 0)
		sock = fd < 0 ? -EIO : greet(remotes, fd, &host);
	if (sock < 0)
		return sock;
	msg->flags = 0;
	result = exchange(remotes, sock, msg, fd, ret_fd);
	if (result == -EPIPE && msg->op != WIRE_REPLY) {
		remotes->ops->unplace(sock);
		return -EIO;
	}
	if (msg->flags & WIRE_MAPPED)
		atomic_store(&host->mapped, true);
	idle_push(remotes, host, sock);
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

		if (!atomic_load(&host->mapped))
			continue;
		QUIET;
		remote_call(remotes, host, -1, &msg, NULL);
	}
}

void remotes_moved(struct remotes *remotes, int from, int to)
{
	struct remote_host *host;

	LOCK_SCOPED(&remotes->lock);
	SLIST_FOREACH(host, &remotes->hosts, entry) {
		for (int i = 0; i < host->n_idle; i++) {
			if (host->idle[i] == from)
				host->idle[i] = to;
		}
	}
}
