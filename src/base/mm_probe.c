/* SPDX-License-Identifier: MIT */
/*
 * What an address space's areas say: can memory be pinned, and what memory is it?
 *
 * An area's permissions don't tell all. What else can be wrong is asked of the kernel by reading one
 * byte through it in the way that pins are made (process_vm_readv), which fails for devices'
 * registers and the like and past the end of a file. If the last page of a file's range is there,
 * those before it are.
 */
#include "base/mm.h"
#include "base/cleanup.h"
#include "base/mm_private.h"
#include "base/mounts.h"
#include "base/registers.h"
#include "base/sys.h"

#include <sys/mman.h>
#include <sys/uio.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

static bool in_memory(struct mm_full *full, uint32_t major, uint32_t minor)
{
	struct mm_device *device = full->devices;

	for (; device < full->devices + MM_DEVICES; device++)
		if (device->known && device->major == major && device->minor == minor)
			return device->in_memory;
	device = &full->devices[full->next_device++ % MM_DEVICES];
	device->major = major;
	device->minor = minor;
	device->in_memory = mounts_in_memory(full->view.pid, major, minor);
	device->known = true;
	return device->in_memory;
}

/*
 * Reads a byte at va as a pin would. Where process_vm_readv is forbidden, our own page is populated
 * instead, and for lack of that too (before Linux 5.14) it is believed.
 */
static bool page_there(struct mm_full *full, uint64_t va)
{
	char byte;
	struct iovec local = {&byte, 1}, remote = {(void *)(uintptr_t)va, 1};
	long ret = sys_raw(SYS_process_vm_readv, mm_pid(&full->mm), &local, 1, &remote, 1, 0);

	if (ret == 1 || ret == -EFAULT || !full->mm.self)
		return ret == 1;
	ret = sys_raw(SYS_madvise, va & ~(PAGE_BYTES - 1), PAGE_BYTES, MADV_POPULATE_READ);
	return ret == 0 || ret == -EINVAL;
}

/* Plain anonymous memory, the stack and heap: nothing that permissions don't tell. */
static bool plain(const struct vma *vma)
{
	return !vma->inode && (vma->flags & VMA_WRITE);
}

/* How the area can be pinned, and up to where that is known, at least to `end` within the area. */
static int area_look(struct mm_full *full, const struct vma *vma, uint64_t end,
		     struct cache_area *ret_area)
{
	*ret_area = (struct cache_area){
		.start = vma->start,
		.end = vma->end,
		.inode = vma->inode,
		.offset = vma->offset,
		.space = page_key_space(vma->major, vma->minor),
		.flags = ((vma->flags & VMA_READ) ? AREA_READ : 0) |
			 ((vma->flags & VMA_WRITE) ? AREA_WRITE : 0) |
			 ((vma->flags & VMA_SHARED) ? AREA_SHARED : 0),
	};
	if (plain(vma))
		return 0;
	if (registers_are(vma->major, vma->minor, vma->inode))
		return -EFAULT;
	if (end < vma->end)
		ret_area->end = (end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	if ((ret_area->flags & AREA_READ) && !page_there(full, ret_area->end - 1))
		return -EFAULT;
	if ((ret_area->flags & AREA_WRITE) && (ret_area->flags & AREA_SHARED) &&
	    !in_memory(full, vma->major, vma->minor))
		ret_area->flags &= ~(uint64_t)AREA_WRITE;
	return 0;
}

/* Without /proc only holes can be seen. */
static int probe_blind(struct mm_full *full, uint64_t va, uint64_t end)
{
	enum { AT_ONCE = 1024 };
	unsigned char resident[AT_ONCE];

	if (!full->mm.self)
		return -EFAULT;
	va &= ~(PAGE_BYTES - 1);
	while (va < end) {
		uint64_t len = end - va < AT_ONCE * PAGE_BYTES ? end - va : AT_ONCE * PAGE_BYTES;

		if (sys_raw(SYS_mincore, va, len, resident))
			return -EFAULT;
		va += len;
	}
	return 0;
}

/* No descriptor to look with is no reason to say that the memory is bad, nor that it is good. */
static int look_error(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM ? -ENOMEM : -EFAULT;
}

static int probe_areas(struct mm_full *full, struct vma_view *view, uint64_t va, uint64_t end,
		       uint64_t wanted)
{
	unsigned long change = cache_begin(&full->cache);
	struct cache_area area;
	struct vma vma;

	for (uint64_t at = va; at < end; at = vma.end) {
		int ret = vma_find(view, at, &vma);

		if (ret == -ESRCH)
			atomic_store(&full->mm.gone, true);
		if (ret < 0)
			return look_error(ret);
		if (vma.start > at || area_look(full, &vma, end, &area) < 0 ||
		    !(area.flags & wanted))
			return -EFAULT;
		if (atomic_load(&full->tracked))
			cache_add(&full->cache, &area, change);
	}
	return 0;
}

static int probe_anew(struct mm_full *full, uint64_t va, uint64_t end, uint64_t wanted)
{
	CLEANUP(vma_view_done) struct vma_view temp = {.fd = -1};
	struct vma_view *view;
	int ret;

	LOCK_SCOPED(&full->lock);
	if (atomic_load(&full->mm.gone))
		return -EFAULT;
	ret = mm_view(full, &temp, &view);
	if (ret == -ENOENT)
		return probe_blind(full, va, end);
	if (ret < 0)
		return look_error(ret);
	return probe_areas(full, view, va, end, wanted);
}

static __attribute__((noinline)) int probe_area_by_area(struct mm_full *full, uint64_t va,
							uint64_t end, uint64_t wanted)
{
	return cache_holds(&full->cache, va, end, wanted) ? 0 : probe_anew(full, va, end, wanted);
}

int mm_probe(struct mm *mm, uint64_t va, uint64_t len, bool write)
{
	struct mm_full *full = mm_full(mm);
	uint64_t wanted = write ? AREA_WRITE : AREA_READ;

	if (len > UINT64_MAX - va)
		return -EFAULT;
	if (cache_hint_holds(&full->cache, va, va + len, wanted))
		return 0;
	return probe_area_by_area(full, va, va + len, wanted);
}

void mm_track(struct mm *mm, bool tracked)
{
	struct mm_full *full = mm_full(mm);

	atomic_store(&full->tracked, tracked);
	mm_forget(mm, 0, UINT64_MAX);
}

void mm_forget(struct mm *mm, uint64_t va, uint64_t len)
{
	cache_forget(&mm_full(mm)->cache, va, len > UINT64_MAX - va ? UINT64_MAX : va + len);
}

static struct page_key key_of(const struct mm *mm, const struct cache_area *area, uint64_t va)
{
	if (!(area->flags & AREA_SHARED))
		return (struct page_key){.space = mm->serial, .page = va >> PAGE_SHIFT};
	return (struct page_key){
		.space = area->space,
		.inode = area->inode,
		.page = (area->offset + (va - area->start)) >> PAGE_SHIFT,
	};
}

int mm_key(struct mm *mm, uint64_t va, struct page_key *ret_key)
{
	struct mm_full *full = mm_full(mm);
	struct cache_area area;
	CLEANUP(vma_view_done) struct vma_view temp = {.fd = -1};
	struct vma_view *view;
	struct vma vma;
	int ret;

	if (!cache_find(&full->cache, va, &area)) {
		LOCK_SCOPED(&full->lock);
		if (atomic_load(&mm->gone))
			return -EFAULT;
		ret = mm_view(full, &temp, &view);
		if (ret < 0)
			return look_error(ret);
		ret = vma_find(view, va, &vma);
		if (ret < 0)
			return look_error(ret);
		if (vma.start > va)
			return -EFAULT;
		area = (struct cache_area){
			.start = vma.start,
			.inode = vma.inode,
			.offset = vma.offset,
			.space = page_key_space(vma.major, vma.minor),
			.flags = (vma.flags & VMA_SHARED) ? AREA_SHARED : 0,
		};
	}
	*ret_key = key_of(mm, &area, va);
	return 0;
}
