/* SPDX-License-Identifier: MIT */
/*
 * Tegra241's command queues for guests (CMDQV): a vIOMMU of this type is a *virtual interface* (VINTF), whose page 0 of registers the program
 * maps, with a few *logical command queues* (LVCMDQ) in the guest's memory. The hardware fetches commands from these by itself: the guest stores to PROD and
 * sees CONS move, no ioctl is made.
 *
 * Queue q's registers are at q * 128 in the page, 32 bits each: CONS_INDX 0, PROD_INDX 4, CONFIG 8 (bit 0 enables), STATUS 12 (bit 0: enabled),
 * GERROR 16 and GERRORN 20 (bit 0: a command failed; the queue goes on once they are equal). Indices are as in SMMU_CMDQ_PROD and CONS (IHI 0070, 6.3.27, 6.3.28):
 * a bit more than the queue's size, and the error in CONS's bits 30:24.
 *
 * A guest may give TLBI_NH_ASID, TLBI_NH_VA, ATC_INV and SYNC by them. What fails is an event of type TEGRA241_CMDQV: a bit for each queue that stopped.
 *
 * A thread of the machine's looks at the registers, more often the busier they are. It takes the context's lock if it is free, and never waits
 * for it, so that whoever holds it may wait for the thread's end.
 */
#ifndef UIOMMUFD_HW_SMMUV3_CMDQV_H
#define UIOMMUFD_HW_SMMUV3_CMDQV_H

#include "hw/smmuv3/smmu.h"

#define CMDQV_LOG2_QUEUES 1 /* of a virtual interface */
#define CMDQV_LOG2_VSIDS  4 /* virtual StreamIDs that it can match */
#define CMDQV_QUEUES	  (1u << CMDQV_LOG2_QUEUES)

/* Fills an iommu_hw_info_tegra241_cmdqv: its size. */
size_t cmdqv_info(void *buf);

/* The virtual interface of a vIOMMU; tells where its page can be mapped, if `data` asks. -EINVAL, -EFAULT of data; -ENOMEM. */
int cmdqv_new(struct viommu *viommu, const struct user_data *data, struct cmdqv **ret_cmdqv);
void cmdqv_free(struct cmdqv *cmdqv);

/* -EINVAL: a virtual StreamID that doesn't fit; -ENOSPC: as many as can be matched are there. */
int cmdqv_check_vdevice(struct vdevice *vdevice);

/* The operations of struct viommu_ops. */
size_t cmdqv_queue_size(struct viommu *viommu, uint32_t type);
/*
 * -EINVAL: no such index; -EEXIST: it is taken; -EIO: the one before is not; -EINVAL: size or alignment; -ENOMEM, -EAGAIN: no thread.
 */
int cmdqv_queue_init(struct hw_queue *queue);
void cmdqv_queue_destroy(struct hw_queue *queue);

#endif
