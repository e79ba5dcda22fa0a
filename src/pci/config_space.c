/* SPDX-License-Identifier: MIT */
/*
 * Config space: what loads give, and what stores do. Numbers are those of <linux/pci_regs.h>, which are the PCI Local Bus Specification 3.0's and
 * the PCI Express Base Specification's.
 */
#include "pci/config_space.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "pci/function.h"
#include "pci/registers.h"

/* What a user changes of the command register. */
#define COMMAND_WRITABLE                                                                           \
	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INVALIDATE |       \
	 PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE)

/* Of a virtual function: bus mastering (PCI Express Base 9.3.4.1.3), and memory decoding, which Linux lets its users see as they set it. */
#define VF_COMMAND_WRITABLE (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

void pci_config_done(struct pci_config *config)
{
	free(config->image);
	free(config->writable);
	free(config->owned);
}

static int allocate(struct pci_config *config)
{
	config->image = mem_page_zalloc();
	config->writable = mem_zalloc(PCI_EXT_CONFIG_SIZE);
	config->owned = mem_zalloc(PCI_EXT_CONFIG_SIZE / 4 / 8);
	if (config->image && config->writable && config->owned)
		return 0;
	pci_config_done(config);
	memset(config, 0, sizeof(*config));
	return -ENOMEM;
}

int pci_config_init(struct pci_function *function, const struct pci_setup *setup)
{
	struct pci_config *config = &function->config;
	int rc = allocate(config);

	if (rc)
		return rc;
	config->size =
		function->model.flags & UIOMMUFD_MODEL_PCIE ? PCI_EXT_CONFIG_SIZE : PCI_CONFIG_SIZE;
	pci_config_lay_header(function, function->pf ? VF_COMMAND_WRITABLE : COMMAND_WRITABLE);
	pci_config_lay_capabilities(function);
	return 0;
}

/* ---- little-endian fields of an image; DMA looks at the command register without the lock ---- */

uint32_t pci_get(const uint8_t *image, unsigned int offset, unsigned int len)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < len; i++)
		value |= (uint32_t)__atomic_load_n(&image[offset + i], __ATOMIC_RELAXED) << (8 * i);
	return value;
}

void pci_put(uint8_t *image, unsigned int offset, uint32_t value, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++)
		__atomic_store_n(&image[offset + i], (uint8_t)(value >> (8 * i)), __ATOMIC_RELAXED);
}

uint8_t *uiommufd_config(struct uiommufd_device *device)
{
	return pci_of(device)->config.image;
}

/* ---- the command register ---- */

uint16_t pci_command(const struct pci_function *function)
{
	return (uint16_t)pci_get(function->config.image, PCI_COMMAND, 2);
}

static void set_command(struct pci_function *function, uint16_t value)
{
	pci_put(function->config.image, PCI_COMMAND, value, 2);
}

void pci_set_command(struct pci_function *function, uint16_t set, uint16_t clear)
{
	lock_take(&function->lock);
	set_command(function, (pci_command(function) & ~clear) | set);
	lock_release(&function->lock);
	pci_intx_update(function);
}

/* As a kernel does it for its user: decoding follows from what the BARs are, and the device can't do DMA until it is told to. */
void pci_config_open(struct pci_function *function)
{
	uint16_t decode = 0;

	for (unsigned int i = 0; i < PCI_BARS; i++)
		if (function->bars[i].size)
			decode |= function->bars[i].flags & UIOMMUFD_BAR_IO ? PCI_COMMAND_IO
									    : PCI_COMMAND_MEMORY;
	LOCK_SCOPED(&function->lock);
	pci_config_put_back(function);
	set_command(function, decode);
}

/* ---- loads and stores ---- */

static bool is_owned(const struct pci_config *config, unsigned int offset)
{
	return config->owned[offset / 32] >> (offset / 4 % 8) & 1;
}

/* Status tells whether INTx is asserted (PCI 3.0, 6.2.3). */
static void refresh_status(struct pci_function *function)
{
	uint8_t *status = &function->config.image[PCI_STATUS];

	LOCK_SCOPED(&function->irqs.lock);
	*status = (*status & ~PCI_STATUS_INTERRUPT) |
		  (function->irqs.asserted ? PCI_STATUS_INTERRUPT : 0);
}

static void refresh_sriov(struct pci_function *function)
{
	uint8_t *image = function->config.image;
	unsigned int at = function->config.sriov, vfs = atomic_load(&function->share->vfs);

	pci_put(image, at + PCI_SRIOV_CTRL, vfs ? PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE : 0, 2);
	pci_put(image, at + PCI_SRIOV_NUM_VF, vfs, 2);
}

uint32_t pci_config_read(struct pci_function *function, unsigned int offset, unsigned int len)
{
	LOCK_SCOPED(&function->lock);
	if (offset <= PCI_STATUS && PCI_STATUS < offset + len)
		refresh_status(function);
	if (function->config.sriov && offset >= function->config.sriov)
		refresh_sriov(function);
	return pci_get(function->config.image, offset, len);
}

/* The function level reset is asked for by a bit that reads as 0 (PCI Express Base 7.5.3.4). */
static bool asks_for_reset(const struct pci_function *function, unsigned int offset, uint32_t value,
			   unsigned int len)
{
	unsigned int at = function->config.pcie + PCI_EXP_DEVCTL + 1;

	if (!function->config.pcie || !pci_has_flr(function) || at < offset || at >= offset + len)
		return false;
	return value >> (8 * (at - offset)) & PCI_EXP_DEVCTL_BCR_FLR >> 8;
}

static void store(struct pci_function *function, unsigned int offset, uint32_t value,
		  unsigned int len)
{
	struct pci_config *config = &function->config;
	uint32_t old = pci_get(config->image, offset, len);
	uint32_t mask = pci_get(config->writable, offset, len);

	pci_put(config->image, offset, (old & ~mask) | (value & mask), len);
}

void pci_config_write(struct pci_function *function, unsigned int offset, uint32_t value,
		      unsigned int len, bool *ret_reset)
{
	const struct uiommufd_model *model = &function->model;

	lock_take(&function->lock);
	*ret_reset = asks_for_reset(function, offset, value, len);
	if (is_owned(&function->config, offset))
		store(function, offset, value, len);
	else if (model->config_write)
		model->config_write(function->state, offset, value, len);
	lock_release(&function->lock);
	if (offset / 4 == PCI_COMMAND / 4)
		pci_intx_update(function);
}

void pci_config_show_irq(struct pci_function *function, unsigned int kind)
{
	struct pci_config *config = &function->config;

	LOCK_SCOPED(&function->lock);
	if (config->msi) {
		uint16_t at = config->msi + PCI_MSI_FLAGS;
		uint32_t flags = pci_get(config->image, at, 2) & ~PCI_MSI_FLAGS_ENABLE;
		uint32_t changes = PCI_MSI_FLAGS_QSIZE;

		if (kind == PCI_IRQ_MSI) {
			flags |= PCI_MSI_FLAGS_ENABLE;
			changes |= PCI_MSI_FLAGS_ENABLE;
		}
		pci_put(config->image, at, flags, 2);
		pci_put(config->writable, at, changes, 2);
	}
	if (config->msix) {
		uint16_t at = config->msix + PCI_MSIX_FLAGS;
		uint32_t flags = pci_get(config->image, at, 2) & ~PCI_MSIX_FLAGS_ENABLE;

		pci_put(config->image, at,
			flags | (kind == PCI_IRQ_MSIX ? PCI_MSIX_FLAGS_ENABLE : 0), 2);
	}
}
