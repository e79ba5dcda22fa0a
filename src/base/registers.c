/* SPDX-License-Identifier: MIT */
/* A table of files. There are few of them, and it is looked at once for each area that is new to a cache. */
#include "base/registers.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/inject.h"
#include "base/mm_private.h"

#define FILES 4096

/* All are memfds, so of one device: it is known with the first. */
static _Atomic dev_t device;
static _Atomic ino_t files[FILES]; /* 0: free */
static atomic_uint end;		   /* of those that are or were in use */

int registers_add(dev_t dev, ino_t ino)
{
	if (inject_fail())
		return -ENOMEM;
	atomic_store(&device, dev);
	for (unsigned int i = 0; i < FILES; i++) {
		ino_t none = 0;

		if (!atomic_compare_exchange_strong(&files[i], &none, ino))
			continue;
		for (unsigned int n = atomic_load(&end); n <= i;)
			atomic_compare_exchange_strong(&end, &n, i + 1);
		return 0;
	}
	return -ENOMEM;
}

void registers_remove(dev_t dev, ino_t ino)
{
	for (unsigned int i = 0; i < atomic_load(&end); i++) {
		ino_t same = ino;

		if (atomic_compare_exchange_strong(&files[i], &same, 0))
			return;
	}
}

bool registers_are(uint32_t major, uint32_t minor, uint64_t inode)
{
	dev_t dev = atomic_load(&device);

	if (!inode || major != major(dev) || minor != minor(dev))
		return false;
	for (unsigned int i = 0; i < atomic_load(&end); i++)
		if (atomic_load_explicit(&files[i], memory_order_relaxed) == inode)
			return true;
	return false;
}

bool mm_is_registers(struct mm *mm, uint64_t va, uint64_t len)
{
	struct mm_full *full = mm_full(mm);
	CLEANUP(vma_view_done) struct vma_view temp = {.fd = -1};
	struct vma_view *view;
	uint64_t at = va;
	struct vma vma;

	LOCK_SCOPED(&full->lock);
	if (mm_view(full, &temp, &view))
		return false;
	for (; at - va < len; at = vma.end)
		if (vma_find(view, at, &vma) || vma.start > at ||
		    !registers_are(vma.major, vma.minor, vma.inode))
			return false;
	return true;
}
