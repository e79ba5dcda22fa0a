/* SPDX-License-Identifier: MIT */
/*
 * Calls that change the program's address space. Mappings of our descriptors are made from what the file names. Before
 * memory goes the core is told, for it may be pinned; after it has changed what was believed of it is forgotten.
 */
#include "base/cleanup.h"
#include "base/vma.h"
#include "frontend/preload/defer.h"
#include "frontend/preload/file_pages.h"
#include "frontend/preload/mapping.h"
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"
#include "frontend/preload/trace.h"
#include "frontend/preload/view.h"
#include "mem/page.h"

#include <stdarg.h>
#include <sys/shm.h>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

static void replaced_by(const void *addr, size_t len, const struct machine_move *move)
{
	struct process *process = process_if_any();

	if (!process || !len || page_offset((uintptr_t)addr))
		return;
	defer_begin();
	machine_memory_replaced(process->machine, (uintptr_t)addr, len, move);
	defer_end();
	remotes_going(&process->remotes, (uintptr_t)addr, len);
}

/* Not where the call is bound to fail: memory stays the program's then. */
static void going(const void *addr, size_t len)
{
	replaced_by(addr, len,
		    &(struct machine_move){(uintptr_t)addr, (uintptr_t)addr, page_ceil(len)});
}

static void changed(const void *addr, size_t len)
{
	struct process *process = process_if_any();

	if (process)
		mm_forget(process->client.mm, (uintptr_t)addr, len);
}

static void *map(const struct mmap_call *call)
{
	bool replaces = (call->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) == MAP_FIXED;
	bool file = call->fd >= 0 && !(call->flags & MAP_ANONYMOUS);
	void *addr;

	if (replaces) {
		going(call->addr, call->length);
		hugepages_gone(call->addr, call->length);
	}
	if (file && descriptor_slot(call->fd) != SLOT_FOREIGN && mapping_new(call, &addr)) {
		if (trace_on)
			trace_mmap(call, addr);
	} else if (replaces && mapping_gone(call->addr, call->length)) {
		addr = MAP_FAILED;
	} else if (!((call->flags & MAP_HUGETLB) || call->fd != -1) ||
		   !hugepages_mmap(call, &addr)) {
		addr = REAL(mmap)(call->addr, call->length, call->prot, call->flags, call->fd,
				  call->offset);
	}
	if (replaces)
		changed(call->addr, call->length);
	return addr;
}

SHIM void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	struct mmap_call call = {addr, length, prot, flags, fd, offset};

	return map(&call);
}

SHIM void *mmap64(void *addr, size_t length, int prot, int flags, int fd, off64_t offset)
{
	struct mmap_call call = {addr, length, prot, flags, fd, offset};

	return map(&call);
}

SHIM int munmap(void *addr, size_t length)
{
	int rc;

	going(addr, length);
	if (mapping_gone(addr, length))
		return -1;
	rc = REAL(munmap)(addr, length);
	changed(addr, length);
	if (!rc)
		hugepages_gone(addr, length);
	return rc;
}

/* Pinned pages that move are still the program's: the core is told where they are now. */
static void moved(const void *from, const void *to, size_t len)
{
	struct process *process = process_if_any();

	if (!process)
		return;
	defer_begin();
	machine_memory_moved(process->machine, (uintptr_t)from, (uintptr_t)to, len);
	defer_end();
}

static bool overlap(const void *a, size_t a_len, const void *b, size_t b_len)
{
	uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;

	return x < y + page_ceil(b_len) && y < x + page_ceil(a_len);
}

/* Does mremap() fail before it has unmapped anything? Then nothing goes, and the kernel says why. */
static bool mremap_refused(const void *old, size_t old_len, size_t new_len, int flags,
			   const void *fixed)
{
	struct process *process = process_if_any();
	struct page_key key;

	if (!new_len || page_offset((uintptr_t)old) || page_offset((uintptr_t)fixed) ||
	    (flags & (MREMAP_FIXED | MREMAP_MAYMOVE)) == MREMAP_FIXED)
		return true;
	if (flags & MREMAP_FIXED && overlap(old, old_len, fixed, new_len))
		return true;
	return process && mm_key(process->client.mm, (uintptr_t)old, &key) == -EFAULT;
}

/* What a move to `fixed` replaces. Where several areas move, with holes between them, what lies opposite a hole stays. */
static void replaced(const char *old, size_t old_len, const char *fixed, size_t new_len)
{
	const struct machine_move move = {(uintptr_t)old, (uintptr_t)fixed, page_ceil(new_len)};
	uint64_t at = (uintptr_t)old, end = page_ceil(at + new_len);
	CLEANUP(vma_view_done) struct vma_view view = {.fd = -1};
	struct vma vma;

	vma_view_init(&view, 0);
	if (!process_if_any() || old_len != new_len || vma_begin(&view)) {
		going(fixed, new_len);
		return;
	}
	for (; at < end && !vma_find(&view, at, &vma) && vma.start < end; at = vma.end) {
		at = vma.start > at ? vma.start : at;
		replaced_by(fixed + (at - (uintptr_t)old), (vma.end < end ? vma.end : end) - at,
			    &move);
	}
}

SHIM void *mremap(void *old, size_t old_len, size_t new_len, int flags, ...)
{
	void *addr, *fixed = NULL;
	va_list list;

	if (flags & MREMAP_FIXED) {
		va_start(list, flags);
		fixed = va_arg(list, void *);
		va_end(list);
	}
	if (mremap_refused(old, old_len, new_len, flags, fixed))
		return REAL(mremap)(old, old_len, new_len, flags, fixed);
	if (!mapping_may_move(old, old_len, new_len, flags))
		return MAP_FAILED;
	if (flags & MREMAP_FIXED) {
		replaced(old, old_len, fixed, new_len);
		if (mapping_gone(fixed, new_len))
			return MAP_FAILED;
	}
	/* Services of others can't follow it. */
	if (flags & MREMAP_MAYMOVE && process_if_any())
		remotes_going(&process_if_any()->remotes, (uintptr_t)old, old_len);
	if (new_len < old_len) {
		going((char *)old + new_len, old_len - new_len);
		if (mapping_gone((char *)old + new_len, old_len - new_len))
			return MAP_FAILED;
	}
	addr = REAL(mremap)(old, old_len, new_len, flags, fixed);
	if (addr != MAP_FAILED && addr != old && old_len)
		moved(old, addr, old_len < new_len ? old_len : new_len);
	if (addr != MAP_FAILED && addr != old)
		mmio_move((uintptr_t)old, (uintptr_t)addr, old_len < new_len ? old_len : new_len);
	changed(old, old_len);
	if (addr != MAP_FAILED)
		changed(addr, new_len);
	return addr;
}

SHIM int mprotect(void *addr, size_t length, int prot)
{
	int rc = mapping_protect(addr, length, prot);

	changed(addr, length);
	return rc;
}

SHIM int madvise(void *addr, size_t length, int advice)
{
	int rc;

	if (advice == MADV_DONTNEED || advice == MADV_DONTNEED_LOCKED || advice == MADV_FREE)
		going(addr, length);
	if (advice == MADV_REMOVE)
		file_pages_removed(addr, length);
	rc = REAL(madvise)(addr, length, advice);
	changed(addr, length);
	return rc;
}

/* The range isn't known. */
SHIM int shmdt(const void *addr)
{
	int rc = REAL(shmdt)(addr);

	changed(NULL, SIZE_MAX);
	return rc;
}
