/* SPDX-License-Identifier: MIT */
/* Models in a machine: the real host, workers, DMA through an IOAS, interrupts; with maps that come and go, resets and closes in the middle. */
#include "vfio/rig.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/models.h"
#include "model/nvme/spec.h"
#include "unit.h"

#define BIG_IOVA  UINT64_C(0x10000000)
#define BIG_PAGES 512
#define BIG_SIZE  (BIG_PAGES * UINT64_C(4096))
#define SQ_IOVA	  (RIG_IOVA + 2 * 4096)
#define CQ_IOVA	  (RIG_IOVA + 3 * 4096)

static char *big;

static void map_big(struct rig *rig)
{
	bench_map(&rig->bench, rig->ioas, big, BIG_SIZE, BIG_IOVA,
		  IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE);
}

static void begin(struct rig *rig, const struct uiommufd_model *model)
{
	static const struct pci_option options[] = {{"size", "4M"}};

	rig_init_model(rig, model, options, model == &model_nvme);
	big = bench_pages(BIG_PAGES);
	map_big(rig);
	rig_start(rig);
}

static void end(struct rig *rig)
{
	rig_done(rig);
	bench_free_pages(big, BIG_PAGES);
}

static uint64_t load(struct rig *rig, uint64_t offset, size_t len)
{
	return rig_load(rig, rig->cdev, offset, len);
}

static void store(struct rig *rig, uint64_t offset, uint64_t value, size_t len)
{
	rig_store(rig, rig->cdev, offset, value, len);
}

/* The eventfd of an MSI-X vector. */
static int vector(struct rig *rig, unsigned int i)
{
	int32_t fd = eventfd(0, EFD_CLOEXEC);

	assert_int_equal(
		rig_irqs(rig, rig->cdev,
			 (struct rig_irqs){VFIO_PCI_MSIX_IRQ_INDEX,
					   VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD,
					   i, 1, &fd}),
		0);
	return fd;
}

static void wait_for(int fd)
{
	uint64_t count;

	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
}

/* ---- NVMe ---- */

struct disk {
	struct rig rig;
	unsigned int sq_tail[2], cq_head[2], phase[2];
};

static void nvme_enable(struct disk *disk)
{
	struct rig *rig = &disk->rig;

	memset(rig->memory, 0, RIG_PAGES * 4096);
	memset(disk->sq_tail, 0, sizeof(disk->sq_tail));
	memset(disk->cq_head, 0, sizeof(disk->cq_head));
	disk->phase[0] = disk->phase[1] = 1;
	store(rig, NVME_AQA, 15 << 16 | 15, 4);
	store(rig, NVME_ASQ, RIG_IOVA, 8);
	store(rig, NVME_ACQ, RIG_IOVA + 4096, 8);
	store(rig, NVME_CC, 0x460001, 4);
	assert_int_equal(load(rig, NVME_CSTS, 4), NVME_CSTS_RDY);
}

static void nvme_put(struct disk *disk, unsigned int queue, struct nvme_cmd cmd)
{
	struct nvme_cmd *sq = (struct nvme_cmd *)(disk->rig.memory + queue * 2 * 4096);

	sq[disk->sq_tail[queue]] = cmd;
	disk->sq_tail[queue] = (disk->sq_tail[queue] + 1) % 16;
	store(&disk->rig, NVME_DOORBELLS + queue * 8, disk->sq_tail[queue], 4);
}

/* Polls for the next completion, and returns its status without DNR. */
static int nvme_get(struct disk *disk, unsigned int queue)
{
	struct nvme_cqe *cqe = (struct nvme_cqe *)(disk->rig.memory + (queue * 2 + 1) * 4096) +
			       disk->cq_head[queue];
	uint16_t status;

	while (((status = __atomic_load_n(&cqe->status, __ATOMIC_ACQUIRE)) & 1) !=
	       disk->phase[queue])
		sched_yield();
	disk->cq_head[queue] = (disk->cq_head[queue] + 1) % 16;
	disk->phase[queue] ^= !disk->cq_head[queue];
	store(&disk->rig, NVME_DOORBELLS + queue * 8 + 4, disk->cq_head[queue], 4);
	return status >> 1 & 0x7ff;
}

static void nvme_start(struct disk *disk)
{
	nvme_enable(disk);
	nvme_put(disk, 0,
		 (struct nvme_cmd){.opcode = NVME_ADMIN_CREATE_CQ,
				   .dptr = {CQ_IOVA},
				   .cdw10 = 15 << 16 | 1,
				   .cdw11 = 1 << 16 | 3});
	assert_int_equal(nvme_get(disk, 0), 0);
	nvme_put(disk, 0,
		 (struct nvme_cmd){.opcode = NVME_ADMIN_CREATE_SQ,
				   .dptr = {SQ_IOVA},
				   .cdw10 = 15 << 16 | 1,
				   .cdw11 = 1 << 16 | 1});
	assert_int_equal(nvme_get(disk, 0), 0);
}

static int nvme_setup(void **state)
{
	static struct disk disk;

	begin(&disk.rig, &model_nvme);
	nvme_start(&disk);
	*state = &disk;
	return 0;
}

static int nvme_teardown(void **state)
{
	struct disk *disk = *state;

	end(&disk->rig);
	return 0;
}

/* A page to or from page number `page` of the disk. */
static struct nvme_cmd nvme_page(uint8_t opcode, unsigned int page, uint64_t iova)
{
	return (struct nvme_cmd){
		.opcode = opcode, .nsid = 1, .dptr = {iova}, .cdw10 = page * 8, .cdw12 = 7};
}

static void nvme_reads_what_was_written(void **state)
{
	struct disk *disk = *state;
	int fd = vector(&disk->rig, 1);

	for (unsigned int i = 0; i < BIG_SIZE / 2; i++)
		big[i] = i * 3 + i / 4096;
	for (unsigned int i = 0; i < 256; i++) {
		nvme_put(disk, 1, nvme_page(NVME_IO_WRITE, i, BIG_IOVA + i * 4096));
		wait_for(fd);
		assert_int_equal(nvme_get(disk, 1), 0);
	}
	for (unsigned int i = 0; i < 256; i += 8) {
		for (unsigned int j = 0; j < 8; j++)
			nvme_put(disk, 1,
				 nvme_page(NVME_IO_READ, i + j, BIG_IOVA + (256 + i + j) * 4096));
		for (unsigned int j = 0; j < 8; j++)
			assert_int_equal(nvme_get(disk, 1), 0);
	}
	assert_memory_equal(big, big + BIG_SIZE / 2, BIG_SIZE / 2);
	close(fd);
}

static void nvme_faults(void **state)
{
	struct disk *disk = *state;

	nvme_put(disk, 1, nvme_page(NVME_IO_READ, 0, BIG_IOVA + BIG_SIZE));
	assert_int_equal(nvme_get(disk, 1), NVME_DATA_TRANSFER_ERROR);
	nvme_put(disk, 1, nvme_page(NVME_IO_READ, 0, BIG_IOVA));
	assert_int_equal(nvme_get(disk, 1), 0);
	/* Without Bus Master it can't even fetch: fatal, until it is enabled anew. */
	rig_config_store(&disk->rig, disk->rig.cdev, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	nvme_put(disk, 1, nvme_page(NVME_IO_READ, 0, BIG_IOVA));
	while (load(&disk->rig, NVME_CSTS, 4) != (NVME_CSTS_RDY | NVME_CSTS_CFS))
		sched_yield();
	rig_config_store(&disk->rig, disk->rig.cdev, PCI_COMMAND,
			 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	store(&disk->rig, NVME_CC, 0, 4);
	while (load(&disk->rig, NVME_CSTS, 4))
		sched_yield();
	nvme_start(disk);
}

/* What is mapped goes away and comes back while commands use it: each ends, well or with a fault. */
static void nvme_while_maps_change(void **state)
{
	struct disk *disk = *state;
	unsigned int good = 0, bad = 0;

	for (unsigned int round = 0; round < 200; round++) {
		for (unsigned int i = 0; i < 8; i++)
			nvme_put(disk, 1,
				 nvme_page(i % 2 ? NVME_IO_READ : NVME_IO_WRITE, i,
					   BIG_IOVA + i * 4096));
		assert_int_equal(bench_unmap(&disk->rig.bench, disk->rig.ioas, BIG_IOVA, BIG_SIZE),
				 BIG_SIZE);
		map_big(&disk->rig);
		for (unsigned int i = 0; i < 8; i++) {
			int status = nvme_get(disk, 1);

			assert_true(!status || status == NVME_DATA_TRANSFER_ERROR);
			good += !status;
			bad += !!status;
		}
	}
	assert_int_equal(good + bad, 1600);
	nvme_put(disk, 1, nvme_page(NVME_IO_READ, 0, BIG_IOVA));
	assert_int_equal(nvme_get(disk, 1), 0);
}

/* Disabled, reset and closed in the middle of work, again and again. */
static void nvme_interrupted(void **state)
{
	struct disk *disk = *state;
	struct rig *rig = &disk->rig;

	for (unsigned int round = 0; round < 100; round++) {
		for (unsigned int i = 0; i < 12; i++)
			nvme_put(disk, 1,
				 (struct nvme_cmd){.opcode = NVME_IO_READ,
						   .nsid = 1,
						   .dptr = {BIG_IOVA, BIG_IOVA + 4096},
						   .cdw12 = 15});
		if (round % 3 == 0) {
			store(rig, NVME_CC, 0x460000, 4);
			while (load(rig, NVME_CSTS, 4) & NVME_CSTS_RDY)
				sched_yield();
		} else if (round % 3 == 1) {
			assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_RESET, NULL), 0);
			assert_int_equal(load(rig, NVME_CC, 4), 0);
		} else {
			file_put(rig->cdev);
			rig_start(rig);
		}
		rig_config_store(rig, rig->cdev, PCI_COMMAND,
				 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
		nvme_start(disk);
	}
}

/* The file is cut while it is in use: the blocks are at fault, not the driver's memory, and the device goes on. */
static void nvme_loses_its_file(void **state)
{
	char path[] = "/tmp/uiommufd-disk-XXXXXX";
	const struct pci_option options[] = {{"file", path}, {"size", "1M"}};
	int fd = mkstemp(path);
	static struct disk disk;

	assert_true(fd >= 0);
	rig_init_model(&disk.rig, &model_nvme, options, 2);
	big = bench_pages(BIG_PAGES);
	map_big(&disk.rig);
	rig_start(&disk.rig);
	nvme_start(&disk);
	nvme_put(&disk, 1, nvme_page(NVME_IO_WRITE, 200, BIG_IOVA));
	assert_int_equal(nvme_get(&disk, 1), 0);
	assert_int_equal(ftruncate(fd, 4096), 0);
	nvme_put(&disk, 1, nvme_page(NVME_IO_READ, 200, BIG_IOVA));
	assert_int_equal(nvme_get(&disk, 1), NVME_READ_ERROR);
	nvme_put(&disk, 1, nvme_page(NVME_IO_COMPARE, 200, BIG_IOVA));
	assert_int_equal(nvme_get(&disk, 1), NVME_READ_ERROR);
	nvme_put(&disk, 1, nvme_page(NVME_IO_VERIFY, 200, BIG_IOVA));
	assert_int_equal(nvme_get(&disk, 1), NVME_READ_ERROR);
	nvme_put(&disk, 1, nvme_page(NVME_IO_WRITE, 200, BIG_IOVA));
	assert_int_equal(nvme_get(&disk, 1), NVME_WRITE_FAULT);
	nvme_put(&disk, 1, nvme_page(NVME_IO_READ, 0, BIG_IOVA));
	assert_int_equal(nvme_get(&disk, 1), 0);
	nvme_put(&disk, 1, nvme_page(NVME_IO_WRITE, 0, BIG_IOVA + BIG_SIZE));
	assert_int_equal(nvme_get(&disk, 1), NVME_DATA_TRANSFER_ERROR);
	end(&disk.rig);
	unlink(path);
	close(fd);
}

/* ---- IOAT ---- */

enum {
	CHANCTRL = 0x80,
	CHANCMD = 0x84,
	DMACOUNT = 0x86,
	CHANSTS = 0x88,
	CHAINADDR = 0x90,
	CHANERR = 0xa8
};
enum { SUSPEND = 4, RESET = 0x20, DONE = 1, SUSPENDED = 2, HALTED = 3 };

static int ioat_setup(void **state)
{
	static struct rig rig;

	begin(&rig, &model_ioat);
	*state = &rig;
	return 0;
}

static int ioat_teardown(void **state)
{
	end(*state);
	return 0;
}

/* n times the same copy of 64 KiB, by a descriptor that is its own successor. */
static void ioat_start(struct rig *rig, unsigned int n)
{
	const struct {
		uint32_t size, control;
		uint64_t source, destination, next;
	} descriptor = {65536, 0, BIG_IOVA, BIG_IOVA + BIG_SIZE / 2, RIG_IOVA};

	memcpy(rig->memory, &descriptor, sizeof(descriptor));
	store(rig, CHAINADDR, RIG_IOVA, 8);
	store(rig, CHANCTRL, 9, 2);
	store(rig, DMACOUNT, n, 2);
}

static unsigned int ioat_wait(struct rig *rig)
{
	unsigned int status;

	while ((status = load(rig, CHANSTS, 8) & 7) == 0)
		sched_yield();
	return status;
}

static void ioat_reset(struct rig *rig)
{
	store(rig, CHANERR, load(rig, CHANERR, 4), 4);
	store(rig, CHANCMD, RESET, 1);
	while (load(rig, CHANCMD, 1) & RESET)
		sched_yield();
	assert_int_equal(load(rig, CHANSTS, 8) & 7, HALTED);
}

static void ioat_copies(void **state)
{
	struct rig *rig = *state;

	memset(big, 'x', 65536);
	ioat_start(rig, 1000);
	assert_int_equal(ioat_wait(rig), DONE);
	assert_memory_equal(big, big + BIG_SIZE / 2, 65536);
}

/* In the middle of a long chain: suspended, reset, and its memory taken away. */
static void ioat_interrupted(void **state)
{
	struct rig *rig = *state;

	for (unsigned int round = 0; round < 30; round++) {
		ioat_start(rig, 65535);
		store(rig, CHANCMD, SUSPEND, 1);
		while ((load(rig, CHANSTS, 8) & 7) != SUSPENDED)
			sched_yield();
		ioat_start(rig, 65535);
		ioat_reset(rig);
		ioat_start(rig, 65535);
		assert_int_equal(bench_unmap(&rig->bench, rig->ioas, BIG_IOVA, BIG_SIZE), BIG_SIZE);
		assert_int_equal(ioat_wait(rig), HALTED);
		assert_true(load(rig, CHANERR, 4) & 3);
		ioat_reset(rig);
		map_big(rig);
		ioat_start(rig, 65535);
		assert_int_equal(rig_call(rig, rig->cdev, VFIO_DEVICE_RESET, NULL), 0);
		assert_int_equal(load(rig, CHANSTS, 8), HALTED);
		rig_config_store(rig, rig->cdev, PCI_COMMAND,
				 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	}
	ioat_start(rig, 3);
	assert_int_equal(ioat_wait(rig), DONE);
}

/* ---- dmatest ---- */

static int dmatest_setup(void **state)
{
	static struct rig rig;

	begin(&rig, &model_dmatest);
	*state = &rig;
	return 0;
}

/* STATUS of a transfer (its registers are told in dmatest.c). */
static uint32_t dmatest_move(struct rig *rig, uint64_t address, uint32_t command)
{
	store(rig, 0, address, 8);
	store(rig, 8, 1 | command, 4);
	while (load(rig, 8, 4) & 1)
		sched_yield();
	return load(rig, 12, 4);
}

static void dmatest_moves(void **state)
{
	struct rig *rig = *state;
	int fd = vector(rig, 0);

	for (unsigned int i = 0; i < 4096; i++)
		big[i] = i * 5;
	assert_int_equal(dmatest_move(rig, BIG_IOVA, 0), 1);
	assert_int_equal(load(rig, 4096 + 100, 1), 244);
	store(rig, 4096 + 100, 7, 1);
	assert_int_equal(dmatest_move(rig, BIG_IOVA + 8192, 2 | 4), 1);
	wait_for(fd);
	assert_int_equal(big[8192 + 100], 7);
	assert_memory_equal(big, big + 8192, 100);
	assert_int_equal(dmatest_move(rig, BIG_IOVA + BIG_SIZE - 8, 2), 3);
	assert_int_equal(load(rig, 24, 8), BIG_IOVA + BIG_SIZE);
	rig_config_store(rig, rig->cdev, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	assert_int_equal(dmatest_move(rig, BIG_IOVA, 0), 5);
	close(fd);
}

int main(void)
{
#define DMATEST(name) cmocka_unit_test_setup_teardown(name, dmatest_setup, ioat_teardown)
#define NVME(name)    cmocka_unit_test_setup_teardown(name, nvme_setup, nvme_teardown)
#define IOAT(name)    cmocka_unit_test_setup_teardown(name, ioat_setup, ioat_teardown)
	const struct CMUnitTest tests[] = {
		NVME(nvme_reads_what_was_written),
		NVME(nvme_faults),
		NVME(nvme_while_maps_change),
		NVME(nvme_interrupted),
		cmocka_unit_test(nvme_loses_its_file),
		IOAT(ioat_copies),
		IOAT(ioat_interrupted),
		DMATEST(dmatest_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
