/* SPDX-License-Identifier: MIT */
/* Features (NVMe 1.4, 5.21). None is kept over a reset: those that a driver could want saved are not saveable. */
#include "model/nvme/nvme.h"

#include <time.h>

#define COMPOSITE_OVER	343 /* Kelvin, the default threshold; the device is at 310 */
#define COMPOSITE_UNDER 0
#define NOT_SAVEABLE	0x80000000u

enum { SELECT_CURRENT, SELECT_DEFAULT, SELECT_SAVED, SELECT_CAPABILITIES };
enum { CAPABLE_SAVE = 1, CAPABLE_NAMESPACE = 2, CAPABLE_CHANGE = 4 };

/* What is one number with no more to it: its place in struct nvme_features, and what is its default. */
struct plain {
	uint8_t id;
	uint32_t fallback, valid; /* bits that may be set */
	size_t offset;
};
#define PLAIN(id_, field, fallback_, valid_)                                                       \
	{                                                                                          \
		.id = (id_), .fallback = (fallback_), .valid = (valid_),                           \
		.offset = offsetof(struct nvme_features, field)                                    \
	}

static const struct plain plains[] = {
	PLAIN(NVME_FEATURE_ARBITRATION, arbitration, 0x7, 0xffffff07),
	PLAIN(NVME_FEATURE_RECOVERY, recovery, 0, 0x0000ffff),
	PLAIN(NVME_FEATURE_COALESCING, coalescing, 0, 0x0000ffff),
	PLAIN(NVME_FEATURE_ATOMICITY, atomicity, 0, 0x1),
	PLAIN(NVME_FEATURE_EVENTS, events, 0x1ff, 0x000001ff),
};

static uint32_t *plain_at(struct nvme_features *features, const struct plain *plain)
{
	return (uint32_t *)((char *)features + plain->offset);
}

static const struct plain *plain_find(unsigned int id)
{
	for (unsigned int i = 0; i < sizeof(plains) / sizeof(*plains); i++)
		if (plains[i].id == id)
			return &plains[i];
	return NULL;
}

void nvme_features_reset(struct nvme *nvme)
{
	struct nvme_features *features = &nvme->features;

	*features = (struct nvme_features){.over = COMPOSITE_OVER,
					   .under = COMPOSITE_UNDER,
					   .allocated = NVME_IO_QUEUES,
					   .stamped = nvme_now()};
	for (unsigned int i = 0; i < sizeof(plains) / sizeof(*plains); i++)
		*plain_at(features, &plains[i]) = plains[i].fallback;
	__atomic_store_n(&features->write_cache, nvme->backend.file, __ATOMIC_RELAXED);
}

/* ---- those with more to them. A getter has `select` current or default ---- */

/* 5.21.1.4: thresholds of the composite temperature; there is no other sensor. */
static uint32_t *threshold(struct nvme_features *features, uint32_t cdw11)
{
	uint32_t sensor = cdw11 >> 16 & 0xf, kind = cdw11 >> 20 & 0x3;

	if (sensor || kind > 1)
		return NULL;
	return kind ? &features->under : &features->over;
}

static int set_temperature(struct nvme_request *request)
{
	uint32_t cdw11 = request->cmd->cdw11;
	struct nvme_features *features = &request->nvme->features;
	uint32_t *at;

	/* All sensors: the one that there is. */
	if ((cdw11 >> 16 & 0xf) == 0xf)
		cdw11 &= ~UINT32_C(0xf0000);
	at = threshold(features, cdw11);
	if (!at)
		return NVME_INVALID_FIELD;
	*at = cdw11 & 0xffff;
	if (nvme_temperature() >= features->over || nvme_temperature() <= features->under)
		nvme_event_raise(request->nvme, NVME_EVENT_TEMPERATURE);
	return NVME_OK;
}

static int get_temperature(struct nvme_request *request, bool fallback)
{
	uint32_t *at = threshold(&request->nvme->features, request->cmd->cdw11);

	if (!at)
		return NVME_INVALID_FIELD;
	request->result = !fallback				? *at
			  : at == &request->nvme->features.over ? COMPOSITE_OVER
								: COMPOSITE_UNDER;
	return NVME_OK;
}

/* There is one power state, 0. */
static int set_power(struct nvme_request *request)
{
	return request->cmd->cdw11 & 0x1f ? NVME_INVALID_FIELD : NVME_OK;
}

static int get_power(struct nvme_request *request, bool fallback)
{
	return NVME_OK;
}

/* 5.21.1.6: memory has no cache in front of it. What is cached when it goes off is flushed. */
static int set_write_cache(struct nvme_request *request)
{
	struct nvme *nvme = request->nvme;
	bool on = request->cmd->cdw11 & 1;

	if (!nvme->backend.file)
		return NVME_INVALID_FIELD;
	__atomic_store_n(&nvme->features.write_cache, on, __ATOMIC_SEQ_CST);
	return on ? NVME_OK : nvme_backend_flush(&nvme->backend);
}

static int get_write_cache(struct nvme_request *request, bool fallback)
{
	if (!request->nvme->backend.file)
		return NVME_INVALID_FIELD;
	request->result = fallback || request->nvme->features.write_cache;
	return NVME_OK;
}

/* 5.21.1.7: before there are I/O queues. As many completion as submission queues. */
static int set_queues(struct nvme_request *request)
{
	struct nvme *nvme = request->nvme;
	uint32_t sqs = request->cmd->cdw11 & 0xffff, cqs = request->cmd->cdw11 >> 16, n;

	if (sqs == 0xffff || cqs == 0xffff)
		return NVME_INVALID_FIELD;
	if (__atomic_load_n(&nvme->live_cqs, __ATOMIC_RELAXED) > 1)
		return NVME_SEQUENCE_ERROR;
	n = (sqs > cqs ? sqs : cqs) + 1;
	n = n < NVME_IO_QUEUES ? n : NVME_IO_QUEUES;
	nvme->features.allocated = n;
	request->result = (n - 1) << 16 | (n - 1);
	return NVME_OK;
}

static int get_queues(struct nvme_request *request, bool fallback)
{
	uint32_t n = fallback ? NVME_IO_QUEUES : request->nvme->features.allocated;

	request->result = (n - 1) << 16 | (n - 1);
	return NVME_OK;
}

/* 5.21.1.9 */
static int set_vector(struct nvme_request *request)
{
	uint32_t vector = request->cmd->cdw11 & 0xffff;

	if (vector >= NVME_QUEUES)
		return NVME_INVALID_FIELD;
	request->nvme->features.per_command[vector] = request->cmd->cdw11 >> 16 & 1;
	return NVME_OK;
}

static int get_vector(struct nvme_request *request, bool fallback)
{
	uint32_t vector = request->cmd->cdw11 & 0xffff;
	bool on;

	if (vector >= NVME_QUEUES)
		return NVME_INVALID_FIELD;
	on = !fallback && request->nvme->features.per_command[vector];
	request->result = (uint32_t)on << 16 | vector;
	return NVME_OK;
}

/* 5.21.1.14: 6 bytes of milliseconds, then whether they were set by the driver (1) or count since a reset. */
static int set_timestamp(struct nvme_request *request)
{
	struct nvme_features *features = &request->nvme->features;
	struct nvme_data data;
	uint64_t stamp = 0;
	int status = nvme_data_init(&data, request, sizeof(stamp), true);

	if (!status)
		status = nvme_data_move(&data, &stamp, sizeof(stamp));
	if (status)
		return status;
	features->timestamp = stamp & UINT64_C(0xffffffffffff);
	features->stamped = nvme_now();
	features->timestamp_origin = 1;
	return NVME_OK;
}

static int get_timestamp(struct nvme_request *request, bool fallback)
{
	const struct nvme_features *features = &request->nvme->features;
	uint64_t stamp = 0;

	if (!fallback)
		stamp = ((features->timestamp + nvme_now() - features->stamped) &
			 UINT64_C(0xffffffffffff)) |
			(uint64_t)features->timestamp_origin << 49;
	return nvme_data_answer(request, &stamp, sizeof(stamp), sizeof(stamp));
}

static const struct special {
	uint8_t id;
	int (*set)(struct nvme_request *request);
	int (*get)(struct nvme_request *request, bool fallback);
} specials[] = {
	{NVME_FEATURE_POWER, set_power, get_power},
	{NVME_FEATURE_TEMPERATURE, set_temperature, get_temperature},
	{NVME_FEATURE_WRITE_CACHE, set_write_cache, get_write_cache},
	{NVME_FEATURE_QUEUES, set_queues, get_queues},
	{NVME_FEATURE_VECTOR, set_vector, get_vector},
	{NVME_FEATURE_TIMESTAMP, set_timestamp, get_timestamp},
};

static const struct special *special_find(unsigned int id)
{
	for (unsigned int i = 0; i < sizeof(specials) / sizeof(*specials); i++)
		if (specials[i].id == id)
			return &specials[i];
	return NULL;
}

/* 5.21: Set Features. */
int nvme_set_features(struct nvme_request *request)
{
	unsigned int id = request->cmd->cdw10 & 0xff;
	const struct special *special = special_find(id);
	const struct plain *plain = plain_find(id);

	if (!special && !plain)
		return NVME_INVALID_FIELD;
	if (request->cmd->cdw10 & NOT_SAVEABLE)
		return NVME_NOT_SAVEABLE;
	if (special)
		return special->set(request);
	*plain_at(&request->nvme->features, plain) = request->cmd->cdw11 & plain->valid;
	return NVME_OK;
}

/* 5.15: Get Features. */
int nvme_get_features(struct nvme_request *request)
{
	unsigned int id = request->cmd->cdw10 & 0xff, select = request->cmd->cdw10 >> 8 & 0x7;
	const struct special *special = special_find(id);
	const struct plain *plain = plain_find(id);

	if ((!special && !plain) || select > SELECT_CAPABILITIES)
		return NVME_INVALID_FIELD;
	if (select == SELECT_CAPABILITIES) {
		request->result =
			CAPABLE_CHANGE | (id == NVME_FEATURE_RECOVERY ? CAPABLE_NAMESPACE : 0);
		return NVME_OK;
	}
	if (special)
		return special->get(request, select != SELECT_CURRENT);
	request->result = select == SELECT_CURRENT ? *plain_at(&request->nvme->features, plain)
						   : plain->fallback;
	return NVME_OK;
}
