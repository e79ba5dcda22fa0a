/* SPDX-License-Identifier: MIT */
/* Device models by name. */
#ifndef UIOMMUFD_MACHINE_MODEL_H
#define UIOMMUFD_MACHINE_MODEL_H

#include <uiommufd/device.h>

#include "config/config.h"

/*
 * The model of this name, or of the shared object of this path, which stays loaded; it is well-formed (pci/model.h). -EINVAL, and *ret_error says why.
 */
int model_get(const char *name, struct uiommufd_model *ret_model, struct config_error *ret_error);

#endif
