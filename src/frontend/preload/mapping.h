/* SPDX-License-Identifier: MIT */
/* Mappings of our files, whose accesses may be trapped (frontend/mmio/): for the calls of map.c. */
#ifndef UIOMMUFD_PRELOAD_MAPPING_H
#define UIOMMUFD_PRELOAD_MAPPING_H

#include <stdbool.h>
#include <stddef.h>

#include "frontend/mmio/mmio.h"
#include "frontend/preload/view.h"

/* False: call->fd isn't ours. Else *ret_addr is mmap()'s result. */
bool mapping_new(const struct mmap_call *call, void **ret_addr);
/* Before the range goes. 0, or -1 and errno: then it must not go. */
int mapping_gone(const void *addr, size_t len);
/* Before mremap(): false, and errno says why not. */
bool mapping_may_move(const void *old, size_t old_len, size_t new_len, int flags);
/* mprotect() */
int mapping_protect(void *addr, size_t len, int prot);

#endif
