/* SPDX-License-Identifier: MIT */
/*
 * What of the address space is mapped from files of ours, and which accesses there are trapped. It is ordinary memory: a child
 * after fork has its mappings and its copy of this.
 *
 * A handler looks here, so whoever changes something has all signals blocked and holds a lock for a few instructions only. The calls that change an
 * address space are followed: before memory goes it is taken out here, after it has come it is put in.
 */
#ifndef UIOMMUFD_MMIO_SPACE_H
#define UIOMMUFD_MMIO_SPACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/lock.h"
#include "core/file.h"

struct mmio_target;

/* Bytes, or -errno. Called in signal handlers, all signals blocked but those of faults; errno need not be kept. */
struct mmio_target_ops {
	ssize_t (*read)(struct mmio_target *target, void *buf, size_t len, uint64_t offset);
	ssize_t (*write)(struct mmio_target *target, const void *buf, size_t len, uint64_t offset);
	/* The last mapping and the last access are gone: frees it. */
	void (*release)(struct mmio_target *target);
};

/* An open file that is mapped: a frontend's struct begins with it. */
struct mmio_target {
	const struct mmio_target_ops *ops;
	atomic_uint refs;
	struct lock
		lock; /* RANK_MMIO: held over each store, and over a load and a store that belong together */
};

void mmio_target_init(struct mmio_target *target, const struct mmio_target_ops *ops);
void mmio_target_get(struct mmio_target *target);
/* False: the last reference is gone, and it will be released. */
bool mmio_target_try(struct mmio_target *target);
void mmio_target_put(struct mmio_target *target);

struct mmio_area {
	uintptr_t start, end;
	uint64_t offset; /* the file's at start */
	struct mmio_target *target;
	int prot; /* as the program has asked for it */
	enum file_trap trap;
};

/* Anything at all? Costs one load. */
static inline bool mmio_any(void)
{
	extern atomic_size_t mmio_areas __attribute__((visibility("hidden")));

	return atomic_load_explicit(&mmio_areas, memory_order_acquire);
}

/* May something be there? Costs three loads; who asks more waits for a lock. */
static inline bool mmio_near(uintptr_t start, size_t len)
{
	extern atomic_uintptr_t mmio_low __attribute__((visibility("hidden")));
	extern atomic_uintptr_t mmio_high __attribute__((visibility("hidden")));

	uintptr_t low = atomic_load_explicit(&mmio_low, memory_order_relaxed);

	return mmio_any() && start < atomic_load_explicit(&mmio_high, memory_order_relaxed) &&
	       (start >= low || len > low - start);
}

/* Puts it in; takes a reference of its own. -ENOMEM. */
int mmio_add(const struct mmio_area *area);
/* Takes out what is in [start, start + len). -ENOMEM: a piece in the middle of an area could not be taken out. */
int mmio_remove(uintptr_t start, size_t len);
/* Memory has moved. What there is no memory for is taken out. */
void mmio_move(uintptr_t from, uintptr_t to, size_t len);
/* The area that has the address, with a reference; false: none. */
bool mmio_find(uintptr_t at, struct mmio_area *ret_area);
/* The first area that has part of [start, start + len), without a reference. */
bool mmio_first(uintptr_t start, size_t len, struct mmio_area *ret_area);
/* Would the kernel fail to read from (or, with `write`, write to) part of the range, where the program may? */
bool mmio_traps(uintptr_t start, size_t len, bool write);
/* What the program asks for, as the kernel may have it. */
int mmio_prot(enum file_trap trap, int prot);
/* The program has changed what it asks for. -ENOMEM as mmio_remove(). */
int mmio_protect(uintptr_t start, size_t len, int prot);

#endif
