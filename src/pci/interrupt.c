/* SPDX-License-Identifier: MIT */
/* Raising interrupts. */
#include "pci/interrupt.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "pci/function.h"

#define WORD_BITS 64

unsigned int pci_irq_count(const struct pci_function *function, enum pci_irq_kind kind)
{
	switch (kind) {
	case PCI_IRQ_INTX:
		return function->model.intx_pin ? 1 : 0;
	case PCI_IRQ_MSI:
		return function->model.msi_vectors;
	case PCI_IRQ_MSIX:
		return function->model.msix_vectors;
	default:
		return 0;
	}
}

static size_t pending_words(const struct pci_function *function)
{
	unsigned int most = function->model.msix_vectors > function->model.msi_vectors
				    ? function->model.msix_vectors
				    : function->model.msi_vectors;

	return (most + WORD_BITS) / WORD_BITS;
}

int pci_irqs_init(struct pci_function *function)
{
	function->irqs.pending = mem_calloc(pending_words(function), sizeof(uint64_t));
	return function->irqs.pending ? 0 : -ENOMEM;
}

void pci_irqs_done(struct pci_irqs *irqs)
{
	free(irqs->pending);
}

/* ---- messages ---- */

/* What a driver can see of what is pending: the MSI-X Pending Bit Array (PCI 3.0, 6.8.2). */
static void show_pending(struct pci_function *function)
{
	const struct uiommufd_model *model = &function->model;
	char *pba;

	if (!model->msix_vectors)
		return;
	pba = function->bars[model->msix_bar].memory.host + model->msix_pba;
	memcpy(pba, function->irqs.pending, (model->msix_vectors + 63u) / 64 * 8);
}

static void set_pending(struct pci_function *function, unsigned int vector, bool pending)
{
	uint64_t *word = &function->irqs.pending[vector / WORD_BITS];
	uint64_t bit = (uint64_t)1 << vector % WORD_BITS;

	if (!(*word & bit) == !pending)
		return;
	*word ^= bit;
	show_pending(function);
}

void uiommufd_interrupt(struct uiommufd_device *device, unsigned int vector)
{
	struct pci_function *function = pci_of(device);
	struct pci_irqs *irqs = &function->irqs;

	LOCK_SCOPED(&irqs->lock);
	if (irqs->kind != PCI_IRQ_MSI && irqs->kind != PCI_IRQ_MSIX)
		return;
	if (vector < pci_irq_count(function, irqs->kind) && !irqs->send(irqs->arg, vector))
		set_pending(function, vector, true);
}

void pci_irq_taken(struct pci_function *function, unsigned int vector)
{
	struct pci_irqs *irqs = &function->irqs;

	if (!(irqs->pending[vector / WORD_BITS] >> vector % WORD_BITS & 1))
		return;
	if (irqs->send(irqs->arg, vector))
		set_pending(function, vector, false);
}

/* ---- INTx ---- */

/* A level: it is sent when it may be, and then masked until the user has dealt with it. */
static void send_intx(struct pci_function *function)
{
	struct pci_irqs *irqs = &function->irqs;

	if (irqs->kind != PCI_IRQ_INTX || !irqs->asserted || irqs->masked ||
	    pci_command(function) & PCI_COMMAND_INTX_DISABLE)
		return;
	irqs->masked = irqs->send(irqs->arg, 0);
}

void uiommufd_intx(struct uiommufd_device *device, bool asserted)
{
	struct pci_function *function = pci_of(device);

	LOCK_SCOPED(&function->irqs.lock);
	function->irqs.asserted = asserted;
	send_intx(function);
}

void pci_intx_mask(struct pci_function *function, bool masked)
{
	LOCK_SCOPED(&function->irqs.lock);
	function->irqs.masked = masked;
	send_intx(function);
}

void pci_intx_update(struct pci_function *function)
{
	LOCK_SCOPED(&function->irqs.lock);
	send_intx(function);
}

/* ---- both ---- */

void pci_irq_set_kind(struct pci_function *function, enum pci_irq_kind kind)
{
	lock_take(&function->irqs.lock);
	function->irqs.kind = kind;
	function->irqs.masked = false;
	memset(function->irqs.pending, 0, pending_words(function) * sizeof(uint64_t));
	show_pending(function);
	send_intx(function);
	lock_release(&function->irqs.lock);
	pci_config_show_irq(function, kind);
}

void pci_irq_clear(struct pci_function *function)
{
	LOCK_SCOPED(&function->irqs.lock);
	function->irqs.asserted = false;
	memset(function->irqs.pending, 0, pending_words(function) * sizeof(uint64_t));
	show_pending(function);
}
