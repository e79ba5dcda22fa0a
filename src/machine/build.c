/* SPDX-License-Identifier: MIT */
/* Builds a machine part by part. What was built goes with the machine, also when the rest fails. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "config/words.h"
#include "core/machine_impl.h"
#include "core/share.h"
#include "machine/kind.h"
#include "machine/machine.h"
#include "machine/model.h"
#include "pci/function.h"
#include "vfio/vfio.h"

/* A struct of a kind's, an IOMMU or a device behind one. */
struct unit {
	const struct iommu_kind *kind;
	void *own; /* NULL: not made */
};

struct parts {
	struct machine_part part;
	size_t iommu_count, device_count;
	struct unit *iommus, *devices;
	struct pci_function **functions; /* of the devices; VFIO's */
	struct share *shares;		 /* of them, if they are the machine's own */
};

static const char parts_key;

static void free_lists(struct parts *parts)
{
	free(parts->iommus);
	free(parts->devices);
	free(parts->functions);
	free(parts->shares);
	free(parts);
}

static void parts_free(struct machine_part *part)
{
	struct parts *parts = (struct parts *)part;

	for (size_t i = 0; i < parts->device_count; i++)
		if (parts->devices[i].own) {
			parts->devices[i].kind->device_done(parts->devices[i].own);
			free(parts->devices[i].own);
		}
	for (size_t i = 0; i < parts->iommu_count; i++)
		if (parts->iommus[i].own) {
			parts->iommus[i].kind->done(parts->iommus[i].own);
			free(parts->iommus[i].own);
		}
	free_lists(parts);
}

static bool make_lists(struct parts *parts)
{
	parts->iommus = mem_calloc(parts->iommu_count + 1, sizeof(*parts->iommus));
	parts->devices = mem_calloc(parts->device_count + 1, sizeof(*parts->devices));
	parts->functions = mem_calloc(parts->device_count + 1, sizeof(struct pci_function *));
	parts->shares = mem_calloc(parts->device_count + 1, sizeof(*parts->shares));
	return parts->iommus && parts->devices && parts->functions && parts->shares;
}

static int add_parts(struct machine *machine, const struct config *config, struct parts **ret_parts)
{
	struct parts *parts = mem_zalloc(sizeof(*parts));

	if (!parts)
		return -ENOMEM;
	parts->part.key = &parts_key;
	parts->part.free = parts_free;
	parts->iommu_count = config->iommu_count;
	parts->device_count = config->device_count;
	if (!make_lists(parts)) {
		free_lists(parts);
		return -ENOMEM;
	}
	share_init(parts->shares, parts->device_count);
	if (!machine->shares)
		machine->shares = parts->shares;
	lock_take(&machine->lock);
	LIST_INSERT_HEAD(&machine->parts, &parts->part, link);
	lock_release(&machine->lock);
	*ret_parts = parts;
	return 0;
}

/* For what a kind answers beside -EINVAL, which it can't explain. */
static int cant_be_made(int r, const char *what, struct config_error *ret_error)
{
	if (r == -ENOMEM)
		return config_no_memory(ret_error);
	config_complain(ret_error, "'%s' can't be made: %s", what, strerror(-r));
	return r;
}

static int add_iommu(struct machine *machine, const struct config_iommu *config, struct unit *unit,
		     struct config_error *ret_error)
{
	const struct iommu_kind *kind = iommu_kind_find(config->kind);
	CLEANUP_FREE void *options = NULL;
	CLEANUP_FREE void *iommu = NULL;
	int r;

	ret_error->line = config->line;
	if (!kind)
		return config_complain(ret_error, "there is no kind of iommu '%s'", config->kind);
	options = mem_zalloc(kind->options_size);
	iommu = mem_zalloc(kind->size);
	if (!options || !iommu)
		return config_no_memory(ret_error);
	r = kind_read(kind->options, &config->options, options, ret_error);
	if (r)
		return r;
	r = kind->init(iommu, machine, options);
	if (r)
		return cant_be_made(r, config->name, ret_error);
	unit->kind = kind;
	unit->own = TAKE_PTR(iommu);
	return 0;
}

/* Puts a device behind its IOMMU. */
static int add_requester(const struct config_device *config, const struct unit *iommu,
			 struct unit *unit, struct config_error *ret_error,
			 struct iommu_dev **ret_dev)
{
	const struct iommu_kind *kind = iommu->kind;
	CLEANUP_FREE void *options = mem_zalloc(kind->device_options_size);
	CLEANUP_FREE void *device = mem_zalloc(kind->device_size);
	int r;

	if (!options || !device)
		return config_no_memory(ret_error);
	r = kind_read(kind->device_options, &config->options, options, ret_error);
	if (r)
		return r;
	r = kind->device_init(device, iommu->own, config, options, ret_dev);
	if (r)
		return cant_be_made(r, config->model, ret_error);
	unit->kind = kind;
	unit->own = TAKE_PTR(device);
	return 0;
}

static void take_complaint(void *arg, const char *sentence)
{
	struct config_error *error = arg;

	config_complain(error, "%s", sentence);
}

/* Its options, but for those that are its IOMMU's. */
static size_t list_options(const struct config_device *device, const struct iommu_kind *kind,
			   struct pci_option *ret_options)
{
	size_t count = 0;

	for (size_t i = 0; i < device->options.count; i++) {
		const struct config_option *option = &device->options.list[i];

		if (!kind_option_find(kind->device_options, option->key))
			ret_options[count++] = (struct pci_option){option->key, option->value};
	}
	return count;
}

static int plug(struct machine *machine, const struct config_device *device,
		const struct pci_setup *setup, struct config_error *ret_error,
		struct pci_function **ret_function)
{
	struct pci_function *function;
	int r = pci_function_new(machine, setup, &function);

	if (r)
		return r == -EINVAL && *ret_error->text ? r
							: cant_be_made(r, device->model, ret_error);
	r = vfio_plug(machine, function, (unsigned int)device->number, (unsigned int)device->group);
	if (!r) {
		*ret_function = function;
		return 0;
	}
	pci_function_free(function);
	return cant_be_made(r, device->model, ret_error);
}

static void set_physical(const struct config *config, const struct config_device *device,
			 struct pci_setup *setup)
{
	const struct config_device *vf =
		config_first_vf(config, (size_t)(device - config->devices));

	setup->sriov.total = (uint16_t)device->vfs;
	setup->sriov.first =
		(uint16_t)(config_requester(&vf->address) - config_requester(&device->address));
	pci_assign_addresses((unsigned int)(vf - config->devices), device->vfs, setup->model->bars,
			     setup->sriov.addresses);
}

/* What it has to do with SR-IOV. */
static void set_sriov(const struct parts *parts, const struct config *config, size_t index,
		      struct pci_setup *setup)
{
	const struct config_device *device = &config->devices[index];

	if (device->vfs)
		set_physical(config, device, setup);
	if (!device->is_vf)
		return;
	setup->pf = parts->functions[device->pf];
	setup->vf = device->vf;
	for (unsigned int i = 0; i < PCI_BARS; i++)
		setup->addresses[i] =
			setup->pf->sriov.addresses[i] + device->vf * setup->model->bars[i].size;
}

static int add_function(struct machine *machine, struct parts *parts, const struct config *config,
			size_t index, struct pci_setup *setup, struct config_error *ret_error)
{
	const struct config_device *device = &config->devices[index];
	const struct iommu_kind *kind = iommu_kind_find(config->iommus[device->iommu].kind);
	CLEANUP_FREE struct pci_option *options =
		mem_calloc(device->options.count + 1, sizeof(*options));
	struct uiommufd_model model;
	int r;

	if (!options)
		return config_no_memory(ret_error);
	r = model_get(device->model, &model, ret_error);
	if (r)
		return r;
	/* The description may have changed what it can do (machine/learn.c). */
	model.flags = device->identity.flags;
	setup->model = &model;
	setup->n_options = list_options(device, kind, options);
	setup->options = options;
	setup->slot = (struct pci_slot){device->address.domain, device->address.bus,
					device->address.device, device->address.function};
	setup->complain = take_complaint;
	setup->complain_arg = ret_error;
	setup->share = &machine->shares[index];
	pci_assign_addresses((unsigned int)index, 1, setup->model->bars, setup->addresses);
	set_sriov(parts, config, index, setup);
	return plug(machine, device, setup, ret_error, &parts->functions[index]);
}

static int add_device(struct machine *machine, struct parts *parts, const struct config *config,
		      size_t index, struct config_error *ret_error)
{
	const struct config_device *device = &config->devices[index];
	struct pci_setup setup = {};
	int r;

	ret_error->line = device->line;
	*ret_error->text = '\0';
	r = add_requester(device, &parts->iommus[device->iommu], &parts->devices[index], ret_error,
			  &setup.iommu);
	return r ? r : add_function(machine, parts, config, index, &setup, ret_error);
}

static int add_all(struct machine *machine, const struct config *config,
		   struct config_error *ret_error)
{
	struct parts *parts;
	int r = add_parts(machine, config, &parts);

	if (r)
		return config_no_memory(ret_error);
	for (size_t i = 0; i < config->iommu_count && !r; i++)
		r = add_iommu(machine, &config->iommus[i], &parts->iommus[i], ret_error);
	for (size_t i = 0; i < config->device_count && !r; i++)
		r = add_device(machine, parts, config, i, ret_error);
	return r;
}

int machine_build(const struct config *config, int (*prepare)(struct machine *machine, void *arg),
		  void *arg, struct config_error *ret_error, struct machine **ret_machine)
{
	struct machine *machine;
	int r = machine_new(&machine);

	*ret_error = (struct config_error){};
	if (r)
		return config_no_memory(ret_error);
	r = prepare && prepare(machine, arg) ? config_no_memory(ret_error)
					     : add_all(machine, config, ret_error);
	if (r)
		machine_put(machine);
	else
		*ret_machine = machine;
	return r;
}
