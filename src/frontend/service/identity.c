/* SPDX-License-Identifier: MIT */
/*
 * The name is "\0uiommufd/<128 bit in hex>/<r|w|b>/<node>". It is bound after socketpair(): the kernel allows that for a
 * connected socket, and refuses connections to it, so it is a label and nothing else. Randomness alone makes it unique:
 * a counter would need somebody to keep it.
 */
#include "frontend/service/identity.h"

#include "base/inject.h"
#include "base/sys.h"
#include "frontend/service/wire.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define PREFIX	   "uiommufd/"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
/* hex, slash, mode, slash */
#define FIXED_LEN (PREFIX_LEN + 32 + 3)

static const char modes[] = "rwb";
/* The datagram that makes A readable; the newborn's carries B. */
static const char newborn = 'N', marker = 'M';
/* No length that anybody writes: what can be written are responses of 8 bytes. */
#define FILLER	   'F'
#define FILLER_LEN 1021

/* Never waits, and is no cancellation point (wire.c): the result, or -errno. */
static long send_now(int sock, const void *data, size_t len)
{
	return sys_raw(SYS_sendto, sock, data, len, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
}

static long receive_now(int sock, void *data, size_t len, int flags)
{
	return sys_raw(SYS_recvfrom, sock, data, len, flags | MSG_DONTWAIT, NULL, NULL);
}

static int name_format(const struct identity *identity, struct sockaddr_un *ret_addr)
{
	int len;

	*ret_addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	len = snprintf(ret_addr->sun_path + 1, sizeof(ret_addr->sun_path) - 1,
		       PREFIX "%016llx%016llx/%c/%s", (unsigned long long)identity->id[0],
		       (unsigned long long)identity->id[1], modes[identity->accmode],
		       identity->node);
	return (int)offsetof(struct sockaddr_un, sun_path) + 1 + len;
}

static bool hex_parse(const char *text, uint64_t *ret_value)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t value = 0;

	for (int i = 0; i < 16; i++) {
		const char *digit = memchr(digits, text[i], 16);

		if (!digit)
			return false;
		value = value << 4 | (uint64_t)(digit - digits);
	}
	*ret_value = value;
	return true;
}

/* `text` is the name without its leading NUL, of `len` bytes. */
static bool name_parse(const char *text, size_t len, struct identity *ret_identity)
{
	struct identity identity = {};
	const char *mode;
	size_t node_len;

	if (len <= FIXED_LEN || len - FIXED_LEN >= sizeof(identity.node) ||
	    memcmp(text, PREFIX, PREFIX_LEN))
		return false;
	text += PREFIX_LEN;
	mode = memchr(modes, text[33], 3);
	if (!hex_parse(text, &identity.id[0]) || !hex_parse(text + 16, &identity.id[1]) || !mode)
		return false;
	node_len = len - FIXED_LEN;
	memcpy(identity.node, text + 35, node_len);
	identity.accmode = (int)(mode - modes);
	*ret_identity = identity;
	return true;
}

static int identity_bind(const char *node, int flags, int a, struct identity *ret_identity)
{
	struct identity identity = {.accmode = (flags & O_ACCMODE) % 3};
	struct sockaddr_un addr;
	int len;

	if (strlen(node) >= sizeof(identity.node))
		return -ENAMETOOLONG;
	strcpy(identity.node, node);
	if (getrandom(identity.id, sizeof(identity.id), 0) != sizeof(identity.id))
		return -ENOMEM;
	len = name_format(&identity, &addr);
	if (bind(a, (struct sockaddr *)&addr, (socklen_t)len))
		return -errno;
	*ret_identity = identity;
	return 0;
}

int identity_new(const char *node, int flags, struct identity *ret_identity,
		 struct identity_pair *ret_pair)
{
	int fds[2], rc;

	if (inject_fail())
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	rc = identity_bind(node, flags, fds[0], ret_identity);
	if (!rc && (fcntl(fds[1], F_SETFL, O_NONBLOCK) ||
		    (flags & O_NONBLOCK && fcntl(fds[0], F_SETFL, O_NONBLOCK)) ||
		    (!(flags & O_CLOEXEC) && fcntl(fds[0], F_SETFD, 0))))
		rc = -errno;
	if (rc) {
		sys_raw(SYS_close, fds[0]);
		sys_raw(SYS_close, fds[1]);
		return rc;
	}
	*ret_pair = (struct identity_pair){fds[0], fds[1]};
	return 0;
}

int identity_of(int fd, struct identity *ret_identity)
{
	struct sockaddr_un addr;
	socklen_t len = sizeof(addr);
	const size_t head = offsetof(struct sockaddr_un, sun_path) + 1;

	if (getsockname(fd, (struct sockaddr *)&addr, &len))
		return errno == EBADF ? -EBADF : -ENOENT;
	if (addr.sun_family != AF_UNIX || len <= head || len > sizeof(addr) || addr.sun_path[0])
		return -ENOENT;
	return name_parse(addr.sun_path + 1, len - head, ret_identity) ? 0 : -ENOENT;
}

int identity_abandon(int b)
{
	int rc = wire_send_bytes(b, &newborn, 1, b);

	if (rc)
		return rc;
	sys_raw(SYS_close, b);
	return 0;
}

int identity_open(const char *node, int flags, int *ret_fd)
{
	struct identity_pair pair;
	struct identity identity;
	int rc = identity_new(node, flags, &identity, &pair);

	if (rc)
		return rc;
	rc = identity_abandon(pair.b);
	if (rc) {
		sys_raw(SYS_close, pair.a);
		sys_raw(SYS_close, pair.b);
		return rc;
	}
	*ret_fd = pair.a;
	return 0;
}

bool identity_newborn(int a)
{
	char byte;

	return receive_now(a, &byte, 1, MSG_PEEK | MSG_TRUNC) == 1 && byte == newborn;
}

int identity_claim(int a, int *ret_b)
{
	int b = -1, rc;
	char byte;

	rc = wire_recv_bytes(a, &byte, 1, MSG_DONTWAIT, &b);
	if (rc < 0)
		return rc;
	if (b < 0)
		return rc == 1 && byte == newborn ? -EMFILE : -EAGAIN;
	*ret_b = b;
	return 0;
}

/*
 * Linux wakes up who waits to send when the socket is writable to poll(), and with a filler in it it never is: so nobody waits in the kernel, where the end of it would
 * not be heard of.
 */
static int send_with_room(int a, const void *data, size_t len, int fd)
{
	const struct timespec moment = {.tv_nsec = 500000};
	int rc;

	while ((rc = wire_send_now(a, data, len, fd)) == -EAGAIN)
		sys_raw(SYS_nanosleep, &moment, NULL);
	return rc;
}

int identity_send(int a, char byte, int fd)
{
	return send_with_room(a, &byte, 1, fd);
}

/*
 * Linux calls a socket writable while what it has in flight takes up a quarter of its buffer at most; sends go on until the buffer is full. So one
 * filler in the smallest buffer there is makes the difference, and leaves room for who has something to say.
 */
int identity_fill(int a)
{
	const char filler[FILLER_LEN] = {FILLER};
	const int smallest = 0;

	if (setsockopt(a, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof(smallest)))
		return -errno;
	return send_with_room(a, filler, sizeof(filler), -1);
}

bool identity_filled(int a)
{
	const struct timespec now = {};
	struct pollfd poll_a = {.fd = a, .events = POLLOUT};

	return sys_raw(SYS_ppoll, &poll_a, 1, &now, NULL, 0) == 0;
}

/* What is at the head of B's queue is a filler: 1, or 0; -errno. */
static int filler_next(int b)
{
	char byte = 0;
	long len = receive_now(b, &byte, 1, MSG_PEEK | MSG_TRUNC);

	return len < 0 ? (int)len : len == FILLER_LEN && byte == FILLER;
}

int identity_receive(int b, void *data, size_t size, int *ret_fd)
{
	char filler[FILLER_LEN];
	int rc, unread = 0;

	while ((rc = filler_next(b)) == 1) {
		if (ioctl(b, SIOCINQ, &unread) || unread == FILLER_LEN)
			return -EAGAIN;
		(void)receive_now(b, filler, sizeof(filler), 0);
	}
	if (!rc)
		rc = wire_recv_bytes(b, data, size, MSG_DONTWAIT, ret_fd);
	return rc ? rc : -EPIPE;
}

int identity_mark(int b)
{
	long sent = send_now(b, &marker, 1);

	return sent < 0 ? (int)sent : 0;
}

bool identity_marked(int b)
{
	int unread = 0;

	return !ioctl(b, SIOCOUTQ, &unread) && unread > 0;
}

int identity_offer(int b, const void *message, size_t len)
{
	long sent = send_now(b, message, len);

	return sent < 0 ? (int)sent : 0;
}

bool identity_unmark(int a)
{
	char byte;

	return receive_now(a, &byte, 1, 0) >= 0;
}
