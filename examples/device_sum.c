/* SPDX-License-Identifier: MIT */
/* A whole device model, from outside of the tree: it adds up `length` bytes at an IOVA. sum.c is its driver. */
#include <string.h>
#include <uiommufd/device.h>

struct registers { /* of BAR 0; a store to length starts it, and interrupt 0 says that status is no longer 1 */
	volatile uint64_t address;
	volatile uint32_t length, status; /* 0 done, 1 busy, 2 fault */
	volatile uint64_t sum;
};

static int create(struct uiommufd_device *device, void **state)
{
	*state = device;
	return 0;
}

static void store(void *device, unsigned int bar, uint64_t offset, uint64_t value, unsigned int len)
{
	struct registers *registers = uiommufd_bar(device, 0);

	memcpy((char *)registers + offset, &value, len);
	if (offset == offsetof(struct registers, length)) {
		registers->status = 1;
		uiommufd_kick(device, 0); /* run() is called by a worker: DMA can wait */
	}
}

static void run(void *device, struct uiommufd_port *port, unsigned int queue)
{
	struct registers *registers = uiommufd_bar(device, 0);
	unsigned char byte = 0;
	int rc = 0;

	registers->sum = 0;
	for (uint32_t i = 0; i < registers->length && !rc; i++, registers->sum += byte)
		rc = uiommufd_dma_read(port, UIOMMUFD_NO_PASID, registers->address + i, &byte, 1);
	registers->status = rc ? 2 : 0;
	uiommufd_interrupt(device, 0);
}

static const struct uiommufd_model model = {.size = sizeof(model),
					    .name = "sum",
					    .vendor_id = 0x1234,
					    .device_id = 0x5a5a,
					    .flags = UIOMMUFD_MODEL_PCIE | UIOMMUFD_MODEL_FLR,
					    .msi_vectors = 1,
					    .bars = {{4096, UIOMMUFD_BAR_MMAP}},
					    .create = create,
					    .bar_write = store,
					    .run = run};
UIOMMUFD_MODEL(model);
