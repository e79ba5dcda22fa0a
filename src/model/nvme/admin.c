/* SPDX-License-Identifier: MIT */
/* Admin commands (NVMe 1.4, 5): queues, abort, format, and where the others are. */
#include "model/nvme/nvme.h"

/* ---- queues ---- */

/* An id that a queue may be made with. */
static bool qid_is_free(const struct nvme *nvme, uint16_t id, bool live)
{
	return id && id <= nvme->features.allocated && !live;
}

static uint32_t cc_of(const struct nvme *nvme)
{
	return __atomic_load_n(&nvme->cc, __ATOMIC_RELAXED);
}

static bool size_is_good(uint32_t zero_based)
{
	return zero_based && zero_based < NVME_ENTRIES;
}

static bool base_is_good(const struct nvme *nvme, uint64_t base)
{
	return !(base & ((UINT64_C(1) << nvme->page_shift) - 1));
}

/* 5.3. Queues are in one piece (CAP.CQR). */
static int create_cq(struct nvme_request *request)
{
	const struct nvme_cmd *cmd = request->cmd;
	struct nvme *nvme = request->nvme;
	uint16_t id = cmd->cdw10, vector = cmd->cdw11 >> 16;

	if (!qid_is_free(nvme, id, id < NVME_QUEUES && nvme->cqs[id].live))
		return NVME_QID_INVALID;
	if (!size_is_good(cmd->cdw10 >> 16) || NVME_CC_IOCQES(cc_of(nvme)) != 4)
		return NVME_QUEUE_SIZE;
	if (vector >= NVME_QUEUES)
		return NVME_INVALID_VECTOR;
	if (!(cmd->cdw11 & 1))
		return NVME_INVALID_FIELD;
	if (!base_is_good(nvme, cmd->dptr[0]))
		return NVME_PRP_OFFSET;
	uiommufd_lock(nvme->device);
	nvme_cq_open(nvme, &(struct nvme_cq){.id = id,
					     .size = (cmd->cdw10 >> 16) + 1,
					     .vector = vector,
					     .interrupts = cmd->cdw11 & 2,
					     .base = cmd->dptr[0]});
	uiommufd_unlock(nvme->device);
	return NVME_OK;
}

/* 5.4 */
static int create_sq(struct nvme_request *request)
{
	const struct nvme_cmd *cmd = request->cmd;
	struct nvme *nvme = request->nvme;
	uint16_t id = cmd->cdw10, cq = cmd->cdw11 >> 16;

	if (!qid_is_free(nvme, id, id < NVME_QUEUES && nvme->sqs[id].live))
		return NVME_QID_INVALID;
	if (!cq || cq >= NVME_QUEUES || !nvme->cqs[cq].live)
		return NVME_CQ_INVALID;
	if (!size_is_good(cmd->cdw10 >> 16) || NVME_CC_IOSQES(cc_of(nvme)) != 6)
		return NVME_QUEUE_SIZE;
	if (!(cmd->cdw11 & 1))
		return NVME_INVALID_FIELD;
	if (!base_is_good(nvme, cmd->dptr[0]))
		return NVME_PRP_OFFSET;
	uiommufd_lock(nvme->device);
	nvme_sq_open(nvme, &(struct nvme_sq){.id = id,
					     .cq = cq,
					     .size = (cmd->cdw10 >> 16) + 1,
					     .base = cmd->dptr[0]});
	uiommufd_unlock(nvme->device);
	return NVME_OK;
}

/* 5.6: commands that were fetched are completed before, or aborted; the run that has it ends at the next command. */
static int delete_sq(struct nvme_request *request)
{
	struct nvme *nvme = request->nvme;
	uint16_t id = request->cmd->cdw10;
	struct nvme_sq *sq;

	if (!id || id >= NVME_QUEUES || !nvme->sqs[id].live)
		return NVME_QID_INVALID;
	sq = &nvme->sqs[id];
	__atomic_store_n(&sq->live, false, __ATOMIC_RELEASE);
	pthread_mutex_lock(&sq->lock);
	pthread_mutex_unlock(&sq->lock);
	nvme_lanes_delete(request, sq);
	return NVME_OK;
}

static bool cq_is_used(const struct nvme *nvme, uint16_t id)
{
	for (unsigned int i = 1; i < NVME_QUEUES; i++)
		if (nvme->sqs[i].live && nvme->sqs[i].cq == id)
			return true;
	return false;
}

/* 5.5 */
static int delete_cq(struct nvme_request *request)
{
	struct nvme *nvme = request->nvme;
	uint16_t id = request->cmd->cdw10;

	if (!id || id >= NVME_QUEUES || !nvme->cqs[id].live)
		return NVME_QID_INVALID;
	if (cq_is_used(nvme, id))
		return NVME_QUEUE_DELETION;
	uiommufd_lock(nvme->device);
	__atomic_store_n(&nvme->cqs[id].live, false, __ATOMIC_RELAXED);
	__atomic_and_fetch(&nvme->live_cqs, ~(UINT64_C(1) << id), __ATOMIC_RELAXED);
	nvme_update_intx(nvme);
	uiommufd_unlock(nvme->device);
	return NVME_OK;
}

/* ---- the rest ---- */

/* 5.1: requests for events alone are looked for, not commands that wait for pages. Bit 0 of the result: it was not aborted. */
static int abort_command(struct nvme_request *request)
{
	uint16_t sq = request->cmd->cdw10, cid = request->cmd->cdw10 >> 16;

	request->result = sq || !nvme_event_abort(request, cid);
	return NVME_OK;
}

uint64_t nvme_blocks(const struct nvme *nvme)
{
	return nvme->backend.size >> nvme->lba_shift;
}

/* 5.23: formats 0 and 1, without metadata or protection. User data are erased in any case. */
static int format_nvm(struct nvme_request *request)
{
	static const unsigned int shifts[] = {9, 12};
	struct nvme *nvme = request->nvme;
	uint32_t cdw10 = request->cmd->cdw10, format = cdw10 & 0xf;
	int status;

	if (request->cmd->nsid != NVME_NSID && request->cmd->nsid != NVME_ALL_NAMESPACES)
		return NVME_INVALID_NAMESPACE;
	if (format > 1 || cdw10 & 0x1f0)
		return NVME_INVALID_FORMAT;
	if ((cdw10 >> 9 & 0x7) > 1)
		return NVME_INVALID_FIELD;
	if (nvme->backend.readonly)
		return NVME_WRITE_PROTECTED;
	pthread_rwlock_wrlock(&nvme->backend.lock);
	status = nvme_backend_zero(&nvme->backend, 0, nvme->backend.size);
	if (!status)
		nvme->lba_shift = shifts[format];
	pthread_rwlock_unlock(&nvme->backend.lock);
	if (status)
		return status;
	nvme->log.changed = true;
	nvme_event_raise(nvme, NVME_EVENT_CHANGED);
	return nvme_backend_flush(&nvme->backend);
}

static const struct {
	uint8_t opcode;
	int (*run)(struct nvme_request *request);
} admin[] = {
	{NVME_ADMIN_DELETE_SQ, delete_sq},
	{NVME_ADMIN_CREATE_SQ, create_sq},
	{NVME_ADMIN_GET_LOG, nvme_get_log},
	{NVME_ADMIN_DELETE_CQ, delete_cq},
	{NVME_ADMIN_CREATE_CQ, create_cq},
	{NVME_ADMIN_IDENTIFY, nvme_identify},
	{NVME_ADMIN_ABORT, abort_command},
	{NVME_ADMIN_SET_FEATURES, nvme_set_features},
	{NVME_ADMIN_GET_FEATURES, nvme_get_features},
	{NVME_ADMIN_ASYNC_EVENT, nvme_async_event},
	{NVME_ADMIN_FORMAT, format_nvm},
};

int nvme_admin(struct nvme_request *request)
{
	/* 4.2: admin commands have PRPs, and none is fused. */
	if (NVME_CMD_PSDT(request->cmd->flags) || NVME_CMD_FUSED(request->cmd->flags))
		return NVME_INVALID_FIELD;
	for (unsigned int i = 0; i < sizeof(admin) / sizeof(*admin); i++)
		if (admin[i].opcode == request->cmd->opcode)
			return admin[i].run(request);
	return NVME_INVALID_OPCODE;
}
