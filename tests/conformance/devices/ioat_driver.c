/* SPDX-License-Identifier: MIT */
/* IOAT's registers are known from DPDK's driver (BSD licence). */
#include "ioat_driver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#define BAR0_INTRCTRL 0x03
#define INTRCTRL_MSIX 0x08
/* Of the channel, which begins at 0x80. */
#define CHANCTRL    0x80
#define CHANCMD	    0x84
#define DMACOUNT    0x86
#define CHANSTS	    0x88
#define CHAINADDR   0x90
#define CHANERR	    0xa8
#define CMD_SUSPEND 0x04
#define CMD_RESET   0x20
#define STATE	    0x07
enum { STATE_ACTIVE, STATE_DONE, STATE_SUSPENDED, STATE_HALTED };
#define CTRL_REARM	 0x01
#define CTRL_ABORT_ERROR 0x08

#define PCI_COMMAND	   0x04
#define PCI_COMMAND_MEMORY 0x02
#define PCI_COMMAND_MASTER 0x04

struct ioat_work {
	struct {
		uint32_t size, control; /* control: 0 is a copy, bit 0 wants the interrupt */
		uint64_t from, to, next, unused[4];
	} descriptor;
};
#define WORK_SIZE 4096

static int result(int r)
{
	return r < 0 ? -errno : 0;
}

/* A hexadecimal number in a file of sysfs; -1 if there is none. */
static long sysfs_number(const char *device, const char *name)
{
	char path[PATH_MAX];
	long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", device, name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%lx", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

/* The entry of a folder that begins with `start`. */
static int find_entry(const char *folder, const char *start, char ret_name[static NAME_MAX + 1])
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int r = -ENODEV;

	if (!dir)
		return -errno;
	while (r && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, start, strlen(start))) {
			strcpy(ret_name, entry->d_name);
			r = 0;
		}
	closedir(dir);
	return r;
}

int ioat_find(char ret_node[static PATH_MAX])
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	char folder[PATH_MAX], name[NAME_MAX + 1];
	struct dirent *entry;
	int r = -ENODEV;

	if (!dir)
		return -errno;
	while (r && (entry = readdir(dir))) {
		if (sysfs_number(entry->d_name, "vendor") != 0x8086 ||
		    sysfs_number(entry->d_name, "device") != 0x2021)
			continue;
		snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%s/vfio-dev", entry->d_name);
		r = find_entry(folder, "vfio", name);
		if (!r)
			snprintf(ret_node, PATH_MAX, "/dev/vfio/devices/%s", name);
	}
	closedir(dir);
	return r;
}

/* Puts the device behind an address space of its own. Without one it can do no DMA. */
static int attach(struct ioat *ioat)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = ioat->iommufd};
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct vfio_device_attach_iommufd_pt pt = {.argsz = sizeof(pt)};

	if (ioctl(ioat->device, VFIO_DEVICE_BIND_IOMMUFD, &bind) ||
	    ioctl(ioat->iommufd, IOMMU_IOAS_ALLOC, &alloc))
		return -errno;
	ioat->ioas = pt.pt_id = alloc.out_ioas_id;
	return result(ioctl(ioat->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &pt));
}

/* Maps BAR 0, and lets the device be a master on its bus. */
static int map_registers(struct ioat *ioat)
{
	struct vfio_region_info bar = {.argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX};
	struct vfio_region_info config = {.argsz = sizeof(config),
					  .index = VFIO_PCI_CONFIG_REGION_INDEX};
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	void *at;

	if (ioctl(ioat->device, VFIO_DEVICE_GET_REGION_INFO, &bar) ||
	    ioctl(ioat->device, VFIO_DEVICE_GET_REGION_INFO, &config))
		return -errno;
	if (pwrite(ioat->device, &command, sizeof(command), (off_t)config.offset + PCI_COMMAND) !=
	    sizeof(command))
		return -EIO;
	at = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, ioat->device,
		  (off_t)bar.offset);
	if (at == MAP_FAILED)
		return -errno;
	ioat->registers = at;
	ioat->registers_size = bar.size;
	return 0;
}

static int enable_interrupt(struct ioat *ioat)
{
	struct {
		struct vfio_irq_set head;
		int fd;
	} set = {.head = {.argsz = sizeof(set),
			  .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			  .index = VFIO_PCI_MSIX_IRQ_INDEX,
			  .count = 1}};

	ioat->interrupt = set.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (set.fd < 0)
		return -errno;
	ioat->registers[BAR0_INTRCTRL] = INTRCTRL_MSIX;
	return result(ioctl(ioat->device, VFIO_DEVICE_SET_IRQS, &set));
}

static uint64_t state(struct ioat *ioat)
{
	return *(volatile uint64_t *)(ioat->registers + CHANSTS) & STATE;
}

static int reset(struct ioat *ioat)
{
	volatile uint32_t *errors = (volatile uint32_t *)(ioat->registers + CHANERR);

	*errors = *errors;
	ioat->registers[CHANCMD] = CMD_RESET;
	for (int i = 0; i < 1000; i++) {
		if (!(ioat->registers[CHANCMD] & CMD_RESET))
			return state(ioat) == STATE_HALTED ? 0 : -EIO;
		usleep(1000);
	}
	return -ETIMEDOUT;
}

static int share_memory(struct ioat *ioat)
{
	void *at =
		mmap(NULL, WORK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	ioat->work = at;
	return ioat_map(ioat, at, WORK_SIZE, &ioat->work_iova);
}

static int open_node(const char *path, int *ret_fd)
{
	*ret_fd = open(path, O_RDWR | O_CLOEXEC);
	return result(*ret_fd);
}

int ioat_open(struct ioat *ioat, const char *node)
{
	int r;

	*ioat = (struct ioat){.iommufd = -1, .device = -1, .interrupt = -1};
	if ((r = open_node("/dev/iommu", &ioat->iommufd)) || (r = open_node(node, &ioat->device)) ||
	    (r = attach(ioat)) || (r = map_registers(ioat)) || (r = share_memory(ioat)) ||
	    (r = reset(ioat)))
		return r;
	return enable_interrupt(ioat);
}

void ioat_close(struct ioat *ioat)
{
	if (ioat->registers)
		munmap((void *)ioat->registers, ioat->registers_size);
	if (ioat->device >= 0)
		close(ioat->device);
	if (ioat->iommufd >= 0)
		close(ioat->iommufd);
	if (ioat->interrupt >= 0)
		close(ioat->interrupt);
	if (ioat->work)
		munmap(ioat->work, WORK_SIZE);
}

int ioat_map(struct ioat *ioat, void *memory, size_t size, uint64_t *ret_iova)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioat->ioas,
		.user_va = (uintptr_t)memory,
		.length = size,
	};

	if (ioctl(ioat->iommufd, IOMMU_IOAS_MAP, &map))
		return -errno;
	*ret_iova = map.iova;
	return 0;
}

int ioat_unmap(struct ioat *ioat, uint64_t iova, size_t size)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = ioat->ioas, .iova = iova, .length = size};

	return result(ioctl(ioat->iommufd, IOMMU_IOAS_UNMAP, &unmap));
}

/* The one descriptor is its own successor: DMACOUNT says how often the device goes round. */
void ioat_start(struct ioat *ioat, uint64_t from, uint64_t to, size_t size, uint16_t times,
		int interrupt)
{
	ioat->work->descriptor.size = (uint32_t)size;
	ioat->work->descriptor.control = interrupt ? 1 : 0;
	ioat->work->descriptor.from = from;
	ioat->work->descriptor.to = to;
	ioat->work->descriptor.next = ioat->work_iova;
	*(volatile uint64_t *)(ioat->registers + CHAINADDR) = ioat->work_iova;
	*(volatile uint16_t *)(ioat->registers + CHANCTRL) = CTRL_REARM | CTRL_ABORT_ERROR;
	*(volatile uint16_t *)(ioat->registers + DMACOUNT) = times;
}

int ioat_wait(struct ioat *ioat)
{
	uint64_t now;
	int r;

	while ((now = state(ioat)) == STATE_ACTIVE)
		sched_yield();
	if (now == STATE_DONE)
		return 0;
	r = reset(ioat);
	return r ? r : -EFAULT;
}
