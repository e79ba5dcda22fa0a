/* SPDX-License-Identifier: MIT */
#include "model/models.h"

#include <string.h>

const struct uiommufd_model *const models[] = {&model_nvme, &model_ioat, &model_dmatest, NULL};

const struct uiommufd_model *model_find(const char *name, size_t len)
{
	for (size_t i = 0; models[i]; i++)
		if (strlen(models[i]->name) == len && !memcmp(models[i]->name, name, len))
			return models[i];
	return NULL;
}
