/* SPDX-License-Identifier: MIT */
/* The parts of an address space that only mm*.c know. */
#ifndef UIOMMUFD_BASE_MM_PRIVATE_H
#define UIOMMUFD_BASE_MM_PRIVATE_H

#include "base/lock.h"
#include "base/mm.h"
#include "base/mm_cache.h"
#include "base/vma.h"

#define PAGE_SHIFT 12
#define PAGE_BYTES ((uint64_t)1 << PAGE_SHIFT)
#define MM_DEVICES 8

/* Where the program was told that it has hugepages. */
struct mm_pretended {
	uint64_t start, end;
	uint64_t page_size;
};

/* Whether a device's files live in memory (base/mounts.h). */
struct mm_device {
	uint32_t major, minor;
	bool known, in_memory;
};

struct mm_full {
	struct mm mm; /* first: a struct mm * is one of these */
	struct lock lock;
	/* The lock guards these. */
	struct vma_view view;
	const void *files; /* whose descriptor table view is in: mm_thread_files() */
	struct mm_device devices[MM_DEVICES];
	unsigned int next_device;
	struct mm_pretended *pretended;
	size_t n_pretended;
	/* Its own rules. */
	atomic_bool tracked;
	struct mm_cache cache;
};

static inline struct mm_full *mm_full(struct mm *mm)
{
	return (struct mm_full *)mm;
}

/* The pid for system calls and /proc: our own may be another one than at the start. */
pid_t mm_pid(const struct mm *mm);
/* This process's own, and not one that a fork has left behind: the kernel's lists are its. */
bool mm_current(const struct mm *mm);
/*
 * The areas, for a few vma_find()s: vma_begin()'s result. It is the object's own view, or `temp` where
 * that is of no use: to a thread with another descriptor table, or when a fork has left the object
 * behind, for then the list that is open is the parent's. The lock is held; the caller does
 * vma_view_done(temp) in any case.
 */
int mm_view(struct mm_full *full, struct vma_view *temp, struct vma_view **ret_view);
/* False, and the address space is marked, if it is seen to have ended. The lock is held. */
bool mm_alive(struct mm_full *full);

#endif
