/* SPDX-License-Identifier: MIT */
#include "frontend/launcher/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of some distributions. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define NOTIF_FD_SYNC_WAKE_UP 1ull

int notice_check(void)
{
	struct seccomp_notif_sizes sizes;

	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes))
		return -errno;
	return sizes.seccomp_notif <= sizeof(((struct notice *)NULL)->room) ? 0 : -EMSGSIZE;
}

void notify_quickly(int listener)
{
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, NOTIF_FD_SYNC_WAKE_UP);
}

int notice_wait(struct notice *notice)
{
	/* The kernel refuses what isn't zero. */
	memset(notice->room, 0, sizeof(notice->room));
	if (ioctl(notice->listener, SECCOMP_IOCTL_NOTIF_RECV, &notice->call))
		return errno == EINTR ? -ENOENT : -errno;
	notice->id = notice->call.id;
	return 0;
}

bool notice_valid(const struct notice *notice)
{
	return !ioctl(notice->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &notice->id);
}

static void send_answer(const struct notice *notice, int64_t value, int error, uint32_t flags)
{
	struct seccomp_notif_resp answer = {notice->id, value, error, flags};

	/* It fails if the caller was killed: nobody waits then. */
	ioctl(notice->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

void notice_answer(const struct notice *notice, int64_t result)
{
	if (result < 0)
		send_answer(notice, 0, (int)result, 0);
	else
		send_answer(notice, result, 0, 0);
}

void notice_let_go(const struct notice *notice)
{
	send_answer(notice, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

static int add(const struct notice *notice, const struct seccomp_notif_addfd *fd)
{
	int number = ioctl(notice->listener, SECCOMP_IOCTL_NOTIF_ADDFD, fd);

	return number < 0 ? -errno : number;
}

int notice_install(const struct notice *notice, int fd, int flags)
{
	return add(notice, &(struct seccomp_notif_addfd){
				   .id = notice->id,
				   .srcfd = (uint32_t)fd,
				   .newfd_flags = (uint32_t)flags & O_CLOEXEC,
			   });
}

int notice_replace(const struct notice *notice, int fd, int number)
{
	return add(notice, &(struct seccomp_notif_addfd){
				   .id = notice->id,
				   .flags = SECCOMP_ADDFD_FLAG_SETFD,
				   .srcfd = (uint32_t)fd,
				   .newfd = (uint32_t)number,
				   .newfd_flags = O_CLOEXEC,
			   });
}
