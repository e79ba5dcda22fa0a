/* SPDX-License-Identifier: MIT */
/* Regions: BARs and config space by pread, pwrite and mmap. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/mman.h>

#include "core/client.h"
#include "mem/page.h"
#include "vfio/internal.h"

#define CHUNK 256

/* ---- accesses ---- */

/* The widest access that begins here: its multiple, and no more than what is left. */
static unsigned int access_len(uint64_t offset, size_t left, unsigned int most)
{
	unsigned int len = most;

	while (len > left || offset % len)
		len /= 2;
	return len;
}

static void bar_load(struct vfio_device *device, unsigned int index, uint64_t offset, char *buf,
		     size_t count)
{
	while (count) {
		unsigned int len = access_len(offset, count, 8);
		uint64_t value = UINT64_MAX;

		if (!pci_bar_is_msix_table(device->function, index, offset, len))
			value = pci_bar_read(device->function, index, offset, len);
		memcpy(buf, &value, len);
		offset += len;
		buf += len;
		count -= len;
	}
}

static void bar_store(struct vfio_device *device, unsigned int index, uint64_t offset,
		      const char *buf, size_t count)
{
	while (count) {
		unsigned int len = access_len(offset, count, 8);
		uint64_t value = 0;

		memcpy(&value, buf, len);
		pci_bar_write(device->function, index, offset, value, len);
		offset += len;
		buf += len;
		count -= len;
	}
}

static void config_load(struct vfio_device *device, uint64_t offset, char *buf, size_t count)
{
	while (count) {
		unsigned int len = access_len(offset, count, 4);
		uint32_t value = pci_config_read(device->function, (unsigned int)offset, len);

		memcpy(buf, &value, len);
		offset += len;
		buf += len;
		count -= len;
	}
}

/* A reset was asked for, or decoding may have changed. */
static void config_changed(struct vfio_device *device, bool reset)
{
	LOCK_SCOPED(&device->vfio->lock);
	if (reset)
		vfio_reset_function(device);
	else
		vfio_revoke_exports(device, false);
}

static void config_store(struct vfio_device *device, uint64_t offset, const char *buf, size_t count)
{
	while (count) {
		unsigned int len = access_len(offset, count, 4);
		uint32_t value = 0;
		bool reset;

		memcpy(&value, buf, len);
		pci_config_write(device->function, (unsigned int)offset, value, len, &reset);
		if (reset || offset / 4 == PCI_COMMAND / 4)
			config_changed(device, reset);
		offset += len;
		buf += len;
		count -= len;
	}
}

/* ---- what is where ---- */

struct region {
	unsigned int index;
	uint64_t offset;
	size_t count; /* cut at the region's end */
};

static int find_bar(const struct pci_function *function, struct region *region)
{
	const struct pci_bar *bar = &function->bars[region->index];

	if (region->offset >= bar->size)
		return -EINVAL;
	if (region->count > bar->size - region->offset)
		region->count = bar->size - region->offset;
	return pci_bar_decoded(function, region->index) ? 0 : -EIO;
}

static int find_region(const struct vfio_device *device, uint64_t pos, size_t count,
		       struct region *ret_region)
{
	const uint64_t mask = vfio_region_offset(1) - 1;

	*ret_region = (struct region){(unsigned int)(pos >> VFIO_REGION_SHIFT), pos & mask, count};
	if (ret_region->index < PCI_BARS)
		return find_bar(device->function, ret_region);
	if (ret_region->index != VFIO_PCI_CONFIG_REGION_INDEX)
		return -EINVAL;
	if (ret_region->offset >= device->function->config.size ||
	    count > device->function->config.size - ret_region->offset)
		return -EFAULT;
	return 0;
}

/* ---- read and write ---- */

static int load_chunk(struct vfio_device *device, const struct region *region,
		      struct client *client, uint64_t buf, size_t done, size_t n)
{
	char chunk[CHUNK];

	if (region->index == VFIO_PCI_CONFIG_REGION_INDEX)
		config_load(device, region->offset + done, chunk, n);
	else
		bar_load(device, region->index, region->offset + done, chunk, n);
	return client_write(client, buf + done, chunk, n);
}

static int store_chunk(struct vfio_device *device, const struct region *region,
		       struct client *client, uint64_t buf, size_t done, size_t n)
{
	char chunk[CHUNK];

	if (client_read(client, chunk, buf + done, n))
		return -EFAULT;
	if (region->index == VFIO_PCI_CONFIG_REGION_INDEX)
		config_store(device, region->offset + done, chunk, n);
	else
		bar_store(device, region->index, region->offset + done, chunk, n);
	return 0;
}

typedef int chunk_fn(struct vfio_device *device, const struct region *region, struct client *client,
		     uint64_t buf, size_t done, size_t n);

/* In chunks that end at multiples of their size, so that no access is cut. */
static ssize_t transfer(struct vfio_file *file, struct client *client, uint64_t buf, size_t count,
			uint64_t pos, chunk_fn *move)
{
	struct region region;
	size_t done = 0;
	int rc;

	if (!atomic_load_explicit(&file->bound, memory_order_acquire))
		return -EINVAL;
	if (!count)
		return 0;
	rc = find_region(file->device, pos, count, &region);
	if (rc)
		return rc;
	vfio_wake(file->device);
	while (done < region.count) {
		size_t n = CHUNK - (region.offset + done) % CHUNK;

		if (n > region.count - done)
			n = region.count - done;
		rc = move(file->device, &region, client, buf, done, n);
		if (rc)
			return done ? (ssize_t)done : rc;
		done += n;
	}
	return (ssize_t)done;
}

/* read() and write() go on from where the last one ended. */
static ssize_t transfer_at(struct file *base, struct client *client, uint64_t buf, size_t count,
			   int64_t pos, chunk_fn *move)
{
	struct vfio_file *file = vfio_file_of(base);
	ssize_t rc;

	if (pos != -1)
		return transfer(file, client, buf, count, (uint64_t)pos, move);
	rc = transfer(file, client, buf, count, atomic_load(&file->position), move);
	if (rc > 0)
		atomic_fetch_add(&file->position, (uint64_t)rc);
	return rc;
}

ssize_t vfio_read(struct file *file, struct client *client, uint64_t buf, size_t count, int64_t pos)
{
	return transfer_at(file, client, buf, count, pos, load_chunk);
}

ssize_t vfio_write(struct file *file, struct client *client, uint64_t buf, size_t count,
		   int64_t pos)
{
	return transfer_at(file, client, buf, count, pos, store_chunk);
}

/* ---- mmap ---- */

static enum file_trap trap_of(enum pci_piece piece)
{
	return piece == PCI_PIECE_MEMORY   ? FILE_TRAP_NONE
	       : piece == PCI_PIECE_STORES ? FILE_TRAP_STORES
					   : FILE_TRAP_ALL;
}

static int map_bar(const struct pci_function *function, unsigned int bar, uint64_t offset,
		   struct file_mapping *mapping)
{
	const struct shared_memory *memory = &function->bars[bar].memory;

	mapping->length = page_ceil(mapping->length);
	if (!pci_bar_can_map(function, bar, offset, mapping->length))
		return -EINVAL;
	mapping->trap = trap_of(pci_bar_piece(function, bar, offset, &mapping->piece));
	if (mapping->piece > mapping->length)
		mapping->piece = mapping->length;
	mapping->fd_offset = offset;
	mapping->fd = shared_memory_open(memory);
	return mapping->fd < 0 ? mapping->fd : 0;
}

int vfio_mmap(struct file *base, struct client *client, struct file_mapping *mapping)
{
	struct vfio_file *file = vfio_file_of(base);
	uint64_t index = mapping->offset >> VFIO_REGION_SHIFT;

	if (!atomic_load_explicit(&file->bound, memory_order_acquire) || index >= PCI_BARS ||
	    (mapping->flags & MAP_TYPE) == MAP_PRIVATE)
		return -EINVAL;
	return map_bar(file->device->function, (unsigned int)index,
		       mapping->offset & (vfio_region_offset(1) - 1), mapping);
}
