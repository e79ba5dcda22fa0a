/* SPDX-License-Identifier: MIT */
/* IOEVENTFD: an eventfd that stands for a store to a BAR. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "vfio/internal.h"

#define MOST 1000 /* of a device's */

struct vfio_ioeventfd {
	LIST_ENTRY(vfio_ioeventfd) link;
	struct pci_function *function;
	struct host_event *event;
	unsigned int bar, len;
	uint64_t offset, data;
};

static void fired(void *arg)
{
	const struct vfio_ioeventfd *store = arg;

	if (pci_memory_decoded(store->function))
		pci_bar_write(store->function, store->bar, store->offset, store->data, store->len);
}

/* What is asked for, but for the eventfd. */
static int describe(struct vfio_device *device, const struct vfio_device_ioeventfd *cmd,
		    struct vfio_ioeventfd *ret_store)
{
	struct pci_function *function = device->function;
	uint64_t offset = cmd->offset & (vfio_region_offset(1) - 1);
	uint64_t index = cmd->offset >> VFIO_REGION_SHIFT;
	unsigned int len = cmd->flags & VFIO_DEVICE_IOEVENTFD_SIZE_MASK;

	if (cmd->flags & ~VFIO_DEVICE_IOEVENTFD_SIZE_MASK || __builtin_popcount(len) != 1 ||
	    cmd->fd < -1 || index >= PCI_BARS || offset % len || len > function->bars[index].size ||
	    offset > function->bars[index].size - len ||
	    function->bars[index].flags & UIOMMUFD_BAR_IO ||
	    pci_bar_is_msix_table(function, (unsigned int)index, offset, len))
		return -EINVAL;
	*ret_store = (struct vfio_ioeventfd){
		.function = function,
		.bar = (unsigned int)index,
		.len = len,
		.offset = offset,
		.data = cmd->data,
	};
	return 0;
}

static struct vfio_ioeventfd *find(struct vfio_device *device, const struct vfio_ioeventfd *like,
				   unsigned int *ret_count)
{
	struct vfio_ioeventfd *store, *found = NULL;

	*ret_count = 0;
	LIST_FOREACH(store, &device->ioeventfds, link) {
		++*ret_count;
		if (store->bar == like->bar && store->len == like->len &&
		    store->offset == like->offset && store->data == like->data)
			found = store;
	}
	return found;
}

static void end(struct vfio_device *device, struct vfio_ioeventfd *store)
{
	struct machine_host *host = device->vfio->machine->host;

	LIST_REMOVE(store, link);
	host->ops->event_put(host, store->event);
	free(store);
}

/* Takes the event over on success. */
static int begin(struct vfio_device *device, struct host_event *event,
		 const struct vfio_ioeventfd *like)
{
	struct machine_host *host = device->vfio->machine->host;
	struct vfio_ioeventfd *store = mem_alloc(sizeof(*store));
	int rc;

	if (!store)
		return -ENOMEM;
	*store = *like;
	store->event = event;
	rc = host->ops->event_watch(host, event, fired, store);
	if (rc)
		free(store);
	else
		LIST_INSERT_HEAD(&device->ioeventfds, store, link);
	return rc;
}

/* `taken`: what taking the eventfd has given. */
static int begin_or_end(struct vfio_device *device, const struct vfio_ioeventfd *like, int taken,
			struct host_event *event)
{
	struct vfio_ioeventfd *found;
	unsigned int count;

	LOCK_SCOPED(&device->vfio->lock);
	found = find(device, like, &count);
	if (found && (taken || event))
		return -EEXIST;
	if (found) {
		end(device, found);
		return 0;
	}
	if (!taken && !event)
		return -ENODEV;
	if (count >= MOST)
		return -ENOSPC;
	return taken ? taken : begin(device, event, like);
}

/* Takes the VFIO lock itself: the client is asked for the eventfd before. */
long vfio_ioeventfd(struct vfio_device *device, struct client *client, uint64_t arg)
{
	const size_t min = offsetof(struct vfio_device_ioeventfd, reserved);
	struct machine_host *host = device->vfio->machine->host;
	struct host_event *event = NULL;
	struct vfio_device_ioeventfd cmd;
	struct vfio_ioeventfd like;
	int rc = vfio_read_head(client, &cmd, arg, min), taken = 0;

	if (!rc)
		rc = describe(device, &cmd, &like);
	if (rc)
		return rc;
	if (cmd.fd >= 0)
		taken = host->ops->event_take(host, client, cmd.fd, &event);
	rc = begin_or_end(device, &like, taken, event);
	if (rc)
		host->ops->event_put(host, event);
	return rc;
}

void vfio_end_ioeventfds(struct vfio_device *device)
{
	struct vfio_ioeventfd *store;

	while ((store = LIST_FIRST(&device->ioeventfds)))
		end(device, store);
}
