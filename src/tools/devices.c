/* SPDX-License-Identifier: MIT */
/* `uiommufd devices`: what a machine has, and what a machine can have. */
#include "tools/machine.h"
#include "tools/tool.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "machine/kind.h"
#include "model/models.h"

static const char help[] =
	"Usage: uiommufd devices [OPTION...]\n"
	"       uiommufd devices --models\n"
	"\n"
	"Lists the IOMMUs and devices of a machine, as 'uiommufd run' with the same options\n"
	"gives it to a program; or the models that devices can be of, the kinds of IOMMUs,\n"
	"and their options.\n"
	"\n"
	"Options:\n" MACHINE_HELP "      --models             list models and kinds\n"
	"  -h, --help               print this help\n";

struct options {
	struct config *config;
	bool models;
};

static const struct option long_options[] = {{"help", no_argument, NULL, 'h'},
					     {"models", no_argument, NULL, 'm'},
					     MACHINE_LONG_OPTIONS,
					     {}};

/* 0, or TOOL_USAGE; -1: all is done. */
static int parse(int argc, char **argv, struct options *options)
{
	int option;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (option) {
		case 'h':
			fputs(help, stdout);
			return -1;
		case 'm':
			options->models = true;
			break;
		case MACHINE_OPTION_FILE:
		case MACHINE_OPTION_DEVICE:
		case MACHINE_OPTION_IOMMU:
			if (machine_take(&options->config, option, optarg))
				return TOOL_USAGE;
			break;
		default:
			return TOOL_USAGE; /* getopt has said what is wrong */
		}
	}
	if (optind < argc) {
		tool_say("'%s' is too much: 'uiommufd devices' takes options alone.", argv[optind]);
		return TOOL_USAGE;
	}
	return 0;
}

/* ---- what there can be ---- */

static void print_option(const char *key, const char *text)
{
	printf("      %-17s %s\n", key, text);
}

static void print_options(const char *title, const struct kind_option *table)
{
	if (!table || !table->key)
		return;
	printf("   %s:\n", title);
	for (const struct kind_option *option = table; option->key; option++)
		print_option(option->key, option->help);
}

static void print_models(void)
{
	printf("Models (--device NAME[,OPTION=VALUE...]):\n");
	for (size_t i = 0; models[i]; i++) {
		printf("\n   %-20s %s\n", models[i]->name, models[i]->summary);
		for (const struct uiommufd_option *option = models[i]->options;
		     option && option->key; option++)
			print_option(option->key, option->help);
	}
	printf("\nKinds of IOMMUs (--iommu KIND[,OPTION=VALUE...]):\n");
	for (size_t i = 0; iommu_kinds[i]; i++) {
		printf("\n   %-20s %s\n", iommu_kinds[i]->name, iommu_kinds[i]->summary);
		print_options("options", iommu_kinds[i]->options);
		print_options("options of a device behind it", iommu_kinds[i]->device_options);
	}
}

/* ---- what there is ---- */

static void print_given(const struct config_options *options)
{
	for (size_t i = 0; i < options->count; i++)
		printf(" %s=%s", options->list[i].key, options->list[i].value);
	printf("\n");
}

static void print_size(uint64_t size)
{
	const char *units[] = {"", "K", "M", "G", "T"};
	unsigned int i = 0;

	while (i < 4 && !(size & 1023)) {
		size >>= 10;
		i++;
	}
	printf("%" PRIu64 "%s", size, units[i]);
}

static void print_bars(const struct uiommufd_model *model)
{
	for (unsigned int i = 0; i < 6; i++) {
		if (!model->bars[i].size)
			continue;
		printf("   BAR %u: ", i);
		print_size(model->bars[i].size);
		printf(model->bars[i].flags & UIOMMUFD_BAR_IO ? ", I/O" : ", memory");
		printf(model->bars[i].flags & UIOMMUFD_BAR_64BIT ? ", 64 bits" : "");
		printf(model->bars[i].flags & UIOMMUFD_BAR_PREFETCHABLE ? ", prefetchable\n"
									: "\n");
	}
}

static void print_device(const struct config *config, const struct config_device *device)
{
	const struct uiommufd_model *model = &device->identity;
	char address[CONFIG_ADDRESS_BYTES];

	config_address_write(&device->address, address);
	printf("%s  %s [%04x:%04x] class %06x:", address, device->model, model->vendor_id,
	       model->device_id, model->class_code);
	print_given(&device->options);
	printf("   /dev/vfio/devices/vfio%d, group %d (/dev/vfio/%d), behind %s\n", device->number,
	       device->group, device->group, config->iommus[device->iommu].name);
	print_bars(model);
	if (model->intx_pin || model->msi_vectors || model->msix_vectors)
		printf("   interrupts: %sMSI %u, MSI-X %u\n", model->intx_pin ? "INTx, " : "",
		       model->msi_vectors, model->msix_vectors);
}

static int print_machine(const struct config *config)
{
	if (!config) {
		printf("The machine has the IOMMU of the kernel's selftests, and no device: see "
		       "--device.\n");
		return 0;
	}
	for (size_t i = 0; i < config->iommu_count; i++) {
		printf("iommu %s: %s", config->iommus[i].name, config->iommus[i].kind);
		print_given(&config->iommus[i].options);
	}
	for (size_t i = 0; i < config->device_count; i++)
		print_device(config, &config->devices[i]);
	return 0;
}

int tool_devices(int argc, char **argv)
{
	struct options options = {};
	int r = parse(argc, argv, &options);

	if (!r && options.models)
		print_models();
	else if (!r && options.config && machine_complete(options.config))
		r = TOOL_USAGE;
	else if (!r)
		r = print_machine(options.config);
	config_free(options.config);
	return r < 0 ? 0 : r;
}
