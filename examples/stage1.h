/* SPDX-License-Identifier: MIT */
/*
 * Page tables of the program's own for its devices, as a VMM has them for its guest: stage 1 is in memory of the program (the guest's), and what comes out of it
 * are addresses of that memory (stage 2). For a VT-d or an SMMUv3, whichever there is. Whatever fails ends the program with a sentence.
 */
#ifndef EXAMPLES_STAGE1_H
#define EXAMPLES_STAGE1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_BYTES 4096

struct stage1 {
	int iommufd;
	bool smmu; /* else a VT-d */
	char *memory;
	size_t size, used;
	uint32_t ioas, parent, viommu;
	uint64_t root, descriptor; /* addresses in the memory */
};

/*
 * Empty tables, of four levels, for devices behind the IOMMU of `device` (an id of BIND). `memory` is page-aligned; its first byte has address 0.
 */
void stage1_init(struct stage1 *tables, int iommufd, uint32_t device, void *memory, size_t size);
/* What has to be there before a device can be behind the tables: `number` is its name in the guest. Its object; 0: there is none. */
uint32_t stage1_add_device(struct stage1 *tables, uint32_t device, uint32_t number);

/* A page table object for attaching; faults go to the queue of this id, 0: nowhere. */
uint32_t stage1_object(const struct stage1 *tables, uint32_t device, uint32_t fault_queue);
/* The same, for a PASID of the device: on a VT-d, whose PASIDs each have page tables. */
uint32_t stage1_pasid_object(const struct stage1 *tables, uint32_t device, uint32_t fault_queue);
void stage1_destroy(const struct stage1 *tables, uint32_t object);
/* A fault queue: its descriptor. */
int stage1_fault_queue(const struct stage1 *tables, uint32_t *ret_id);

/* Fresh pages of the memory: their address. */
uint64_t stage1_take(struct stage1 *tables, size_t pages);
/* Makes the tables that lead to `pages` pages from va on, without the pages; not for two threads at once. */
void stage1_prepare(struct stage1 *tables, uint64_t va, size_t pages);
/* Once they are prepared. Any thread or process that has the memory may map; an absent page is in no cache. */
void stage1_map(const struct stage1 *tables, uint64_t va, uint64_t address);
/*
 * Takes it away, and out of the caches of this object; 0: no device is behind the tables. A VT-d has nothing of them in its caches then; an SMMUv3 knows them by
 * their ASID, and remembers.
 */
void stage1_unmap(const struct stage1 *tables, uint64_t va, uint32_t object);

#endif
