/* SPDX-License-Identifier: MIT */
/*
 * Text files that are partly or wholly ours, served as memory files: the program can read, seek and
 * poll them as it likes. A memory file is as of its opening; procfs would make the text anew on a
 * read from the start.
 */
#include "frontend/preload/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "frontend/preload/view.h"

/* Real calls, past the shim's own. */
static int real_open(const char *path, int flags)
{
	long fd = syscall(SYS_openat, AT_FDCWD, path, flags, 0);

	return fd < 0 ? -errno : (int)fd;
}

static void real_close(int fd)
{
	syscall(SYS_close, fd);
}

static ssize_t real_read(int fd, void *buf, size_t size)
{
	long n;

	do
		n = syscall(SYS_read, fd, buf, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int write_all(int fd, const char *text, size_t length)
{
	while (length) {
		long n = syscall(SYS_write, fd, text, length);

		if (n < 0)
			return -errno;
		text += n;
		length -= n;
	}
	return 0;
}

static int text_file(const char *name)
{
	long fd = syscall(SYS_memfd_create, name, MFD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

/* A descriptor as the program asked for it of a finished memory file, which is its alone. Takes over
 * `fd`. */
static int hand_out(int fd, int flags)
{
	char link[32];
	int r;

	fchmod(fd, flags & O_ACCMODE ? 0600 : 0444);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	r = real_open(link, flags & (O_ACCMODE | O_CLOEXEC | O_NONBLOCK));
	real_close(fd);
	return r;
}

/* A line "VmPin:\t     123 kB". */
static int write_line(int to, const char *line, size_t length, const char *name, uint64_t pages)
{
	char text[64];
	uint64_t kib = strtoull(line + strlen(name), NULL, 10) + pages * 4;
	int n = snprintf(text, sizeof(text), "%s\t%8" PRIu64 " kB\n", name, kib);

	return write_all(to, text, n);
}

static int copy_line(int to, const char *line, size_t length, uint64_t pinned, uint64_t locked)
{
	if (locked && !strncmp(line, "VmLck:", 6))
		return write_line(to, line, length, "VmLck:", locked);
	if (pinned && !strncmp(line, "VmPin:", 6))
		return write_line(to, line, length, "VmPin:", pinned);
	return write_all(to, line, length);
}

/* Copies the whole lines in text[0..length): how many bytes that were, or -errno. A line that fills
 * it goes as it is. */
static int copy_lines(int to, const char *text, size_t length, bool full, uint64_t pinned,
		      uint64_t locked)
{
	size_t done = 0;
	int r;

	while (done < length) {
		const char *line = text + done, *end = memchr(line, '\n', length - done);
		size_t size = end ? (size_t)(end + 1 - line) : length - done;

		if (!end && !(full && !done))
			break;
		r = copy_line(to, line, size, pinned, locked);
		if (r)
			return r;
		done += size;
	}
	return done;
}

int procfs_patch_status(int from, int to, uint64_t pinned_pages, uint64_t locked_pages)
{
	char text[2048];
	size_t have = 0;
	ssize_t n;

	while ((n = real_read(from, text + have, sizeof(text) - 1 - have)) > 0) {
		have += n;
		text[have] = '\0';
		n = copy_lines(to, text, have, have == sizeof(text) - 1, pinned_pages,
			       locked_pages);
		if (n < 0)
			return n;
		have -= n;
		memmove(text, text + n, have);
	}
	return n < 0 ? n : write_all(to, text, have);
}

/* The process of an absolute path "/proc/PID/status" or "/proc/PID/task/TID/status", 0 if it is
 * another path. */
static pid_t status_pid(const char *path)
{
	pid_t pid;
	char *end;

	if (strncmp(path, "/proc/", 6))
		return 0;
	path += 6;
	if (!strncmp(path, "self/", 5) || !strncmp(path, "thread-self/", 12)) {
		pid = getpid();
		end = strchr(path, '/');
	} else if (*path >= '1' && *path <= '9') {
		pid = strtol(path, &end, 10);
	} else {
		return 0;
	}
	if (!strncmp(end, "/task/", 6)) {
		strtol(end + 6, &end, 10);
	}
	return strcmp(end, "/status") ? 0 : pid;
}

bool procfs_may_be_status(const char *path)
{
	size_t length = strlen(path);

	return length >= 6 && !memcmp(path + length - 6, "status", 6);
}

static int open_patched(const char *path, int flags, uint64_t pinned, uint64_t locked)
{
	int r, to, from = real_open(path, O_RDONLY | O_CLOEXEC);

	if (from < 0)
		return from;
	to = text_file("status");
	r = to < 0 ? to : procfs_patch_status(from, to, pinned, locked);
	real_close(from);
	if (!r)
		return hand_out(to, flags);
	if (to >= 0)
		real_close(to);
	return r;
}

bool procfs_open_status(const struct path_env *env, int dirfd, const char *path, int flags,
			int *ret_fd)
{
	uint64_t pinned = 0, locked = 0;
	const struct vnode *vnode;
	char real[PATH_MAX];
	int saved = errno;
	pid_t pid;

	if (*path == '/' ? strncmp(path, "/proc/", 6) != 0 : !procfs_may_be_status(path))
		return false;
	if (!procfs_may_be_status(path) || (flags & (O_ACCMODE | O_PATH | O_DIRECTORY)) != O_RDONLY)
		return false;
	if (*path != '/') {
		if (path_walk(env, dirfd, path, true, real, &vnode))
			real[0] = '\0';
		errno = saved;
		path = real;
	}
	pid = status_pid(path);
	if (!pid || !preload_account(pid, &pinned, &locked) || (!pinned && !locked))
		return false;
	*ret_fd = open_patched(path, flags, pinned, locked);
	errno = saved;
	return true;
}

int procfs_open_text(const struct vnode *vnode, int flags)
{
	char text[8192];
	ssize_t n = vnode->text ? vnode->text(vnode, text, sizeof(text)) : -EIO;
	int r, fd;

	if (n < 0)
		return n;
	fd = text_file(vnode->name);
	if (fd < 0)
		return fd;
	r = write_all(fd, text, n);
	if (!r)
		return hand_out(fd, flags);
	real_close(fd);
	return r;
}
