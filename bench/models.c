/* SPDX-License-Identifier: MIT */
/*
 * Devices, driven in this process through their VFIO files: registers by file_write(), DMA by the device's workers, interrupts by an eventfd. Time is that of
 * all threads on a processor: what one core would need for driver and device.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "../examples/nvme.h"
#include "bench.h"
#include "core/client.h"
#include "core/file.h"
#include "core/machine.h"
#include "machine/machine.h"

#define PAGE	 4096
#define RING	 (64 * PAGE) /* of the memory: queues, descriptors */
#define MEMORY	 (RING + (4u << 20))
#define IOVA	 0x100000
#define IOMMU_FD 1000 /* what the client calls its context */
#define ENTRIES	 64
#define DEPTH	 32

struct rig {
	struct client client; /* the first: ops find the rig by it */
	struct machine *machine;
	struct file *iommu, *device;
	char *memory;
	int event;
	size_t count;
	unsigned int tail, head, phase; /* NVMe: of the I/O queues */
};

static void check(long rc, const char *what)
{
	if (rc < 0)
		bench_fail(what);
}

static double cpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

/* ---- a machine with one device ---- */

static int fd_file(struct client *client, int fd, struct file **ret_file)
{
	struct rig *rig = (struct rig *)client;

	if (fd != IOMMU_FD)
		return -EBADF;
	*ret_file = file_get(rig->iommu);
	return 0;
}

static int fd_native(struct client *client, int fd)
{
	return dup(fd);
}

static const struct client_ops ops = {.fd_file = fd_file, .fd_native = fd_native};

static void build(struct rig *rig, const char *device)
{
	struct config_error error;
	struct config *config;

	check(config_new(&config), "config_new");
	if (config_add_device(config, device, &error) || config_complete(config, NULL, &error) ||
	    machine_learn(config, &error) ||
	    machine_build(config, NULL, NULL, &error, &rig->machine))
		bench_fail(error.text);
	config_free(config);
}

static void call(struct rig *rig, struct file *file, unsigned int cmd, void *arg)
{
	check(file_ioctl(file, &rig->client, cmd, (uintptr_t)arg), "ioctl");
}

static void store(struct rig *rig, uint64_t offset, uint64_t value, size_t len)
{
	check(file_write(rig->device, &rig->client, (uintptr_t)&value, len, (int64_t)offset),
	      "pwrite");
}

static uint64_t load(struct rig *rig, uint64_t offset, size_t len)
{
	uint64_t value = 0;

	check(file_read(rig->device, &rig->client, (uintptr_t)&value, len, (int64_t)offset),
	      "pread");
	return value;
}

static void attach(struct rig *rig)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = IOMMU_FD};
	struct vfio_device_attach_iommufd_pt pt = {.argsz = sizeof(pt)};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.user_va = (uintptr_t)rig->memory,
		.length = MEMORY,
		.iova = IOVA,
	};

	call(rig, rig->iommu, IOMMU_IOAS_ALLOC, &alloc);
	map.ioas_id = pt.pt_id = alloc.out_ioas_id;
	call(rig, rig->iommu, IOMMU_IOAS_MAP, &map);
	call(rig, rig->device, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	call(rig, rig->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &pt);
	store(rig, ((uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40) + 4, 6, 2);
}

static void listen_to(struct rig *rig, unsigned int vector)
{
	struct {
		struct vfio_irq_set set;
		int32_t fd;
	} irqs = {.set = {.argsz = sizeof(irqs),
			  .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			  .index = VFIO_PCI_MSIX_IRQ_INDEX,
			  .start = vector,
			  .count = 1}};

	rig->event = irqs.fd = eventfd(0, EFD_CLOEXEC);
	check(irqs.fd, "eventfd");
	call(rig, rig->device, VFIO_DEVICE_SET_IRQS, &irqs);
}

static void wait_for(struct rig *rig)
{
	uint64_t n;

	if (read(rig->event, &n, sizeof(n)) != sizeof(n))
		bench_fail("eventfd");
}

static void rig_init(struct rig *rig, const char *device)
{
	*rig = (struct rig){.client = {.ops = &ops, .mm = mm_self()}};
	mm_track(rig->client.mm, true);
	build(rig, device);
	rig->memory =
		mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(rig->memory == MAP_FAILED ? -1 : 0, "mmap");
	memset(rig->memory, 1, MEMORY);
	memset(rig->memory, 0, RING);
	check(machine_open(rig->machine, &rig->client, "iommu", &rig->iommu), "iommu");
	check(machine_open(rig->machine, &rig->client, "vfio/devices/vfio0", &rig->device),
	      "vfio0");
	attach(rig);
}

static void rig_done(struct rig *rig)
{
	file_put(rig->device);
	file_put(rig->iommu);
	machine_put(rig->machine);
	mm_put(rig->client.mm);
	munmap(rig->memory, MEMORY);
	close(rig->event);
}

/* ---- NVMe ---- */

/* The admin queues are pages 0 and 1, the I/O queues 2 and 3. */
static void nvme_admin(struct rig *rig, unsigned int i, struct command command)
{
	struct completion *cq = (struct completion *)(rig->memory + PAGE);

	((struct command *)rig->memory)[i] = command;
	store(rig, DOORBELLS, i + 1, 4);
	while (!(__atomic_load_n(&cq[i].status, __ATOMIC_ACQUIRE) & 1))
		;
	if (cq[i].status != 1)
		bench_fail("admin command");
}

static void nvme_start(struct rig *rig)
{
	rig_init(rig, "nvme,size=64M");
	store(rig, AQA, admin_sizes(16), 4);
	store(rig, ASQ, IOVA, 8);
	store(rig, ACQ, IOVA + PAGE, 8);
	store(rig, CC, CC_ENABLE, 4);
	if (!(load(rig, CSTS, 4) & CSTS_READY))
		bench_fail("NVMe is not ready");
	nvme_admin(rig, 0,
		   (struct command){.opcode = CREATE_CQ, /* with an interrupt */
				    .prp = {IOVA + 3 * PAGE},
				    .dword = {(ENTRIES - 1) << 16 | 1, 1 << 16 | 3}});
	nvme_admin(rig, 1, create_sq(1, ENTRIES, IOVA + 2 * PAGE));
	listen_to(rig, 1);
	rig->phase = 1;
}

static void nvme_submit(struct rig *rig, unsigned int id)
{
	unsigned int page = bench_random() % (64 << 8);

	((struct command *)(rig->memory + 2 * PAGE))[rig->tail] =
		(struct command){.opcode = READ,
				 .id = id,
				 .nsid = 1,
				 .prp = {IOVA + RING + id * PAGE},
				 .dword = {page * 8, 0, 7}};
	rig->tail = (rig->tail + 1) % ENTRIES;
}

static unsigned int nvme_reap(struct rig *rig)
{
	struct completion *cq = (struct completion *)(rig->memory + 3 * PAGE);
	unsigned int n = 0;

	while ((__atomic_load_n(&cq[rig->head].status, __ATOMIC_ACQUIRE) & 1) == rig->phase) {
		if (cq[rig->head].status >> 1)
			bench_fail("a read failed");
		rig->head = (rig->head + 1) % ENTRIES;
		rig->phase ^= !rig->head;
		n++;
	}
	return n;
}

/* So many at a time, then the next so many. */
static double nvme_once(void *arg)
{
	struct rig *rig = arg;
	double start = cpu_now();

	for (size_t i = 0; i < rig->count; i += DEPTH) {
		for (unsigned int j = 0; j < DEPTH; j++)
			nvme_submit(rig, j);
		store(rig, DOORBELLS + 8, rig->tail, 4);
		for (unsigned int done = nvme_reap(rig); done < DEPTH; done += nvme_reap(rig))
			wait_for(rig);
		store(rig, DOORBELLS + 12, rig->head, 4);
	}
	return (cpu_now() - start) / rig->count;
}

struct copies {
	char *from, *to;
	size_t size, from_size, count;
};

static double memcpy_once(void *arg)
{
	struct copies *copies = arg;
	double start = cpu_now();

	for (size_t i = 0; i < copies->count; i++) {
		size_t at = bench_random() % (copies->from_size / copies->size) * copies->size;

		memcpy(copies->to + i % DEPTH * copies->size, copies->from + at, copies->size);
		bench_keep((uintptr_t)copies->to);
	}
	return (cpu_now() - start) / copies->count;
}

static void bench_nvme(void)
{
	struct copies copies = {
		.size = PAGE, .from_size = 64 << 20, .count = bench_count(100) * DEPTH};
	struct rig rig;

	copies.from = mmap(NULL, copies.from_size, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(copies.from == MAP_FAILED ? -1 : 0, "mmap");
	nvme_start(&rig);
	rig.count = copies.count;
	copies.to = rig.memory + RING;
	bench_row("NVMe: a read of 4 KiB, 32 at a time", 0,
		  &(struct bench_work){"driver and device", nvme_once, &rig},
		  &(struct bench_work){"memcpy", memcpy_once, &copies});
	rig_done(&rig);
	munmap(copies.from, copies.from_size);
}

/* ---- IOAT ---- */

enum {
	INTRCTRL = 0x03,
	CHANCTRL = 0x80,
	CHANCMD = 0x84,
	DMACOUNT = 0x86,
	CHANSTS = 0x88,
	CHAINADDR = 0x90
};

#define PIECE 65536

/* A ring of copies within the data, the last of which interrupts. */
static double ioat_once(void *arg)
{
	struct {
		uint32_t size, control;
		uint64_t from, to, next, unused[4];
	} * ring;
	struct rig *rig = arg;
	double start = cpu_now();

	ring = (void *)rig->memory;
	for (size_t i = 0; i < rig->count; i++) {
		ring[i].size = PIECE;
		ring[i].control = i + 1 == rig->count;
		ring[i].from = IOVA + RING + i % DEPTH * PIECE;
		ring[i].to = IOVA + RING + (DEPTH + bench_random() % (DEPTH - 1)) * PIECE;
		ring[i].next = IOVA + (i + 1) * 64;
	}
	store(rig, CHANCMD, 0x20, 1);
	store(rig, CHAINADDR, IOVA, 8);
	store(rig, CHANCTRL, 9, 2);
	store(rig, DMACOUNT, rig->count, 2);
	wait_for(rig);
	while ((load(rig, CHANSTS, 8) & 7) == 0)
		;
	if ((load(rig, CHANSTS, 8) & 7) != 1)
		bench_fail("IOAT has stopped");
	return (cpu_now() - start) / rig->count;
}

static void bench_ioat(void)
{
	struct copies copies = {
		.size = PIECE, .from_size = DEPTH * PIECE, .count = bench_count(200)};
	struct rig rig;

	rig_init(&rig, "ioat");
	listen_to(&rig, 0);
	store(&rig, INTRCTRL, 8, 1);
	rig.count = copies.count;
	copies.from = rig.memory + RING;
	copies.to = rig.memory + RING + copies.from_size;
	bench_row("IOAT: a copy of 64 KiB", 0,
		  &(struct bench_work){"driver and device", ioat_once, &rig},
		  &(struct bench_work){"memcpy", memcpy_once, &copies});
	rig_done(&rig);
}

void bench_models(void)
{
	if (bench_wanted("NVMe: a read of 4 KiB, 32 at a time"))
		bench_nvme();
	if (bench_wanted("IOAT: a copy of 64 KiB"))
		bench_ioat();
}
