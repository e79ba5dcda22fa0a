/* SPDX-License-Identifier: MIT */
/* fopen and freopen: the C library opens inside itself, where open() can't be interposed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static FILE *stream_of(int fd, const char *mode)
{
	FILE *stream;
	int error;

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	stream = fdopen(fd, mode);
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
