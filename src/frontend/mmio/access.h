/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores in a program's place: what is mapped from a file goes to the file, all else is memory. For handlers; errno is not kept.
 */
#ifndef UIOMMUFD_MMIO_ACCESS_H
#define UIOMMUFD_MMIO_ACCESS_H

#include <stddef.h>
#include <stdint.h>

struct mmio_target;

/*
 * 0, or -EFAULT: the program may not do that there, -EIO: the file has refused. Before a failure lower bytes may have been transferred.
 * Files get naturally aligned pieces of at most 8 bytes, lowest first. `locked` is what access_lock() gave, or NULL.
 */
int access_load(struct mmio_target *locked, uintptr_t at, void *buf, size_t len);
int access_store(struct mmio_target *locked, uintptr_t at, const void *buf, size_t len);

/* Until access_unlock() no other thread of this process stores to the file that is mapped at `at`. NULL: none is. */
struct mmio_target *access_lock(uintptr_t at);
void access_unlock(struct mmio_target *locked);

#endif
