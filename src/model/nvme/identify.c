/* SPDX-License-Identifier: MIT */
/* Identify (NVMe 1.4, 5.15): the data structures, by their offsets. */
#include "model/nvme/nvme.h"

#include <stdio.h>
#include <string.h>

#define PAGE 4096

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

/* ASCII, padded with spaces. */
static void put_text(char *page, unsigned int at, unsigned int size, const char *text)
{
	size_t len = strlen(text);

	memset(page + at, ' ', size);
	memcpy(page + at, text, len < size ? len : size);
}

/* 16 bytes that are this device's own, as long as its serial number is (FNV-1a, 64 bits, twice). */
static void make_uuid(const struct nvme *nvme, uint8_t uuid[16])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (unsigned int half = 0; half < 2; half++) {
		for (const char *at = nvme->serial; *at; at++)
			hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
		hash = (hash ^ half) * UINT64_C(0x100000001b3);
		memcpy(uuid + 8 * half, &hash, 8);
	}
	uuid[6] = (uuid[6] & 0x0f) | 0x80; /* RFC 9562: version 8, variant 2 */
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

/* 7.9: the name of the subsystem. */
static void put_nqn(const struct nvme *nvme, char *page)
{
	uint8_t u[16];

	make_uuid(nvme, u);
	snprintf(page + 768, 256,
		 "nqn.2014-08.org.nvmexpress:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		 "%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
		 u[13], u[14], u[15]);
}

/* Figure 247: bytes 0 to 255, and the rest. */
static void make_controller_head(const struct nvme *nvme, char *page)
{
	put16(page, 0, 0x1234); /* VID, SSVID: as in config space */
	put16(page, 2, 0x1234);
	put_text(page, 4, 20, nvme->serial);
	put_text(page, 24, 40, "uiommufd NVMe");
	put_text(page, 64, 8, "1.0");
	page[77] = NVME_MDTS;
	put32(page, 80, NVME_VERSION);
	put32(page, 92, 1u << 8); /* OAES: attributes of the namespace have changed */
	page[111] = 1;		  /* CNTRLTYPE: an I/O controller */
}

static void make_controller(struct nvme *nvme, char *page)
{
	make_controller_head(nvme, page);
	put16(page, 256, 1u << 1); /* OACS: Format NVM */
	page[258] = 3;		   /* ACL */
	page[259] = NVME_EVENTS - 1;
	page[260] = 0x3;	     /* FRMW: one slot, read-only */
	page[261] = 0x6;	     /* LPA: the effects log; long logs, offsets */
	page[262] = NVME_ERRORS - 1; /* ELPE */
	put16(page, 266, 343);	     /* WCTEMP */
	put16(page, 268, 353);	     /* CCTEMP */
	page[512] = 0x66;	     /* SQES: 64 bytes */
	page[513] = 0x44;	     /* CQES: 16 bytes */
	put32(page, 516, 1);	     /* NN */
	/* ONCS: Compare, Dataset Management, Write Zeroes, Save and Select, Timestamp, Verify. */
	put16(page, 520, 1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 7);
	/* VWC: a Flush of all namespaces is taken; there is a cache in front of a file. */
	page[525] = 0x6 | nvme->backend.file;
	put32(page, 536, 1 | 1u << 16 | 1u << 18); /* SGLS: bit buckets, lists that are longer */
	put_nqn(nvme, page);
	put16(page, 2048, 2500); /* power state 0: 25 W */
}

static const unsigned int shifts[] = {9, 12}; /* log2 of a block's bytes, by format */

/* Figure 245. */
static void make_namespace(struct nvme *nvme, char *page)
{
	uint64_t blocks = nvme_blocks(nvme);
	uint8_t uuid[16];

	put64(page, 0, blocks);
	put64(page, 8, blocks);
	put64(page, 16, blocks);
	page[25] = sizeof(shifts) / sizeof(*shifts) - 1;
	page[26] = nvme->lba_shift == shifts[1];
	put64(page, 48, nvme->backend.size);
	page[99] = nvme->backend.readonly; /* NSATTR */
	make_uuid(nvme, uuid);
	memcpy(page + 104, uuid, 16); /* NGUID */
	for (unsigned int i = 0; i < 2; i++)
		page[128 + 4 * i + 2] = shifts[i];
}

static int identify_namespace(struct nvme_request *request, char *page)
{
	if (request->cmd->nsid != NVME_NSID)
		return NVME_INVALID_NAMESPACE;
	make_namespace(request->nvme, page);
	return NVME_OK;
}

static int identify_controller(struct nvme_request *request, char *page)
{
	make_controller(request->nvme, page);
	return NVME_OK;
}

/* Namespaces above the one that the command names. */
static int identify_active(struct nvme_request *request, char *page)
{
	if (request->cmd->nsid >= NVME_ALL_NAMESPACES - 1)
		return NVME_INVALID_NAMESPACE;
	if (request->cmd->nsid < NVME_NSID)
		put32(page, 0, NVME_NSID);
	return NVME_OK;
}

/* Figure 249: NGUID (type 2) and UUID (type 3), 16 bytes each. */
static int identify_descriptors(struct nvme_request *request, char *page)
{
	uint8_t uuid[16];

	if (request->cmd->nsid != NVME_NSID)
		return NVME_INVALID_NAMESPACE;
	make_uuid(request->nvme, uuid);
	for (unsigned int i = 0; i < 2; i++) {
		page[20 * i] = 2 + i;
		page[20 * i + 1] = sizeof(uuid);
		memcpy(page + 20 * i + 4, uuid, sizeof(uuid));
	}
	return NVME_OK;
}

int nvme_identify(struct nvme_request *request)
{
	static int (*const made[])(struct nvme_request * request, char *page) = {
		[NVME_CNS_NAMESPACE] = identify_namespace,
		[NVME_CNS_CONTROLLER] = identify_controller,
		[NVME_CNS_ACTIVE] = identify_active,
		[NVME_CNS_DESCRIPTORS] = identify_descriptors,
	};
	uint32_t cns = request->cmd->cdw10 & 0xff;
	char page[PAGE] = {0};
	int status;

	if (cns >= sizeof(made) / sizeof(*made))
		return NVME_INVALID_FIELD;
	status = made[cns](request, page);
	return status ? status : nvme_data_answer(request, page, PAGE, PAGE);
}
