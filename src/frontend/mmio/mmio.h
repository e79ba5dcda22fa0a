/* SPDX-License-Identifier: MIT */
/*
 * Device memory that programs map and that is exact: each store of the program's reaches the device's model before the thread's next
 * instruction, and none is lost, whatever other threads do meanwhile.
 *
 * How: the pages are never opened. A store faults; the handler decodes it, performs it as a write of the file, which is the way that
 * pwrite() takes, moves the thread's registers to where the instruction leaves them, and returns. Where loads have effects
 * they are performed as reads of the file in the same way.
 *
 * A frontend that maps a file puts what it mapped into the space (space.h) and keeps that true.
 */
#ifndef UIOMMUFD_MMIO_MMIO_H
#define UIOMMUFD_MMIO_MMIO_H

#include <signal.h>
#include <stdbool.h>

#include "frontend/mmio/space.h"

/* Before the first area is put in. The guard's handlers stand (base/guard.h). */
void mmio_init(void);

/*
 * Maps a file in the pieces that it gives. `ask` fills out-fields as file_mmap() does, for what is left from mapping->offset on; `map` and `unmap` are the real
 * calls. What stands at addr with MAP_FIXED goes, unless the file refuses at once. 0, or -errno.
 */
struct mmio_map {
	int (*ask)(void *arg, struct file_mapping *mapping);
	void *arg;
	void *(*map)(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
	int (*unmap)(void *addr, size_t len);
	/* The open file; asked for once the file does not refuse. A reference is the caller's. */
	int (*target)(void *arg, struct mmio_target **ret_target);
	void *addr;
	uint64_t offset;
	size_t length;
	int prot, flags;
	/* Pieces that are plain memory keep the file open, too: for who sees all calls that take memory away. */
	bool holds_memory;
};

int mmio_map(const struct mmio_map *map, void **ret_addr);

/* The handler's work: true if the access was trapped and is done. errno is kept. */
bool mmio_fault(int sig, siginfo_t *info, void *ucontext);

#endif
