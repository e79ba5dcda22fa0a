/* SPDX-License-Identifier: MIT */
/* struct config to text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/inject.h"
#include "config/identity.h"

/* Always in quotes: then no byte needs a look but two. */
static void write_value(FILE *file, const char *value)
{
	fputc('"', file);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', file);
		fputc(*value, file);
	}
	fputc('"', file);
}

static void write_options(FILE *file, const struct config_options *options)
{
	for (size_t i = 0; i < options->count; i++) {
		fputc(' ', file);
		write_value(file, options->list[i].key);
		fputc('=', file);
		write_value(file, options->list[i].value);
	}
	fputc('\n', file);
}

static void write_iommu(FILE *file, const struct config_iommu *iommu)
{
	fputs("iommu ", file);
	write_value(file, iommu->kind);
	if (iommu->name) {
		fputs(" name=", file);
		write_value(file, iommu->name);
	}
	if (iommu->unit != CONFIG_NONE)
		fprintf(file, " unit=%d", iommu->unit);
	write_options(file, &iommu->options);
}

static void write_device(FILE *file, const struct config *config,
			 const struct config_device *device)
{
	char address[CONFIG_ADDRESS_BYTES];

	fputs("device ", file);
	write_value(file, device->model);
	if (device->has_address) {
		config_address_write(&device->address, address);
		fprintf(file, " bdf=%s", address);
	}
	if (device->group != CONFIG_NONE)
		fprintf(file, " group=%d", device->group);
	if (device->number != CONFIG_NONE)
		fprintf(file, " vfio=%d", device->number);
	if (device->vfs)
		fprintf(file, " sriov=%u", device->vfs);
	if (device->is_vf) {
		config_address_write(&device->pf_address, address);
		fprintf(file, " vf-of=%s", address);
	}
	if (device->iommu != CONFIG_NONE || device->iommu_name) {
		fputs(" iommu=", file);
		write_value(file, device->iommu != CONFIG_NONE ? config->iommus[device->iommu].name
							       : device->iommu_name);
	}
	write_options(file, &device->options);
	if (device->identity.size)
		identity_write(file, &device->identity);
}

static void write_all(FILE *file, const struct config *config)
{
	if (config->options.count) {
		fputs("machine", file);
		write_options(file, &config->options);
	}
	for (size_t i = 0; i < config->iommu_count; i++)
		write_iommu(file, &config->iommus[i]);
	for (size_t i = 0; i < config->device_count; i++)
		write_device(file, config, &config->devices[i]);
}

int config_write(const struct config *config, char **ret_text)
{
	char *text = NULL;
	size_t size;
	FILE *file = inject_fail() ? NULL : open_memstream(&text, &size);
	bool failed;

	if (!file)
		return -ENOMEM;
	write_all(file, config);
	failed = ferror(file);
	if (fclose(file) || failed) {
		free(text);
		return -ENOMEM;
	}
	*ret_text = text;
	return 0;
}
