/* SPDX-License-Identifier: MIT */
/* FEATURE: a table of what can be read and set beside all else. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "core/client.h"
#include "vfio/internal.h"

#define HEAD sizeof(struct vfio_device_feature)

/* A call on its way. Handlers take the VFIO lock: some ask the client for a descriptor, or give it one, which is done without. */
struct feature_call {
	struct vfio_device *device;
	struct client *client;
	uint64_t data; /* the client's address of it */
	uint64_t size; /* of the data, at least the feature's */
};

static long bus_master(const struct feature_call *call)
{
	struct vfio_device_feature_bus_master master;

	if (client_read(call->client, &master, call->data, sizeof(master)))
		return -EFAULT;
	if (master.op > VFIO_DEVICE_FEATURE_SET_MASTER)
		return -EINVAL;
	if (master.op == VFIO_DEVICE_FEATURE_SET_MASTER)
		pci_set_command(call->device->function, PCI_COMMAND_MASTER, 0);
	else
		pci_set_command(call->device->function, 0, PCI_COMMAND_MASTER);
	return 0;
}

static long vf_token(const struct feature_call *call)
{
	struct vfio_token token;

	if (client_read(call->client, &token, call->data, sizeof(token)))
		return -EFAULT;
	LOCK_SCOPED(&call->device->vfio->lock);
	return vfio_token_set(call->device, &token);
}

/* ---- low power: the device holds still ---- */

/* `wakeup`, which is taken over on success, hears of the end; or NULL. */
static long enter_low_power(struct vfio_device *device, struct host_event *wakeup)
{
	LOCK_SCOPED(&device->vfio->lock);
	if (device->low_power)
		return -EINVAL;
	device->low_power = true;
	pci_hold(device->function);
	device->wakeup = wakeup;
	atomic_store(&device->wakes, !!wakeup);
	return 0;
}

void vfio_leave_low_power(struct vfio_device *device)
{
	struct machine_host *host = device->vfio->machine->host;

	if (!device->low_power)
		return;
	device->low_power = false;
	atomic_store(&device->wakes, false);
	pci_release(device->function);
	host->ops->event_put(host, TAKE_PTR(device->wakeup));
}

void vfio_wake(struct vfio_device *device)
{
	struct machine_host *host = device->vfio->machine->host;

	if (!atomic_load(&device->wakes))
		return;
	LOCK_SCOPED(&device->vfio->lock);
	if (!device->wakeup)
		return;
	host->ops->event_signal(host, device->wakeup);
	vfio_leave_low_power(device);
}

static long low_power_entry(const struct feature_call *call)
{
	return enter_low_power(call->device, NULL);
}

/* The device has nothing that wakes it up by itself: its user does, by what he does next. */
static long low_power_entry_with_wakeup(const struct feature_call *call)
{
	struct machine_host *host = call->device->vfio->machine->host;
	struct vfio_device_low_power_entry_with_wakeup entry;
	struct host_event *event;
	long rc;

	if (client_read(call->client, &entry, call->data, sizeof(entry)))
		return -EFAULT;
	if (entry.reserved)
		return -EINVAL;
	rc = host->ops->event_take(host, call->client, entry.wakeup_eventfd, &event);
	if (rc)
		return rc;
	rc = enter_low_power(call->device, event);
	if (rc)
		host->ops->event_put(host, event);
	return rc;
}

static long low_power_exit(const struct feature_call *call)
{
	LOCK_SCOPED(&call->device->vfio->lock);
	vfio_leave_low_power(call->device);
	return 0;
}

static long dma_buf(const struct feature_call *call)
{
	return vfio_export(call->device, call->client, call->data, call->size);
}

/* ---- the table ---- */

static const struct feature {
	uint16_t number;
	uint16_t size; /* of its data */
	uint32_t ops;  /* VFIO_DEVICE_FEATURE_GET, _SET */
	long (*handler)(const struct feature_call *call);
} features[] = {
	{VFIO_DEVICE_FEATURE_PCI_VF_TOKEN, sizeof(struct vfio_token), VFIO_DEVICE_FEATURE_SET,
	 vf_token},
	{VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, 0, VFIO_DEVICE_FEATURE_SET, low_power_entry},
	{VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
	 sizeof(struct vfio_device_low_power_entry_with_wakeup), VFIO_DEVICE_FEATURE_SET,
	 low_power_entry_with_wakeup},
	{VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, 0, VFIO_DEVICE_FEATURE_SET, low_power_exit},
	{VFIO_DEVICE_FEATURE_BUS_MASTER, sizeof(struct vfio_device_feature_bus_master),
	 VFIO_DEVICE_FEATURE_SET, bus_master},
	{VFIO_DEVICE_FEATURE_DMA_BUF, sizeof(struct vfio_device_feature_dma_buf),
	 VFIO_DEVICE_FEATURE_GET, dma_buf},
};

/* Does the device have it? */
static bool has(const struct vfio_device *device, const struct feature *feature)
{
	return feature->number != VFIO_DEVICE_FEATURE_PCI_VF_TOKEN || device->function->sriov.total;
}

static const struct feature *find(const struct vfio_device *device, uint32_t number)
{
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (features[i].number == number && has(device, &features[i]))
			return &features[i];
	return NULL;
}

static int check_flags(uint32_t flags)
{
	const uint32_t ops = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;

	if (flags & ~(VFIO_DEVICE_FEATURE_MASK | ops | VFIO_DEVICE_FEATURE_PROBE))
		return -EINVAL;
	/* One thing at a time, but all may be asked about. */
	return !(flags & VFIO_DEVICE_FEATURE_PROBE) && (flags & ops) == ops ? -EINVAL : 0;
}

long vfio_feature(struct vfio_device *device, struct client *client, uint64_t arg)
{
	const uint32_t ops = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
	const struct feature *feature;
	struct vfio_device_feature head;
	int rc = vfio_read_head(client, &head, arg, HEAD);

	if (!rc)
		rc = check_flags(head.flags);
	if (rc)
		return rc;
	feature = find(device, head.flags & VFIO_DEVICE_FEATURE_MASK);
	if (!feature)
		return -ENOTTY;
	if (head.flags & ops & ~feature->ops)
		return -EINVAL;
	if (head.flags & VFIO_DEVICE_FEATURE_PROBE)
		return 0;
	if (!(head.flags & ops) || head.argsz - HEAD < feature->size)
		return -EINVAL;
	return feature->handler(
		&(struct feature_call){device, client, arg + HEAD, head.argsz - HEAD});
}
