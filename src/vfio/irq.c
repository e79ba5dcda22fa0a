/* SPDX-License-Identifier: MIT */
/* SET_IRQS: which eventfds the device's interrupts go to. */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "core/client.h"
#include "vfio/internal.h"

#define HEAD offsetof(struct vfio_irq_set, data)

/*
 * A call on its way. Its eventfds were taken before the VFIO lock was: the client is asked for them, and one that is stopped answers when it goes on.
 */
struct set {
	struct vfio_device *device;
	uint32_t flags, index, start, count;
	const uint8_t *bools; /* DATA_BOOL: `count` of them */
	struct host_event **
		events; /* DATA_EVENTFD: NULL where there is none, or where it was given to the device */
	uint32_t taken; /* ... of `count` */
	int rc;		/* why the next one could not be taken */
};

static const struct machine_host_ops *host_ops(const struct vfio_device *device)
{
	return device->vfio->machine->host->ops;
}

static void put_event(struct vfio_device *device, struct host_event *event)
{
	if (event)
		host_ops(device)->event_put(device->vfio->machine->host, event);
}

static void signal_event(struct vfio_device *device, struct host_event *event)
{
	if (event)
		host_ops(device)->event_signal(device->vfio->machine->host, event);
}

/* ---- vectors ---- */

/* The function's `send`: its irqs.lock is held. */
static bool send(void *arg, unsigned int vector)
{
	struct vfio_device *device = arg;

	if (vector >= device->vectors.count || !device->vectors.events[vector])
		return false;
	signal_event(device, device->vectors.events[vector]);
	return true;
}

void vfio_irqs_init(struct vfio_device *device)
{
	device->function->irqs.send = send;
	device->function->irqs.arg = device;
}

static void set_vector(struct vfio_device *device, unsigned int vector, struct host_event *event)
{
	struct host_event *old;

	lock_take(&device->function->irqs.lock);
	old = device->vectors.events[vector];
	device->vectors.events[vector] = event;
	if (event)
		pci_irq_taken(device->function, vector);
	lock_release(&device->function->irqs.lock);
	put_event(device, old);
}

/* All of them or none: those that were set before the one that is missing are taken away. */
static int set_vectors(const struct set *set)
{
	for (uint32_t i = 0; i < set->taken; i++)
		set_vector(set->device, set->start + i, TAKE_PTR(set->events[i]));
	if (set->rc) {
		for (uint32_t i = 0; i < set->taken; i++)
			set_vector(set->device, set->start + i, NULL);
	}
	return set->rc;
}

static int make_vectors(struct vfio_device *device, unsigned int count)
{
	struct host_event **events = mem_calloc(count, sizeof(*events));

	if (!events)
		return -ENOMEM;
	LOCK_SCOPED(&device->function->irqs.lock);
	device->vectors = (struct vfio_vectors){events, count};
	return 0;
}

/* Takes down the kind that is on. */
static void end_vectors(struct vfio_device *device)
{
	struct vfio_vectors old = device->vectors;
	struct host_event *unmask = TAKE_PTR(device->unmask);

	pci_irq_set_kind(device->function, PCI_IRQ_NONE);
	lock_take(&device->function->irqs.lock);
	device->vectors = (struct vfio_vectors){NULL, 0};
	lock_release(&device->function->irqs.lock);
	for (unsigned int i = 0; i < old.count; i++)
		put_event(device, old.events[i]);
	free(old.events);
	put_event(device, unmask);
}

static enum pci_irq_kind kind_of(uint32_t index)
{
	return index == VFIO_PCI_INTX_IRQ_INDEX	 ? PCI_IRQ_INTX
	       : index == VFIO_PCI_MSI_IRQ_INDEX ? PCI_IRQ_MSI
						 : PCI_IRQ_MSIX;
}

/* Turns a kind on. MSI has as many vectors as it was turned on with; MSI-X grows. */
static int begin_vectors(const struct set *set)
{
	struct vfio_device *device = set->device;
	enum pci_irq_kind kind = kind_of(set->index);
	uint32_t count = kind == PCI_IRQ_MSIX ? pci_irq_count(device->function, kind)
					      : set->start + set->count;
	int rc = make_vectors(device, count);

	if (rc)
		return rc;
	/* Before it is on: an INTx that is asserted is sent at once. */
	rc = set_vectors(set);
	if (rc)
		end_vectors(device);
	else
		pci_irq_set_kind(device->function, kind);
	return rc;
}

/* NONE fires all, BOOL those that it says. */
static bool fires(const struct set *set, uint32_t i)
{
	return set->bools ? set->bools[i] : set->flags & VFIO_IRQ_SET_DATA_NONE;
}

/* ---- the actions ---- */

static bool is_on(const struct set *set)
{
	return set->device->function->irqs.kind == kind_of(set->index);
}

static long trigger_vectors(const struct set *set)
{
	struct vfio_device *device = set->device;
	bool nothing_on = device->function->irqs.kind == PCI_IRQ_NONE;

	if (is_on(set) && !set->count && set->flags & VFIO_IRQ_SET_DATA_NONE) {
		end_vectors(device);
		return 0;
	}
	if (!is_on(set) && !nothing_on)
		return -EINVAL;
	if (set->index == VFIO_PCI_INTX_IRQ_INDEX && (set->start || set->count != 1))
		return -EINVAL;
	if (set->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		if (nothing_on)
			return begin_vectors(set);
		return set->start + set->count > device->vectors.count ? -EINVAL : set_vectors(set);
	}
	if (nothing_on)
		return -EINVAL;
	for (uint32_t i = 0; i < set->count && set->start + i < device->vectors.count; i++)
		if (fires(set, i))
			signal_event(device, device->vectors.events[set->start + i]);
	return 0;
}

static void unmask_fired(void *arg)
{
	pci_intx_mask(arg, false);
}

/* The INTx is unmasked by an eventfd, or no longer. */
static long unmask_by_event(const struct set *set)
{
	struct vfio_device *device = set->device;
	struct host_event *event;
	int rc;

	if (set->rc)
		return set->rc;
	assert(set->events);
	event = TAKE_PTR(set->events[0]);
	put_event(device, TAKE_PTR(device->unmask));
	rc = event ? host_ops(device)->event_watch(device->vfio->machine->host, event, unmask_fired,
						   device->function)
		   : 0;
	if (rc)
		put_event(device, event);
	else
		device->unmask = event;
	return rc;
}

static long mask_intx(const struct set *set)
{
	bool mask = set->flags & VFIO_IRQ_SET_ACTION_MASK;

	if (!is_on(set) || set->start || set->count != 1)
		return -EINVAL;
	if (set->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		return mask ? -ENOTTY : unmask_by_event(set);
	if (fires(set, 0))
		pci_intx_mask(set->device->function, mask);
	return 0;
}

/* ERR and REQ: an eventfd that the program itself may fire. */
static long trigger_single(const struct set *set, struct host_event **event)
{
	if (set->start || set->count > 1)
		return -EINVAL;
	if (set->flags & VFIO_IRQ_SET_DATA_NONE) {
		if (set->count)
			signal_event(set->device, *event);
		else
			put_event(set->device, TAKE_PTR(*event));
		return 0;
	}
	if (!set->count)
		return -EINVAL;
	if (set->flags & VFIO_IRQ_SET_DATA_BOOL) {
		if (fires(set, 0))
			signal_event(set->device, *event);
		return 0;
	}
	if (set->rc)
		return set->rc;
	assert(set->events);
	put_event(set->device, *event);
	*event = TAKE_PTR(set->events[0]);
	return 0;
}

static long act(const struct set *set)
{
	bool trigger = (set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) == VFIO_IRQ_SET_ACTION_TRIGGER;

	switch (set->index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		return trigger ? trigger_vectors(set) : mask_intx(set);
	case VFIO_PCI_MSI_IRQ_INDEX:
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return trigger ? trigger_vectors(set) : -ENOTTY;
	case VFIO_PCI_ERR_IRQ_INDEX:
		return trigger ? trigger_single(set, &set->device->error) : -ENOTTY;
	default:
		return trigger ? trigger_single(set, &set->device->request) : -ENOTTY;
	}
}

/* ---- the call ---- */

static int data_size(uint32_t flags)
{
	switch (flags & VFIO_IRQ_SET_DATA_TYPE_MASK) {
	case VFIO_IRQ_SET_DATA_NONE:
		return 0;
	case VFIO_IRQ_SET_DATA_BOOL:
		return 1;
	case VFIO_IRQ_SET_DATA_EVENTFD:
		return 4;
	default:
		return -EINVAL;
	}
}

/* *ret_bytes: of the data. */
static int check(const struct vfio_device *device, const struct vfio_irq_set *set,
		 size_t *ret_bytes)
{
	uint32_t have;
	int size;

	if (set->index >= VFIO_PCI_NUM_IRQS || set->count >= UINT32_MAX - set->start ||
	    set->flags & ~(VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK))
		return -EINVAL;
	if (vfio_irq_count(device, set->index, &have))
		have = 0;
	if (set->start >= have || set->start + set->count > have)
		return -EINVAL;
	size = data_size(set->flags);
	if (size < 0 || (set->argsz - HEAD) < (uint64_t)set->count * (unsigned int)size)
		return -EINVAL;
	*ret_bytes = (size_t)set->count * (unsigned int)size;
	return size && !*ret_bytes ? -EINVAL : 0;
}

static bool one_action(uint32_t flags)
{
	return __builtin_popcount(flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) == 1;
}

/* A negative number is no eventfd. Stops at the first that can't be had: what comes of it is for those who look at it. */
static void take_events(struct set *set, struct client *client, const int32_t *fds)
{
	struct machine_host *host = set->device->vfio->machine->host;

	for (; set->taken < set->count && !set->rc; set->taken += !set->rc)
		if (fds[set->taken] >= 0)
			set->rc = host->ops->event_take(host, client, fds[set->taken],
							&set->events[set->taken]);
}

/* What the device did not want. */
static void put_events(const struct set *set)
{
	for (uint32_t i = 0; i < set->taken; i++)
		put_event(set->device, set->events[i]);
}

static long act_by_events(struct set *set, struct client *client, const int32_t *fds)
{
	CLEANUP_FREE struct host_event **events = mem_calloc(set->count, sizeof(*events));
	long rc;

	if (!events)
		return -ENOMEM;
	set->events = events;
	take_events(set, client, fds);
	lock_take(&set->device->vfio->lock);
	rc = act(set);
	lock_release(&set->device->vfio->lock);
	put_events(set);
	return rc;
}

static long act_at_once(const struct set *set)
{
	LOCK_SCOPED(&set->device->vfio->lock);
	return act(set);
}

/* Takes the VFIO lock itself. */
long vfio_set_irqs(struct vfio_device *device, struct client *client, uint64_t arg)
{
	struct vfio_irq_set head;
	CLEANUP_FREE void *data = NULL;
	struct set set;
	size_t bytes;
	int rc = vfio_read_head(client, &head, arg, HEAD);

	if (!rc)
		rc = check(device, &head, &bytes);
	if (rc)
		return rc;
	if (bytes) {
		data = mem_alloc(bytes);
		if (!data)
			return -ENOMEM;
		if (client_read(client, data, arg + HEAD, bytes))
			return -EFAULT;
	}
	if (!one_action(head.flags))
		return -ENOTTY;
	set = (struct set){device, head.flags, head.index, head.start, head.count};
	if (head.flags & VFIO_IRQ_SET_DATA_EVENTFD && data)
		return act_by_events(&set, client, data);
	set.bools = data;
	return act_at_once(&set);
}

void vfio_end_irqs(struct vfio_device *device)
{
	end_vectors(device);
	put_event(device, TAKE_PTR(device->error));
	put_event(device, TAKE_PTR(device->request));
}
