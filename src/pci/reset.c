/* SPDX-License-Identifier: MIT */
/* Resets. */
#include <string.h>

#include "pci/function.h"

static void zero_images(struct pci_function *function)
{
	for (unsigned int i = 0; i < PCI_BARS; i++)
		if (function->bars[i].size)
			memset(function->bars[i].memory.host, 0, function->bars[i].memory.length);
}

static void reset_model(struct pci_function *function)
{
	LOCK_SCOPED(&function->lock);
	if (function->model.reset)
		function->model.reset(function->state);
	else
		zero_images(function);
}

static void forget_kicks(struct pci_function *function)
{
	LOCK_SCOPED(&function->work_lock);
	memset(function->queues, 0, function->model.queues * sizeof(*function->queues));
	function->kicked = 0;
}

void pci_reset(struct pci_function *function)
{
	pci_hold(function);
	forget_kicks(function);
	pci_irq_clear(function);
	reset_model(function);
	pci_release(function);
}
