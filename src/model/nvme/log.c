/* SPDX-License-Identifier: MIT */
/* Log pages (NVMe 1.4, 5.14), and what they are made of. */
#include "model/nvme/nvme.h"

#include <string.h>
#include <time.h>

#define TEMPERATURE 310 /* Kelvin */

uint64_t nvme_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000) + now.tv_nsec / 1000000;
}

uint16_t nvme_temperature(void)
{
	return TEMPERATURE;
}

void nvme_log_error(struct nvme_request *request, int status)
{
	struct nvme_log *log = &request->nvme->log;
	uint64_t count;

	pthread_mutex_lock(&log->lock);
	count = ++log->errors_count;
	log->errors[count % NVME_ERRORS] = (struct nvme_error){
		.count = count,
		.sqid = request->sq->id,
		.cid = request->cmd->cid,
		.status = status << 1,
		.location = 0xffff, /* of the command's fields: not told */
		.lba = request->cmd->cdw10 | (uint64_t)request->cmd->cdw11 << 32,
		.nsid = request->cmd->nsid,
	};
	pthread_mutex_unlock(&log->lock);
	if ((status & 0x700) == (NVME_WRITE_FAULT & 0x700))
		__atomic_add_fetch(&log->media_errors, 1, __ATOMIC_RELAXED);
}

static void put16(char *page, unsigned int at, uint16_t value)
{
	memcpy(page + at, &value, sizeof(value));
}

static void put32(char *page, unsigned int at, uint32_t value)
{
	memcpy(page + at, &value, sizeof(value));
}

static void put64(char *page, unsigned int at, uint64_t value)
{
	memcpy(page + at, &value, sizeof(value));
}

/* 5.14.1.1: the newest first. */
static uint32_t make_errors(struct nvme *nvme, char *page)
{
	struct nvme_log *log = &nvme->log;

	pthread_mutex_lock(&log->lock);
	for (uint64_t i = 0; i < NVME_ERRORS && i < log->errors_count; i++)
		memcpy(page + i * sizeof(*log->errors),
		       &log->errors[(log->errors_count - i) % NVME_ERRORS], sizeof(*log->errors));
	pthread_mutex_unlock(&log->lock);
	return NVME_ERRORS * sizeof(*log->errors);
}

static uint64_t counter(const uint64_t *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

/* 5.14.1.2. Data units are of 1000 times 512 bytes. */
static uint32_t make_smart(struct nvme *nvme, char *page)
{
	struct nvme_log *log = &nvme->log;

	page[0] = TEMPERATURE >= nvme->features.over || TEMPERATURE <= nvme->features.under ? 2 : 0;
	put16(page, 1, TEMPERATURE);
	page[3] = 100; /* available spare */
	page[4] = 10;  /* its threshold */
	put64(page, 32, (counter(&log->blocks_read) + 999) / 1000);
	put64(page, 48, (counter(&log->blocks_written) + 999) / 1000);
	put64(page, 64, counter(&log->reads));
	put64(page, 80, counter(&log->writes));
	put64(page, 112, 1); /* power cycles */
	put64(page, 128, (nvme_now() - log->started) / 3600000);
	put64(page, 160, counter(&log->media_errors));
	pthread_mutex_lock(&log->lock);
	put64(page, 176, log->errors_count);
	pthread_mutex_unlock(&log->lock);
	return 512;
}

/* 5.14.1.3: one slot, which is active. */
static uint32_t make_firmware(struct nvme *nvme, char *page)
{
	page[0] = 1;
	memcpy(page + 8, "1.0     ", 8);
	return 512;
}

/* 5.14.1.4 */
static uint32_t make_changed(struct nvme *nvme, char *page)
{
	if (nvme->log.changed)
		put32(page, 0, NVME_NSID);
	return 4096;
}

/* 5.14.1.5: supported (bit 0), changes blocks (bit 1), changes the namespace (bit 3); alone on the namespace (17:16). */
static uint32_t make_effects(struct nvme *nvme, char *page)
{
	static const uint8_t admin[] = {NVME_ADMIN_DELETE_SQ,	 NVME_ADMIN_CREATE_SQ,
					NVME_ADMIN_GET_LOG,	 NVME_ADMIN_DELETE_CQ,
					NVME_ADMIN_CREATE_CQ,	 NVME_ADMIN_IDENTIFY,
					NVME_ADMIN_ABORT,	 NVME_ADMIN_SET_FEATURES,
					NVME_ADMIN_GET_FEATURES, NVME_ADMIN_ASYNC_EVENT};
	static const uint8_t reads[] = {NVME_IO_FLUSH, NVME_IO_READ, NVME_IO_COMPARE,
					NVME_IO_VERIFY};
	static const uint8_t writes[] = {NVME_IO_WRITE, NVME_IO_WRITE_ZEROES, NVME_IO_DSM};

	for (unsigned int i = 0; i < sizeof(admin); i++)
		put32(page, 4 * admin[i], 0x1);
	put32(page, 4 * NVME_ADMIN_FORMAT, 0x1000b);
	for (unsigned int i = 0; i < sizeof(reads); i++)
		put32(page, 1024 + 4 * reads[i], 0x1);
	for (unsigned int i = 0; i < sizeof(writes); i++)
		put32(page, 1024 + 4 * writes[i], 0x3);
	return 4096;
}

static const struct {
	uint8_t id;
	uint32_t (*make)(struct nvme *nvme,
			 char *page); /* zeroed, 4096 bytes; returns the log's size */
} logs[] = {
	{NVME_LOG_ERROR, make_errors},	    {NVME_LOG_SMART, make_smart},
	{NVME_LOG_FIRMWARE, make_firmware}, {NVME_LOG_CHANGED, make_changed},
	{NVME_LOG_EFFECTS, make_effects},
};

/* What reading a log changes, if it was not asked to be left (RAE). */
static void log_was_read(struct nvme *nvme, unsigned int id)
{
	if (id == NVME_LOG_CHANGED)
		nvme->log.changed = false;
	nvme_event_unmask(nvme, id);
}

static int answer_log(struct nvme_request *request, unsigned int i, uint32_t length)
{
	uint64_t offset = request->cmd->cdw12 | (uint64_t)request->cmd->cdw13 << 32;
	char page[4096] = {0};
	uint32_t size = logs[i].make(request->nvme, page);
	int status;

	if (offset % 4 || offset > size)
		return NVME_INVALID_FIELD;
	status = nvme_data_answer(request, page + offset, size - offset, length);
	if (!status && !(request->cmd->cdw10 & 0x8000))
		log_was_read(request->nvme, logs[i].id);
	return status;
}

int nvme_get_log(struct nvme_request *request)
{
	uint64_t dwords =
		(request->cmd->cdw10 >> 16 | (uint64_t)(request->cmd->cdw11 & 0xffff) << 16) + 1;

	if (dwords > NVME_TRANSFER / 4)
		return NVME_INVALID_FIELD;
	if (request->cmd->nsid && request->cmd->nsid != NVME_ALL_NAMESPACES)
		return request->cmd->nsid == NVME_NSID ? NVME_INVALID_FIELD
						       : NVME_INVALID_NAMESPACE;
	for (unsigned int i = 0; i < sizeof(logs) / sizeof(*logs); i++)
		if (logs[i].id == (request->cmd->cdw10 & 0xff))
			return answer_log(request, i, dwords * 4);
	return NVME_INVALID_LOG;
}
