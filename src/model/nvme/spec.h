/* SPDX-License-Identifier: MIT */
/*
 * Numbers and layouts of NVM Express, revision 1.4 (sections in what follows are of that document). Little-endian.
 */
#ifndef UIOMMUFD_MODEL_NVME_SPEC_H
#define UIOMMUFD_MODEL_NVME_SPEC_H

#include <stdint.h>

/* 3.1: registers. */
enum {
	NVME_CAP = 0x00,
	NVME_VS = 0x08,
	NVME_INTMS = 0x0c,
	NVME_INTMC = 0x10,
	NVME_CC = 0x14,
	NVME_CSTS = 0x1c,
	NVME_AQA = 0x24,
	NVME_ASQ = 0x28,
	NVME_ACQ = 0x30,
	NVME_DOORBELLS = 0x1000,
};

#define NVME_VERSION 0x00010400

/* 3.1.1 */
#define NVME_CAP_MQES(entries) ((uint64_t)(entries)-1)
#define NVME_CAP_CQR	       (UINT64_C(1) << 16)
#define NVME_CAP_TO(half_s)    ((uint64_t)(half_s) << 24)
#define NVME_CAP_DSTRD(stride) ((uint64_t)(stride) << 32)
#define NVME_CAP_CSS_NVM       (UINT64_C(1) << 37)
#define NVME_CAP_MPSMAX(shift) ((uint64_t)(shift) << 52)

/* 3.1.5 */
#define NVME_CC_EN	   0x1u
#define NVME_CC_CSS(cc)	   ((cc) >> 4 & 0x7)
#define NVME_CC_MPS(cc)	   ((cc) >> 7 & 0xf)
#define NVME_CC_AMS(cc)	   ((cc) >> 11 & 0x7)
#define NVME_CC_SHN(cc)	   ((cc) >> 14 & 0x3)
#define NVME_CC_IOSQES(cc) ((cc) >> 16 & 0xf)
#define NVME_CC_IOCQES(cc) ((cc) >> 20 & 0xf)
#define NVME_CC_WRITABLE   0x00fffff1u

/* 3.1.6 */
#define NVME_CSTS_RDY	    0x1u
#define NVME_CSTS_CFS	    0x2u
#define NVME_CSTS_SHST	    0xcu
#define NVME_CSTS_SHST_BUSY 0x4u
#define NVME_CSTS_SHST_DONE 0x8u

/* 4.2: a command. */
struct nvme_cmd {
	uint8_t opcode;
	uint8_t flags; /* 1:0 fused, 7:6 PSDT */
	uint16_t cid;
	uint32_t nsid;
	uint32_t cdw2, cdw3;
	uint64_t mptr;
	uint64_t dptr[2]; /* PRP1 and PRP2, or SGL1 */
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};
_Static_assert(sizeof(struct nvme_cmd) == 64, "4.2");

#define NVME_CMD_FUSED(flags) ((flags)&0x3)
#define NVME_CMD_PSDT(flags)  ((flags) >> 6)

/* 4.6: a completion. */
struct nvme_cqe {
	uint32_t dw0, dw1;
	uint16_t sqhd, sqid, cid, status; /* the phase tag is bit 0 of `status` */
};
_Static_assert(sizeof(struct nvme_cqe) == 16, "4.6");

/* 4.4: an SGL descriptor. */
struct nvme_sgl {
	uint64_t address;
	uint32_t length;
	uint8_t reserved[3];
	uint8_t id; /* 7:4 type, 3:0 subtype */
};
_Static_assert(sizeof(struct nvme_sgl) == 16, "4.4");

enum {
	NVME_SGL_DATA = 0,
	NVME_SGL_BIT_BUCKET = 1,
	NVME_SGL_SEGMENT = 2,
	NVME_SGL_LAST_SEGMENT = 3
};

/* 5: admin commands. */
enum {
	NVME_ADMIN_DELETE_SQ = 0x00,
	NVME_ADMIN_CREATE_SQ = 0x01,
	NVME_ADMIN_GET_LOG = 0x02,
	NVME_ADMIN_DELETE_CQ = 0x04,
	NVME_ADMIN_CREATE_CQ = 0x05,
	NVME_ADMIN_IDENTIFY = 0x06,
	NVME_ADMIN_ABORT = 0x08,
	NVME_ADMIN_SET_FEATURES = 0x09,
	NVME_ADMIN_GET_FEATURES = 0x0a,
	NVME_ADMIN_ASYNC_EVENT = 0x0c,
	NVME_ADMIN_FORMAT = 0x80,
};

/* 6: I/O commands. */
enum {
	NVME_IO_FLUSH = 0x00,
	NVME_IO_WRITE = 0x01,
	NVME_IO_READ = 0x02,
	NVME_IO_COMPARE = 0x05,
	NVME_IO_WRITE_ZEROES = 0x08,
	NVME_IO_DSM = 0x09,
	NVME_IO_VERIFY = 0x0c,
};

/* 4.6.1: status code type and status code, as in bits 11:1 of `status`. */
enum {
	NVME_OK = 0,
	NVME_INVALID_OPCODE = 0x01,
	NVME_INVALID_FIELD = 0x02,
	NVME_DATA_TRANSFER_ERROR = 0x04,
	NVME_INTERNAL_ERROR = 0x06,
	NVME_ABORT_REQUESTED = 0x07,
	NVME_ABORT_SQ_DELETION = 0x08,
	NVME_INVALID_NAMESPACE = 0x0b,
	NVME_SEQUENCE_ERROR = 0x0c,
	NVME_INVALID_SGL_SEGMENT = 0x0d,
	NVME_SGL_COUNT = 0x0e,
	NVME_SGL_LENGTH = 0x0f,
	NVME_SGL_TYPE = 0x11,
	NVME_PRP_OFFSET = 0x13,
	NVME_WRITE_PROTECTED = 0x20,
	NVME_LBA_RANGE = 0x80,
	NVME_FORMAT_IN_PROGRESS = 0x84,

	NVME_CQ_INVALID = 0x100,
	NVME_QID_INVALID = 0x101,
	NVME_QUEUE_SIZE = 0x102,
	NVME_AER_LIMIT = 0x105,
	NVME_INVALID_VECTOR = 0x108,
	NVME_INVALID_LOG = 0x109,
	NVME_INVALID_FORMAT = 0x10a,
	NVME_QUEUE_DELETION = 0x10c,
	NVME_NOT_SAVEABLE = 0x10d,
	NVME_NOT_CHANGEABLE = 0x10e,

	NVME_WRITE_FAULT = 0x280,
	NVME_READ_ERROR = 0x281,
	NVME_COMPARE_FAILURE = 0x285,
};
#define NVME_DNR 0x4000 /* do not retry */

/* 5.15: what Identify is asked for. */
enum {
	NVME_CNS_NAMESPACE = 0,
	NVME_CNS_CONTROLLER = 1,
	NVME_CNS_ACTIVE = 2,
	NVME_CNS_DESCRIPTORS = 3
};

/* 5.14.1: log pages. */
enum {
	NVME_LOG_ERROR = 1,
	NVME_LOG_SMART = 2,
	NVME_LOG_FIRMWARE = 3,
	NVME_LOG_CHANGED = 4,
	NVME_LOG_EFFECTS = 5
};

/* 5.21.1: features. */
enum {
	NVME_FEATURE_ARBITRATION = 0x01,
	NVME_FEATURE_POWER = 0x02,
	NVME_FEATURE_TEMPERATURE = 0x04,
	NVME_FEATURE_RECOVERY = 0x05,
	NVME_FEATURE_WRITE_CACHE = 0x06,
	NVME_FEATURE_QUEUES = 0x07,
	NVME_FEATURE_COALESCING = 0x08,
	NVME_FEATURE_VECTOR = 0x09,
	NVME_FEATURE_ATOMICITY = 0x0a,
	NVME_FEATURE_EVENTS = 0x0b,
	NVME_FEATURE_TIMESTAMP = 0x0e,
};

#define NVME_ALL_NAMESPACES UINT32_MAX

#endif
