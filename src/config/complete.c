/* SPDX-License-Identifier: MIT */
/* What a description leaves out, and whether it makes sense as a whole. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "config/places.h"
#include "config/words.h"

/*
 * Where devices are put that say nothing of it. Firmware numbers domains from 0, and hypervisors give those of their own at random or
 * above 16 bits: so nothing of ours hides anything real.
 */
#define OWN_DOMAIN 0x1000

#define DEFAULT_IOMMU "vtd"

/* Complains of the statement in this line. */
#define complain_at(error, at, ...) ((error)->line = (at), config_complain((error), __VA_ARGS__))

/* ---- numbers: groups, vfioN, units ---- */

struct numbers {
	bool taken[CONFIG_NUMBER_MAX + 1];
	int next; /* all below are taken, or real */
};

struct completion {
	struct config *config;
	config_real_fn real;
	struct config_error *error;
	struct numbers numbers[CONFIG_UNIT + 1];
	struct places places;
	unsigned int next_place;	   /* all before are taken */
	int iommus[CONFIG_NUMBER_MAX + 1]; /* by group, of those that were checked */
};

static void take_number(struct completion *all, enum config_thing thing, int number)
{
	if (number != CONFIG_NONE)
		all->numbers[thing].taken[number] = true;
}

/* The first that nobody has. `line`: of who wants it. */
static int give_number(struct completion *all, enum config_thing thing, int *number,
		       unsigned int line)
{
	struct numbers *numbers = &all->numbers[thing];

	if (*number != CONFIG_NONE)
		return 0;
	while (numbers->next <= CONFIG_NUMBER_MAX &&
	       (numbers->taken[numbers->next] || (all->real && all->real(thing, numbers->next))))
		numbers->next++;
	if (numbers->next > CONFIG_NUMBER_MAX)
		return complain_at(all->error, line,
				   "there are too many devices: numbers end at %d",
				   CONFIG_NUMBER_MAX);
	*number = numbers->next++;
	return 0;
}

/* ---- addresses ---- */

static int give_address(struct completion *all, size_t index)
{
	struct config_device *device = &all->config->devices[index];
	struct config_address address = {.domain = OWN_DOMAIN};

	while (all->next_place < 256 * 31) {
		address.bus = (uint8_t)(all->next_place / 31);
		address.device = (uint8_t)(1 + all->next_place++ % 31);
		if (places_find(&all->places, all->config, &address))
			continue;
		device->address = address;
		device->has_address = true;
		places_add(&all->places, all->config, index);
		return 0;
	}
	return complain_at(all->error, device->line, "there are too many devices: %d find a place",
			   256 * 31);
}

/* ---- IOMMUs ---- */

static int iommu_named(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->iommu_count; i++)
		if (config->iommus[i].name && !strcmp(config->iommus[i].name, name))
			return i;
	return CONFIG_NONE;
}

static int name_iommu(struct config *config, struct config_iommu *iommu,
		      struct config_error *ret_error)
{
	size_t bytes = strlen(iommu->kind) + 24;
	char *name = mem_alloc(bytes);
	unsigned int n = 0;

	if (!name)
		return config_no_memory(ret_error);
	do
		snprintf(name, bytes, "%s%u", iommu->kind, n++);
	while (iommu_named(config, name) != CONFIG_NONE);
	iommu->name = name;
	return 0;
}

static int complete_iommus(struct completion *all)
{
	struct config *config = all->config;
	int r = 0;

	if (config->device_count && !config->iommu_count)
		r = config_add_iommu(config, DEFAULT_IOMMU, all->error);
	for (size_t i = 0; i < config->iommu_count && !r; i++)
		take_number(all, CONFIG_UNIT, config->iommus[i].unit);
	for (size_t i = 0; i < config->iommu_count && !r; i++) {
		struct config_iommu *iommu = &config->iommus[i];

		r = give_number(all, CONFIG_UNIT, &iommu->unit, iommu->line);
		if (!r && !iommu->name)
			r = name_iommu(config, iommu, all->error);
		else if (!r && iommu_named(config, iommu->name) != (int)i)
			r = complain_at(all->error, iommu->line, "there are two iommus named '%s'",
					iommu->name);
	}
	return r;
}

/* ---- devices ---- */

static int find_iommu(const struct config *config, struct config_device *device,
		      struct config_error *ret_error)
{
	device->iommu = device->iommu_name ? iommu_named(config, device->iommu_name) : 0;
	if (device->iommu == CONFIG_NONE)
		return complain_at(ret_error, device->line, "there is no iommu named '%s'",
				   device->iommu_name);
	return 0;
}

static int place_devices(struct completion *all)
{
	const struct config *config = all->config;
	int r = 0;

	for (size_t i = 0; i < config->device_count; i++)
		if (config->devices[i].has_address)
			places_add(&all->places, config, i);
	for (size_t i = 0; i < config->device_count && !r; i++)
		if (!config->devices[i].has_address)
			r = give_address(all, i);
	return r ? r : config_complete_vfs(all->config, &all->places, all->error);
}

static int complete_devices(struct completion *all)
{
	const struct config *config = all->config;
	int r = place_devices(all);

	for (size_t i = 0; i < config->device_count && !r; i++) {
		take_number(all, CONFIG_GROUP, config->devices[i].group);
		take_number(all, CONFIG_NUMBER, config->devices[i].number);
	}
	for (size_t i = 0; i < config->device_count && !r; i++) {
		struct config_device *device = &config->devices[i];

		r = find_iommu(config, device, all->error);
		r = r ? r : give_number(all, CONFIG_GROUP, &device->group, device->line);
		r = r ? r : give_number(all, CONFIG_NUMBER, &device->number, device->line);
	}
	return r;
}

/* ---- does it make sense? ---- */

/* With those before it. */
static int check_device(struct completion *all, size_t index)
{
	const struct config_device *device = &all->config->devices[index];
	char text[CONFIG_ADDRESS_BYTES];

	if (places_find(&all->places, all->config, &device->address) != device) {
		config_address_write(&device->address, text);
		return complain_at(all->error, device->line, "there is a device at %s already",
				   text);
	}
	if (all->numbers[CONFIG_NUMBER].taken[device->number])
		return complain_at(all->error, device->line, "there is a vfio%d already",
				   device->number);
	if (all->numbers[CONFIG_GROUP].taken[device->group] &&
	    all->iommus[device->group] != device->iommu)
		return complain_at(all->error, device->line, "group %d is behind two iommus",
				   device->group);
	all->iommus[device->group] = device->iommu;
	take_number(all, CONFIG_GROUP, device->group);
	take_number(all, CONFIG_NUMBER, device->number);
	return 0;
}

static int check_devices(struct completion *all)
{
	int r = 0;

	memset(all->numbers, 0, sizeof(all->numbers));
	for (size_t i = 0; i < all->config->device_count && !r; i++)
		r = check_device(all, i);
	return r;
}

static size_t most_devices(const struct config *config)
{
	size_t n = config->device_count;

	for (size_t i = 0; i < config->device_count; i++)
		n += config->devices[i].vfs;
	return n;
}

int config_complete(struct config *config, config_real_fn real, struct config_error *ret_error)
{
	CLEANUP_FREE struct completion *all = mem_zalloc(sizeof(*all));
	int r;

	*ret_error = (struct config_error){};
	if (!all || places_init(&all->places, most_devices(config)))
		return config_no_memory(ret_error);
	all->config = config;
	all->real = real;
	all->error = ret_error;
	r = complete_iommus(all);
	r = r ? r : complete_devices(all);
	r = r ? r : check_devices(all);
	places_done(&all->places);
	return r;
}
