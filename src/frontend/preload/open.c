/* SPDX-License-Identifier: MIT */
/* The open() family: asks the view, and forgets what the new number was before. */
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"
#include "frontend/preload/view.h"

#include <stdarg.h>
#include <string.h>

static int claim_now(int fd)
{
	struct descriptor descriptor;
	int rc = descriptor_find(fd, &descriptor);

	if (!rc)
		descriptor_done(&descriptor);
	return rc;
}

/*
 * A thread's file belongs to its process, whoever will be the first to use it. And a VFIO group has one opener, who is told so when he opens.
 */
static bool claims_at_once(const char *node)
{
	return !strncmp(node, "/proc/", 6) ||
	       (!strncmp(node, "vfio/", 5) && node[5] >= '0' && node[5] <= '9');
}

int preload_open_node(const char *node, int flags)
{
	int fd, rc = identity_open(node, flags, &fd);

	if (rc)
		return rc;
	descriptor_forget(fd);
	rc = claims_at_once(node) ? claim_now(fd) : 0;
	if (!rc)
		return fd;
	REAL(close)(fd);
	return rc;
}

bool preload_is_ours(int fd, struct file **ret_file)
{
	struct endpoint *endpoint = descriptor_local(fd, descriptor_slot(fd));
	struct identity identity;
	int saved = errno;
	bool ours = endpoint || !identity_of(fd, &identity);

	if (ret_file)
		*ret_file = endpoint ? endpoint->file : NULL;
	if (endpoint)
		endpoint_put(endpoint);
	errno = saved;
	return ours;
}

const char *preload_fd_link(int fd)
{
	static _Thread_local char text[IDENTITY_NODE_MAX + 8];
	struct identity identity;
	int saved = errno;
	bool ours = descriptor_slot(fd) != SLOT_FOREIGN && !identity_of(fd, &identity);

	errno = saved;
	if (!ours)
		return NULL;
	/* A node's name is a path below /dev, a link text has a colon or starts at the root. */
	if (identity.node[0] == '/' || strchr(identity.node, ':'))
		return strcpy(text, identity.node);
	return strcat(strcpy(text, "/dev/"), identity.node);
}

/* True: it's ours and *ret_fd is the call's result. */
static bool open_ours(int dirfd, const char *path, int flags, int *ret_fd)
{
	int fd;

	if (!view_open(dirfd, path, flags, &fd))
		return false;
	*ret_fd = (int)shim_result(fd);
	return true;
}

static int opened(int fd)
{
	if (fd >= 0)
		descriptor_remember(fd, SLOT_FOREIGN);
	return fd;
}

/* After the real call has failed. */
static int open_late(int dirfd, const char *path, int flags, int fd)
{
	int late;

	if (fd >= 0)
		return opened(fd);
	if (view_open_late(dirfd, path, flags, &late))
		return (int)shim_result(late);
	return fd;
}

#define SHIM_OPEN(name)                                                                            \
	SHIM int name(const char *path, int flags, ...)                                            \
	{                                                                                          \
		va_list list;                                                                      \
		int fd;                                                                            \
                                                                                                   \
		va_start(list, flags);                                                             \
		mode_t mode = va_arg(list, mode_t);                                                \
		va_end(list);                                                                      \
		if (open_ours(AT_FDCWD, path, flags, &fd))                                         \
			return fd;                                                                 \
		return open_late(AT_FDCWD, path, flags, REAL(name)(path, flags, mode));            \
	}

#define SHIM_OPENAT(name)                                                                          \
	SHIM int name(int dirfd, const char *path, int flags, ...)                                 \
	{                                                                                          \
		va_list list;                                                                      \
		int fd;                                                                            \
                                                                                                   \
		va_start(list, flags);                                                             \
		mode_t mode = va_arg(list, mode_t);                                                \
		va_end(list);                                                                      \
		if (open_ours(dirfd, path, flags, &fd))                                            \
			return fd;                                                                 \
		return open_late(dirfd, path, flags, REAL(name)(dirfd, path, flags, mode));        \
	}

/* _FORTIFY_SOURCE's: no mode. */
#define SHIM_OPEN_2(name)                                                                          \
	int name(const char *path, int flags);                                                     \
	SHIM int name(const char *path, int flags)                                                 \
	{                                                                                          \
		int fd;                                                                            \
                                                                                                   \
		if (open_ours(AT_FDCWD, path, flags, &fd))                                         \
			return fd;                                                                 \
		return open_late(AT_FDCWD, path, flags, REAL(name)(path, flags));                  \
	}

#define SHIM_OPENAT_2(name)                                                                        \
	int name(int dirfd, const char *path, int flags);                                          \
	SHIM int name(int dirfd, const char *path, int flags)                                      \
	{                                                                                          \
		int fd;                                                                            \
                                                                                                   \
		if (open_ours(dirfd, path, flags, &fd))                                            \
			return fd;                                                                 \
		return open_late(dirfd, path, flags, REAL(name)(dirfd, path, flags));              \
	}

#define SHIM_CREAT(name)                                                                           \
	SHIM int name(const char *path, mode_t mode)                                               \
	{                                                                                          \
		int fd;                                                                            \
                                                                                                   \
		if (open_ours(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, &fd))                  \
			return fd;                                                                 \
		return opened(REAL(name)(path, mode));                                             \
	}

SHIM_OPEN(open)
SHIM_OPEN(open64)
SHIM_OPENAT(openat)
SHIM_OPENAT(openat64)
SHIM_OPEN_2(__open_2)
SHIM_OPEN_2(__open64_2)
SHIM_OPENAT_2(__openat_2)
SHIM_OPENAT_2(__openat64_2)
SHIM_CREAT(creat)
SHIM_CREAT(creat64)
