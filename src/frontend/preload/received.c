/* SPDX-License-Identifier: MIT */
/* Calls that bring descriptors from elsewhere, or change what the process may do. */
#include "base/guard.h"
#include "frontend/preload/bounce.h"
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

static void forget_received(struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	int fd;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		descriptor_seen();
		for (size_t at = 0; at + sizeof(fd) <= cmsg->cmsg_len - CMSG_LEN(0);
		     at += sizeof(fd)) {
			memcpy(&fd, CMSG_DATA(cmsg) + at, sizeof(fd));
			descriptor_forget(fd);
		}
	}
}

static ssize_t receive(int sock, struct msghdr *msg, int flags)
{
	struct bounce bounce;
	struct msghdr copy;
	ssize_t rc;

	if (!mmio_any() || guard_copy(&copy, msg, sizeof(copy)) ||
	    !bounce_vector(&bounce, copy.msg_iov, copy.msg_iovlen, true))
		return REAL(recvmsg)(sock, msg, flags);
	msg->msg_iov = &bounce.memory;
	msg->msg_iovlen = 1;
	rc = bounce_end(&bounce, REAL(recvmsg)(sock, msg, flags));
	msg->msg_iov = copy.msg_iov;
	msg->msg_iovlen = copy.msg_iovlen;
	return rc;
}

SHIM ssize_t recvmsg(int sock, struct msghdr *msg, int flags)
{
	ssize_t rc = receive(sock, msg, flags);

	if (rc >= 0 && msg->msg_controllen)
		forget_received(msg);
	return rc;
}

SHIM int recvmmsg(int sock, struct mmsghdr *msgs, unsigned int n, int flags,
		  struct timespec *timeout)
{
	int rc = REAL(recvmmsg)(sock, msgs, n, flags, timeout);

	for (int i = 0; i < rc; i++) {
		if (msgs[i].msg_hdr.msg_controllen)
			forget_received(&msgs[i].msg_hdr);
	}
	return rc;
}

int pidfd_getfd(int pidfd, int fd, unsigned int flags);
SHIM int pidfd_getfd(int pidfd, int fd, unsigned int flags)
{
	int rc = REAL(pidfd_getfd)(pidfd, fd, flags);

	if (rc >= 0) {
		descriptor_seen();
		descriptor_forget(rc);
	}
	return rc;
}
