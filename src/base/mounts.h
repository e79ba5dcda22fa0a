/* SPDX-License-Identifier: MIT */
/* What file system a device number is. */
#ifndef UIOMMUFD_BASE_MOUNTS_H
#define UIOMMUFD_BASE_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Do files of this device live in memory alone (tmpfs and its relatives, hugetlbfs)? Linux refuses
 * to pin others' shared pages for writing for long, since it couldn't see when they get dirty.
 * True if it isn't mounted where the process looks (pid 0: this one): the kernel's own mounts, of
 * memfds and shared anonymous memory, are nowhere. Costs about 50 us.
 */
bool mounts_in_memory(pid_t pid, uint32_t major, uint32_t minor);

#endif
