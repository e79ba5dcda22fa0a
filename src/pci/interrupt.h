/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of a function: which kind is on, what is masked, what is pending. Where they go is the user's: VFIO, which sends them to
 * eventfds.
 *
 * Guarded by their own lock.
 */
#ifndef UIOMMUFD_PCI_INTERRUPT_H
#define UIOMMUFD_PCI_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"

struct pci_function;

enum pci_irq_kind {
	PCI_IRQ_NONE,
	PCI_IRQ_INTX,
	PCI_IRQ_MSI,
	PCI_IRQ_MSIX,
};

struct pci_irqs {
	struct lock lock; /* RANK_WORK */
	enum pci_irq_kind kind;
	/*
	 * Sends vector n (0 for INTx). False: nobody takes that vector, so it stays pending. With the lock held: waits for nothing.
	 */
	bool (*send)(void *arg, unsigned int vector);
	void *arg;
	uint64_t *pending;     /* bits by vector: raised while nobody took it */
	bool asserted, masked; /* INTx */
};

/* How many vectors a kind has. */
unsigned int pci_irq_count(const struct pci_function *function, enum pci_irq_kind kind);

/* -ENOMEM. */
int pci_irqs_init(struct pci_function *function);
void pci_irqs_done(struct pci_irqs *irqs);

/* The kind that is on from now on. An INTx that is asserted is sent at once. Takes the lock. */
void pci_irq_set_kind(struct pci_function *function, enum pci_irq_kind kind);
/* Somebody takes the vector now: sends it if it is pending. With the lock held. */
void pci_irq_taken(struct pci_function *function, unsigned int vector);
/* Masks or unmasks INTx; sends it if it is asserted then. Takes the lock. */
void pci_intx_mask(struct pci_function *function, bool masked);
/* Looks at the INTx again: the command register has changed. Takes the lock. */
void pci_intx_update(struct pci_function *function);
/* Nothing is asserted or pending any more: a reset. Takes the lock. */
void pci_irq_clear(struct pci_function *function);

#endif
