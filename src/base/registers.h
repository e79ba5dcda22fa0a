/* SPDX-License-Identifier: MIT */
/*
 * Memory that stands for a device's registers: a file that programs map as a BAR. In a kernel it is no memory that can be pinned, so mm_probe()
 * refuses it, whatever the mapping's permissions are.
 *
 * Locking: none, all is atomic.
 */
#ifndef UIOMMUFD_BASE_REGISTERS_H
#define UIOMMUFD_BASE_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mm;

/* From now on the file is registers. -ENOMEM: there are too many of them (4096). */
int registers_add(dev_t dev, ino_t ino);
void registers_remove(dev_t dev, ino_t ino);
bool registers_are(uint32_t major, uint32_t minor, uint64_t inode);

/* Are all of [va, va + len) registers? Takes RANK_MM. */
bool mm_is_registers(struct mm *mm, uint64_t va, uint64_t len);

#endif
