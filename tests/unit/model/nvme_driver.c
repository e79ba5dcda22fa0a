/* SPDX-License-Identifier: MIT */
#include "nvme_driver.h"

#include <string.h>

#include "unit.h"

void driver_open(struct driver *driver, const char *options)
{
	*driver = (struct driver){0};
	assert_int_equal(host_init(&driver->host, &model_nvme, options), 0);
	driver->stride = host_load(&driver->host, 0, NVME_CAP + 4, 4) & 0xf;
}

void driver_close(struct driver *driver)
{
	host_done(&driver->host);
}

uint32_t driver_csts(struct driver *driver)
{
	return host_load(&driver->host, 0, NVME_CSTS, 4);
}

static void set_queue(struct driver *driver, unsigned int i, uint64_t sq, uint64_t cq,
		      unsigned int size)
{
	driver->queues[i].sq = sq;
	driver->queues[i].cq = cq;
	driver->queues[i].size = size;
	driver->queues[i].tail = driver->queues[i].head = 0;
	driver->queues[i].phase = true;
	memset(host_at(&driver->host, cq), 0, size * sizeof(struct nvme_cqe));
}

void driver_enable(struct driver *driver)
{
	struct uiommufd_device *host = &driver->host;

	set_queue(driver, 0, ASQ, ACQ, 16);
	host_store(host, 0, NVME_AQA, 15 << 16 | 15, 4);
	host_store(host, 0, NVME_ASQ, ASQ, 8);
	host_store(host, 0, NVME_ACQ, ACQ & UINT32_MAX, 4);
	host_store(host, 0, NVME_ACQ + 4, ACQ >> 32, 4);
	host_store(host, 0, NVME_CC, 0x460001, 4);
	assert_int_equal(driver_csts(driver), NVME_CSTS_RDY);
}

void driver_make_queues(struct driver *driver, unsigned int n)
{
	for (unsigned int i = 1; i <= 2; i++) {
		set_queue(driver, i, SQ(i), CQ(i), n);
		assert_int_equal(driver_do(driver, 0,
					   (struct nvme_cmd){.opcode = NVME_ADMIN_CREATE_CQ,
							     .dptr = {CQ(i)},
							     .cdw10 = (n - 1) << 16 | i,
							     .cdw11 = i << 16 | 3},
					   NULL),
				 0);
		assert_int_equal(driver_do(driver, 0,
					   (struct nvme_cmd){.opcode = NVME_ADMIN_CREATE_SQ,
							     .dptr = {SQ(i)},
							     .cdw10 = (n - 1) << 16 | i,
							     .cdw11 = i << 16 | 1},
					   NULL),
				 0);
	}
}

void driver_ring(struct driver *driver, unsigned int queue, bool cq, uint32_t value)
{
	host_store(&driver->host, 0,
		   NVME_DOORBELLS + (2 * queue + cq) * (UINT64_C(4) << driver->stride), value, 4);
}

uint16_t driver_put(struct driver *driver, unsigned int queue, struct nvme_cmd cmd)
{
	struct nvme_cmd *sq = host_at(&driver->host, driver->queues[queue].sq);

	cmd.cid = driver->cid++;
	sq[driver->queues[queue].tail] = cmd;
	driver->queues[queue].tail = (driver->queues[queue].tail + 1) % driver->queues[queue].size;
	return cmd.cid;
}

void driver_submit(struct driver *driver, unsigned int queue)
{
	driver_ring(driver, queue, false, driver->queues[queue].tail);
}

bool driver_poll(struct driver *driver, unsigned int queue, struct nvme_cqe *ret_cqe)
{
	struct nvme_cqe *cq = host_at(&driver->host, driver->queues[queue].cq);
	struct nvme_cqe cqe = cq[driver->queues[queue].head];

	if ((cqe.status & 1) != driver->queues[queue].phase)
		return false;
	cqe.status >>= 1;
	driver->queues[queue].head++;
	if (driver->queues[queue].head == driver->queues[queue].size) {
		driver->queues[queue].head = 0;
		driver->queues[queue].phase = !driver->queues[queue].phase;
	}
	driver_ring(driver, queue, true, driver->queues[queue].head);
	*ret_cqe = cqe;
	return true;
}

int driver_do(struct driver *driver, unsigned int queue, struct nvme_cmd cmd,
	      struct nvme_cqe *ret_cqe)
{
	uint16_t cid = driver_put(driver, queue, cmd);
	struct nvme_cqe cqe;

	driver_submit(driver, queue);
	host_run(&driver->host, 100);
	assert_int_equal(driver->host.kicked, 0);
	if (!driver_poll(driver, queue, &cqe))
		return -1;
	assert_int_equal(cqe.cid, cid);
	assert_int_equal(cqe.sqid, queue);
	assert_int_equal(cqe.sqhd, driver->queues[queue].tail);
	if (ret_cqe)
		*ret_cqe = cqe;
	return cqe.status & 0x7ff;
}

int driver_rw(struct driver *driver, uint8_t opcode, uint64_t first, unsigned int n,
	      uint64_t address)
{
	uint64_t *list = host_at(&driver->host, LISTS);

	for (unsigned int i = 0; i < 512; i++)
		list[i] = (address & ~(PAGE - 1)) + (i + 1) * PAGE;
	return driver_do(
		driver, 1,
		(struct nvme_cmd){.opcode = opcode,
				  .nsid = 1,
				  .dptr = {address, n * 512 + address % PAGE > 2 * PAGE
							    ? LISTS
							    : (address & ~(PAGE - 1)) + PAGE},
				  .cdw10 = first,
				  .cdw11 = first >> 32,
				  .cdw12 = n - 1},
		NULL);
}
