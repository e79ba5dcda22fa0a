/* SPDX-License-Identifier: MIT */
/*
 * What can be mapped through the descriptor of a context: a page of hardware that a model offers. As long as a program has it mapped,
 * the object that owns it can't be destroyed.
 */
#ifndef UIOMMUFD_CORE_MMAP_H
#define UIOMMUFD_CORE_MMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "core/shared_memory.h"

struct client;
struct ctx;
struct file;
struct file_mapping;

struct mmap_region {
	LIST_ENTRY(mmap_region) link; /* in the context's list */
	uint64_t offset, length;      /* as the program names it */
	struct shared_memory memory;
};

/* Zeroed memory of `length` bytes (whole pages) at an offset of its own. -ENOMEM. With the context locked, as all of these. */
int mmap_region_new(struct ctx *ctx, uint64_t length, struct mmap_region **ret_region);
void mmap_region_free(struct mmap_region *region);
/* Has a process that we know of mapped it? */
bool mmap_region_busy(struct ctx *ctx, const struct mmap_region *region);

/* The file operation of the context. */
int ctx_mmap(struct file *file, struct client *client, struct file_mapping *mapping);

#endif
