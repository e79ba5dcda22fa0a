/* SPDX-License-Identifier: MIT */
/* What drivers here need of NVM Express, revision 1.4: registers (3.1), commands and completions (4.2, 4.6), opcodes (5, 6). */
#ifndef EXAMPLES_NVME_H
#define EXAMPLES_NVME_H

#include <stdint.h>

enum { CC = 0x14, CSTS = 0x1c, AQA = 0x24, ASQ = 0x28, ACQ = 0x30, DOORBELLS = 0x1000 };
/* Of CC: entries of 64 and 16 bytes; enable. Of CSTS: */
enum { CC_ENABLE = 0x460001, CSTS_READY = 1, CSTS_FATAL = 2 };
/* Of admin queues; of I/O queues. */
enum { CREATE_SQ = 1, CREATE_CQ = 5, IDENTIFY = 6 };
enum { WRITE = 1, READ = 2 };

struct command {
	uint8_t opcode, flags;
	uint16_t id;
	uint32_t nsid, unused[4];
	uint64_t prp[2];
	uint32_t dword[6]; /* from 10 on */
};

struct completion {
	uint32_t result, unused;
	uint16_t sq_head, sq, id, status; /* bit 0: the phase */
};

/* Both sizes in AQA. */
static inline uint32_t admin_sizes(unsigned int entries)
{
	return (entries - 1) << 16 | (entries - 1);
}

/* I/O queues with the same id for both, without interrupts. */
static inline struct command create_cq(unsigned int id, unsigned int entries, uint64_t iova)
{
	return (struct command){
		.opcode = CREATE_CQ, .prp = {iova}, .dword = {(entries - 1) << 16 | id, 1}};
}

static inline struct command create_sq(unsigned int id, unsigned int entries, uint64_t iova)
{
	return (struct command){.opcode = CREATE_SQ,
				.prp = {iova},
				.dword = {(entries - 1) << 16 | id, id << 16 | 1}};
}

#endif
