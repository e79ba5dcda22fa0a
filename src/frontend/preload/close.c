/* SPDX-License-Identifier: MIT */
/*
 * What ends or copies descriptors. The close of one of ours returns when a last close has had its effect: programs close, open again
 * and look.
 */
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"
#include "frontend/preload/trace.h"
#include "frontend/preload/view.h"

#include <limits.h>
#include <stdarg.h>

SHIM int close(int fd)
{
	const char *link = trace_on ? preload_fd_link(fd) : NULL;
	struct descriptor closing;
	bool ours;
	int rc;

	if (descriptor_reserved(fd)) {
		errno = EBADF;
		return -1;
	}
	ours = descriptor_closing(fd, &closing);
	rc = REAL(close)(fd);
	if (ours)
		descriptor_closed(&closing);
	if (link)
		trace_close(fd, link, rc);
	return rc;
}

/* libc's own close() within it doesn't come here. */
SHIM int fclose(FILE *stream)
{
	struct descriptor closing;
	int fd = fileno(stream);
	bool ours = fd >= 0 && descriptor_closing(fd, &closing);
	int rc = REAL(fclose)(stream);

	if (ours)
		descriptor_closed(&closing);
	return rc;
}

/* Copies of ours start unknown: what they are is in the descriptor. */
static int copied(int from, int fd)
{
	if (fd < 0)
		return fd;
	if (descriptor_slot(from) == SLOT_FOREIGN)
		descriptor_remember(fd, SLOT_FOREIGN);
	else
		descriptor_forget(fd);
	return fd;
}

SHIM int dup(int fd)
{
	return copied(fd, REAL(dup)(fd));
}

/* Before and after `to` becomes a copy of fd, which closes what it was, but not if that fails. */
static bool replacing(int fd, int to, struct descriptor *ret_closing)
{
	if (fd == to)
		return false;
	descriptor_yield(to);
	return descriptor_closing(to, ret_closing);
}

static int replaced(bool ours, struct descriptor *closing, int rc)
{
	if (ours && rc >= 0)
		descriptor_closed(closing);
	else if (ours)
		descriptor_done(closing);
	return rc;
}

SHIM int dup2(int fd, int to)
{
	struct descriptor closing;
	bool ours = replacing(fd, to, &closing);

	return replaced(ours, &closing, REAL(dup2)(fd, to));
}

SHIM int dup3(int fd, int to, int flags)
{
	struct descriptor closing;
	bool ours = replacing(fd, to, &closing);

	return replaced(ours, &closing, REAL(dup3)(fd, to, flags));
}

/* The access mode is the one thing that the socket doesn't know. */
static int status_flags(int fd, int flags)
{
	struct identity identity;
	int saved = errno;

	if (flags >= 0 && descriptor_slot(fd) != SLOT_FOREIGN && !identity_of(fd, &identity))
		flags = (flags & ~O_ACCMODE) | identity.accmode;
	errno = saved;
	return flags;
}

static int control_result(int fd, int cmd, int rc)
{
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		return copied(fd, rc);
	return cmd == F_GETFL ? status_flags(fd, rc) : rc;
}

SHIM int fcntl(int fd, int cmd, ...)
{
	va_list list;

	va_start(list, cmd);
	void *arg = va_arg(list, void *);
	va_end(list);
	return control_result(fd, cmd, REAL(fcntl)(fd, cmd, arg));
}

SHIM int fcntl64(int fd, int cmd, ...)
{
	va_list list;

	va_start(list, cmd);
	void *arg = va_arg(list, void *);
	va_end(list);
	return control_result(fd, cmd, REAL(fcntl64)(fd, cmd, arg));
}

/* The program's own numbers of [first, last], around ours. */
static int close_pieces(unsigned int first, unsigned int last, int flags)
{
	unsigned int next;
	int rc = 0;

	while (!rc && first <= last) {
		next = descriptor_next_reserved(first);
		/* UINT_MAX: no more of ours, and last may be that, too. */
		if (next > last || next == UINT_MAX)
			return REAL(close_range)(first, last, flags);
		if (next > first)
			rc = REAL(close_range)(first, next - 1, flags);
		first = next + 1;
	}
	return rc;
}

SHIM int close_range(unsigned int first, unsigned int last, int flags)
{
	unsigned int end = descriptor_end();

	if (first > last || flags)
		return first > last ? REAL(close_range)(first, last, flags)
				    : close_pieces(first, last, flags);
	/* One by one, those whose last close has an effect; the others are just forgotten. */
	for (unsigned int fd = first; fd < end && fd <= last; fd++) {
		if (descriptor_reserved((int)fd))
			continue;
		if (descriptor_slot((int)fd) > SLOT_FOREIGN)
			close((int)fd);
		else
			descriptor_forget((int)fd);
	}
	return close_pieces(first, last, flags);
}

int descriptor_close_range(unsigned int first, unsigned int last, int flags)
{
	return close_range(first, last, flags);
}

SHIM void closefrom(int first)
{
	close_range(first < 0 ? 0 : (unsigned int)first, ~0u, 0);
}
