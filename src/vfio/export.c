/* SPDX-License-Identifier: MIT */
/*
 * BARs as dma-bufs, for MAP_FILE: other devices' DMA reaches the BAR's image. It is revoked while the device can't be reached: by a reset, while its
 * memory is not decoded, and for ever when it is closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/client.h"
#include "ioas/ioas.h"
#include "mem/dmabuf.h"
#include "mem/page.h"
#include "vfio/internal.h"

struct vfio_export {
	struct dmabuf dmabuf;
	struct machine *machine; /* a reference: the memory is a device's of it */
	/* Guarded by its exports_lock. */
	struct vfio_device *device; /* NULL: it was closed since */
	LIST_ENTRY(vfio_export) link;
	struct lock *lock; /* of the device, which lives as long as the machine */
};

/* The last of page-sets and descriptors: a context may be locked. */
static void export_done(struct dmabuf *dmabuf)
{
	struct vfio_export *export = (struct vfio_export *)dmabuf;
	struct machine *machine = export->machine;

	lock_take(export->lock);
	if (export->device)
		LIST_REMOVE(export, link);
	lock_release(export->lock);
	free(export);
	machine_put(machine);
}

static bool decodes(const struct vfio_device *device)
{
	return pci_memory_decoded(device->function);
}

static int make(struct vfio_device *device, char *host, uint64_t length, struct file **ret_file)
{
	struct vfio_export *export = mem_zalloc(sizeof(*export));

	if (!export)
		return -ENOMEM;
	dmabuf_init(&export->dmabuf, host, length, export_done);
	export->machine = machine_get(device->vfio->machine);
	export->device = device;
	export->lock = &device->exports_lock;
	dmabuf_revoke(&export->dmabuf, !decodes(device));
	lock_take(export->lock);
	LIST_INSERT_HEAD(&device->exports, export, link);
	lock_release(export->lock);
	*ret_file = &export->dmabuf.file;
	return 0;
}

/* The memory that is asked for: one range of whole pages, which could be mapped too. */
static int find_memory(struct vfio_device *device, const struct vfio_device_feature_dma_buf *get,
		       const struct vfio_region_dma_range *range, char **ret_host)
{
	if (get->region_index >= PCI_BARS || get->flags ||
	    get->open_flags & ~(uint32_t)(O_ACCMODE | O_CLOEXEC))
		return -EINVAL;
	if (page_offset(range->offset | range->length) ||
	    !pci_bar_can_map(device->function, get->region_index, range->offset, range->length))
		return -EINVAL;
	*ret_host = device->function->bars[get->region_index].memory.host + range->offset;
	return 0;
}

long vfio_export(struct vfio_device *device, struct client *client, uint64_t data, uint64_t size)
{
	struct vfio_device_feature_dma_buf get;
	struct vfio_region_dma_range range;
	struct file *file;
	char *host;
	int rc;

	if (client_read(client, &get, data, sizeof(get)))
		return -EFAULT;
	if (!get.nr_ranges || (size - sizeof(get)) / sizeof(range) < get.nr_ranges)
		return -EINVAL;
	if (get.nr_ranges > 1) /* nothing here could map it */
		return -EOPNOTSUPP;
	if (client_read(client, &range, data + sizeof(get), sizeof(range)))
		return -EFAULT;
	lock_take(&device->vfio->lock);
	rc = find_memory(device, &get, &range, &host);
	if (!rc)
		rc = make(device, host, range.length, &file);
	lock_release(&device->vfio->lock);
	if (rc)
		return rc;
	rc = client->ops->fd_install(client, file);
	if (rc < 0)
		file_put(file);
	return rc;
}

void vfio_revoke_exports(struct vfio_device *device, bool revoked)
{
	struct vfio_export *export;
	bool any;

	lock_take(&device->exports_lock);
	any = !LIST_EMPTY(&device->exports);
	LIST_FOREACH(export, &device->exports, link)
		dmabuf_revoke(&export->dmabuf, revoked || !decodes(device));
	lock_release(&device->exports_lock);
	if (any)
		ioas_memory_changed(device->vfio->machine);
}

void vfio_end_exports(struct vfio_device *device)
{
	struct vfio_export *export;

	vfio_revoke_exports(device, true);
	LOCK_SCOPED(&device->exports_lock);
	while ((export = LIST_FIRST(&device->exports))) {
		LIST_REMOVE(export, link);
		export->device = NULL;
	}
}
