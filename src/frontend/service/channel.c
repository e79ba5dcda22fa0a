/* SPDX-License-Identifier: MIT */
#include "frontend/service/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "base/inject.h"
#include "base/sys.h"

/*
 * How long is looked at the page: by who waits for an answer, and nothing else can do, as long as it takes to wake somebody up; by the
 * service not longer than a program needs between two calls.
 */
#define CLIENT_SPIN  60000 /* ns */
#define SERVICE_SPIN 8000
#define PAGE_SLEEP   5000000

#define SEALS (F_SEAL_SHRINK | F_SEAL_SEAL)

void channel_init(struct channel *channel, int sock, enum ring_side side, enum spin_mode mode)
{
	*channel = (struct channel){
		.sock = sock,
		.side = side,
		.spin = {.mode = mode, .limit = side == RING_CLIENT ? CLIENT_SPIN : SERVICE_SPIN},
		.page_ns = PAGE_SLEEP,
	};
}

void channel_done(struct channel *channel)
{
	if (channel->ring)
		sys_raw(SYS_munmap, channel->ring, RING_BYTES);
	channel->ring = NULL;
}

static int map_ring(struct channel *channel, int fd)
{
	long map;

	if (inject_fail())
		return -ENOMEM;
	map = sys_raw(SYS_mmap, NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		      fd, 0);
	if (map < 0 && map > -4096)
		return (int)map;
	/* A child makes its own. */
	sys_raw(SYS_madvise, map, RING_BYTES, MADV_DONTFORK);
	channel->ring = (struct ring *)map;
	return 0;
}

int channel_make_ring(struct channel *channel)
{
	long fd, rc;

	if (inject_fail())
		return -ENOMEM;
	fd = sys_raw(SYS_memfd_create, "uiommufd", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return (int)fd;
	rc = sys_raw(SYS_ftruncate, fd, RING_BYTES);
	if (!rc)
		rc = sys_raw(SYS_fcntl, fd, F_ADD_SEALS, SEALS);
	if (!rc)
		rc = map_ring(channel, (int)fd);
	if (rc) {
		sys_raw(SYS_close, fd);
		return (int)rc;
	}
	return (int)fd;
}

int channel_map_ring(struct channel *channel, int fd)
{
	struct stat stat;
	long seals = sys_raw(SYS_fcntl, fd, F_GET_SEALS);

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &stat) || stat.st_size < RING_BYTES)
		return -EINVAL;
	return map_ring(channel, fd);
}

/* ---- sending ---- */

static int wake(struct channel *channel, enum ring_sleep how)
{
	static const char byte = 'W';

	if (how == RING_ON_SOCKET)
		return wire_send_bytes(channel->sock, &byte, 1, -1);
	if (how == RING_ON_PAGE)
		sys_raw(SYS_futex, &channel->ring->turn, FUTEX_WAKE, 1);
	return 0;
}

int channel_send(struct channel *channel, const struct wire_msg *msg, int fd)
{
	struct ring *ring = channel->ring;
	int rc = 0;

	if (!ring || fd >= 0)
		rc = wire_send(channel->sock, msg, fd);
	if (!ring || rc)
		return rc;
	ring->by_socket = fd >= 0;
	if (fd < 0)
		ring->msg = *msg;
	return wake(channel, ring_pass(ring, channel->side));
}

int channel_reply(struct channel *channel, struct wire_msg *msg, int fd)
{
	int rc = channel_send(channel, msg, fd);

	if (!rc || rc == -EPIPE || fd < 0)
		return rc;
	msg->result = rc;
	return channel_send(channel, msg, -1);
}

/* ---- receiving ---- */

/* What came over the socket meanwhile. */
struct arrival {
	struct wire_msg msg;
	bool here;
	int fd, rc;
};

/* One datagram; a wake-up is nothing, also one that comes late. 0 or -EPIPE. */
static int arrive(struct channel *channel, struct arrival *arrival)
{
	struct wire_msg msg;
	int fd = -1, got = wire_recv_bytes(channel->sock, &msg, sizeof(msg), 0, &fd);

	if (got == 1)
		return 0;
	if (arrival->fd >= 0)
		sys_raw(SYS_close, arrival->fd);
	*arrival = (struct arrival){msg, true, fd, got < 0 ? got : 0};
	return got == sizeof(msg) || got == -EMFILE ? 0 : -EPIPE;
}

/* True: it has the turn. Also a signal ends it. */
static bool sleep_on_page(struct channel *channel)
{
	struct timespec most = {.tv_nsec = channel->page_ns};
	struct ring *ring = channel->ring;
	unsigned int word;
	long rc = 0;

	while (ring_sleep(ring, channel->side, RING_ON_PAGE, &word)) {
		if (rc && rc != -EAGAIN)
			return false;
		rc = sys_raw(SYS_futex, &ring->turn, FUTEX_WAIT, word, &most);
	}
	return true;
}

/* What the other said last counts, though it has ended since. */
static int sleep_on_socket(struct channel *channel, struct arrival *arrival)
{
	struct ring *ring = channel->ring;
	unsigned int word;
	int rc = 0;

	while (!rc && ring_sleep(ring, channel->side, RING_ON_SOCKET, &word))
		rc = arrive(channel, arrival);
	return rc && ring_mine(ring, channel->side) ? 0 : rc;
}

static int wait_for_turn(struct channel *channel, struct arrival *arrival)
{
	if (ring_spin(channel->ring, channel->side, &channel->spin) || sleep_on_page(channel))
		return 0;
	return sleep_on_socket(channel, arrival);
}

static int take_message(struct channel *channel, struct arrival *arrival)
{
	int rc = 0;

	if (!channel->ring->by_socket) {
		arrival->msg = channel->ring->msg;
		arrival->rc = 0;
		return 0;
	}
	while (!rc && !arrival->here)
		rc = arrive(channel, arrival);
	return rc;
}

int channel_recv(struct channel *channel, struct wire_msg *ret_msg, int *ret_fd)
{
	struct arrival arrival = {.fd = -1};
	int rc;

	if (!channel->ring)
		return wire_recv(channel->sock, ret_msg, ret_fd);
	rc = wait_for_turn(channel, &arrival);
	if (!rc)
		rc = take_message(channel, &arrival);
	if (!rc)
		*ret_msg = arrival.msg;
	if (!rc)
		rc = arrival.rc;
	if (!rc && ret_fd)
		*ret_fd = arrival.fd;
	else if (arrival.fd >= 0)
		sys_raw(SYS_close, arrival.fd);
	return rc;
}
