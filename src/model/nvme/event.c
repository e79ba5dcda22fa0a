/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous events (NVMe 1.4, 5.2): the driver leaves requests, which are completed when something happens. What has been reported of a type is
 * not reported again until its log page was read.
 */
#include "model/nvme/nvme.h"

static const struct {
	uint8_t type, info, log;
	uint32_t config; /* bits of the feature that allow it; 0: always */
} events[] = {
	[NVME_EVENT_DOORBELL] = {0, 0, NVME_LOG_ERROR, 0},
	[NVME_EVENT_DOORBELL_VALUE] = {0, 1, NVME_LOG_ERROR, 0},
	[NVME_EVENT_TEMPERATURE] = {1, 1, NVME_LOG_SMART, 1u << 1},
	[NVME_EVENT_CHANGED] = {2, 0, NVME_LOG_CHANGED, 1u << 8},
};
#define N_EVENTS (sizeof(events) / sizeof(*events))

void nvme_event_raise(struct nvme *nvme, enum nvme_event event)
{
	__atomic_or_fetch(&nvme->events.pending, 1u << event, __ATOMIC_SEQ_CST);
	uiommufd_kick(nvme->device, 0);
}

void nvme_event_unmask(struct nvme *nvme, unsigned int log)
{
	for (unsigned int i = 0; i < N_EVENTS; i++)
		if (events[i].log == log)
			nvme->events.masked &= ~(1u << i);
}

/* Events that are pending and may be reported. Those that the driver has not asked for are forgotten. */
static uint32_t reportable(struct nvme *nvme)
{
	uint32_t pending = __atomic_load_n(&nvme->events.pending, __ATOMIC_SEQ_CST), unwanted = 0;

	for (unsigned int i = 0; i < N_EVENTS; i++)
		if (events[i].config && !(events[i].config & nvme->features.events))
			unwanted |= 1u << i;
	__atomic_and_fetch(&nvme->events.pending, ~unwanted, __ATOMIC_SEQ_CST);
	return pending & ~unwanted & ~nvme->events.masked;
}

static void mask_type(struct nvme *nvme, unsigned int event)
{
	for (unsigned int i = 0; i < N_EVENTS; i++)
		if (events[i].type == events[event].type)
			nvme->events.masked |= 1u << i;
}

/* Completes the oldest request. */
static int complete_request(struct nvme *nvme, struct uiommufd_port *port, uint32_t dw0, int status)
{
	struct nvme_cqe cqe = {.dw0 = dw0,
			       .sqhd = nvme->sqs[0].head,
			       .cid = nvme->events.cids[0],
			       .status = status};
	int rc = nvme_cq_post(nvme, port, &nvme->cqs[0], cqe);

	nvme->events.n--;
	for (unsigned int i = 0; i < nvme->events.n; i++)
		nvme->events.cids[i] = nvme->events.cids[i + 1];
	if (!rc)
		nvme_cq_interrupt(nvme, &nvme->cqs[0]);
	return rc;
}

int nvme_events_report(struct nvme *nvme, struct uiommufd_port *port)
{
	uint32_t ready;
	int rc = 0;

	while (!rc && nvme->events.n && (ready = reportable(nvme))) {
		unsigned int i = __builtin_ctz(ready);

		if (!nvme_cq_reserve(&nvme->cqs[0], 0))
			break;
		__atomic_and_fetch(&nvme->events.pending, ~(1u << i), __ATOMIC_SEQ_CST);
		mask_type(nvme, i);
		rc = complete_request(nvme, port,
				      (uint32_t)events[i].log << 16 |
					      (uint32_t)events[i].info << 8 | events[i].type,
				      NVME_OK);
	}
	return rc;
}

int nvme_async_event(struct nvme_request *request)
{
	struct nvme_events *state = &request->nvme->events;

	if (state->n == NVME_EVENTS)
		return NVME_AER_LIMIT;
	state->cids[state->n++] = request->cmd->cid;
	nvme_cq_give_back(&request->nvme->cqs[0]);
	return NVME_LATER;
}

bool nvme_event_abort(struct nvme_request *request, uint16_t cid)
{
	struct nvme_events *state = &request->nvme->events;
	unsigned int i = 0;

	while (i < state->n && state->cids[i] != cid)
		i++;
	if (i == state->n || !nvme_cq_reserve(&request->nvme->cqs[0], 0))
		return false;
	state->cids[i] = state->cids[0];
	state->cids[0] = cid;
	return !complete_request(request->nvme, request->port, 0, NVME_ABORT_REQUESTED);
}
