/* SPDX-License-Identifier: MIT */
/*
 * The part of DMA that stage 1 is in: inside of device/ only.
 *
 * In a section (device/dma.h) an address goes through the model's caches or walk, then through stage 2, all without a lock. That asks for a section
 * that announces all addresses; in another, or where memory of a table can't be reached without the lock, there is no answer, and the
 * caller takes the slow way, under the context's lock.
 */
#ifndef UIOMMUFD_DEVICE_NESTED_H
#define UIOMMUFD_DEVICE_NESTED_H

#include "device/dma.h"
#include "hwpt/dirty.h"

/* With a PASID (0: the RID): what is below its stage 1 is meant. */
#define DMA_STAGE2 ((uint32_t)1 << 31)

/* What stage 2 has around an address (dma.c). False: it is not mapped, or can only be copied. */
bool dma_stage2_find(struct dma_port *port, uint32_t pasid, uint64_t address, struct dma_hit *ret);
/* Hardware has one bit for an entry; DMA itself is only ever seen by the page. */
static inline void dma_written(struct hwpt_paging *paging, uint64_t address, size_t len)
{
	if (atomic_load_explicit(&paging->tracking, memory_order_relaxed))
		dirty_mark_pages(paging, address, address + len - 1);
}
/* As dma_translate(), by stage 2 alone (dma.c). */
char *dma_stage2(struct dma_port *port, uint32_t pasid, uint64_t address, size_t *len, bool write);

/* As dma_translate(), where the device has nested page tables; also for its RID or PASIDs without. `perm`: enum pt_perm. */
char *nested_translate(struct dma_port *port, uint32_t pasid, uint64_t iova, size_t *len,
		       uint32_t perm);
/*
 * The same under the context's lock: *address, in: the IOVA, becomes the address that stage 2 gets; *len what follows in one piece. -EFAULT:
 * stage 1 says no, or there is none (port->repairable).
 */
int nested_resolve(struct dma_port *port, uint32_t pasid, uint32_t perm, uint64_t *address,
		   size_t *len);
/* After nested_resolve() has failed, under the same lock: tells the model that the access has, unless a page request will be made of it. */
void nested_report(struct dma_port *port, uint32_t pasid, uint32_t perm, uint64_t iova);
/* The port's part; -ENOMEM. */
int nested_init(struct dma_port *port);
void nested_done(struct dma_port *port);
/* Would an access to this address fail now? With the context's lock held (dma.c). */
bool dma_would_fault(struct dma_port *port, uint32_t pasid, uint64_t iova, uint32_t perm);

#endif
