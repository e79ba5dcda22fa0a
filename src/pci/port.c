/* SPDX-License-Identifier: MIT */
/*
 * Ports. They outlive what they do DMA for: a function is bound as one device after another, and each time is held still.
 *
 * A port says that it is busy, then looks whether the function is held; who holds it says so first, then looks for busy ports. Both have
 * a full fence in between, so one of them sees the other.
 */
#include "pci/port.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <sched.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/guard.h"
#include "device/stall.h"

#define BOUNCE 4096

/* ---- life ---- */

static int bind_port(struct uiommufd_port *port, struct device *device)
{
	int rc = dma_port_init(&port->dma, device);

	port->bound = !rc;
	return rc;
}

static void unbind_port(struct uiommufd_port *port)
{
	if (port->bound)
		dma_port_done(&port->dma);
	port->bound = false;
}

int uiommufd_port_new(struct uiommufd_device *device, struct uiommufd_port **ret_port)
{
	struct pci_function *function = pci_of(device);
	struct uiommufd_port *port = mem_zalloc(sizeof(*port));
	int rc = 0;

	if (!port)
		return -ENOMEM;
	port->function = function;
	lock_take(&function->work_lock);
	if (function->device)
		rc = bind_port(port, function->device);
	if (!rc)
		LIST_INSERT_HEAD(&function->ports, port, link);
	lock_release(&function->work_lock);
	if (rc) {
		free(port);
		return rc;
	}
	*ret_port = port;
	return 0;
}

static void free_port(struct uiommufd_port *port)
{
	LIST_REMOVE(port, link);
	unbind_port(port);
	free(port);
}

void uiommufd_port_free(struct uiommufd_port *port)
{
	if (!port)
		return;
	LOCK_SCOPED(&port->function->work_lock);
	free_port(port);
}

void pci_free_ports(struct pci_function *function)
{
	struct uiommufd_port *port;

	LOCK_SCOPED(&function->work_lock);
	while ((port = LIST_FIRST(&function->ports)))
		free_port(port);
}

static void unbind_all(struct pci_function *function)
{
	struct uiommufd_port *port;

	LIST_FOREACH(port, &function->ports, link)
		unbind_port(port);
	function->device = NULL;
}

int pci_bind(struct pci_function *function, struct device *device)
{
	struct uiommufd_port *port;

	LOCK_SCOPED(&function->work_lock);
	LIST_FOREACH(port, &function->ports, link) {
		int rc = bind_port(port, device);

		if (rc) {
			unbind_all(function);
			return rc;
		}
	}
	function->device = device;
	return 0;
}

void pci_unbind(struct pci_function *function)
{
	LOCK_SCOPED(&function->work_lock);
	unbind_all(function);
}

static bool any_busy(struct pci_function *function)
{
	const struct uiommufd_port *port;

	LOCK_SCOPED(&function->work_lock);
	LIST_FOREACH(port, &function->ports, link)
		if (atomic_load(&port->busy))
			return true;
	return false;
}

/* Ports are busy for the time of a copy, so this yields rather than sleeps. Without the lock: who is busy may kick a queue before it ends its access. */
void pci_wait_for_ports(struct pci_function *function)
{
	while (any_busy(function))
		sched_yield();
}

/* ---- DMA ---- */

static void leave(struct uiommufd_port *port)
{
	atomic_store_explicit(&port->busy, false, memory_order_release);
}

/* May DMA be done now? leave() after success alone. */
static int enter(struct uiommufd_port *port)
{
	struct pci_function *function = port->function;
	int rc = 0;

	atomic_store(&port->busy, true);
	if (atomic_load(&function->holders))
		rc = -ECANCELED;
	else if (!(pci_command(function) & PCI_COMMAND_MASTER))
		rc = -EACCES;
	else if (!port->bound)
		rc = -EFAULT;
	if (rc)
		leave(port);
	return rc;
}

/* Models know no error of memory: to them it is a fault. */
static int copy(struct uiommufd_port *port, const struct dma_access *access)
{
	int rc;

	port->fault = access->iova;
	rc = enter(port);
	if (rc)
		return rc;
	rc = port->no_waits ? dma_copy_at_once(&port->dma, access, &port->fault)
			    : dma_copy_stalling(&port->dma, access, &port->fault);
	leave(port);
	return rc == -ENOMEM ? -EFAULT : rc;
}

int uiommufd_dma_read(struct uiommufd_port *port, uint32_t pasid, uint64_t iova, void *buf,
		      size_t len)
{
	return copy(port, &(struct dma_access){pasid, PT_READ, iova, buf, len});
}

int uiommufd_dma_write(struct uiommufd_port *port, uint32_t pasid, uint64_t iova, const void *buf,
		       size_t len)
{
	return copy(port, &(struct dma_access){pasid, PT_WRITE, iova, (void *)buf, len});
}

void uiommufd_dma_waits(struct uiommufd_port *port, bool waits)
{
	port->no_waits = !waits;
}

uint64_t uiommufd_fault(const struct uiommufd_port *port)
{
	return port->fault;
}

/* As much as is in one piece at both ends, without a buffer. -EFAULT: it has to go by one. */
static int copy_direct(struct uiommufd_port *port, uint32_t pasid, uint64_t to, uint64_t from,
		       size_t *len)
{
	char *dst, *src;
	int rc = -EFAULT;

	/* Two ranges; a section has one. */
	dma_enter(&port->dma, 0, UINT64_MAX);
	src = dma_translate(&port->dma, pasid, from, len, false);
	dst = src ? dma_translate(&port->dma, pasid, to, len, true) : NULL;
	if (dst)
		rc = guard_copy(dst, src, *len);
	dma_leave(&port->dma);
	return rc;
}

static int copy_bounced(struct uiommufd_port *port, uint32_t pasid, uint64_t to, uint64_t from,
			size_t *len)
{
	char buf[BOUNCE];
	int rc;

	if (*len > sizeof(buf))
		*len = sizeof(buf);
	rc = uiommufd_dma_read(port, pasid, from, buf, *len);
	return rc ? rc : uiommufd_dma_write(port, pasid, to, buf, *len);
}

/* The longest section: who takes memory away waits for it. */
#define SECTION ((size_t)64 << 10)

int uiommufd_dma_copy(struct uiommufd_port *port, uint32_t pasid, uint64_t to, uint64_t from,
		      size_t len)
{
	int rc = 0;

	while (len && !rc) {
		size_t n = len < SECTION ? len : SECTION, part = n;

		port->fault = from;
		rc = enter(port);
		if (rc)
			break;
		rc = copy_direct(port, pasid, to, from, &part);
		leave(port);
		if (rc) {
			part = n;
			rc = copy_bounced(port, pasid, to, from, &part);
		}
		to += part;
		from += part;
		len -= part;
	}
	return rc;
}

void *uiommufd_dma_begin(struct uiommufd_port *port, uint32_t pasid, uint64_t iova, size_t *len,
			 bool write)
{
	uint64_t last = iova + (*len - 1);
	void *memory;

	port->fault = iova;
	if (enter(port))
		return NULL;
	dma_enter(&port->dma, iova, last < iova ? UINT64_MAX : last);
	memory = dma_translate(&port->dma, pasid, iova, len, write);
	if (!memory) {
		dma_leave(&port->dma);
		leave(port);
	}
	return memory;
}

void uiommufd_dma_end(struct uiommufd_port *port)
{
	dma_leave(&port->dma);
	leave(port);
}

int uiommufd_copy(void *to, const void *from, size_t len)
{
	return guard_copy(to, from, len);
}

int uiommufd_page_request(struct uiommufd_port *port, uint32_t pasid, uint64_t iova, bool write)
{
	int rc;

	port->fault = iova;
	rc = enter(port);
	if (rc)
		return rc == -EACCES ? -EFAULT : rc;
	rc = dma_ask_for_page(&port->dma, pasid, iova, write ? PT_WRITE : PT_READ);
	leave(port);
	return rc == -ENOMEM ? -EFAULT : rc;
}
