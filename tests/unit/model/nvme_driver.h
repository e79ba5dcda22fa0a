/* SPDX-License-Identifier: MIT */
/* A small driver for model/nvme on the host of host.h: queues at fixed addresses, one command at a time unless a test wants more. */
#ifndef UIOMMUFD_TESTS_UNIT_MODEL_NVME_DRIVER_H
#define UIOMMUFD_TESTS_UNIT_MODEL_NVME_DRIVER_H

#include "host.h"
#include "model/models.h"
#include "model/nvme/spec.h"

#define PAGE   UINT64_C(4096)
#define ASQ    HOST_BASE
#define ACQ    (HOST_BASE + PAGE)
#define SQ(i)  (HOST_BASE + (uint64_t)(i)*8 * PAGE) /* of I/O queue i, from 1 */
#define CQ(i)  (SQ(i) + 4 * PAGE)
#define LISTS  (HOST_BASE + 64 * PAGE)
#define DATA   (HOST_BASE + 128 * PAGE) /* 512 pages */
#define ABSENT (HOST_END + PAGE)

struct driver {
	struct uiommufd_device host;
	unsigned int stride;
	struct {
		uint64_t sq, cq;
		unsigned int size, tail, head;
		bool phase;
	} queues[3];
	uint16_t cid;
};

/* The device, with the options; not enabled. */
void driver_open(struct driver *driver, const char *options);
void driver_close(struct driver *driver);
/* Admin queues of 16 entries. */
void driver_enable(struct driver *driver);
/* I/O queues 1 and 2 with n entries each. */
void driver_make_queues(struct driver *driver, unsigned int n);

uint32_t driver_csts(struct driver *driver);
void driver_ring(struct driver *driver, unsigned int queue, bool cq, uint32_t value);
/* Puts a command into a queue, without telling. Returns its id. */
uint16_t driver_put(struct driver *driver, unsigned int queue, struct nvme_cmd cmd);
void driver_submit(struct driver *driver, unsigned int queue);
/* The next completion, without the phase tag in its status; false: there is none. */
bool driver_poll(struct driver *driver, unsigned int queue, struct nvme_cqe *ret_cqe);
/* One command from begin to end: its status, without DNR; -1: there is no completion. */
int driver_do(struct driver *driver, unsigned int queue, struct nvme_cmd cmd,
	      struct nvme_cqe *ret_cqe);
/* Reads or writes n blocks by pages that follow each other. */
int driver_rw(struct driver *driver, uint8_t opcode, uint64_t first, unsigned int n,
	      uint64_t address);

#endif
