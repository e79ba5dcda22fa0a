/* SPDX-License-Identifier: MIT */
/*
 * What a VMM with an SMMUv3 for its guest does, by Linux's interfaces alone: the guest's memory as stage 2, its stream table entry and tables as stage 1, a
 * device that does DMA through both, invalidations by ioctl and by a command queue that the guest has for itself, events.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                 \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#define PAGE   4096ull
#define GUEST  (4ull << 20) /* bytes of guest memory, at guest address 0 */
#define VSID   0x21u
#define VA     0x7f0000001000ull
#define CD     0x1000ull
#define TABLES 0x2000ull /* four levels, one after the other */
#define DATA   0x100000ull
#define QUEUE  0x200000ull

/* dmatest's registers. */
enum { ADDRESS = 0, COMMAND = 8, STATUS = 12, MEMORY = 0x1000, START = 1, FROM_DEVICE = 2 };

static int iommu, vfio, events;
static uint32_t device, ioas, parent, viommu;
static uint64_t bar; /* offset of BAR 0 in the device's file */
static char *guest;

static uint64_t *word(uint64_t gpa)
{
	return (uint64_t *)(guest + gpa);
}

/* ---- what a VMM sets up ---- */

static void open_device(void)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	struct vfio_region_info region = {.argsz = sizeof(region)};
	uint16_t bus_master = 6;

	iommu = open("/dev/iommu", O_RDWR);
	vfio = open("/dev/vfio/devices/vfio0", O_RDWR);
	CHECK(iommu >= 0 && vfio >= 0);
	bind.iommufd = iommu;
	CHECK(!ioctl(vfio, VFIO_DEVICE_BIND_IOMMUFD, &bind));
	device = bind.out_devid;
	CHECK(!ioctl(vfio, VFIO_DEVICE_GET_REGION_INFO, &region));
	bar = region.offset;
	region.index = VFIO_PCI_CONFIG_REGION_INDEX;
	CHECK(!ioctl(vfio, VFIO_DEVICE_GET_REGION_INFO, &region));
	CHECK(pwrite(vfio, &bus_master, 2, (off_t)region.offset + 4) == 2);
}

static void look_at_iommu(void)
{
	struct iommu_hw_info_arm_smmuv3 info;
	struct iommu_hw_info cmd = {.size = sizeof(cmd),
				    .dev_id = device,
				    .data_len = sizeof(info),
				    .data_uptr = (uintptr_t)&info};

	CHECK(!ioctl(iommu, IOMMU_GET_HW_INFO, &cmd));
	CHECK(cmd.out_data_type == IOMMU_HW_INFO_TYPE_ARM_SMMUV3);
	CHECK((info.idr[0] & 3) == 3); /* both stages */
}

static void map_guest(void)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_ioas_map map = {.size = sizeof(map),
				     .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
					      IOMMU_IOAS_MAP_WRITEABLE,
				     .length = GUEST};
	struct iommu_hwpt_alloc hwpt = {
		.size = sizeof(hwpt), .flags = IOMMU_HWPT_ALLOC_NEST_PARENT, .dev_id = device};

	guest = mmap(NULL, GUEST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(guest != MAP_FAILED);
	CHECK(!ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc));
	ioas = map.ioas_id = hwpt.pt_id = alloc.out_ioas_id;
	map.user_va = (uintptr_t)guest;
	CHECK(!ioctl(iommu, IOMMU_IOAS_MAP, &map));
	CHECK(!ioctl(iommu, IOMMU_HWPT_ALLOC, &hwpt));
	parent = hwpt.out_hwpt_id;
}

static void make_viommu(struct iommu_viommu_tegra241_cmdqv *page)
{
	struct iommu_viommu_alloc cmd = {.size = sizeof(cmd),
					 .type = IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV,
					 .dev_id = device,
					 .hwpt_id = parent,
					 .data_len = sizeof(*page),
					 .data_uptr = (uintptr_t)page};
	struct iommu_vdevice_alloc vdevice = {
		.size = sizeof(vdevice), .dev_id = device, .virt_id = VSID};
	struct iommu_veventq_alloc queue = {
		.size = sizeof(queue), .type = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, .veventq_depth = 8};

	CHECK(!ioctl(iommu, IOMMU_VIOMMU_ALLOC, &cmd));
	viommu = vdevice.viommu_id = queue.viommu_id = cmd.out_viommu_id;
	CHECK(!ioctl(iommu, IOMMU_VDEVICE_ALLOC, &vdevice));
	CHECK(!ioctl(iommu, IOMMU_VEVENTQ_ALLOC, &queue));
	events = (int)queue.out_veventq_fd;
}

static void attach_stage1(void)
{
	/* Valid, stage 1 translates; the descriptor's address. */
	struct iommu_hwpt_arm_smmuv3 ste = {.ste = {1 | 5 << 1 | CD, 0}};
	struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt),
					.dev_id = device,
					.pt_id = viommu,
					.data_type = IOMMU_HWPT_DATA_ARM_SMMUV3,
					.data_len = sizeof(ste),
					.data_uptr = (uintptr_t)&ste};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};

	CHECK(!ioctl(iommu, IOMMU_HWPT_ALLOC, &hwpt));
	attach.pt_id = hwpt.out_hwpt_id;
	CHECK(!ioctl(vfio, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));
}

/* ---- what the guest does ---- */

/* The page of VA, for reading and writing by users, accessed. */
static void map_va(uint64_t page)
{
	*word(TABLES + 3 * PAGE + (VA >> 12 & 511) * 8) = page | 1 << 11 | 1 << 10 | 1 << 6 | 3;
}

static void make_tables(void)
{
	for (unsigned int level = 0; level < 3; level++)
		*word(TABLES + level * PAGE + (VA >> (39 - 9 * level) & 511) * 8) =
			(TABLES + (level + 1) * PAGE) | 3;
	/* ASID 1, 48 bits, AArch64, faults are recorded and end the access, TTBR1 off. */
	*word(CD) = 1ull << 48 | 1ull << 46 | 1ull << 45 | 1ull << 41 | 5ull << 32 | 1ull << 31 |
		    1ull << 30 | 16;
	*word(CD + 8) = TABLES;
	map_va(DATA);
}

static long command(uint64_t word0, uint64_t word1)
{
	struct iommu_viommu_arm_smmuv3_invalidate entry = {.cmd = {word0, word1}};
	struct iommu_hwpt_invalidate cmd = {.size = sizeof(cmd),
					    .hwpt_id = viommu,
					    .data_uptr = (uintptr_t)&entry,
					    .data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
					    .entry_len = sizeof(entry),
					    .entry_num = 1};

	return ioctl(iommu, IOMMU_HWPT_INVALIDATE, &cmd);
}

/* ---- the device ---- */

static uint32_t run_device(uint64_t address, uint32_t direction)
{
	uint32_t start = START | direction, busy, status;

	CHECK(pwrite(vfio, &address, 8, (off_t)bar + ADDRESS) == 8);
	CHECK(pwrite(vfio, &start, 4, (off_t)bar + COMMAND) == 4);
	do {
		sched_yield();
		CHECK(pread(vfio, &busy, 4, (off_t)bar + COMMAND) == 4);
	} while (busy & START);
	CHECK(pread(vfio, &status, 4, (off_t)bar + STATUS) == 4);
	return status;
}

/* What the device reads at VA: the first word. */
static uint64_t device_reads(void)
{
	uint64_t got;

	CHECK(run_device(VA, 0) == 1);
	CHECK(pread(vfio, &got, 8, (off_t)bar + MEMORY) == 8);
	return got;
}

/* ---- the checks ---- */

static void stale_until_invalidated(void)
{
	*word(DATA) = 0x1111;
	*word(DATA + PAGE) = 0x2222;
	CHECK(device_reads() == 0x1111);
	map_va(DATA + PAGE);
	CHECK(device_reads() == 0x1111);
	CHECK(!command(0x12 | 1ull << 48, VA | 1));
	CHECK(device_reads() == 0x2222);
	CHECK(command(0x02, 0) == -1);
}

static void device_writes(void)
{
	memset(guest + DATA + PAGE, 0, PAGE);
	CHECK(run_device(VA, FROM_DEVICE) == 1);
	CHECK(*word(DATA + PAGE) == 0x2222);
}

static void fault_is_an_event(void)
{
	struct {
		struct iommufd_vevent_header header;
		struct iommu_vevent_arm_smmuv3 event;
	} got = {0};

	CHECK(run_device(VA + PAGE, 0) & 2);
	CHECK(read(events, &got, sizeof(got)) == sizeof(got));
	CHECK((got.event.evt[0] & 0xff) == 0x10 && got.event.evt[0] >> 32 == VSID);
	CHECK(got.event.evt[2] == VA + PAGE);
}

/* No call is made here: stores to the page, and commands in guest memory. */
static void queue_of_the_guest(const struct iommu_viommu_tegra241_cmdqv *page)
{
	struct iommu_hw_queue_alloc cmd = {.size = sizeof(cmd),
					   .viommu_id = viommu,
					   .type = IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV,
					   .nesting_parent_iova = QUEUE,
					   .length = PAGE};
	struct iommu_destroy destroy = {.size = sizeof(destroy), .id = viommu};
	_Atomic uint32_t *regs;

	CHECK(!ioctl(iommu, IOMMU_HW_QUEUE_ALLOC, &cmd));
	regs = mmap(NULL, page->out_vintf_mmap_length, PROT_READ | PROT_WRITE, MAP_SHARED, iommu,
		    (off_t)page->out_vintf_mmap_offset);
	CHECK(regs != MAP_FAILED);
	regs[2] = 1;
	while (!regs[3])
		sched_yield();
	map_va(DATA);
	*word(QUEUE) = 0x12 | 1ull << 48;
	*word(QUEUE + 8) = VA | 1;
	*word(QUEUE + 16) = 0x46;
	regs[1] = 2;
	while (regs[0] != 2)
		sched_yield();
	CHECK(device_reads() == 0x1111);
	/* Nothing of it goes while it is in use. */
	CHECK(ioctl(iommu, IOMMU_DESTROY, &destroy) == -1);
	CHECK(!munmap((void *)regs, page->out_vintf_mmap_length));
	destroy.id = cmd.out_hw_queue_id;
	CHECK(!ioctl(iommu, IOMMU_DESTROY, &destroy));
}

int main(void)
{
	struct iommu_viommu_tegra241_cmdqv page = {0};

	printf("1..4\n");
	open_device();
	look_at_iommu();
	map_guest();
	make_viommu(&page);
	make_tables();
	attach_stage1();
	stale_until_invalidated();
	printf("ok 1 - a translation is remembered until a command drops it\n");
	device_writes();
	printf("ok 2 - the device writes through both stages\n");
	fault_is_an_event();
	printf("ok 3 - a fault is an event with the virtual StreamID\n");
	queue_of_the_guest(&page);
	printf("ok 4 - the guest's own command queue\n");
	return 0;
}
