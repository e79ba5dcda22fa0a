/* SPDX-License-Identifier: MIT */
/* The device models of the tree. Each is written against <uiommufd/device.h> alone, like one from outside. */
#ifndef UIOMMUFD_MODEL_MODELS_H
#define UIOMMUFD_MODEL_MODELS_H

#include <stddef.h>

#include <uiommufd/device.h>

extern const struct uiommufd_model model_dmatest, model_ioat, model_nvme;

/* All of them, in the order in which they are listed; ends with NULL. */
extern const struct uiommufd_model *const models[];

/* The one of this name (len bytes), or NULL. */
const struct uiommufd_model *model_find(const char *name, size_t len);

#endif
