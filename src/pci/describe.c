/* SPDX-License-Identifier: MIT */
/* What config space says, without a function. */
#include <linux/pci_regs.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "pci/function.h"
#include "pci/registers.h"

static void fill(struct pci_function *function, const struct pci_setup *setup, bool is_vf)
{
	function->model = *setup->model;
	function->slot = setup->slot;
	function->share = setup->share;
	function->sriov = setup->sriov;
	if (is_vf)
		pci_make_vf(&function->model);
	for (unsigned int i = 0; i < PCI_BARS; i++)
		function->bars[i] = (struct pci_bar){.size = function->model.bars[i].size,
						     .address = setup->addresses[i],
						     .flags = function->model.bars[i].flags};
}

/* PCI Express Base 9.3.4.1.1, .2, .3 and .11. */
static void hide_vf(uint8_t *image)
{
	pci_put(image, PCI_VENDOR_ID, 0xffffffff, 4);
	pci_put(image, PCI_COMMAND, 0, 2);
	memset(image + PCI_BASE_ADDRESS_0, 0, PCI_BARS * sizeof(uint32_t));
}

int pci_config_describe(const struct pci_setup *setup, bool is_vf,
			uint8_t ret_image[PCI_EXT_CONFIG_SIZE])
{
	struct pci_function *function = mem_zalloc(sizeof(*function));
	int rc = function ? 0 : -ENOMEM;

	if (rc)
		return rc;
	lock_init(&function->lock, RANK_FUNCTION);
	lock_init(&function->irqs.lock, RANK_WORK);
	fill(function, setup, is_vf);
	rc = pci_config_init(function, setup);
	if (!rc) {
		pci_config_open(function);
		(void)pci_config_read(function, PCI_EXT_CONFIG_SIZE - 4,
				      4); /* NumVFs is as it is */
		memcpy(ret_image, function->config.image, PCI_EXT_CONFIG_SIZE);
		if (is_vf)
			hide_vf(ret_image);
		pci_config_done(&function->config);
	}
	lock_done(&function->irqs.lock);
	lock_done(&function->lock);
	free(function);
	return rc;
}
