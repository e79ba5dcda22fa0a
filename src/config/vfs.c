/* SPDX-License-Identifier: MIT */
/*
 * Virtual functions: devices that their physical function brings along. A description that was completed and written names each, so that all who read it
 * give them the same numbers.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "config/places.h"
#include "config/words.h"

static struct config_address address_of(uint16_t domain, unsigned int requester)
{
	return (struct config_address){domain, (uint8_t)(requester >> 8),
				       (uint8_t)(requester >> 3 & 31), (uint8_t)(requester & 7)};
}

/* Are n Requester IDs from `first` on free, with no end of a bus in between? */
static bool is_free(const struct config *config, const struct places *places, uint16_t domain,
		    unsigned int first, unsigned int n)
{
	if (first >> 8 != (first + n - 1) >> 8)
		return false;
	for (unsigned int i = 0; i < n; i++) {
		const struct config_address address = address_of(domain, first + i);

		if (places_find(places, config, &address))
			return false;
	}
	return true;
}

/*
 * The first VF's. In the device's own functions if there is room, for that needs no ARI; else on another bus, as a device with SR-IOV may have several
 * (PCI Express Base 9.2.1.2). 0: there is none.
 */
static unsigned int find_place(const struct config *config, const struct places *places,
			       const struct config_device *pf)
{
	const unsigned int at = config_requester(&pf->address);
	uint16_t domain = pf->address.domain;

	if (pf->address.function + pf->vfs <= 7 && is_free(config, places, domain, at + 1, pf->vfs))
		return at + 1;
	for (unsigned int first = (at | 0xff) + 1; first < 0x10000; first += 8)
		if (is_free(config, places, domain, first, pf->vfs))
			return first;
	return 0;
}

static int copy_word(const char *text, char **ret_copy)
{
	size_t bytes = strlen(text) + 1;
	char *copy = mem_alloc(bytes);

	if (!copy)
		return -ENOMEM;
	*ret_copy = memcpy(copy, text, bytes);
	return 0;
}

/* A file is the physical function's alone: two devices on one disk would not know of each other. */
static int copy_options(const struct config_options *from, struct config_options *to)
{
	int r = 0;

	for (size_t i = 0; i < from->count && !r; i++)
		if (strcmp(from->list[i].key, "file") != 0)
			r = config_options_add(to, from->list[i].key, from->list[i].value);
	return r;
}

static int add_vf(struct config *config, size_t pf, const struct config_address *address)
{
	struct config_device *vf = config_grow_devices(config);
	const struct config_device *of = &config->devices[pf];
	int r;

	if (!vf)
		return -ENOMEM;
	*vf = (struct config_device){.has_address = true,
				     .address = *address,
				     .group = CONFIG_NONE,
				     .number = CONFIG_NONE,
				     .iommu = CONFIG_NONE,
				     .is_vf = true,
				     .pf_address = of->address,
				     .line = of->line};
	config->device_count++;
	r = copy_word(of->model, &vf->model);
	if (!r && of->iommu_name)
		r = copy_word(of->iommu_name, &vf->iommu_name);
	return r ? r : copy_options(&of->options, &vf->options);
}

static int add_vfs(struct config *config, struct places *places, size_t pf,
		   struct config_error *ret_error)
{
	const struct config_device device = config->devices[pf];
	unsigned int first = find_place(config, places, &device);
	int r = 0;

	ret_error->line = device.line;
	if (!first)
		return config_complain(ret_error, "there is no room for %u virtual functions",
				       device.vfs);
	for (unsigned int i = 0; i < device.vfs && !r; i++) {
		const struct config_address address = address_of(device.address.domain, first + i);

		r = add_vf(config, pf, &address);
		if (!r)
			places_add(places, config, config->device_count - 1);
	}
	return r ? config_no_memory(ret_error) : 0;
}

static int find_pf(struct config *config, const struct places *places, size_t index,
		   struct config_error *ret_error)
{
	struct config_device *device = &config->devices[index],
			     *pf = places_find(places, config, &device->pf_address);

	ret_error->line = device->line;
	if (!pf || pf > device || pf->is_vf || !pf->vfs || strcmp(pf->model, device->model) != 0)
		return config_complain(ret_error,
				       "'vf-of' needs a '%s' with 'sriov' that comes before",
				       device->model);
	device->pf = (size_t)(pf - config->devices);
	device->vf = pf->vfs_there++;
	if (!device->vf)
		pf->first_vf = index;
	else if (index != pf->first_vf + device->vf ||
		 config_requester(&device->address) != config_requester(&device[-1].address) + 1)
		return config_complain(ret_error, "virtual functions come one behind the other");
	return 0;
}

static int find_pfs(struct config *config, const struct places *places,
		    struct config_error *ret_error)
{
	int r = 0;

	for (size_t i = 0; i < config->device_count; i++)
		config->devices[i].vfs_there = 0;
	for (size_t i = 0; i < config->device_count && !r; i++)
		if (config->devices[i].is_vf)
			r = find_pf(config, places, i, ret_error);
	return r;
}

int config_complete_vfs(struct config *config, struct places *places,
			struct config_error *ret_error)
{
	const size_t count = config->device_count;
	int r = find_pfs(config, places, ret_error);

	for (size_t i = 0; i < count && !r; i++) {
		const struct config_device *device = &config->devices[i];

		ret_error->line = device->line;
		if (device->vfs_there && device->vfs_there != device->vfs)
			r = config_complain(ret_error, "there are %u of %u virtual functions",
					    device->vfs_there, device->vfs);
		else if (device->vfs && !device->vfs_there)
			r = add_vfs(config, places, i, ret_error);
	}
	return r ? r : find_pfs(config, places, ret_error);
}

const struct config_device *config_first_vf(const struct config *config, size_t pf)
{
	const struct config_device *device = &config->devices[pf];

	return device->vfs ? &config->devices[device->first_vf] : NULL;
}
