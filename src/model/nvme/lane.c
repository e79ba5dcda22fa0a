/* SPDX-License-Identifier: MIT */
/*
 * Lanes: where commands on blocks wait for the pages of their data, so that no queue waits with them. A lane is a queue of `run` without a doorbell; all take from one
 * list. Who gets no lane waits behind others, but nobody waits for a lane whose pages are there.
 */
#include "model/nvme/nvme.h"

#include <stdlib.h>

struct nvme_waiting {
	struct nvme_waiting *next;
	struct nvme_cmd cmd;
	struct nvme_sq *sq;
};

void nvme_lanes_init(struct nvme *nvme)
{
	pthread_mutex_init(&nvme->lanes.lock, NULL);
	pthread_cond_init(&nvme->lanes.left, NULL);
}

void nvme_lanes_done(struct nvme *nvme)
{
	nvme_lanes_clear(nvme);
	pthread_mutex_destroy(&nvme->lanes.lock);
	pthread_cond_destroy(&nvme->lanes.left);
}

void nvme_lanes_clear(struct nvme *nvme)
{
	struct nvme_lanes *lanes = &nvme->lanes;
	struct nvme_waiting *waiting;

	while ((waiting = lanes->first)) {
		lanes->first = waiting->next;
		free(waiting);
	}
	lanes->busy = 0;
}

/* Behind the last. Returns a lane that has to be kicked; NVME_LANES: all are busy, and will look. */
static unsigned int append(struct nvme_lanes *lanes, struct nvme_waiting *waiting)
{
	struct nvme_waiting **at = &lanes->first;
	unsigned int lane;

	pthread_mutex_lock(&lanes->lock);
	while (*at)
		at = &(*at)->next;
	*at = waiting;
	lane = __builtin_ctz(~lanes->busy);
	if (lane < NVME_LANES)
		lanes->busy |= 1u << lane;
	pthread_mutex_unlock(&lanes->lock);
	return lane;
}

bool nvme_lane_take(struct nvme_request *request)
{
	struct nvme *nvme = request->nvme;
	struct nvme_waiting *waiting = malloc(sizeof(*waiting));
	unsigned int lane;

	if (!waiting)
		return false;
	*waiting = (struct nvme_waiting){.cmd = *request->cmd, .sq = request->sq};
	lane = append(&nvme->lanes, waiting);
	if (lane < NVME_LANES)
		uiommufd_kick(nvme->device, NVME_QUEUES + lane);
	return true;
}

/* The oldest, or the lane's work is over: NULL. */
static struct nvme_waiting *next(struct nvme_lanes *lanes, unsigned int lane)
{
	struct nvme_waiting *waiting;

	pthread_mutex_lock(&lanes->lock);
	waiting = lanes->first;
	if (waiting) {
		lanes->first = waiting->next;
		lanes->taken[waiting->sq->id]++;
	} else {
		lanes->busy &= ~(1u << lane);
	}
	pthread_mutex_unlock(&lanes->lock);
	return waiting;
}

static void leave(struct nvme_lanes *lanes, const struct nvme_sq *sq)
{
	pthread_mutex_lock(&lanes->lock);
	lanes->taken[sq->id]--;
	pthread_cond_broadcast(&lanes->left);
	pthread_mutex_unlock(&lanes->lock);
}

static void finish(struct nvme_request *request, int status)
{
	struct nvme_cq *cq = &request->nvme->cqs[request->sq->cq];

	if (status < 0)
		nvme_cq_give_back(cq);
	else if (!nvme_complete(request, status))
		nvme_cq_interrupt(request->nvme, cq);
}

void nvme_lane_work(struct nvme *nvme, struct uiommufd_port *port, unsigned int lane)
{
	struct nvme_waiting *waiting;

	while (nvme_ready(nvme) && (waiting = next(&nvme->lanes, lane))) {
		struct nvme_request request = {.nvme = nvme,
					       .port = port,
					       .sq = waiting->sq,
					       .cmd = &waiting->cmd,
					       .waits = true};

		finish(&request, nvme_io(&request));
		leave(&nvme->lanes, waiting->sq);
		free(waiting);
	}
}

/* Takes the oldest of a queue out, or NULL. */
static struct nvme_waiting *take_of(struct nvme_lanes *lanes, const struct nvme_sq *sq)
{
	struct nvme_waiting **at = &lanes->first, *waiting;

	pthread_mutex_lock(&lanes->lock);
	while (*at && (*at)->sq != sq)
		at = &(*at)->next;
	waiting = *at;
	if (waiting)
		*at = waiting->next;
	pthread_mutex_unlock(&lanes->lock);
	return waiting;
}

void nvme_lanes_delete(struct nvme_request *deletion, struct nvme_sq *sq)
{
	struct nvme_lanes *lanes = &deletion->nvme->lanes;
	struct nvme_waiting *waiting;

	while ((waiting = take_of(lanes, sq))) {
		struct nvme_request request = {.nvme = deletion->nvme,
					       .port = deletion->port,
					       .sq = sq,
					       .cmd = &waiting->cmd};

		finish(&request, NVME_ABORT_SQ_DELETION);
		free(waiting);
	}
	pthread_mutex_lock(&lanes->lock);
	while (lanes->taken[sq->id])
		pthread_cond_wait(&lanes->left, &lanes->lock);
	pthread_mutex_unlock(&lanes->lock);
}
