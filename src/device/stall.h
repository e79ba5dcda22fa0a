/* SPDX-License-Identifier: MIT */
/*
 * DMA that waits: a fault becomes a page request, and the access goes on when that is answered.
 *
 * While it waits a thread holds no lock and is in no section. It looks for the answer for a short time if that seems worth it (base/spin.h), then sleeps. What
 * comes is the user's answer; or INVALID when the attachment ends, when the fault queue's descriptor is closed everywhere or when the device aborts its faults. The
 * access is then tried again, or has failed.
 */
#ifndef UIOMMUFD_DEVICE_STALL_H
#define UIOMMUFD_DEVICE_STALL_H

#include "device/dma.h"

/* The most pages that one group asks for. */
#define STALL_PAGES 8

/*
 * As dma_copy(), but where the page table takes page requests a fault is raised as one: a group for as many pages of what is left as are missing,
 * at most STALL_PAGES. -EFAULT: as there, or the answer was INVALID; -ECANCELED: the device's faults are aborted; -ENOMEM.
 */
int dma_copy_stalling(struct dma_port *port, const struct dma_access *access, uint64_t *ret_fault);

/* The same without waiting: -EAGAIN where that would have asked for a page. */
int dma_copy_at_once(struct dma_port *port, const struct dma_access *access, uint64_t *ret_fault);

/*
 * Asks for the page of an IOVA, if an access with this permission (enum pt_perm) would fault, and waits. Errors as above.
 */
int dma_ask_for_page(struct dma_port *port, uint32_t pasid, uint64_t iova, uint32_t perm);

/*
 * For a reset: all page requests of the device that are not answered yet are answered INVALID, and until stall_allow() no DMA waits. With the
 * context's lock held.
 */
void stall_abort(struct device *device);
void stall_allow(struct device *device);

/* For page_request.c: the answer to who waits for this group. With the context's lock held. */
void stall_answer(struct device *device, const struct page_request *last, int code);

#endif
