/* SPDX-License-Identifier: MIT */
/*
 * Paths as answers: readlink, realpath, getcwd; and chdir, which makes what getcwd answers. What
 * /proc says of our descriptors is seen in the real answer ("socket:[7]", a path that was
 * unlinked), so nothing else pays for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/guard.h"
#include "frontend/preload/next.h"
#include "frontend/preload/path_view.h"
#include "frontend/preload/view.h"

/* Links of ours are there in machines with devices, where the guard stands from the start. */
static ssize_t give_text(const char *text, char *buf, size_t size)
{
	size_t length = strlen(text);

	if (length > size)
		length = size;
	if (!guard_copy(buf, text, length))
		return length;
	errno = EFAULT;
	return -1;
}

/* The number of the descriptor of ours whose /proc link (dirfd, path) is, or -1. */
static int fd_of_link(int dirfd, const char *path)
{
	char text[PATH_MAX];
	int fd = path_fd_number(path);

	/* `ls /proc/self/fd` asks relative to the folder. */
	if (fd < 0 && *path != '/' && !strchr(path, '/') && !path_of_dir(dirfd, text) &&
	    strlen(text) + 1 + strlen(path) < sizeof(text)) {
		strcat(strcat(text, "/"), path);
		fd = path_fd_number(text);
	}
	return fd;
}

/* Does the answer start so, as far as the program's buffer went? */
static bool starts(const char *buf, ssize_t length, const char *start)
{
	size_t n = strlen(start);

	return length > 0 && !memcmp(buf, start, (size_t)length < n ? (size_t)length : n);
}

/* The real answer, `length` bytes in `buf`, put right. */
static ssize_t correct(int dirfd, const char *path, char *buf, size_t size, ssize_t length)
{
	static const char masked[] = "/.uiommufd%";
	const char *ours = NULL;
	char text[PATH_MAX];
	int saved = errno, fd;

	if (starts(buf, length, "socket:[")) {
		fd = fd_of_link(dirfd, path);
		ours = fd >= 0 ? preload_fd_link(fd) : NULL;
	} else if (memmem(buf, length, masked, strlen(masked))) {
		/* Once more in full: the caller's buffer may have cut it. */
		ssize_t n = syscall(SYS_readlinkat, dirfd, path, text, sizeof(text) - 1);

		text[n > 0 ? n : 0] = '\0';
		ours = path_unmask_dir(text) ? text : NULL;
	}
	errno = saved;
	if (!ours)
		return length;
	/* Programs that trust in the zeros of their buffer, with no NUL from us, must not see the rest. */
	memset(buf, 0, length);
	length = strnlen(ours, size);
	memcpy(buf, ours, length);
	return length;
}

static ssize_t common_readlink(int dirfd, const char *path, char *buf, size_t size)
{
	const struct vnode *vnode = view_find(dirfd, path, false);
	ssize_t n = -1;

	if (!vnode) {
		n = NEXT(readlinkat)(dirfd, path, buf, size);
		if (n >= 0)
			return correct(dirfd, path, buf, size, n);
		vnode = view_find_late(dirfd, path, false, errno);
	}
	if (!vnode)
		return n;
	if (vnode->kind == VNODE_LINK)
		return give_text(vnode->target, buf, size);
	errno = EINVAL;
	return -1;
}

EXPORT ssize_t readlink(const char *restrict path, char *restrict buf, size_t size)
{
	return common_readlink(AT_FDCWD, path, buf, size);
}

EXPORT ssize_t readlinkat(int dirfd, const char *restrict path, char *restrict buf, size_t size)
{
	return common_readlink(dirfd, path, buf, size);
}

/* The C library's own checks of buffer sizes (_FORTIFY_SOURCE) end in these; they abort, so ours
 * leave it to them. */
ssize_t __readlink_chk(const char *path, char *buf, size_t size, size_t room);
ssize_t __readlinkat_chk(int dirfd, const char *path, char *buf, size_t size, size_t room);
char *__realpath_chk(const char *path, char *resolved, size_t room);
char *__getcwd_chk(char *buf, size_t size, size_t room);

EXPORT ssize_t __readlink_chk(const char *path, char *buf, size_t size, size_t room)
{
	if (size > room)
		return NEXT(__readlink_chk)(path, buf, size, room);
	return common_readlink(AT_FDCWD, path, buf, size);
}

EXPORT ssize_t __readlinkat_chk(int dirfd, const char *path, char *buf, size_t size, size_t room)
{
	if (size > room)
		return NEXT(__readlinkat_chk)(dirfd, path, buf, size, room);
	return common_readlink(dirfd, path, buf, size);
}

EXPORT char *realpath(const char *restrict path, char *restrict resolved)
{
	char real[PATH_MAX];
	char *found = NULL;

	if (!path || !view_real_path(path, 0, real)) {
		found = NEXT(realpath)(path, resolved);
		if (found || !path || !view_real_path(path, errno, real))
			return found;
	}
	return resolved ? strcpy(resolved, real) : strdup(real);
}

EXPORT char *canonicalize_file_name(const char *path)
{
	return realpath(path, NULL);
}

EXPORT char *__realpath_chk(const char *path, char *resolved, size_t room)
{
	if (room < PATH_MAX)
		return NEXT(__realpath_chk)(path, resolved, room);
	return realpath(path, resolved);
}

EXPORT int chdir(const char *path)
{
	const struct vnode *vnode;
	int fd, r = NEXT(chdir)(path);

	if (!r)
		return 0;
	vnode = view_find_late(AT_FDCWD, path, true, errno);
	if (!vnode)
		return r;
	fd = vnode->kind == VNODE_DIR ? path_open_dir(vnode, O_PATH | O_CLOEXEC) : -ENOTDIR;
	if (fd < 0) {
		errno = -fd;
		return -1;
	}
	r = fchdir(fd);
	syscall(SYS_close, fd);
	return r;
}

EXPORT char *getcwd(char *buf, size_t size)
{
	char *found = NEXT(getcwd)(buf, size), path[PATH_MAX];
	int saved = errno;

	/* A virtual directory has been unlinked, to the kernel. */
	if (found || errno != ENOENT)
		return found;
	if (path_of_dir(AT_FDCWD, path) || !view_of_dir(AT_FDCWD)) {
		errno = saved;
		return NULL;
	}
	if (!buf)
		return strdup(path);
	if (strlen(path) < size)
		return strcpy(buf, path);
	errno = ERANGE;
	return NULL;
}

EXPORT char *__getcwd_chk(char *buf, size_t size, size_t room)
{
	if (size > room)
		return NEXT(__getcwd_chk)(buf, size, room);
	return getcwd(buf, size);
}
