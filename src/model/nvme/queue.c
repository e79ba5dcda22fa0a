/* SPDX-License-Identifier: MIT */
/* Queues (NVMe 1.4, 4.1): commands come in, completions go out. */
#include "model/nvme/nvme.h"

#include <errno.h>

#define BATCH  16 /* commands that are fetched at once */
#define BUDGET 64 /* after so many others have their turn (4.13: round robin) */

/* ---- opening and closing ---- */

void nvme_sq_open(struct nvme *nvme, const struct nvme_sq *as)
{
	struct nvme_sq *sq = &nvme->sqs[as->id];

	sq->id = as->id;
	sq->cq = as->cq;
	sq->size = as->size;
	sq->base = as->base;
	sq->head = 0;
	__atomic_store_n(&sq->tail, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&sq->live, true, __ATOMIC_RELEASE);
}

void nvme_cq_open(struct nvme *nvme, const struct nvme_cq *as)
{
	struct nvme_cq *cq = &nvme->cqs[as->id];

	cq->id = as->id;
	cq->size = as->size;
	cq->vector = as->vector;
	cq->interrupts = as->interrupts;
	cq->base = as->base;
	cq->phase = true;
	cq->reserved = 0;
	__atomic_store_n(&cq->tail, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&cq->head, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&cq->stalled, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&cq->live, true, __ATOMIC_RELEASE);
	__atomic_or_fetch(&nvme->live_cqs, UINT64_C(1) << as->id, __ATOMIC_RELAXED);
}

void nvme_queues_close(struct nvme *nvme)
{
	for (unsigned int i = 0; i < NVME_QUEUES; i++) {
		__atomic_store_n(&nvme->sqs[i].live, false, __ATOMIC_RELAXED);
		__atomic_store_n(&nvme->cqs[i].live, false, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&nvme->live_cqs, 0, __ATOMIC_RELAXED);
}

/* ---- completions ---- */

static bool cq_has_room(const struct nvme_cq *cq)
{
	unsigned int head = __atomic_load_n(&cq->head, __ATOMIC_SEQ_CST);
	unsigned int used = (cq->tail + cq->size - head) % cq->size;

	return used + cq->reserved < cq->size - 1u;
}

/* Says that it waits before it looks again: the doorbell stores the head before it looks who waits. */
bool nvme_cq_reserve(struct nvme_cq *cq, unsigned int sq)
{
	bool room;

	pthread_mutex_lock(&cq->lock);
	room = cq_has_room(cq);
	if (!room) {
		__atomic_or_fetch(&cq->stalled, UINT64_C(1) << sq, __ATOMIC_SEQ_CST);
		room = cq_has_room(cq);
	}
	cq->reserved += room;
	pthread_mutex_unlock(&cq->lock);
	return room;
}

void nvme_cq_give_back(struct nvme_cq *cq)
{
	pthread_mutex_lock(&cq->lock);
	cq->reserved--;
	pthread_mutex_unlock(&cq->lock);
}

void nvme_cq_consumed(struct nvme *nvme, struct nvme_cq *cq, uint16_t head)
{
	uint64_t stalled;

	__atomic_store_n(&cq->head, head, __ATOMIC_SEQ_CST);
	stalled = __atomic_exchange_n(&cq->stalled, 0, __ATOMIC_SEQ_CST);
	for (; stalled; stalled &= stalled - 1)
		uiommufd_kick(nvme->device, __builtin_ctzll(stalled));
	nvme_update_intx(nvme);
}

/* Two stores of 8 bytes: what has the phase tag is seen last, and whole. */
static int cq_write(struct uiommufd_port *port, uint64_t at, const struct nvme_cqe *cqe)
{
	int rc = uiommufd_dma_write(port, UIOMMUFD_NO_PASID, at, cqe, 8);

	return rc ? rc
		  : uiommufd_dma_write(port, UIOMMUFD_NO_PASID, at + 8, (const char *)cqe + 8, 8);
}

int nvme_cq_post(struct nvme *nvme, struct uiommufd_port *port, struct nvme_cq *cq,
		 struct nvme_cqe cqe)
{
	int rc;

	pthread_mutex_lock(&cq->lock);
	cqe.status = cqe.status << 1 | cq->phase;
	rc = cq_write(port, cq->base + (uint64_t)cq->tail * sizeof(cqe), &cqe);
	if (!rc) {
		uint16_t tail = cq->tail + 1;

		cq->phase ^= tail == cq->size;
		__atomic_store_n(&cq->tail, tail == cq->size ? 0 : tail, __ATOMIC_SEQ_CST);
	}
	cq->reserved--;
	pthread_mutex_unlock(&cq->lock);
	if (rc && rc != -ECANCELED)
		nvme_fatal(nvme);
	return rc;
}

static bool cq_is_waiting(const struct nvme *nvme, const struct nvme_cq *cq)
{
	return cq->interrupts && !(nvme->intms & 1u << cq->vector % 32) &&
	       __atomic_load_n(&cq->tail, __ATOMIC_SEQ_CST) !=
		       __atomic_load_n(&cq->head, __ATOMIC_SEQ_CST);
}

/* 7.5.1.1: asserted while there are completions that were not taken, in queues with interrupts. */
void nvme_update_intx(struct nvme *nvme)
{
	uint64_t live = __atomic_load_n(&nvme->live_cqs, __ATOMIC_RELAXED);
	bool level = false;

	for (; live && !level; live &= live - 1)
		level = cq_is_waiting(nvme, &nvme->cqs[__builtin_ctzll(live)]);
	if (level == nvme->intx)
		return;
	nvme->intx = level;
	uiommufd_intx(nvme->device, level);
}

void nvme_cq_interrupt(struct nvme *nvme, struct nvme_cq *cq)
{
	if (!cq->interrupts)
		return;
	uiommufd_interrupt(nvme->device, cq->vector);
	uiommufd_lock(nvme->device);
	nvme_update_intx(nvme);
	uiommufd_unlock(nvme->device);
}

/* ---- commands ---- */

struct sq_run {
	struct nvme *nvme;
	struct uiommufd_port *port;
	struct nvme_sq *sq;
	struct nvme_cq *cq;
	unsigned int posted; /* since the last interrupt */
};

static bool sq_goes_on(const struct sq_run *run)
{
	return nvme_ready(run->nvme) && __atomic_load_n(&run->sq->live, __ATOMIC_ACQUIRE);
}

static uint16_t status_field(int status)
{
	/* Worth another try: what may be the state of memory, or of a queue, and not the command itself. */
	if (!status || status == NVME_DATA_TRANSFER_ERROR || status == NVME_ABORT_REQUESTED)
		return status;
	return status | NVME_DNR;
}

int nvme_complete(struct nvme_request *request, int status)
{
	struct nvme_sq *sq = request->sq;
	struct nvme_cqe cqe = {
		.dw0 = request->result,
		.dw1 = request->result >> 32,
		.sqhd = __atomic_load_n(&sq->head, __ATOMIC_RELAXED),
		.sqid = sq->id,
		.cid = request->cmd->cid,
		.status = status_field(status),
	};

	if (status)
		nvme_log_error(request, cqe.status);
	return nvme_cq_post(request->nvme, request->port, &request->nvme->cqs[sq->cq], cqe);
}

/* A command on blocks at once, or it goes to a lane: NVME_LATER. Without memory for that it waits here. */
static int do_io(struct nvme_request *request)
{
	int status;

	uiommufd_dma_waits(request->port, false);
	status = nvme_io(request);
	uiommufd_dma_waits(request->port, true);
	if (status != -EAGAIN)
		return status;
	if (nvme_lane_take(request))
		return NVME_LATER;
	request->waits = true;
	return nvme_io(request);
}

/* 0; -ECANCELED or -EFAULT: nothing more can be done. */
static int sq_do_one(struct sq_run *run, const struct nvme_cmd *cmd)
{
	struct nvme_request request = {
		.nvme = run->nvme, .port = run->port, .sq = run->sq, .cmd = cmd};
	uint16_t head = run->sq->head + 1;
	int status;

	__atomic_store_n(&run->sq->head, head == run->sq->size ? 0 : head, __ATOMIC_RELAXED);
	status = run->sq->id ? do_io(&request) : nvme_admin(&request);
	if (status == NVME_LATER)
		return 0;
	if (status < 0) {
		nvme_cq_give_back(run->cq);
		return status;
	}
	run->posted++;
	return nvme_complete(&request, status);
}

static void sq_interrupt(struct sq_run *run)
{
	if (run->posted)
		nvme_cq_interrupt(run->nvme, run->cq);
	run->posted = 0;
}

/* How many commands lie in one piece from the head on. */
static unsigned int sq_ahead(const struct nvme_sq *sq)
{
	unsigned int tail = __atomic_load_n(&sq->tail, __ATOMIC_ACQUIRE);
	unsigned int n = (tail >= sq->head ? tail : sq->size) - sq->head;

	return n < BATCH ? n : BATCH;
}

/* How many were done: 0 when there is nothing to do, or something is in the way. */
static unsigned int sq_do_some(struct sq_run *run)
{
	struct nvme_cmd cmds[BATCH];
	unsigned int n = sq_ahead(run->sq), i;
	int rc;

	if (!n || !sq_goes_on(run))
		return 0;
	rc = uiommufd_dma_read(run->port, UIOMMUFD_NO_PASID,
			       run->sq->base + run->sq->head * sizeof(*cmds), cmds,
			       n * sizeof(*cmds));
	if (rc) {
		if (rc != -ECANCELED)
			nvme_fatal(run->nvme);
		return 0;
	}
	for (i = 0; i < n && sq_goes_on(run); i++)
		if (!nvme_cq_reserve(run->cq, run->sq->id) || sq_do_one(run, &cmds[i]))
			break;
	sq_interrupt(run);
	return i < n ? 0 : n;
}

void nvme_sq_work(struct nvme *nvme, struct uiommufd_port *port, unsigned int id)
{
	struct nvme_sq *sq = &nvme->sqs[id];
	struct sq_run run = {.nvme = nvme, .port = port, .sq = sq};
	unsigned int done = 0, n = 0;

	pthread_mutex_lock(&sq->lock);
	if (__atomic_load_n(&sq->live, __ATOMIC_ACQUIRE)) {
		run.cq = &nvme->cqs[sq->cq];
		do {
			n = sq_do_some(&run);
			done += n;
		} while (n && done < BUDGET);
	}
	pthread_mutex_unlock(&sq->lock);
	if (n)
		uiommufd_kick(nvme->device, id);
}
