/* SPDX-License-Identifier: MIT */
/* struct config to text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static bool same_options(const struct config_options *a, const struct config_options *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->list[i].key, b->list[i].key) != 0 ||
		    strcmp(a->list[i].value, b->list[i].value) != 0)
			return false;
	return true;
}

static bool same_address(const struct config_address *a, const struct config_address *b)
{
	return a->domain == b->domain && config_requester(a) == config_requester(b);
}

/* Would `count` make b of a? Nothing of either is left out. */
static bool follows(const struct config_device *a, const struct config_device *b)
{
	struct config_address next;

	return a->has_address && b->has_address && config_next_address(a, &next) &&
	       same_address(&next, &b->address) && a->group != CONFIG_NONE &&
	       b->group == a->group + 1 && a->number != CONFIG_NONE && b->number == a->number + 1 &&
	       a->iommu != CONFIG_NONE && a->iommu == b->iommu && a->vfs == b->vfs &&
	       a->is_vf == b->is_vf && same_address(&a->pf_address, &b->pf_address) &&
	       !strcmp(a->model, b->model) && same_options(&a->options, &b->options) &&
	       identity_same(&a->identity, &b->identity);
}

static size_t count_followers(const struct config *config, size_t first)
{
	size_t next = first + 1;

	while (next < config->device_count &&
	       follows(&config->devices[next - 1], &config->devices[next]))
		next++;
	return next - first;
}

/* Which of them, if it isn't left out. */
static void write_numbers(FILE *file, const struct config_device *device, size_t count)
{
	char address[CONFIG_ADDRESS_BYTES];

	if (device->has_address) {
		config_address_write(&device->address, address);
		fprintf(file, " bdf=%s", address);
	}
	if (device->group != CONFIG_NONE)
		fprintf(file, " group=%d", device->group);
	if (device->number != CONFIG_NONE)
		fprintf(file, " vfio=%d", device->number);
	if (count > 1)
		fprintf(file, " count=%zu", count);
	if (device->vfs)
		fprintf(file, " sriov=%u", device->vfs);
	if (device->is_vf) {
		config_address_write(&device->pf_address, address);
		fprintf(file, " vf-of=%s", address);
	}
}

/* One, or several that are alike. */
static void write_devices(FILE *file, const struct config *config, size_t index, size_t count)
{
	const struct config_device *device = &config->devices[index],
				   *similar = config_similar(config, index);

	fputs("device ", file);
	write_value(file, device->model);
	write_numbers(file, device, count);
	if (device->iommu != CONFIG_NONE || device->iommu_name) {
		fputs(" iommu=", file);
		write_value(file, device->iommu != CONFIG_NONE ? config->iommus[device->iommu].name
							       : device->iommu_name);
	}
	write_options(file, &device->options);
	if (device->identity.size &&
	    !(similar && identity_same(&similar->identity, &device->identity)))
		identity_write(file, &device->identity);
}

static void write_all(FILE *file, const struct config *config)
{
	size_t count;

	if (config->options.count) {
		fputs("machine", file);
		write_options(file, &config->options);
	}
	for (size_t i = 0; i < config->iommu_count; i++)
		write_iommu(file, &config->iommus[i]);
	for (size_t i = 0; i < config->device_count; i += count) {
		count = count_followers(config, i);
		write_devices(file, config, i, count);
	}
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
