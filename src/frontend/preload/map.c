/* SPDX-License-Identifier: MIT */
/*
 * Calls that change the program's address space. Mappings of our descriptors are made from what the file names. Before
 * memory goes the core is told, for it may be pinned; after it has changed what was believed of it is forgotten.
 */
#include "frontend/preload/defer.h"
#include "frontend/preload/mapping.h"
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"
#include "frontend/preload/trace.h"
#include "frontend/preload/view.h"

#include <stdarg.h>
#include <sys/shm.h>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

/* NULL while this process uses nothing of ours. */
static struct process *process_if_any(void)
{
	return descriptors ? atomic_load_explicit(&descriptors->process, memory_order_acquire)
			   : NULL;
}

static void going(const void *addr, size_t len)
{
	struct process *process = process_if_any();

	if (!process)
		return;
	defer_begin();
	machine_memory_going(process->machine, (uintptr_t)addr, len);
	defer_end();
	remotes_going(&process->remotes, (uintptr_t)addr, len);
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

SHIM void *mremap(void *old, size_t old_len, size_t new_len, int flags, ...)
{
	void *addr, *fixed = NULL;
	va_list list;

	if (flags & MREMAP_FIXED) {
		va_start(list, flags);
		fixed = va_arg(list, void *);
		va_end(list);
	}
	if (!mapping_may_move(old, old_len, new_len, flags))
		return MAP_FAILED;
	if (flags & MREMAP_FIXED) {
		going(fixed, new_len);
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

	if (advice == MADV_DONTNEED || advice == MADV_DONTNEED_LOCKED || advice == MADV_FREE ||
	    advice == MADV_REMOVE)
		going(addr, length);
	rc = REAL(madvise)(addr, length, advice);
	changed(addr, length);
	return rc;
}

/* Of these the range isn't known. */

SHIM int shmdt(const void *addr)
{
	int rc = REAL(shmdt)(addr);

	changed(NULL, SIZE_MAX);
	return rc;
}

SHIM int ftruncate(int fd, off_t length)
{
	int rc = REAL(ftruncate)(fd, length);

	changed(NULL, SIZE_MAX);
	return rc;
}

SHIM int ftruncate64(int fd, off64_t length)
{
	int rc = REAL(ftruncate64)(fd, length);

	changed(NULL, SIZE_MAX);
	return rc;
}
