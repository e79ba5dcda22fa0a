/* SPDX-License-Identifier: MIT */
/* One logical command queue: its registers in the page that the program maps, and what happens when PROD moves. */
#ifndef UIOMMUFD_HW_SMMUV3_CMDQV_QUEUE_H
#define UIOMMUFD_HW_SMMUV3_CMDQV_QUEUE_H

#include "hw/smmuv3/smmu.h"

#define CMD_BYTES 16

/* Any thread: may there be something to do for queue `index`? `page` is our view of the registers. */
bool cmdqv_has_work(char *page, unsigned int index);
/* All registers 0: disabled. */
void cmdqv_reset_queue(char *page, unsigned int index);
enum cmdqv_progress {
	CMDQV_IDLE,    /* nothing was to do */
	CMDQV_MOVED,   /* commands were done, or it was enabled or disabled */
	CMDQV_STOPPED, /* at a command that failed */
};

/*
 * With the context's lock held: enables or disables what the guest asks for, and runs commands. `queue` may be NULL: there is no memory behind
 * it.
 */
enum cmdqv_progress cmdqv_run_queue(struct smmu_viommu *viommu, struct hw_queue *queue,
				    unsigned int index);

#endif
