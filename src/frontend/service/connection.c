/* SPDX-License-Identifier: MIT */
/*
 * Serves another process: a thread for each connection, so that a call which waits keeps nobody else. The caller's
 * memory is read and written directly; its descriptors are asked for by callbacks over the connection, because
 * pidfd_getfd() is forbidden in the default sandboxes.
 */
#include "frontend/service/internal.h"

#include "base/alloc.h"
#include "base/inject.h"
#include "core/client.h"
#include "frontend/service/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* One process, over all its connections: what it has pinned is counted in one place. */
struct peer {
	LIST_ENTRY(peer) entry;
	pid_t pid;
	uint64_t cookie;
	unsigned int connections; /* lock of the service */
	struct mm *mm;
};

struct connection {
	struct client client; /* first: client_ops get it */
	struct service *service;
	struct peer *peer;
	struct channel channel;
	struct client_window window; /* our copy */
	/* A descriptor was taken back during this call: its file goes after it, when no lock is held. */
	struct endpoint *withdrawn;
	/* A descriptor could not be handed out, and its hang-up was seen at once: the call waits until that has had its effect. */
	bool refused;
};

static struct connection *of_client(struct client *client)
{
	return (struct connection *)client;
}

/* Asks the caller something: the answer's result; a descriptor goes out or comes in. */
static int64_t ask(struct connection *connection, struct wire_msg *msg, int fd, int *ret_fd)
{
	int rc = channel_send(&connection->channel, msg, fd);

	if (!rc)
		rc = channel_recv(&connection->channel, msg, ret_fd);
	return rc ? rc : msg->result;
}

static int remote_fd_native(struct client *client, int fd)
{
	struct wire_msg msg = {.op = WIRE_FD_NATIVE, .arg = {(uint64_t)fd}};
	int native = -1;
	int64_t rc = ask(of_client(client), &msg, -1, &native);

	return rc < 0 ? (int)rc : native;
}

/* One that nobody serves yet: the file that it stands for is opened on the same machine. */
static int claim_for(struct connection *connection, int fd, struct file **ret_file)
{
	struct service *service = connection->service;
	int a = remote_fd_native(&connection->client, fd);
	int rc = a < 0 ? a : service_adopt(service, &connection->client, a, ret_file);

	if (a >= 0)
		close(a);
	return rc;
}

static int remote_fd_file(struct client *client, int fd, struct file **ret_file)
{
	struct connection *connection = of_client(client);
	struct wire_msg msg = {.op = WIRE_FD_FILE, .arg = {(uint64_t)fd}};
	int64_t rc = ask(connection, &msg, -1, NULL);
	struct endpoint *endpoint;

	if (rc < 0)
		return rc == -EBADF ? -EBADF : -ENOENT;
	endpoint = service_find(connection->service, msg.id);
	if (!endpoint)
		return claim_for(connection, fd, ret_file) ? -ENOENT : 0;
	*ret_file = file_get(endpoint->file);
	endpoint_put(endpoint);
	return 0;
}

static int remote_fd_install(struct client *client, struct file *file)
{
	struct connection *connection = of_client(client);
	struct wire_msg msg = {.op = WIRE_FD_INSTALL};
	struct endpoint *endpoint = endpoint_new(connection->service, file);
	int64_t rc;
	int a;

	if (!endpoint)
		return -ENOMEM;
	rc = endpoint_install(endpoint, &a);
	if (rc) {
		endpoint_free(endpoint);
		return (int)rc;
	}
	/* On failure it was served for a moment: it needs a reference of its own until that is over. */
	file_get(file);
	rc = ask(connection, &msg, a, NULL);
	close(a);
	if (rc < 0) {
		if (endpoint_retire(connection->service, endpoint))
			endpoint_release(endpoint);
		else
			connection->refused = true;
		return (int)rc;
	}
	file_put(file);
	connection->withdrawn = endpoint;
	return (int)rc;
}

static void remote_fd_close(struct client *client, int fd)
{
	struct wire_msg msg = {.op = WIRE_FD_CLOSE, .arg = {(uint64_t)fd}};

	ask(of_client(client), &msg, -1, NULL);
}

static const struct client_ops remote_client_ops = {
	.fd_file = remote_fd_file,
	.fd_native = remote_fd_native,
	.fd_install = remote_fd_install,
	.fd_close = remote_fd_close,
};

/* The requests. */

static int64_t serve_mmap(struct connection *connection, struct file *file, struct wire_msg *msg,
			  int *ret_fd)
{
	struct file_mapping mapping = {
		.offset = msg->arg[0],
		.length = msg->arg[1],
		.prot = (int)msg->arg[2],
		.flags = (int)msg->arg[3],
		.fd = -1,
	};
	int rc = file_mmap(file, &connection->client, &mapping);

	if (rc)
		return rc;
	*ret_fd = mapping.fd;
	msg->arg[0] = mapping.fd_offset;
	msg->arg[1] = mapping.length;
	msg->arg[2] = mapping.piece;
	msg->arg[3] = mapping.trap;
	return 0;
}

static int64_t serve_file(struct connection *connection, struct file *file, struct wire_msg *msg,
			  int *ret_fd)
{
	struct client *client = &connection->client;
	uint64_t *arg = msg->arg;

	switch (msg->op) {
	case WIRE_IOCTL:
		return service_ioctl(connection->service, file, client, (unsigned int)arg[0],
				     arg[1]);
	case WIRE_READ:
		return file_read(file, client, arg[0], arg[1], (int64_t)arg[2]);
	case WIRE_WRITE:
		return file_write(file, client, arg[0], arg[1], (int64_t)arg[2]);
	case WIRE_POLL:
		return file_poll(file);
	case WIRE_MMAP:
		return serve_mmap(connection, file, msg, ret_fd);
	default:
		return -EOPNOTSUPP;
	}
}

/* What came with the request is looked at in a copy of ours: the caller may write to the ring meanwhile. */
static void window_open(struct connection *connection)
{
	const struct client_window *theirs = &connection->channel.ring->window;
	struct client_window *window = &connection->window;

	memcpy(window, theirs, offsetof(struct client_window, bytes));
	window->dirty_first = window->dirty_end = 0;
	if (!window->len || window->len > CLIENT_WINDOW_MAX)
		return;
	memcpy(window->bytes, theirs->bytes, window->len);
	connection->client.window = window;
}

static void window_close(struct connection *connection)
{
	struct client_window *theirs = &connection->channel.ring->window;
	const struct client_window *window = &connection->window;
	uint32_t first = window->dirty_first, end = window->dirty_end;

	theirs->dirty_first = first;
	theirs->dirty_end = end;
	memcpy(theirs->bytes + first, window->bytes + first, end - first);
	connection->client.window = NULL;
}

static int64_t serve_file_windowed(struct connection *connection, struct file *file,
				   struct wire_msg *msg, int *ret_fd)
{
	bool windowed = msg->flags & WIRE_WINDOW && connection->channel.ring;
	int64_t rc;

	msg->flags = 0;
	if (windowed)
		window_open(connection);
	rc = serve_file(connection, file, msg, ret_fd);
	if (windowed)
		window_close(connection);
	return rc;
}

static int64_t serve_endpoint(struct connection *connection, struct wire_msg *msg, int *ret_fd)
{
	struct endpoint *endpoint = service_find(connection->service, msg->id), *withdrawn;
	int64_t rc;

	if (!endpoint) {
		msg->flags = WIRE_NO_FILE;
		return -EIO;
	}
	connection->withdrawn = NULL;
	connection->refused = false;
	rc = serve_file_windowed(connection, endpoint->file, msg, ret_fd);
	endpoint_put(endpoint);
	if (connection->refused)
		service_settle(connection->service);
	withdrawn = connection->withdrawn;
	if (rc < 0 && withdrawn && endpoint_retire(connection->service, withdrawn))
		endpoint_release(withdrawn);
	return rc;
}

static int64_t serve_closed(struct connection *connection, const struct wire_msg *msg)
{
	struct endpoint *endpoint = endpoint_retire_id(connection->service, msg->id, false);

	if (endpoint)
		endpoint_release(endpoint);
	service_settle(connection->service);
	return 0;
}

/* `a`: a descriptor of the file's that came along, or -1. *ret_fd: one that goes with the reply, or left alone. */
static int64_t serve_request(struct connection *connection, struct wire_msg *msg, int a,
			     int *ret_fd)
{
	struct service *service = connection->service;
	struct mm *mm = connection->client.mm;
	int64_t rc = 0;

	switch (msg->op) {
	case WIRE_CLOSED:
		return serve_closed(connection, msg);
	case WIRE_ACCOUNT:
		return service->hooks->account(service, (pid_t)msg->arg[0], msg->arg) ? 0 : -ENOENT;
	case WIRE_GOING:
		service->hooks->going(service, mm, msg->arg[0], msg->arg[1]);
		break;
	case WIRE_BYE:
		service->hooks->leaving(service, mm);
		break;
	case WIRE_RIGHTS:
		mm_refresh_creds(mm);
		break;
	default:
		endpoint_callers(a);
		rc = serve_endpoint(connection, msg, ret_fd);
		endpoint_callers(-1);
	}
	return rc;
}

static void serve(struct connection *connection, struct wire_msg *msg, int a)
{
	int fd = -1;

	service_check_orphaned(connection->service);
	inject_arm(msg->inject);
	msg->result = serve_request(connection, msg, a, &fd);
	/* The caller's own must be the last when it has the reply. */
	if (a >= 0)
		close(a);
	/* The peer has one reference to its address space; page-sets have the others. */
	if (atomic_load(&connection->client.mm->refs) > 1)
		msg->flags |= WIRE_MAPPED;
	msg->op = WIRE_REPLY;
	msg->inject = inject_left();
	inject_arm(0);
	channel_reply(&connection->channel, msg, fd);
	if (fd >= 0)
		close(fd);
}

/* The first message says who calls. */

static struct peer *peer_find(struct service *service, pid_t pid, uint64_t cookie)
{
	struct peer *peer;

	LIST_FOREACH(peer, &service->peers, entry) {
		if (peer->pid == pid && peer->cookie == cookie)
			return peer;
	}
	return NULL;
}

static struct peer *peer_new(pid_t pid, uint64_t cookie)
{
	struct peer *peer = mem_zalloc(sizeof(*peer));

	if (!peer)
		return NULL;
	peer->pid = pid;
	peer->cookie = cookie;
	if (mm_new_remote(pid, &peer->mm)) {
		free(peer);
		return NULL;
	}
	return peer;
}

static struct peer *peer_get(struct service *service, pid_t pid, uint64_t cookie)
{
	struct peer *peer, *fresh = peer_new(pid, cookie);

	lock_take(&service->lock);
	peer = peer_find(service, pid, cookie);
	if (!peer && fresh) {
		LIST_INSERT_HEAD(&service->peers, fresh, entry);
		peer = fresh;
		fresh = NULL;
	}
	if (peer)
		peer->connections++;
	lock_release(&service->lock);
	if (fresh) {
		mm_put(fresh->mm);
		free(fresh);
	}
	return peer;
}

/* With its last connection a process is gone, or has executed another program: its memory can't be reached any more. */
static void peer_put(struct service *service, struct peer *peer)
{
	bool last;

	lock_take(&service->lock);
	last = !--peer->connections;
	if (last)
		LIST_REMOVE(peer, entry);
	lock_release(&service->lock);
	if (!last)
		return;
	atomic_store(&peer->mm->gone, true);
	mm_put(peer->mm);
	free(peer);
}

static bool hello(struct connection *connection)
{
	struct service *service = connection->service;
	struct channel *channel = &connection->channel;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct wire_msg msg;
	int memory;

	if (wire_recv(channel->sock, &msg, &memory))
		return false;
	msg.flags = memory >= 0 && !channel_map_ring(channel, memory) ? WIRE_RING : 0;
	if (memory >= 0)
		close(memory);
	if (msg.op != WIRE_HELLO || getsockopt(channel->sock, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	connection->peer = peer_get(service, cred.pid, msg.arg[0]);
	if (!connection->peer)
		return false;
	connection->client = (struct client){.ops = &remote_client_ops, .mm = connection->peer->mm};
	memcpy(msg.id, service->id, sizeof(msg.id));
	msg.op = WIRE_REPLY;
	msg.result = service->pid;
	return !wire_send(channel->sock, &msg, -1);
}

static void *connection_run(void *arg)
{
	struct connection *connection = arg;
	struct channel *channel = &connection->channel;
	struct wire_msg msg;
	int a;

	service_enter(connection->service);
	if (hello(connection)) {
		while (!channel_recv(channel, &msg, &a))
			serve(connection, &msg, a);
	}
	if (connection->peer)
		peer_put(connection->service, connection->peer);
	channel_done(channel);
	close(channel->sock);
	free(connection);
	return NULL;
}

void connection_start(struct service *service, int sock)
{
	struct connection *connection = mem_zalloc(sizeof(*connection));

	if (connection) {
		connection->service = service;
		channel_init(&connection->channel, sock, RING_SERVICE, service->mode);
		if (!service_thread(connection_run, connection))
			return;
		free(connection);
	}
	close(sock);
}
