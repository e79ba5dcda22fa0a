/* SPDX-License-Identifier: MIT */
/* Logical command queues. The program's threads change the registers meanwhile: each is read once and believed. */
#include "hw/smmuv3/cmdqv_queue.h"

#include <stdatomic.h>

#include "hw/smmuv3/caches.h"

#define QUEUE_STRIDE 0x80

enum queue_register {
	CONS_INDX = 0,
	PROD_INDX = 1,
	CONFIG = 2,
	STATUS = 3,
	GERROR = 4,
	GERRORN = 5,
	QUEUE_REGISTERS,
};

#define ENABLED	   1u
#define CMDQ_ERROR 1u
#define CONS_ERROR FIELD_MASK(30, 24)

static _Atomic uint32_t *reg(char *page, unsigned int index, enum queue_register which)
{
	return (_Atomic uint32_t *)(page + index * QUEUE_STRIDE) + which;
}

static uint32_t get(char *page, unsigned int index, enum queue_register which)
{
	return atomic_load_explicit(reg(page, index, which), memory_order_acquire);
}

static void set(char *page, unsigned int index, enum queue_register which, uint32_t value)
{
	atomic_store_explicit(reg(page, index, which), value, memory_order_release);
}

static bool stopped(char *page, unsigned int index)
{
	return (get(page, index, GERROR) ^ get(page, index, GERRORN)) & CMDQ_ERROR;
}

bool cmdqv_has_work(char *page, unsigned int index)
{
	uint32_t config = get(page, index, CONFIG), status = get(page, index, STATUS);

	if ((config ^ status) & ENABLED)
		return true;
	return status & ENABLED && !stopped(page, index) &&
	       get(page, index, PROD_INDX) != (get(page, index, CONS_INDX) & ~CONS_ERROR);
}

void cmdqv_reset_queue(char *page, unsigned int index)
{
	for (unsigned int i = 0; i < QUEUE_REGISTERS; i++)
		set(page, index, i, 0);
}

/* ---- commands ---- */

static enum smmu_cerror run_one(struct smmu_viommu *viommu, const uint64_t cmd[2])
{
	switch (field_get(CMD0_OPCODE, cmd[0])) {
	case CMD_SYNC:
		/* What was dropped is in no use any more. Signals would go to the host: there are none for a guest. */
		smmu_invalidate_finish(viommu);
		return CERROR_NONE;
	case CMD_TLBI_NH_ASID:
	case CMD_TLBI_NH_VA:
	case CMD_ATC_INV:
		return smmu_command_check(viommu, cmd) ? CERROR_ILL : smmu_command_run(viommu, cmd);
	}
	return CERROR_ILL;
}

/* The command at an index; -EFAULT where its memory is gone. */
static enum smmu_cerror fetch_and_run(struct smmu_viommu *viommu, struct hw_queue *queue,
				      uint32_t index)
{
	uint64_t entries = queue->length / CMD_BYTES, cmd[2];
	uint64_t at = queue->iova + (index & (entries - 1)) * CMD_BYTES;

	if (access_rw(queue->access, NULL, at, cmd, sizeof(cmd), 0))
		return CERROR_ABT;
	return run_one(viommu, cmd);
}

/* Stops the queue at the command that CONS names. */
static void stop(char *page, unsigned int index, uint32_t cons, enum smmu_cerror cerror)
{
	set(page, index, CONS_INDX, field_put(CONS_ERROR, cons, cerror));
	set(page, index, GERROR, get(page, index, GERROR) ^ CMDQ_ERROR);
}

/* At most a queue's length of commands, then others have their turn. */
static enum cmdqv_progress run_commands(struct smmu_viommu *viommu, struct hw_queue *queue,
					char *page)
{
	uint32_t entries = queue->length / CMD_BYTES, mask = 2 * entries - 1;
	uint32_t cons = get(page, queue->index, CONS_INDX) & mask;
	uint32_t prod = get(page, queue->index, PROD_INDX) & mask;

	if (cons == prod)
		return CMDQV_IDLE;
	for (uint32_t n = 0; cons != prod && n < entries; n++) {
		enum smmu_cerror cerror = fetch_and_run(viommu, queue, cons);

		if (cerror != CERROR_NONE) {
			smmu_invalidate_finish(viommu);
			stop(page, queue->index, cons, cerror);
			return CMDQV_STOPPED;
		}
		cons = (cons + 1) & mask;
	}
	/* CONS tells the guest that what came before has been done: so DMA is waited for first. */
	smmu_invalidate_finish(viommu);
	set(page, queue->index, CONS_INDX, cons);
	return CMDQV_MOVED;
}

enum cmdqv_progress cmdqv_run_queue(struct smmu_viommu *viommu, struct hw_queue *queue,
				    unsigned int index)
{
	char *page = viommu->viommu.region->memory.host;
	uint32_t was = get(page, index, STATUS);
	uint32_t enabled = queue ? get(page, index, CONFIG) & ENABLED : 0;

	set(page, index, STATUS, enabled);
	/* Without memory behind it a queue can't be enabled. */
	if (!queue)
		set(page, index, CONFIG, 0);
	if (enabled && !stopped(page, index)) {
		enum cmdqv_progress progress = run_commands(viommu, queue, page);

		if (progress != CMDQV_IDLE)
			return progress;
	}
	return enabled == was ? CMDQV_IDLE : CMDQV_MOVED;
}
