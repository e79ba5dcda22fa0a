/* SPDX-License-Identifier: MIT */
/* A port of a function: a port of the device that the function is bound as, which comes and goes. */
#ifndef UIOMMUFD_PCI_PORT_H
#define UIOMMUFD_PCI_PORT_H

#include "device/dma.h"
#include "pci/function.h"

struct uiommufd_port {
	struct pci_function *function;
	LIST_ENTRY(uiommufd_port) link; /* function->work_lock */
	/* DMA is in progress, so the rest stays as it is. Said before function->holders is looked at. */
	atomic_bool busy;
	bool bound;    /* `dma` is there */
	bool no_waits; /* for pages */
	struct dma_port dma;
	uint64_t fault;
};

#endif
