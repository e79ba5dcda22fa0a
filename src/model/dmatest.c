/* SPDX-License-Identifier: MIT */
/*
 * dmatest: a device of 4 KiB of memory that moves them to and from an address. Small enough to be driven from a debugger, and it tells of
 * every fault, so it serves to try page tables, PASIDs and page requests.
 *
 * PCI 1234:11e9; PCI Express with FLR, ATS, PRI and PASID (20 bits); one MSI and one MSI-X vector.
 *
 * BAR0, 8 KiB; registers, then memory. All are little-endian, and naturally aligned stores of their size are what is meant to be used.
 *   0x00  ADDRESS  64, rw  where the DMA goes: an IOVA, of the PASID below if there is one
 *   0x08  COMMAND  32, rw  bit 0  START: a store of 1 starts a transfer, unless one runs; reads as 1 while it does (busy)
 *                          bit 1  TO_MEMORY: 0: ADDRESS to the device's memory; 1: the device's memory to ADDRESS
 *                          bit 2  INTERRUPT: raise vector 0 when it has ended
 *   0x0c  STATUS   32, ro  of the last transfer that ended: bit 0 DONE, bit 1 FAULT (some of it not mapped, or not permitted),
 *                          bit 2 NO_MASTER (Bus Master is off). A start clears it
 *   0x10  PASID    32, rw  bits 19:0 the PASID; bit 31: use it
 *   0x14  LENGTH   32, rw  bytes to move, 1 to 4096 (others count as 4096, which it is after a reset)
 *   0x18  FAULT    64, ro  with STATUS.FAULT: the first address that could not be had
 *   0x20  COUNT    64, ro  transfers that have ended since the reset
 *   0x1000         4096 bytes of device memory
 * BAR2, 4 KiB: the MSI-X table and, at 0x800, its pending bits.
 *
 * Registers are taken over at the start: what is stored while it is busy counts for the next. Where the driver's page table takes page requests
 * (PRI), an absent page is requested and the transfer goes on when the answer has come: that is the host's work, see uiommufd_dma_read().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/models.h"
#include "model/reg.h"

enum {
	ADDRESS = 0x00,
	COMMAND = 0x08,
	STATUS = 0x0c,
	PASID = 0x10,
	LENGTH = 0x14,
	FAULT = 0x18,
	COUNT = 0x20,
	MEMORY = 0x1000,
	MEMORY_SIZE = 0x1000,
};

enum { COMMAND_START = 1 << 0, COMMAND_TO_MEMORY = 1 << 1, COMMAND_INTERRUPT = 1 << 2 };
enum { STATUS_DONE = 1 << 0, STATUS_FAULT = 1 << 1, STATUS_NO_MASTER = 1 << 2 };
#define PASID_MASK   0xfffffu
#define PASID_ENABLE 0x80000000u

struct transfer {
	uint64_t address;
	uint32_t command, pasid, length;
};

struct dmatest {
	struct uiommufd_device *device;
	char *bar;
	/* Taken over by the store that started it; run's from then until it clears START. */
	struct transfer transfer;
};

static void dmatest_reset(void *state)
{
	struct dmatest *dmatest = state;

	memset(dmatest->bar, 0, MEMORY + MEMORY_SIZE);
	reg_put32(dmatest->bar, LENGTH, MEMORY_SIZE);
}

static int dmatest_create(struct uiommufd_device *device, void **ret_state)
{
	struct dmatest *dmatest = calloc(1, sizeof(*dmatest));

	if (!dmatest)
		return -ENOMEM;
	dmatest->device = device;
	dmatest->bar = uiommufd_bar(device, 0);
	dmatest_reset(dmatest);
	*ret_state = dmatest;
	return 0;
}

static void dmatest_start(struct dmatest *dmatest, uint32_t command)
{
	uint32_t pasid = reg_get32(dmatest->bar, PASID);
	uint32_t length = reg_get32(dmatest->bar, LENGTH);

	dmatest->transfer = (struct transfer){
		.address = reg_get64(dmatest->bar, ADDRESS),
		.command = command,
		.pasid = pasid & PASID_ENABLE ? pasid & PASID_MASK : UIOMMUFD_NO_PASID,
		.length = length && length <= MEMORY_SIZE ? length : MEMORY_SIZE,
	};
	reg_put32(dmatest->bar, STATUS, 0);
	reg_put32(dmatest->bar, COMMAND, command);
	uiommufd_kick(dmatest->device, 0);
}

/* While it is busy a store changes nothing. */
static void dmatest_command(void *state, uint64_t now, uint64_t stored)
{
	struct dmatest *dmatest = state;
	uint32_t command = stored & (COMMAND_START | COMMAND_TO_MEMORY | COMMAND_INTERRUPT);

	if (now & COMMAND_START)
		return;
	if (command & COMMAND_START)
		dmatest_start(dmatest, command);
	else
		reg_put32(dmatest->bar, COMMAND, command);
}

static const struct reg_row dmatest_rows[] = {
	{.offset = ADDRESS, .size = 8, .writable = UINT64_MAX},
	{.offset = PASID, .size = 4, .writable = PASID_ENABLE | PASID_MASK},
	{.offset = LENGTH, .size = 4, .writable = UINT32_MAX},
	{.offset = COMMAND, .size = 4, .store = dmatest_command},
	{0},
};

static void dmatest_bar_write(void *state, unsigned int bar, uint64_t offset, uint64_t value,
			      unsigned int len)
{
	struct dmatest *dmatest = state;

	reg_store(&(struct reg_file){dmatest_rows, dmatest->bar, dmatest}, offset, value, len);
}

static int dmatest_move(struct dmatest *dmatest, struct uiommufd_port *port)
{
	const struct transfer *transfer = &dmatest->transfer;
	char *memory = dmatest->bar + MEMORY;

	if (transfer->command & COMMAND_TO_MEMORY)
		return uiommufd_dma_write(port, transfer->pasid, transfer->address, memory,
					  transfer->length);
	return uiommufd_dma_read(port, transfer->pasid, transfer->address, memory,
				 transfer->length);
}

static void dmatest_run(void *state, struct uiommufd_port *port, unsigned int queue)
{
	struct dmatest *dmatest = state;
	uint32_t command = reg_get32(dmatest->bar, COMMAND), status = STATUS_DONE;
	int rc;

	if (!(command & COMMAND_START))
		return;
	rc = dmatest_move(dmatest, port);
	if (rc == -ECANCELED)
		return;
	if (rc == -EACCES) {
		status |= STATUS_NO_MASTER;
	} else if (rc) {
		status |= STATUS_FAULT;
		reg_put64(dmatest->bar, FAULT, uiommufd_fault(port));
	}
	reg_put32(dmatest->bar, STATUS, status);
	reg_put64(dmatest->bar, COUNT, reg_get64(dmatest->bar, COUNT) + 1);
	reg_put32(dmatest->bar, COMMAND, command & ~COMMAND_START);
	if (command & COMMAND_INTERRUPT)
		uiommufd_interrupt(dmatest->device, 0);
}

/* The device's memory is memory: programs map it, and no store to it is looked at. */
static const struct uiommufd_window dmatest_windows[] = {
	{0, UIOMMUFD_WINDOW_MEMORY, MEMORY, MEMORY_SIZE},
	{0},
};

const struct uiommufd_model model_dmatest = {
	.size = sizeof(struct uiommufd_model),
	.name = "dmatest",
	.summary = "4 KiB of memory and a DMA engine, with PASIDs and page requests",
	.flags = UIOMMUFD_MODEL_PCIE | UIOMMUFD_MODEL_FLR | UIOMMUFD_MODEL_ATS |
		 UIOMMUFD_MODEL_PRI | UIOMMUFD_MODEL_PASID | UIOMMUFD_MODEL_SRIOV,
	.vendor_id = 0x1234,
	.device_id = 0x11e9,
	.class_code = 0xff0000, /* fits no class */
	.pasid_bits = 20,
	.msi_vectors = 1,
	.msix_vectors = 1,
	.msix_bar = 2,
	.msix_pba = 0x800,
	.bars = {[0] = {MEMORY + MEMORY_SIZE, UIOMMUFD_BAR_64BIT | UIOMMUFD_BAR_MMAP},
		 [2] = {0x1000, 0}},
	.windows = dmatest_windows,
	.create = dmatest_create,
	.destroy = free,
	.reset = dmatest_reset,
	.bar_write = dmatest_bar_write,
	.run = dmatest_run,
};
