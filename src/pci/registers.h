/* SPDX-License-Identifier: MIT */
/* How config space is laid out: for the files of this folder that build it and work on it. */
#ifndef UIOMMUFD_PCI_REGISTERS_H
#define UIOMMUFD_PCI_REGISTERS_H

#include <stdint.h>

struct pci_function;

/* Little-endian fields of 1, 2 or 4 bytes. */
uint32_t pci_get(const uint8_t *image, unsigned int offset, unsigned int len);
void pci_put(uint8_t *image, unsigned int offset, uint32_t value, unsigned int len);

/* The header's registers; `command`: the bits of the command register that a user changes. */
void pci_config_lay_header(struct pci_function *function, uint16_t command);
/* The lists of capabilities, at the places that uiommufd/device.h tells of. */
void pci_config_lay_capabilities(struct pci_function *function);
/* BARs and interrupt line as they were at first: a user may have written there. With the function's lock. */
void pci_config_put_back(struct pci_function *function);

#endif
