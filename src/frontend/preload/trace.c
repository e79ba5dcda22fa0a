/* SPDX-License-Identifier: MIT */
/*
 * Tells of calls. A line is one write(), so that lines of several threads and processes don't mix. Where they go to is
 * in UIOMMUFD_TRACE, since every program that is executed looks anew: the path of a file, or nothing for standard error.
 */
#include "frontend/preload/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/guard.h"
#include "frontend/preload/descriptor.h"
#include "frontend/trace/decode.h"

#define LINE_MAX_BYTES 3072
#define RECORDS_BYTES                                                                              \
	(40 * 8) /* of an event descriptor, as many as fit on a line that can be read */
#define STRUCT_BYTES 128
/* Where regions are in a device's file: that is what offsets say (vfio/internal.h). */
#define REGION_SHIFT 40

bool trace_on;

/*
 * Where lines go: a number that is kept out of the program's way and sight, which a child after fork has lost, and the
 * file that it was. Nothing is ever written to another file that has come by the number.
 */
static struct {
	int fd;
	dev_t dev;
	ino_t ino;
} out = {.fd = -1};

/* A new one, from the environment as it was when the program began. */
static const char *where;

static void open_out(void)
{
	struct stat st;
	int fd, kept;

	if (*where)
		fd = syscall(SYS_openat, AT_FDCWD, where, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
			     0666);
	else
		fd = syscall(SYS_fcntl, STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	out.fd = -1;
	if (fd < 0 || syscall(SYS_fstat, fd, &st))
		return;
	kept = descriptor_reserve(fd);
	out.dev = st.st_dev;
	out.ino = st.st_ino;
	out.fd = kept < 0 ? fd : kept;
}

static bool out_is_there(void)
{
	struct stat st;

	return out.fd >= 0 && !syscall(SYS_fstat, out.fd, &st) && st.st_dev == out.dev &&
	       st.st_ino == out.ino;
}

__attribute__((constructor)) static void trace_init(void)
{
	where = getenv("UIOMMUFD_TRACE");
	if (where)
		where = strdup(where);
	if (!where)
		return;
	open_out();
	trace_on = true;
}

/* One line in the making. */
struct line {
	char buf[LINE_MAX_BYTES];
	struct trace_text text;
	int saved; /* errno */
};

static void begin(struct line *line)
{
	line->saved = errno;
	/* Room for the newline. */
	line->text = (struct trace_text){.buf = line->buf, .size = sizeof(line->buf) - 1};
	trace_add(&line->text, "[%d] ", (int)syscall(SYS_gettid));
}

/* There is room for the newline. */
static void write_out(struct trace_text *text)
{
	text->buf[text->length++] = '\n';
	if (!out_is_there())
		open_out();
	if (out.fd >= 0)
		syscall(SYS_write, out.fd, text->buf, text->length);
}

static void end(struct line *line)
{
	write_out(&line->text);
	errno = line->saved;
}

static long result_of(long returned, int error)
{
	return returned < 0 ? -error : returned;
}

/* A struct begins with its size: the bytes of it that the table knows, 0 if they can't be read. */
static size_t copy_struct(const struct trace_ioctl *row, uint64_t arg, void *ret_copy)
{
	uint32_t size;

	if (guard_copy(&size, (const void *)(uintptr_t)arg, sizeof(size)))
		return 0;
	if (size < sizeof(size))
		size = sizeof(size);
	if (size > row->layout.size)
		size = row->layout.size;
	if (size > STRUCT_BYTES)
		size = STRUCT_BYTES;
	return guard_copy(ret_copy, (const void *)(uintptr_t)arg, size) ? 0 : size;
}

static enum trace_target target_of(const char *link)
{
	static const char group[] = "/dev/vfio/";

	if (!strncmp(link, "/dev/vfio/devices/", 18) || strstr(link, "vfio-device"))
		return TRACE_DEVICE;
	if (!strncmp(link, group, strlen(group)) && strcmp(link, "/dev/vfio/vfio"))
		return TRACE_GROUP;
	return TRACE_IOMMU;
}

static void add_value(struct trace_text *text, const struct trace_ioctl *row, uint64_t arg)
{
	for (const struct trace_name *name = row->names; name && name->name; name++) {
		if (name->value == arg) {
			trace_add(text, ", %s", name->name);
			return;
		}
	}
	trace_add(text, ", %#lx", arg);
}

static int call_struct(struct line *line, const struct trace_ioctl *row, int fd, uint64_t arg,
		       trace_ioctl_fn call)
{
	char before[STRUCT_BYTES], after[STRUCT_BYTES];
	size_t length = copy_struct(row, arg, before);
	int r;

	trace_add(&line->text, ", ");
	if (length)
		trace_add_in(&line->text, row, before, length);
	else
		trace_add(&line->text, "%#lx", arg);
	errno = line->saved;
	r = call(fd, row->cmd, arg);
	line->saved = errno;
	if (length && !guard_copy(after, (const void *)(uintptr_t)arg, length))
		trace_add_out(&line->text, row, before, after, length, r >= 0);
	return r;
}

static int call_plain(struct line *line, int fd, unsigned long cmd, uint64_t arg,
		      trace_ioctl_fn call)
{
	int r;

	errno = line->saved;
	r = call(fd, cmd, arg);
	line->saved = errno;
	return r;
}

int trace_ioctl(int fd, unsigned long cmd, uint64_t arg, trace_ioctl_fn call)
{
	const struct trace_ioctl *row;
	const char *link = preload_fd_link(fd);
	struct line line;
	int r;

	if (!link)
		return call(fd, cmd, arg);
	begin(&line);
	row = trace_find(target_of(link), cmd);
	if (!row)
		trace_add(&line.text, "ioctl(%d<%s>, %#lx, %#lx", fd, link, cmd, arg);
	else
		trace_add(&line.text, "ioctl(%d<%s>, %s", fd, link, row->name);
	if (row && row->argument == TRACE_VALUE)
		add_value(&line.text, row, arg);
	if (row && row->argument == TRACE_STRUCT)
		r = call_struct(&line, row, fd, arg, call);
	else
		r = call_plain(&line, fd, cmd, arg, call);
	trace_add(&line.text, ") ");
	trace_add_result(&line.text, result_of(r, line.saved));
	end(&line);
	return r;
}

void trace_transfer(const char *name, int fd, const void *buf, size_t count, ssize_t result)
{
	const char *link = preload_fd_link(fd);
	bool is_write = strstr(name, "write");
	char bytes[RECORDS_BYTES];
	struct line line;
	size_t length;

	if (!link)
		return;
	begin(&line);
	trace_add(&line.text, "%s(%d<%s>, ", name, fd, link);
	length = is_write ? count : result > 0 ? (size_t)result : 0;
	if (length > sizeof(bytes))
		length = sizeof(bytes);
	if (strstr(link, "pgfault") && length && !guard_copy(bytes, buf, length))
		trace_add_records(&line.text, is_write ? &trace_response : &trace_fault, bytes,
				  length);
	else
		trace_add(&line.text, "%p", buf);
	trace_add(&line.text, ", %zu) ", count);
	trace_add_result(&line.text, result_of(result, line.saved));
	end(&line);
}

/* In a handler, which may have little stack. */
void trace_access(const struct trace_access *access)
{
	char buf[160];
	struct trace_text text = {.buf = buf, .size = sizeof(buf) - 1};
	const char *name = access->store ? "store" : "load";
	uint64_t value = 0;

	memcpy(&value, access->value, access->len);
	trace_add(&text, "[%d] %s(</dev/%s>, ", (int)syscall(SYS_gettid), name, access->node);
	if (!strncmp(access->node, "vfio/", 5))
		trace_add(&text, "BAR%u+%#lx", (unsigned int)(access->offset >> REGION_SHIFT),
			  access->offset & (((uint64_t)1 << REGION_SHIFT) - 1));
	else
		trace_add(&text, "%#lx", access->offset);
	trace_add(&text, ", %zu, %#lx) ", access->len, value);
	trace_add_result(&text, access->result);
	write_out(&text);
}

static const struct trace_name open_flags[] = {
	{O_WRONLY, "O_WRONLY"},
	{O_RDWR, "O_RDWR"},
	{O_CREAT, "O_CREAT"},
	{O_EXCL, "O_EXCL"},
	{O_TRUNC, "O_TRUNC"},
	{O_APPEND, "O_APPEND"},
	{O_NONBLOCK, "O_NONBLOCK"},
	{O_CLOEXEC, "O_CLOEXEC"},
	{O_NOCTTY, "O_NOCTTY"},
	{O_NOFOLLOW, "O_NOFOLLOW"},
	{},
};
static const struct trace_name prots[] = {
	{PROT_READ, "PROT_READ"}, {PROT_WRITE, "PROT_WRITE"}, {PROT_EXEC, "PROT_EXEC"}, {}};
static const struct trace_name map_flags[] = {
	{MAP_SHARED_VALIDATE, "MAP_SHARED_VALIDATE"},
	{MAP_SHARED, "MAP_SHARED"},
	{MAP_PRIVATE, "MAP_PRIVATE"},
	{MAP_FIXED, "MAP_FIXED"},
	{MAP_POPULATE, "MAP_POPULATE"},
	{MAP_LOCKED, "MAP_LOCKED"},
	{},
};

void trace_open(int dirfd, const char *path, int flags, int result)
{
	struct line line;

	begin(&line);
	if (dirfd == AT_FDCWD || *path == '/')
		trace_add(&line.text, "open(\"%s\", ", path);
	else
		trace_add(&line.text, "openat(%d, \"%s\", ", dirfd, path);
	if ((flags & O_ACCMODE) == O_RDONLY)
		trace_add(&line.text, "O_RDONLY%s", flags ? "|" : "");
	if (flags)
		trace_add_flags(&line.text, open_flags, flags);
	trace_add(&line.text, ") ");
	trace_add_result(&line.text, result);
	end(&line);
}

void trace_mmap(const struct mmap_call *call, const void *result)
{
	const char *link = preload_fd_link(call->fd);
	struct line line;

	if (!link)
		return;
	begin(&line);
	trace_add(&line.text, "mmap(%p, %#zx, ", call->addr, call->length);
	trace_add_flags(&line.text, prots, call->prot);
	trace_add(&line.text, ", ");
	trace_add_flags(&line.text, map_flags, call->flags);
	trace_add(&line.text, ", %d<%s>, %#lx) ", call->fd, link, call->offset);
	if (result == MAP_FAILED)
		trace_add_result(&line.text, -line.saved);
	else
		trace_add(&line.text, "= %p", result);
	end(&line);
}

void trace_close(int fd, const char *link, int result)
{
	struct line line;

	if (!link)
		return;
	begin(&line);
	trace_add(&line.text, "close(%d<%s>) ", fd, link);
	trace_add_result(&line.text, result_of(result, line.saved));
	end(&line);
}
