/* SPDX-License-Identifier: MIT */
/* NVMe (1.4) as a model: what it is, its options, its life. nvme.h says what is where. */
#include "model/nvme/nvme.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/models.h"

/* ---- run ---- */

static void finish_shutdown(struct nvme *nvme)
{
	bool wanted;

	uiommufd_lock(nvme->device);
	wanted = nvme->shutdown;
	uiommufd_unlock(nvme->device);
	if (!wanted)
		return;
	nvme_backend_flush(&nvme->backend);
	nvme_shutdown_done(nvme);
}

static void nvme_run(void *state, struct uiommufd_port *port, unsigned int queue)
{
	struct nvme *nvme = state;

	if (!nvme_enter(nvme))
		return;
	if (queue < NVME_QUEUES)
		nvme_sq_work(nvme, port, queue);
	else
		nvme_lane_work(nvme, port, queue - NVME_QUEUES);
	if (!queue) {
		if (nvme_ready(nvme))
			nvme_events_report(nvme, port);
		finish_shutdown(nvme);
	}
	nvme_leave(nvme);
}

/* ---- life ---- */

static int read_block(struct nvme *nvme)
{
	uint64_t block = 512;
	int rc = uiommufd_option_number(nvme->device, "block", &block);

	if (rc)
		return rc;
	if (block != 512 && block != 4096)
		return uiommufd_complain(nvme->device, "block is 512 or 4096");
	nvme->lba_shift = block == 512 ? 9 : 12;
	return 0;
}

static int read_stride(struct nvme *nvme)
{
	uint64_t stride = 0;
	int rc = uiommufd_option_number(nvme->device, "stride", &stride);

	if (rc)
		return rc;
	if (stride > NVME_STRIDE_MOST)
		return uiommufd_complain(nvme->device, "stride is a number from 0 to %d",
					 NVME_STRIDE_MOST);
	nvme->stride = stride;
	return 0;
}

/* One of its own for each device, as drivers expect it. */
static int read_serial(struct nvme *nvme)
{
	const char *serial = uiommufd_option(nvme->device, "serial");

	if (!serial)
		serial = uiommufd_name(nvme->device);
	if (!*serial || strlen(serial) >= sizeof(nvme->serial))
		return uiommufd_complain(nvme->device, "serial has 1 to 20 characters");
	strcpy(nvme->serial, serial);
	return 0;
}

static int read_options(struct nvme *nvme)
{
	int rc = read_block(nvme);

	if (!rc)
		rc = read_stride(nvme);
	if (!rc)
		rc = read_serial(nvme);
	return rc ? rc : nvme_backend_init(&nvme->backend, nvme->device);
}

static int nvme_create(struct uiommufd_device *device, void **ret_state)
{
	struct nvme *nvme = calloc(1, sizeof(*nvme));
	int rc;

	if (!nvme)
		return -ENOMEM;
	nvme->device = device;
	nvme->bar = uiommufd_bar(device, 0);
	rc = read_options(nvme);
	if (rc) {
		nvme_backend_done(&nvme->backend);
		free(nvme);
		return rc;
	}
	for (unsigned int i = 0; i < NVME_QUEUES; i++) {
		pthread_mutex_init(&nvme->sqs[i].lock, NULL);
		pthread_mutex_init(&nvme->cqs[i].lock, NULL);
	}
	pthread_mutex_init(&nvme->log.lock, NULL);
	nvme_lanes_init(nvme);
	nvme->log.started = nvme_now();
	nvme_power_on(nvme);
	*ret_state = nvme;
	return 0;
}

static void nvme_destroy(void *state)
{
	struct nvme *nvme = state;

	for (unsigned int i = 0; i < NVME_QUEUES; i++) {
		pthread_mutex_destroy(&nvme->sqs[i].lock);
		pthread_mutex_destroy(&nvme->cqs[i].lock);
	}
	pthread_mutex_destroy(&nvme->log.lock);
	nvme_lanes_done(nvme);
	nvme_backend_done(&nvme->backend);
	free(nvme);
}

static void nvme_reset(void *state)
{
	nvme_power_on(state);
}

static const struct uiommufd_option nvme_options[] = {
	{"size", "bytes of memory, or of the file if it is shorter (64M, or the file's)"},
	{"file", "a disk image: mapped, and flushed when the driver says so (memory)"},
	{"ro", "on: it can't be written (off)"},
	{"block", "512 or 4096 bytes (512)"},
	{"serial", "serial number, up to 20 characters (its address on the bus)"},
	{"stride", "log2 of the doorbells' distance in 4 bytes, 0 to 5 (0)"},
	{0},
};

const struct uiommufd_model model_nvme = {
	.size = sizeof(struct uiommufd_model),
	.name = "nvme",
	.summary = "an NVMe disk in memory or in a file",
	.flags = UIOMMUFD_MODEL_PCIE | UIOMMUFD_MODEL_FLR | UIOMMUFD_MODEL_SRIOV,
	.vendor_id = 0x1234,
	.device_id = 0x11ea,
	.subsystem_vendor_id = 0x1234,
	.subsystem_id = 0x11ea,
	.class_code = 0x010802, /* mass storage, NVM, NVM Express */
	.revision = 1,
	.intx_pin = 1,
	.msix_vectors = NVME_QUEUES,
	.msix_bar = 4,
	.msix_pba = 0x800,
	.bars = {[0] = {NVME_BAR_SIZE, UIOMMUFD_BAR_64BIT | UIOMMUFD_BAR_MMAP}, [4] = {0x1000, 0}},
	.options = nvme_options,
	.queues = NVME_QUEUES + NVME_LANES,
	.workers = NVME_QUEUES + NVME_LANES,
	.create = nvme_create,
	.destroy = nvme_destroy,
	.reset = nvme_reset,
	.bar_write = nvme_bar_write,
	.run = nvme_run,
};
