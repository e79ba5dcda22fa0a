/* SPDX-License-Identifier: MIT */
/* Registers and doorbells (NVMe 1.4, 3.1), and what they lead to: enabling, disabling (7.3.2), shutdown (7.6.2), fatal errors (9.5). */
#include "model/nvme/nvme.h"

#include <string.h>

#include "model/reg.h"

static void put_state(struct nvme *nvme, enum nvme_state state)
{
	__atomic_store_n(&nvme->state, state, __ATOMIC_RELEASE);
}

bool nvme_ready(const struct nvme *nvme)
{
	return __atomic_load_n(&nvme->state, __ATOMIC_ACQUIRE) == NVME_READY;
}

static void csts_set(struct nvme *nvme, uint32_t clear, uint32_t set)
{
	reg_put32(nvme->bar, NVME_CSTS, (reg_get32(nvme->bar, NVME_CSTS) & ~clear) | set);
}

void nvme_fatal(struct nvme *nvme)
{
	uiommufd_lock(nvme->device);
	if (nvme->state == NVME_READY) {
		put_state(nvme, NVME_FATAL);
		csts_set(nvme, 0, NVME_CSTS_CFS);
	}
	uiommufd_unlock(nvme->device);
}

/* ---- enabling and disabling; with the lock ---- */

static bool can_enable(const struct nvme *nvme)
{
	uint32_t aqa = reg_get32(nvme->bar, NVME_AQA), cc = nvme->cc;
	uint64_t addresses = reg_get64(nvme->bar, NVME_ASQ) | reg_get64(nvme->bar, NVME_ACQ);
	unsigned int shift = 12 + NVME_CC_MPS(cc);

	return !NVME_CC_CSS(cc) && !NVME_CC_AMS(cc) && shift <= NVME_PAGE_MOST && aqa & 0xfff &&
	       aqa >> 16 & 0xfff && !(addresses & ((UINT64_C(1) << shift) - 1));
}

static void enable(struct nvme *nvme)
{
	uint32_t aqa = reg_get32(nvme->bar, NVME_AQA);

	if (!can_enable(nvme)) {
		put_state(nvme, NVME_FATAL);
		csts_set(nvme, 0, NVME_CSTS_CFS);
		return;
	}
	nvme->page_shift = 12 + NVME_CC_MPS(nvme->cc);
	nvme_cq_open(nvme, &(struct nvme_cq){.id = 0,
					     .size = (aqa >> 16 & 0xfff) + 1,
					     .interrupts = true,
					     .base = reg_get64(nvme->bar, NVME_ACQ)});
	nvme_sq_open(nvme, &(struct nvme_sq){.id = 0,
					     .size = (aqa & 0xfff) + 1,
					     .base = reg_get64(nvme->bar, NVME_ASQ)});
	put_state(nvme, NVME_READY);
	csts_set(nvme, NVME_CSTS_SHST, NVME_CSTS_RDY);
}

/* 7.3.2: queues and features are gone; AQA, ASQ and ACQ stay. */
static void controller_reset(struct nvme *nvme)
{
	put_state(nvme, NVME_OFF);
	nvme_queues_close(nvme);
	nvme_lanes_clear(nvme);
	nvme_features_reset(nvme);
	nvme->events = (struct nvme_events){0};
	nvme->intms = 0;
	nvme_update_intx(nvme);
	reg_put32(nvme->bar, NVME_INTMS, 0);
	reg_put32(nvme->bar, NVME_INTMC, 0);
	csts_set(nvme, UINT32_MAX, 0);
	nvme->shutdown = false;
	/* Enabled again while something still ran. */
	if (nvme->cc & NVME_CC_EN)
		enable(nvme);
}

static void disable(struct nvme *nvme)
{
	if (nvme->active)
		put_state(nvme, NVME_STOPPING);
	else
		controller_reset(nvme);
}

bool nvme_enter(struct nvme *nvme)
{
	bool ok;

	uiommufd_lock(nvme->device);
	ok = nvme->state == NVME_READY || nvme->shutdown;
	nvme->active += ok;
	uiommufd_unlock(nvme->device);
	return ok;
}

void nvme_leave(struct nvme *nvme)
{
	uiommufd_lock(nvme->device);
	nvme->active--;
	if (!nvme->active && nvme->state == NVME_STOPPING)
		controller_reset(nvme);
	uiommufd_unlock(nvme->device);
}

void nvme_shutdown_done(struct nvme *nvme)
{
	uiommufd_lock(nvme->device);
	if (nvme->shutdown)
		csts_set(nvme, NVME_CSTS_SHST, NVME_CSTS_SHST_DONE);
	nvme->shutdown = false;
	uiommufd_unlock(nvme->device);
}

/* ---- registers ---- */

/* A shutdown flushes, which waits: run's. */
static void store_cc(void *state, uint64_t now, uint64_t stored)
{
	struct nvme *nvme = state;
	uint32_t old = nvme->cc;

	__atomic_store_n(&nvme->cc, now, __ATOMIC_RELAXED);
	if (NVME_CC_SHN(now) && !NVME_CC_SHN(old)) {
		nvme->shutdown = true;
		csts_set(nvme, NVME_CSTS_SHST, NVME_CSTS_SHST_BUSY);
		uiommufd_kick(nvme->device, 0);
	}
	if (now & NVME_CC_EN && !(old & NVME_CC_EN)) {
		if (nvme->state == NVME_OFF)
			enable(nvme);
	} else if (!(now & NVME_CC_EN) && old & NVME_CC_EN) {
		disable(nvme);
	}
}

static void put_intms(struct nvme *nvme, uint32_t mask)
{
	nvme->intms = mask;
	reg_put32(nvme->bar, NVME_INTMS, mask);
	reg_put32(nvme->bar, NVME_INTMC, mask);
	nvme_update_intx(nvme);
}

static void store_intms(void *state, uint64_t now, uint64_t stored)
{
	struct nvme *nvme = state;

	put_intms(nvme, nvme->intms | stored);
}

static void store_intmc(void *state, uint64_t now, uint64_t stored)
{
	struct nvme *nvme = state;

	put_intms(nvme, nvme->intms & ~stored);
}

static const struct reg_row nvme_rows[] = {
	{.offset = NVME_INTMS, .size = 4, .store = store_intms},
	{.offset = NVME_INTMC, .size = 4, .store = store_intmc},
	{.offset = NVME_AQA, .size = 4, .writable = 0x0fff0fff},
	{.offset = NVME_ASQ, .size = 8, .writable = ~UINT64_C(0xfff)},
	{.offset = NVME_ACQ, .size = 8, .writable = ~UINT64_C(0xfff)},
	{.offset = NVME_CC, .size = 4, .writable = NVME_CC_WRITABLE, .store = store_cc},
	{0},
};

/* ---- doorbells (3.1.24, 3.1.25) ---- */

static void ring_sq(struct nvme *nvme, unsigned int id, uint32_t tail)
{
	struct nvme_sq *sq = &nvme->sqs[id];

	if (!__atomic_load_n(&sq->live, __ATOMIC_ACQUIRE)) {
		nvme_event_raise(nvme, NVME_EVENT_DOORBELL);
	} else if (tail >= sq->size) {
		nvme_event_raise(nvme, NVME_EVENT_DOORBELL_VALUE);
	} else {
		__atomic_store_n(&sq->tail, tail, __ATOMIC_RELEASE);
		uiommufd_kick(nvme->device, id);
	}
}

static void ring_cq(struct nvme *nvme, unsigned int id, uint32_t head)
{
	struct nvme_cq *cq = &nvme->cqs[id];

	if (!__atomic_load_n(&cq->live, __ATOMIC_ACQUIRE))
		nvme_event_raise(nvme, NVME_EVENT_DOORBELL);
	else if (head >= cq->size)
		nvme_event_raise(nvme, NVME_EVENT_DOORBELL_VALUE);
	else
		nvme_cq_consumed(nvme, cq, head);
}

static void ring(struct nvme *nvme, uint64_t offset, uint64_t value, unsigned int len)
{
	unsigned int unit = 4u << nvme->stride, index = offset / unit;

	if (nvme->state != NVME_READY)
		return;
	if (offset % unit || len != 4 || index / 2 >= NVME_QUEUES)
		nvme_event_raise(nvme, NVME_EVENT_DOORBELL);
	else if (index % 2)
		ring_cq(nvme, index / 2, value);
	else
		ring_sq(nvme, index / 2, value);
}

void nvme_bar_write(void *state, unsigned int bar, uint64_t offset, uint64_t value,
		    unsigned int len)
{
	struct nvme *nvme = state;

	if (bar)
		return;
	if (offset < NVME_DOORBELLS)
		reg_store(&(struct reg_file){nvme_rows, nvme->bar, nvme}, offset, value, len);
	else
		ring(nvme, offset - NVME_DOORBELLS, value, len);
}

void nvme_power_on(struct nvme *nvme)
{
	nvme->cc = 0;
	nvme->active = 0;
	memset(nvme->bar, 0, NVME_BAR_SIZE);
	controller_reset(nvme);
	reg_put64(nvme->bar, NVME_CAP,
		  NVME_CAP_MQES(NVME_ENTRIES) | NVME_CAP_CQR | NVME_CAP_TO(40) |
			  NVME_CAP_DSTRD(nvme->stride) | NVME_CAP_CSS_NVM |
			  NVME_CAP_MPSMAX(NVME_PAGE_MOST - 12));
	reg_put32(nvme->bar, NVME_VS, NVME_VERSION);
}
