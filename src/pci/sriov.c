/* SPDX-License-Identifier: MIT */
#include "pci/function.h"

/* PCI Express Base 9.3.4.1.13 (no interrupt pin), 9.3.7.10 and 9.3.7.11 (PASID and PRI are the physical function's). */
void pci_make_vf(struct uiommufd_model *model)
{
	model->intx_pin = 0;
	model->flags &=
		~(uint32_t)(UIOMMUFD_MODEL_PRI | UIOMMUFD_MODEL_PASID | UIOMMUFD_MODEL_SRIOV);
	model->pasid_bits = 0;
}
