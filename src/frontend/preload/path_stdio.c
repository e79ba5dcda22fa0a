/* SPDX-License-Identifier: MIT */
/* fopen and freopen: the C library opens inside itself, where open() can't be interposed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frontend/preload/fail_nth.h"
#include "frontend/preload/next.h"
#include "frontend/preload/view.h"

/* The open() flags of a mode; -1 if it is none, which is the C library's to refuse. */
static int flags_of(const char *mode)
{
	bool update = strchr(mode, '+');
	int flags;

	switch (*mode) {
	case 'r':
		flags = 0;
		break;
	case 'w':
		flags = O_CREAT | O_TRUNC;
		break;
	case 'a':
		flags = O_CREAT | O_APPEND;
		break;
	default:
		return -1;
	}
	flags |= update ? O_RDWR : *mode == 'r' ? O_RDONLY : O_WRONLY;
	if (strchr(mode, 'e'))
		flags |= O_CLOEXEC;
	if (strchr(mode, 'x'))
		flags |= O_EXCL;
	return flags;
}

/*
 * The C library reads and writes inside itself too. That matters for a thread's fail-nth and for what is set in sysfs: the other files of ours that can
 * be read or written are not opened by a path.
 */

static ssize_t cookie_read(void *cookie, char *buf, size_t size)
{
	return OWN(read)((int)(intptr_t)cookie, buf, size);
}

static ssize_t cookie_write(void *cookie, const char *buf, size_t size)
{
	ssize_t n = OWN(write)((int)(intptr_t)cookie, buf, size);

	return n < 0 ? 0 : n;
}

static int cookie_close(void *cookie)
{
	return OWN(close)((int)(intptr_t)cookie);
}

static bool needs_cookie(int fd)
{
	const char *link = preload_fd_link(fd);

	return link && (fail_nth_may_be(link) || !strncmp(link, "/sys/", 5));
}

static FILE *open_cookie(int fd, const char *mode)
{
	static const cookie_io_functions_t functions = {
		.read = cookie_read,
		.write = cookie_write,
		.close = cookie_close,
	};

	return fopencookie((void *)(intptr_t)fd, mode, functions);
}

static FILE *open_stream(int fd, const char *mode)
{
	return needs_cookie(fd) ? open_cookie(fd, mode) : fdopen(fd, mode);
}

/* `echo 2 > FILE`, where echo is a program: the shell has opened it. Late enough for preload_fd_link(). */
__attribute__((constructor(65535))) static void take_stdout(void)
{
	int saved = errno;
	FILE *stream = needs_cookie(STDOUT_FILENO) ? open_cookie(STDOUT_FILENO, "w") : NULL;

	if (stream)
		stdout = stream;
	errno = saved;
}

static FILE *stream_of(int fd, const char *mode)
{
	FILE *stream;
	int error;

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	stream = open_stream(fd, mode);
	error = errno;
	if (!stream) {
		OWN(close)(fd);
		errno = error;
	}
	return stream;
}

EXPORT FILE *fopen(const char *restrict path, const char *restrict mode)
{
	int fd, flags = flags_of(mode);
	FILE *stream;

	if (flags < 0)
		return NEXT(fopen)(path, mode);
	if (view_open(AT_FDCWD, path, flags, &fd))
		return stream_of(fd, mode);
	stream = NEXT(fopen)(path, mode);
	if (!stream && view_open_late(AT_FDCWD, path, flags, &fd))
		return stream_of(fd, mode);
	return stream;
}

EXPORT FILE *fopen64(const char *restrict path, const char *restrict mode)
{
	return fopen(path, mode);
}

/* The stream keeps its descriptor's number, which gets our file: through a file that any stream can
 * be opened on. */
static FILE *replace(int fd, const char *mode, FILE *stream)
{
	int error;

	if (fd < 0) {
		error = -fd;
		fclose(stream);
		errno = error;
		return NULL;
	}
	stream = NEXT(freopen)("/dev/null", mode, stream);
	error = errno;
	if (stream && OWN(dup3)(fd, fileno(stream), strchr(mode, 'e') ? O_CLOEXEC : 0) < 0) {
		error = errno;
		fclose(stream);
		stream = NULL;
	}
	OWN(close)(fd);
	errno = error;
	return stream;
}

EXPORT FILE *freopen(const char *restrict path, const char *restrict mode, FILE *restrict stream)
{
	int fd, flags = flags_of(mode);

	if (!path || flags < 0 || !view_open(AT_FDCWD, path, flags, &fd))
		return NEXT(freopen)(path, mode, stream);
	return replace(fd, mode, stream);
}

EXPORT FILE *freopen64(const char *restrict path, const char *restrict mode, FILE *restrict stream)
{
	return freopen(path, mode, stream);
}
