/* SPDX-License-Identifier: MIT */
#include "base/vma.h"
#include "base/cleanup.h"
#include "base/inject.h"
#include "base/sys.h"

#include <fcntl.h>
#include <linux/ioctl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* Linux 6.11's, under our own names: the headers may be older or newer. */
struct query {
	uint64_t size;
	uint64_t flags;
	uint64_t addr;
	uint64_t start, end;
	uint64_t vma_flags;
	uint64_t page_size;
	uint64_t offset;
	uint64_t inode;
	uint32_t major, minor;
	uint32_t name_size, build_id_size;
	uint64_t name, build_id;
};
#define QUERY		       _IOWR('f', 17, struct query)
#define QUERY_COVERING_OR_NEXT 0x10

_Static_assert(sizeof(struct query) == 104, "as the kernel's");
_Static_assert(offsetof(struct query, name) == 88, "as the kernel's");

/* Out of the way of programs that count on low numbers, and below the usual soft limit of 1024. */
#define FD_WANTED 900

void vma_view_init(struct vma_view *view, pid_t pid)
{
	*view = (struct vma_view){.pid = pid, .fd = -1};
}

static bool view_holds(const struct vma_view *view)
{
	struct stat st;

	return view->fd >= 0 && fstat(view->fd, &st) == 0 && st.st_dev == view->dev &&
	       st.st_ino == view->ino;
}

void vma_view_done(struct vma_view *view)
{
	if (view_holds(view))
		sys_raw(SYS_close, view->fd);
	view->fd = -1;
}

/*
 * By the thread for ourselves: /proc/self is the process's first thread, which may have ended, and
 * with it its link to the address space.
 */
static int maps_open(pid_t pid)
{
	char path[64] = "/proc/thread-self/maps";
	long fd;

	if (inject_fail())
		return -EMFILE;
	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	fd = sys_raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd == -ENOENT && pid)
		return access("/proc/self", F_OK) ? -ENOENT : -ESRCH;
	if (fd == -ENOENT)
		fd = sys_raw(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
	return (int)fd;
}

/* The same file at a high number, or as it is if there is no room. */
static int fd_raise(int fd)
{
	struct rlimit limit;
	long raised = -EINVAL;
	long wanted = FD_WANTED;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < FD_WANTED + 64)
		wanted = (long)limit.rlim_cur - 8;
	if (wanted > fd)
		raised = sys_raw(SYS_fcntl, fd, F_DUPFD_CLOEXEC, wanted);
	if (raised < 0)
		return fd;
	sys_raw(SYS_close, fd);
	return (int)raised;
}

static int view_open(struct vma_view *view)
{
	struct stat st;
	int fd = maps_open(view->pid);

	view->fd = -1;
	if (fd < 0)
		return fd;
	fd = fd_raise(fd);
	if (fstat(fd, &st)) {
		sys_raw(SYS_close, fd);
		return -ENOENT;
	}
	view->fd = fd;
	view->dev = st.st_dev;
	view->ino = st.st_ino;
	return 0;
}

/*
 * The look at whose descriptor it is costs as much as a query. Another file than such a list refuses
 * a query, so what is read is looked at before, what is queried only after an error.
 */
int vma_begin(struct vma_view *view)
{
	if (view->fd >= 0 && (!view->text || view_holds(view)))
		return 0;
	return view_open(view);
}

/* One line of the list: "start-end rwxp offset major:minor inode  name". */
static bool line_parse(const char *line, struct vma *ret_vma)
{
	unsigned long start, end, offset, inode;
	unsigned int major, minor;
	char perms[5];

	if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu", &start, &end, perms, &offset, &major, &minor,
		   &inode) != 7)
		return false;
	*ret_vma = (struct vma){
		.start = start,
		.end = end,
		.offset = offset,
		.inode = inode,
		.major = major,
		.minor = minor,
		.flags = (perms[0] == 'r' ? VMA_READ : 0) | (perms[1] == 'w' ? VMA_WRITE : 0) |
			 (perms[2] == 'x' ? VMA_EXEC : 0) | (perms[3] == 's' ? VMA_SHARED : 0),
	};
	return true;
}

/*
 * A line fits twice: a name is at most a page, with some characters escaped. The file's position is
 * left alone, for a forked child shares it.
 */
static int find_text(const struct vma_view *view, uint64_t addr, struct vma *ret_vma)
{
	char buf[16384];
	size_t have = 0;
	uint64_t pos = 0;

	for (;;) {
		long got = sys_raw(SYS_pread64, view->fd, buf + have, sizeof(buf) - 1 - have, pos);
		char *line = buf, *end;

		if (got <= 0)
			return pos == 0 ? -ESRCH : -ENOENT;
		pos += (uint64_t)got;
		have += (size_t)got;
		buf[have] = 0;
		for (; (end = strchr(line, '\n')); line = end + 1) {
			*end = 0;
			if (line_parse(line, ret_vma) && ret_vma->end > addr)
				return 0;
		}
		have -= (size_t)(line - buf);
		memmove(buf, line, have);
	}
}

static int find_query(const struct vma_view *view, uint64_t addr, struct vma *ret_vma)
{
	struct query query = {.size = sizeof(query), .flags = QUERY_COVERING_OR_NEXT, .addr = addr};
	long ret = sys_raw(SYS_ioctl, view->fd, QUERY, &query);

	/* ENOSYS is what emulators of another architecture say of an ioctl that they don't know. */
	if (ret < 0)
		return ret == -ENOSYS ? -ENOTTY : (int)ret;
	*ret_vma = (struct vma){
		.start = query.start,
		.end = query.end,
		.offset = query.offset,
		.inode = query.inode,
		.major = query.major,
		.minor = query.minor,
		.page_size = (uint32_t)query.page_size,
		.flags = (unsigned int)query.vma_flags & 15,
	};
	return 0;
}

/* Can it be the list's answer? Our own address space isn't gone. */
static bool answered(const struct vma_view *view, int ret)
{
	return ret == 0 || ret == -ENOENT || (ret == -ESRCH && view->pid);
}

int vma_find(struct vma_view *view, uint64_t addr, struct vma *ret_vma)
{
	int ret = -ENOTTY;

	if (!view->text) {
		ret = find_query(view, addr, ret_vma);
		if (answered(view, ret))
			return ret;
	}
	if (!view_holds(view)) {
		ret = view_open(view);
		if (ret < 0)
			return ret;
		ret = view->text ? -ENOTTY : find_query(view, addr, ret_vma);
	}
	if (ret != -ENOTTY)
		return ret;
	view->text = true;
	return find_text(view, addr, ret_vma);
}
