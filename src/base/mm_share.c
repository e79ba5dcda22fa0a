/* SPDX-License-Identifier: MIT */
/* Mapping a second time what an address space shares with others. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/inject.h"
#include "base/mm.h"
#include "base/mm_private.h"
#include "base/sys.h"

/* A range of a file. */
struct wanted {
	const struct vma *vma; /* of the address space that shows it */
	uint64_t offset, len;
};

/* mremap of nothing maps a shared mapping again. */
static void *duplicate(uint64_t va, uint64_t len)
{
	long at = sys_raw(SYS_mremap, va, 0, len, MREMAP_MAYMOVE);

	return at < 0 && at > -4096 ? NULL : (void *)at;
}

static bool shows(const struct vma *vma, const struct wanted *wanted)
{
	return vma->flags & VMA_SHARED && vma->inode == wanted->vma->inode &&
	       vma->major == wanted->vma->major && vma->minor == wanted->vma->minor &&
	       vma->offset <= wanted->offset &&
	       wanted->offset + wanted->len <= vma->offset + (vma->end - vma->start);
}

/* Often this process has it mapped too: a parent and its child do. */
static void *from_own(const struct wanted *wanted)
{
	struct vma_view view;
	void *found = NULL;
	struct vma vma;

	vma_view_init(&view, 0);
	if (vma_begin(&view))
		return NULL;
	for (uint64_t at = 0; !found && !vma_find(&view, at, &vma); at = vma.end)
		if (shows(&vma, wanted))
			found = duplicate(vma.start + (wanted->offset - vma.offset), wanted->len);
	vma_view_done(&view);
	return found;
}

/* With the right to it, the kernel hands out the file of another process's mapping. */
static void *from_map_files(pid_t pid, const struct wanted *wanted)
{
	char path[96];
	void *host;
	long fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", (int)pid,
		 (unsigned long)wanted->vma->start, (unsigned long)wanted->vma->end);
	fd = sys_raw(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	host = mmap(NULL, wanted->len, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd,
		    (off_t)wanted->offset);
	sys_raw(SYS_close, fd);
	return host == MAP_FAILED ? NULL : host;
}

void *mm_map_again(struct mm *mm, uint64_t va, uint64_t len)
{
	CLEANUP(vma_view_done) struct vma_view temp = {.fd = -1};
	struct mm_full *full = mm_full(mm);
	struct vma_view *view;
	struct wanted wanted = {.len = len};
	struct vma vma;
	void *host;

	LOCK_SCOPED(&full->lock);
	if (inject_fail() || mm_view(full, &temp, &view) || vma_find(view, va, &vma) ||
	    vma.start > va || vma.end - va < len || !(vma.flags & VMA_SHARED))
		return NULL;
	if (mm->self)
		return duplicate(va, len);
	wanted.vma = &vma;
	wanted.offset = vma.offset + (va - vma.start);
	host = from_own(&wanted);
	return host ? host : from_map_files(mm->pid, &wanted);
}
