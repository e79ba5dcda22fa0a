/* SPDX-License-Identifier: MIT */
/*
 * Config space as a user of VFIO sees it: an image, and for each bit whether it takes what is written. Few registers do more.
 *
 * Guarded by the function's lock.
 */
#ifndef UIOMMUFD_PCI_CONFIG_SPACE_H
#define UIOMMUFD_PCI_CONFIG_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include <uiommufd/device.h>

struct pci_function;
struct pci_setup;

#define PCI_CONFIG_SIZE	    256
#define PCI_EXT_CONFIG_SIZE 4096

struct pci_config {
	unsigned int size; /* 256 or 4096 */
	uint8_t *image;	   /* a page, which the model sees too */
	uint8_t *writable; /* a page: bits that writes change */
	uint8_t *owned;	   /* a bit for each dword: ours, not the model's */
	/* Where the capabilities are; 0: there is no such one. */
	uint16_t pm, msi, msix, pcie, sriov;
};

/* Builds it from the model. -ENOMEM. */
int pci_config_init(struct pci_function *function, const struct pci_setup *setup);
void pci_config_done(struct pci_config *config);

/* 1, 2 or 4 bytes at a multiple of that, inside of config space. Takes the function's lock. */
uint32_t pci_config_read(struct pci_function *function, unsigned int offset, unsigned int len);
/* *ret_reset: what was written asks for a function level reset; it is the caller's to do. */
void pci_config_write(struct pci_function *function, unsigned int offset, uint32_t value,
		      unsigned int len, bool *ret_reset);

/* The command register's bits (PCI_COMMAND_*). Without the lock. */
uint16_t pci_command(const struct pci_function *function);
/* Changes bits of it. Takes the lock. */
void pci_set_command(struct pci_function *function, uint16_t set, uint16_t clear);
/* What an opener finds: bus mastering off, decoding on. Takes the lock. */
void pci_config_open(struct pci_function *function);
/* Shows which kind of interrupt is on. Takes the lock. */
void pci_config_show_irq(struct pci_function *function, unsigned int kind);

/*
 * Config space of a function that is not made: what the host lays out of it, as hardware shows it to the kernel (a virtual function has no identifiers and no
 * BARs there, PCI Express Base 9.3.4.1). Of the setup, `model`, which may be an identity, addresses, slot, share and sriov count. -ENOMEM.
 */
int pci_config_describe(const struct pci_setup *setup, bool is_vf,
			uint8_t ret_image[PCI_EXT_CONFIG_SIZE]);

/*
 * Where BARs seem to be: addresses of the function `index` (from 0) of a machine, which don't meet those of another function; or of the VFs whose first is
 * that function: each BAR has room for `count` of them, one behind the other.
 */
void pci_assign_addresses(unsigned int index, unsigned int count, const struct uiommufd_bar bars[6],
			  uint64_t ret_addresses[6]);

#endif
