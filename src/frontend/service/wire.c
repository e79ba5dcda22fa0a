/* SPDX-License-Identifier: MIT */
/*
 * Datagrams with at most one descriptor; see wire.h. By system calls, past libc: a program's thread that was cancelled must not end in one of
 * ours, with locks held, since in Linux the call that it made is no cancellation point.
 */
#include "frontend/service/wire.h"

#include "base/inject.h"
#include "base/sys.h"

#include <string.h>
#include <sys/socket.h>

/* Descriptors on their way count against the limit of descriptors, and Linux has an error of its own for that. */
static int result(long rc)
{
	return rc == -ECONNRESET ? -EPIPE : rc == -ETOOMANYREFS ? -EMFILE : (int)rc;
}

union fd_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static int send_bytes(int sock, const void *data, size_t len, int fd, int flags)
{
	struct iovec iov = {(void *)data, len};
	union fd_control control = {};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	long sent;

	if (fd >= 0) {
		struct cmsghdr *cmsg = &control.align;

		if (inject_fail())
			return -ENOMEM;
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	do {
		sent = sys_raw(SYS_sendmsg, sock, &msg, flags | MSG_NOSIGNAL);
	} while (sent == -EINTR);
	return sent < 0 ? result(sent) : 0;
}

int wire_send_bytes(int sock, const void *data, size_t len, int fd)
{
	return send_bytes(sock, data, len, fd, 0);
}

int wire_send_now(int sock, const void *data, size_t len, int fd)
{
	return send_bytes(sock, data, len, fd, MSG_DONTWAIT);
}

/* The descriptor in a message's control data, or -1. */
static int control_fd(struct msghdr *msg)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

int wire_recv_bytes(int sock, void *data, size_t len, int flags, int *ret_fd)
{
	struct iovec iov = {data, len};
	union fd_control control = {};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	long got;

	do {
		got = sys_raw(SYS_recvmsg, sock, &msg, flags | MSG_CMSG_CLOEXEC);
	} while (got == -EINTR);
	if (got < 0)
		return result(got);
	*ret_fd = control_fd(&msg);
	if (*ret_fd < 0 && msg.msg_flags & MSG_CTRUNC)
		return -EMFILE;
	return (int)got;
}

int wire_send(int sock, const struct wire_msg *msg, int fd)
{
	return wire_send_bytes(sock, msg, sizeof(*msg), fd);
}

int wire_recv(int sock, struct wire_msg *ret_msg, int *ret_fd)
{
	int fd = -1, rc = wire_recv_bytes(sock, ret_msg, sizeof(*ret_msg), 0, &fd);

	if (rc >= 0 && rc != (int)sizeof(*ret_msg)) {
		if (fd >= 0)
			sys_raw(SYS_close, fd);
		return -EPIPE;
	}
	if (rc < 0)
		return rc;
	if (ret_fd)
		*ret_fd = fd;
	else if (fd >= 0)
		sys_raw(SYS_close, fd);
	return 0;
}
