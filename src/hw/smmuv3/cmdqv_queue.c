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

/* Commands that were fetched at once. */
#define FETCH 64

struct fetched {
	uint32_t n;
	uint64_t cmds[FETCH][2];
};

/*
 * Fetches commands from `cons` on, up to `prod` or the end of the memory. Where they can't all be had the next one has its turn alone: false if its memory is
 * gone.
 */
static bool fetch(struct hw_queue *queue, uint32_t cons, uint32_t prod, struct fetched *ret)
{
	uint32_t entries = queue->length / CMD_BYTES, index = cons & (entries - 1);
	uint32_t n = (prod - cons) & (2 * entries - 1);
	uint64_t at = queue->iova + (uint64_t)index * CMD_BYTES;

	if (n > entries - index)
		n = entries - index;
	ret->n = n < FETCH ? n : FETCH;
	if (!access_rw(queue->access, NULL, at, ret->cmds, ret->n * CMD_BYTES, 0))
		return true;
	ret->n = 1;
	return !access_rw(queue->access, NULL, at, ret->cmds, CMD_BYTES, 0);
}

/* Moves *cons behind each that has been done. */
static enum smmu_cerror run_fetched(struct smmu_viommu *viommu, const struct fetched *fetched,
				    uint32_t mask, uint32_t *cons)
{
	for (uint32_t i = 0; i < fetched->n; i++) {
		enum smmu_cerror cerror = run_one(viommu, fetched->cmds[i]);

		if (cerror != CERROR_NONE)
			return cerror;
		*cons = (*cons + 1) & mask;
	}
	return CERROR_NONE;
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
	struct fetched fetched;

	if (cons == prod)
		return CMDQV_IDLE;
	for (uint32_t n = 0; cons != prod && n < entries; n += fetched.n) {
		enum smmu_cerror cerror = CERROR_ABT;

		if (fetch(queue, cons, prod, &fetched))
			cerror = run_fetched(viommu, &fetched, mask, &cons);
		if (cerror != CERROR_NONE) {
			smmu_invalidate_finish(viommu);
			stop(page, queue->index, cons, cerror);
			return CMDQV_STOPPED;
		}
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
