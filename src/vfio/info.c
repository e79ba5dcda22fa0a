/* SPDX-License-Identifier: MIT */
/* What a device has: GET_INFO, GET_REGION_INFO, GET_IRQ_INFO. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "mem/page.h"
#include "vfio/internal.h"

long vfio_get_info(struct vfio_device *device, struct client *client, uint64_t arg)
{
	struct vfio_device_info info = {0};
	const size_t min = offsetof(struct vfio_device_info, cap_offset);
	int rc = vfio_read_head(client, &info, arg, min);

	if (rc)
		return rc;
	info.flags = VFIO_DEVICE_FLAGS_PCI;
	if (pci_has_flr(device->function))
		info.flags |= VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	return client_write(client, arg, &info,
			    info.argsz < sizeof(info) ? info.argsz : sizeof(info));
}

/* ---- regions ---- */

#define MAX_AREAS 64

/* The capabilities of a region, as they stand behind its struct vfio_region_info. */
struct region_caps {
	struct vfio_info_cap_header msix;
	struct vfio_region_info_cap_sparse_mmap sparse;
	struct vfio_region_sparse_mmap_area areas[MAX_AREAS];
};

/* What of a BAR can be mapped: touching pieces are one area. Returns how many there are. */
static uint32_t find_areas(const struct pci_function *function, unsigned int bar,
			   struct vfio_region_sparse_mmap_area areas[MAX_AREAS])
{
	uint64_t at = 0, length;
	uint32_t n = 0;

	for (; at < function->bars[bar].memory.length; at += length) {
		if (pci_bar_piece(function, bar, at, &length) == PCI_PIECE_NONE)
			continue;
		if (n && areas[n - 1].offset + areas[n - 1].size == at) {
			areas[n - 1].size += length;
			continue;
		}
		if (n == MAX_AREAS)
			break;
		areas[n++] = (struct vfio_region_sparse_mmap_area){at, length};
	}
	return n;
}

static bool is_whole(const struct pci_function *function, unsigned int bar,
		     const struct vfio_region_sparse_mmap_area *areas, uint32_t n)
{
	return n == 1 && areas->size == function->bars[bar].memory.length;
}

/* Where the capabilities of a region are put, and what is there. */
struct cap_chain {
	char bytes[sizeof(struct region_caps)] __attribute__((aligned(8)));
	uint32_t length;
	uint32_t last; /* the header that the next one is linked to */
};

static void chain_add(struct cap_chain *chain, void *cap, size_t size)
{
	const uint32_t base = sizeof(struct vfio_region_info);
	struct vfio_info_cap_header *before = (void *)(chain->bytes + chain->last);

	if (chain->length)
		before->next = base + chain->length;
	chain->last = chain->length;
	memcpy(chain->bytes + chain->length, cap, size);
	chain->length += (uint32_t)(size + 7) & ~7u;
}

static void describe_bar(const struct pci_function *function, struct vfio_region_info *info,
			 struct cap_chain *chain)
{
	const struct pci_bar *bar = &function->bars[info->index];
	struct region_caps caps = {.msix = {VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, 1, 0},
				   .sparse.header = {VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 0}};
	uint32_t n;

	if (!bar->size)
		return;
	info->size = bar->size;
	info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	n = find_areas(function, info->index, caps.areas);
	if (!n)
		return;
	info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	if (function->model.msix_vectors && info->index == function->model.msix_bar)
		chain_add(chain, &caps.msix, sizeof(caps.msix));
	if (is_whole(function, info->index, caps.areas, n))
		return;
	caps.sparse.nr_areas = n;
	chain_add(chain, &caps.sparse,
		  sizeof(caps.sparse) + n * sizeof(struct vfio_region_sparse_mmap_area));
}

static int describe_region(const struct pci_function *function, struct vfio_region_info *info,
			   struct cap_chain *chain)
{
	info->flags = 0;
	info->size = 0;
	info->cap_offset = 0;
	info->offset = vfio_region_offset(info->index);
	if (info->index < PCI_BARS) {
		describe_bar(function, info, chain);
		return 0;
	}
	switch (info->index) {
	case VFIO_PCI_ROM_REGION_INDEX:
		return 0; /* there is none */
	case VFIO_PCI_CONFIG_REGION_INDEX:
		info->size = function->config.size;
		info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
		return 0;
	default:
		return -EINVAL;
	}
}

long vfio_get_region_info(struct vfio_device *device, struct client *client, uint64_t arg)
{
	struct cap_chain chain = {.length = 0};
	struct vfio_region_info info;
	int rc = vfio_read_head(client, &info, arg, sizeof(info));

	if (!rc)
		rc = describe_region(device->function, &info, &chain);
	if (rc)
		return rc;
	if (chain.length) {
		info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
		if (info.argsz < sizeof(info) + chain.length)
			info.argsz = sizeof(info) + chain.length;
		else
			info.cap_offset = sizeof(info);
	}
	if (info.cap_offset && client_write(client, arg + sizeof(info), chain.bytes, chain.length))
		return -EFAULT;
	return client_write(client, arg, &info, sizeof(info));
}

/* ---- interrupts ---- */

int vfio_irq_count(const struct vfio_device *device, unsigned int index, uint32_t *ret_count)
{
	const struct pci_function *function = device->function;

	switch (index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		*ret_count = pci_irq_count(function, PCI_IRQ_INTX);
		return 0;
	case VFIO_PCI_MSI_IRQ_INDEX:
		*ret_count = pci_irq_count(function, PCI_IRQ_MSI);
		return 0;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		*ret_count = pci_irq_count(function, PCI_IRQ_MSIX);
		return 0;
	case VFIO_PCI_ERR_IRQ_INDEX:
		*ret_count = function->config.pcie ? 1 : 0;
		return function->config.pcie ? 0 : -EINVAL;
	case VFIO_PCI_REQ_IRQ_INDEX:
		*ret_count = 1;
		return 0;
	default:
		return -EINVAL;
	}
}

long vfio_get_irq_info(struct vfio_device *device, struct client *client, uint64_t arg)
{
	struct vfio_irq_info info;
	int rc = vfio_read_head(client, &info, arg, sizeof(info));

	if (!rc)
		rc = vfio_irq_count(device, info.index, &info.count);
	if (rc)
		return rc;
	info.flags = VFIO_IRQ_INFO_EVENTFD;
	if (info.index == VFIO_PCI_INTX_IRQ_INDEX)
		info.flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	else if (info.index != VFIO_PCI_MSIX_IRQ_INDEX)
		info.flags |= VFIO_IRQ_INFO_NORESIZE;
	return client_write(client, arg, &info, sizeof(info));
}
