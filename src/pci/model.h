/* SPDX-License-Identifier: MIT */
/* Models come from outside of the tree too: what they say is checked once, before anything relies on it. */
#ifndef UIOMMUFD_PCI_MODEL_H
#define UIOMMUFD_PCI_MODEL_H

#include "pci/function.h"

#define PCI_MAX_QUEUES	65536
#define PCI_MAX_WORKERS 64

/*
 * Takes the model as far as both it and we know the struct. NULL if it is well-formed, else a sentence that says why not.
 */
const char *pci_model_take(const struct uiommufd_model *given, struct uiommufd_model *ret_model);

#endif
