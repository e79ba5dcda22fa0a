/* SPDX-License-Identifier: MIT */
#include "vfio.h"

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#define DEVICES	   "/sys/bus/pci/devices"
#define COMMAND	   4   /* in config space */
#define MEMORY	   0x2 /* bits of it */
#define BUS_MASTER 0x4

/* ---- finding it ---- */

static uint32_t read_number(const char *device, const char *file)
{
	char path[512], text[32] = "";
	FILE *in;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", device, file);
	in = fopen(path, "r");
	if (!in || !fgets(text, sizeof(text), in))
		err(1, "%s", path);
	fclose(in);
	return strtoul(text, NULL, 0);
}

/* The name of an entry of a folder that begins with `prefix`, of the device with this id if one is given: of the one of number `nth`. */
static int find_entry(const char *folder, const char *prefix, uint32_t id, unsigned int nth,
		      char *ret_name)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int found = 0;

	while (dir && !found && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)))
			continue;
		found = !id || (read_number(entry->d_name, "vendor") << 16 |
				read_number(entry->d_name, "device")) == id;
		if (found && nth) {
			found = 0;
			nth--;
		}
		if (found)
			snprintf(ret_name, 64, "%.63s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void find(struct vfio *vfio, uint32_t id, unsigned int nth)
{
	char folder[512], number[64];

	if (!find_entry(DEVICES, "", id, nth, vfio->name))
		errx(1, "there is no device %04x:%04x", id >> 16, id & 0xffff);
	snprintf(folder, sizeof(folder), DEVICES "/%s/vfio-dev", vfio->name);
	if (!find_entry(folder, "vfio", 0, 0, number))
		errx(1, "%s does not belong to vfio-pci", vfio->name);
	snprintf(vfio->node, sizeof(vfio->node), "/dev/vfio/devices/%.40s", number);
}

/* ---- opening it ---- */

static struct vfio_region_info region(struct vfio *vfio, unsigned int index)
{
	struct vfio_region_info info = {.argsz = sizeof(info), .index = index};

	if (ioctl(vfio->fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		err(1, "VFIO_DEVICE_GET_REGION_INFO");
	return info;
}

void vfio_bind(struct vfio *vfio, uint32_t id, unsigned int nth, int iommufd)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = iommufd};
	uint16_t command = MEMORY | BUS_MASTER;

	find(vfio, id, nth);
	vfio->iommufd = iommufd;
	vfio->fd = open(vfio->node, O_RDWR | O_CLOEXEC);
	if (vfio->fd < 0)
		err(1, "%s", vfio->node);
	if (ioctl(vfio->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		err(1, "VFIO_DEVICE_BIND_IOMMUFD");
	vfio->id = bind.out_devid;
	if (pwrite(vfio->fd, &command, 2,
		   region(vfio, VFIO_PCI_CONFIG_REGION_INDEX).offset + COMMAND) != 2)
		err(1, "config space");
}

void vfio_attach(struct vfio *vfio, uint32_t page_table)
{
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach),
						       .pt_id = page_table};

	if (ioctl(vfio->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		err(1, "VFIO_DEVICE_ATTACH_IOMMUFD_PT");
}

void vfio_detach(struct vfio *vfio)
{
	struct vfio_device_detach_iommufd_pt detach = {.argsz = sizeof(detach)};

	if (ioctl(vfio->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach))
		err(1, "VFIO_DEVICE_DETACH_IOMMUFD_PT");
}

void vfio_open(struct vfio *vfio, uint32_t id)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	int iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	if (iommufd < 0)
		err(1, "/dev/iommu");
	vfio_bind(vfio, id, 0, iommufd);
	if (ioctl(iommufd, IOMMU_IOAS_ALLOC, &alloc))
		err(1, "IOMMU_IOAS_ALLOC");
	vfio->ioas = alloc.out_ioas_id;
	vfio_attach(vfio, vfio->ioas);
}

void vfio_close(struct vfio *vfio)
{
	close(vfio->fd);
	close(vfio->iommufd);
}

/* ---- using it ---- */

void *vfio_bar(struct vfio *vfio, unsigned int bar)
{
	struct vfio_region_info info = region(vfio, bar);
	void *at = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, vfio->fd, info.offset);

	if (at == MAP_FAILED)
		err(1, "BAR %u", bar);
	return at;
}

uint32_t vfio_config_read(struct vfio *vfio, unsigned int offset)
{
	uint32_t value;

	if (pread(vfio->fd, &value, 4,
		  region(vfio, VFIO_PCI_CONFIG_REGION_INDEX).offset + offset) != 4)
		err(1, "config space");
	return value;
}

void *vfio_memory(struct vfio *vfio, size_t size, uint64_t *ret_iova)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = vfio->ioas,
		.user_va = (uintptr_t)at,
		.length = size,
	};

	if (at == MAP_FAILED)
		err(1, "mmap");
	if (ioctl(vfio->iommufd, IOMMU_IOAS_MAP, &map))
		err(1, "IOMMU_IOAS_MAP");
	*ret_iova = map.iova;
	return at;
}

void vfio_unmap(struct vfio *vfio, uint64_t iova, size_t size)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = vfio->ioas, .iova = iova, .length = size};

	if (ioctl(vfio->iommufd, IOMMU_IOAS_UNMAP, &unmap))
		err(1, "IOMMU_IOAS_UNMAP");
}

int vfio_interrupt(struct vfio *vfio)
{
	struct {
		struct vfio_irq_set set;
		int32_t fd;
	} irqs = {.set = {.argsz = sizeof(irqs),
			  .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			  .index = VFIO_PCI_MSIX_IRQ_INDEX,
			  .count = 1}};

	irqs.fd = eventfd(0, EFD_CLOEXEC);
	if (irqs.fd < 0)
		err(1, "eventfd");
	if (ioctl(vfio->fd, VFIO_DEVICE_SET_IRQS, &irqs))
		err(1, "VFIO_DEVICE_SET_IRQS");
	return irqs.fd;
}

double vfio_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}
