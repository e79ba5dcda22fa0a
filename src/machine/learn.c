/* SPDX-License-Identifier: MIT */
/* What models and kinds know of a description. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/words.h"
#include "machine/kind.h"
#include "machine/machine.h"
#include "machine/model.h"

/* Adds one more name to a list for a sentence. */
static void list(char *text, size_t size, const char *key)
{
	size_t length = strlen(text);

	snprintf(text + length, size - length, "%s%s", length ? ", " : "", key);
}

static int no_option(const char *of, const char *key, const char *there_are,
		     struct config_error *ret_error)
{
	if (!*there_are)
		return config_complain(ret_error, "'%s' has no option '%s': it has none", of, key);
	return config_complain(ret_error, "'%s' has no option '%s': it has %s", of, key, there_are);
}

static void list_kind_options(const struct kind_option *table, char *text, size_t size)
{
	for (; table && table->key; table++)
		list(text, size, table->key);
}

static int learn_iommu(struct config_iommu *iommu, struct config_error *ret_error)
{
	const struct iommu_kind *kind = iommu_kind_find(iommu->kind);
	char names[160] = "";

	ret_error->line = iommu->line;
	if (!kind) {
		for (size_t i = 0; iommu_kinds[i]; i++)
			list(names, sizeof(names), iommu_kinds[i]->name);
		return config_complain(ret_error, "there is no kind of iommu '%s': there are %s",
				       iommu->kind, names);
	}
	list_kind_options(kind->options, names, sizeof(names));
	for (size_t i = 0; i < iommu->options.count; i++)
		if (!kind_option_find(kind->options, iommu->options.list[i].key))
			return no_option(iommu->kind, iommu->options.list[i].key, names, ret_error);
	return 0;
}

static bool model_has(const struct uiommufd_model *model, const char *key)
{
	const struct uiommufd_option *option = model->options;

	while (option && option->key && strcmp(option->key, key) != 0)
		option++;
	return option && option->key;
}

static int check_options(const struct config_device *device, const struct uiommufd_model *model,
			 const struct iommu_kind *kind, struct config_error *ret_error)
{
	const struct uiommufd_option *option;
	char names[160] = "";

	for (option = model->options; option && option->key; option++)
		list(names, sizeof(names), option->key);
	list_kind_options(kind->device_options, names, sizeof(names));
	for (size_t i = 0; i < device->options.count; i++) {
		const char *key = device->options.list[i].key;

		if (!model_has(model, key) && !kind_option_find(kind->device_options, key))
			return no_option(device->model, key, names, ret_error);
	}
	return 0;
}

/* The constants alone: the model may be unloaded, or another process's. */
static void take_identity(const struct uiommufd_model *model, struct uiommufd_model *ret_identity)
{
	*ret_identity = *model;
	ret_identity->size = sizeof(*ret_identity);
	ret_identity->name = ret_identity->summary = NULL;
	ret_identity->windows = NULL;
	ret_identity->options = NULL;
	ret_identity->create = NULL;
	ret_identity->destroy = ret_identity->reset = NULL;
	ret_identity->bar_write = NULL;
	ret_identity->bar_read = NULL;
	ret_identity->config_write = NULL;
	ret_identity->run = NULL;
	ret_identity->quiesce = NULL;
}

/* PRI is a matter of the function and of its IOMMU: the kind knows the word, config space shows it. */
static int take_pri(struct config_device *device, const struct iommu_kind *kind,
		    struct config_error *ret_error)
{
	const char *pri = config_option(&device->options, "pri");
	struct uiommufd_model *identity = &device->identity;

	if (!pri || !kind_option_find(kind->device_options, "pri"))
		return 0;
	if (!strcmp(pri, "off"))
		identity->flags &= ~UIOMMUFD_MODEL_PRI;
	if (strcmp(pri, "on") != 0)
		return 0;
	if (!(identity->flags & UIOMMUFD_MODEL_PCIE))
		return config_complain(ret_error, "'%s' is not PCI Express: it can't have pri",
				       device->model);
	identity->flags |= UIOMMUFD_MODEL_ATS | UIOMMUFD_MODEL_PRI;
	return 0;
}

static int learn_device(struct config *config, struct config_device *device,
			struct config_error *ret_error)
{
	const struct iommu_kind *kind = iommu_kind_find(config->iommus[device->iommu].kind);
	struct uiommufd_model model;
	int r;

	ret_error->line = device->line;
	r = model_get(device->model, &model, ret_error);
	if (r)
		return r;
	if (device->vfs && !(model.flags & UIOMMUFD_MODEL_SRIOV))
		return config_complain(ret_error, "'%s' can't have virtual functions",
				       device->model);
	take_identity(&model, &device->identity);
	if (device->is_vf)
		device->identity.intx_pin = 0;
	r = take_pri(device, kind, ret_error);
	return r ? r : check_options(device, &model, kind, ret_error);
}

int machine_learn(struct config *config, struct config_error *ret_error)
{
	int r = 0;

	*ret_error = (struct config_error){};
	for (size_t i = 0; i < config->iommu_count && !r; i++)
		r = learn_iommu(&config->iommus[i], ret_error);
	for (size_t i = 0; i < config->device_count && !r; i++)
		r = learn_device(config, &config->devices[i], ret_error);
	return r;
}
