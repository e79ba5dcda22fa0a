/* SPDX-License-Identifier: MIT */
/*
 * ftruncate(), fallocate() and MADV_REMOVE take pages away from a file in memory, whoever has mapped it. The core is told before, and only of calls that
 * will do so: what it has taken over, devices no longer share with the program. Whole pages go; of others a part becomes zeros, where they are.
 */
#include "frontend/preload/file_pages.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "base/vma.h"
#include "frontend/preload/defer.h"
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"
#include "mem/page.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* What may go of a file: its size, in pages of `granule` bytes. */
struct victim {
	int fd;
	struct stat st;
	uint64_t granule;
};

/* A regular file in memory that this process may change so. */
static bool can_lose(int fd, int seals, struct victim *ret_victim)
{
	int flags = REAL(fcntl)(fd, F_GETFL), sealed;
	struct statfs fs;

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || flags & O_PATH ||
	    REAL(fstat)(fd, &ret_victim->st) || !S_ISREG(ret_victim->st.st_mode) ||
	    REAL(fstatfs)(fd, &fs) || (fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC))
		return false;
	sealed = REAL(fcntl)(fd, F_GET_SEALS);
	ret_victim->fd = fd;
	ret_victim->granule = (uint64_t)fs.f_bsize;
	return sealed < 0 || !(sealed & seals);
}

static void tell(struct process *process, const struct machine_file *file)
{
	defer_begin();
	machine_file_going(process->machine, file);
	defer_end();
}

/* Bytes [start, end) go. */
static void lose(struct process *process, const struct victim *victim, uint64_t start, uint64_t end)
{
	uint64_t mask = victim->granule - 1, size = (uint64_t)victim->st.st_size;
	char path[32];
	int fd;

	if (end > size)
		end = size + mask;
	start = (start + mask) & ~mask;
	end &= ~mask;
	if (start >= end)
		return;
	/* The program may have it for writing alone. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", victim->fd);
	fd = (int)sys_raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	tell(process, &(struct machine_file){
			      .first = {.space = page_key_space(major(victim->st.st_dev),
								minor(victim->st.st_dev)),
					.inode = victim->st.st_ino,
					.page = start >> PAGE_SHIFT},
			      .npages = (end - start) >> PAGE_SHIFT,
			      .fd = fd,
		      });
	sys_raw(SYS_close, fd);
}

static void cut(int fd, off64_t length)
{
	struct process *process = process_if_any();
	int saved = errno;
	struct victim victim;

	if (process && length >= 0 && can_lose(fd, F_SEAL_SHRINK, &victim) &&
	    length < victim.st.st_size)
		lose(process, &victim, (uint64_t)length, UINT64_MAX);
	errno = saved;
}

static void punch(int fd, int mode, off64_t offset, off64_t length)
{
	struct process *process = process_if_any();
	int saved = errno;
	struct victim victim;

	if (process && mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) && offset >= 0 &&
	    length > 0 && length <= INT64_MAX - offset &&
	    can_lose(fd, F_SEAL_WRITE | F_SEAL_FUTURE_WRITE, &victim))
		lose(process, &victim, (uint64_t)offset, (uint64_t)offset + (uint64_t)length);
	errno = saved;
}

/* What one area has of [at, end), and where to go on. The call passes holes over, however large they are, and ends at what can have none. */
static uint64_t remove_piece(struct process *process, struct vma_view *view, uint64_t at,
			     uint64_t end)
{
	struct vma vma;

	if (vma_find(view, at, &vma) || vma.start >= end)
		return end;
	at = vma.start > at ? vma.start : at;
	if (!(vma.flags & VMA_SHARED) || !vma.inode ||
	    mm_probe(process->client.mm, at, PAGE_SIZE, true))
		return end;
	end = vma.end < end ? vma.end : end;
	tell(process, &(struct machine_file){
			      .first = {.space = page_key_space(vma.major, vma.minor),
					.inode = vma.inode,
					.page = (vma.offset + (at - vma.start)) >> PAGE_SHIFT},
			      .npages = (end - at) >> PAGE_SHIFT,
			      .fd = -1,
			      .at = at,
		      });
	return end;
}

void file_pages_removed(const void *addr, size_t len)
{
	struct process *process = process_if_any();
	uint64_t at = (uintptr_t)addr, end = page_ceil(at + len);
	CLEANUP(vma_view_done) struct vma_view view = {.fd = -1};
	int saved = errno;

	if (page_offset(at) || !process)
		return;
	vma_view_init(&view, 0);
	if (!vma_begin(&view))
		while (at < end)
			at = remove_piece(process, &view, at, end);
	errno = saved;
}

/* Whose mappings have changed isn't known by address. */
static int changed(int rc)
{
	struct process *process = process_if_any();

	if (process)
		mm_forget(process->client.mm, 0, UINT64_MAX);
	return rc;
}

SHIM int ftruncate(int fd, off_t length)
{
	cut(fd, length);
	return changed(REAL(ftruncate)(fd, length));
}

SHIM int ftruncate64(int fd, off64_t length)
{
	cut(fd, length);
	return changed(REAL(ftruncate64)(fd, length));
}

SHIM int fallocate(int fd, int mode, off_t offset, off_t length)
{
	punch(fd, mode, offset, length);
	return changed(REAL(fallocate)(fd, mode, offset, length));
}

SHIM int fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
	punch(fd, mode, offset, length);
	return changed(REAL(fallocate64)(fd, mode, offset, length));
}
