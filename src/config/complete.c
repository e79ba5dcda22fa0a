/* SPDX-License-Identifier: MIT */
/* What a description leaves out, and whether it makes sense as a whole. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "config/words.h"

/*
 * Where devices are put that say nothing of it. Firmware numbers domains from 0, and hypervisors give those of their own at random or
 * above 16 bits: so nothing of ours hides anything real.
 */
#define OWN_DOMAIN 0x1000

#define DEFAULT_IOMMU "vtd"

/* Complains of the statement in this line. */
#define complain_at(error, at, ...) ((error)->line = (at), config_complain((error), __VA_ARGS__))

static bool same_address(const struct config_address *a, const struct config_address *b)
{
	return a->domain == b->domain && a->bus == b->bus && a->device == b->device &&
	       a->function == b->function;
}

struct config_device *config_device_at(const struct config *config,
				       const struct config_address *address)
{
	for (size_t i = 0; i < config->device_count; i++)
		if (config->devices[i].has_address &&
		    same_address(&config->devices[i].address, address))
			return &config->devices[i];
	return NULL;
}

static int give_address(struct config *config, struct config_device *device,
			struct config_error *ret_error)
{
	struct config_address address = {.domain = OWN_DOMAIN};

	for (unsigned int at = 0; at < 256 * 31; at++) {
		address.bus = at / 31;
		address.device = 1 + at % 31;
		if (config_device_at(config, &address))
			continue;
		device->address = address;
		device->has_address = true;
		return 0;
	}
	return complain_at(ret_error, device->line, "there are too many devices");
}

static bool has_group(const struct config *config, int group)
{
	for (size_t i = 0; i < config->device_count; i++)
		if (config->devices[i].group == group)
			return true;
	return false;
}

static bool has_number(const struct config *config, int number)
{
	for (size_t i = 0; i < config->device_count; i++)
		if (config->devices[i].number == number)
			return true;
	return false;
}

static bool has_unit(const struct config *config, int unit)
{
	for (size_t i = 0; i < config->iommu_count; i++)
		if (config->iommus[i].unit == unit)
			return true;
	return false;
}

/* The first number that nobody has. */
static int free_number(const struct config *config, enum config_thing thing, config_real_fn real)
{
	static bool (*const has[])(const struct config *config, int number) = {
		[CONFIG_GROUP] = has_group,
		[CONFIG_NUMBER] = has_number,
		[CONFIG_UNIT] = has_unit,
	};
	int number = 0;

	while (has[thing](config, number) || (real && real(thing, number)))
		number++;
	return number;
}

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

static int complete_iommus(struct config *config, config_real_fn real,
			   struct config_error *ret_error)
{
	int r = 0;

	if (config->device_count && !config->iommu_count)
		r = config_add_iommu(config, DEFAULT_IOMMU, ret_error);
	for (size_t i = 0; i < config->iommu_count && !r; i++) {
		struct config_iommu *iommu = &config->iommus[i];

		if (iommu->unit == CONFIG_NONE)
			iommu->unit = free_number(config, CONFIG_UNIT, real);
		if (!iommu->name)
			r = name_iommu(config, iommu, ret_error);
		else if (iommu_named(config, iommu->name) != (int)i)
			r = complain_at(ret_error, iommu->line, "there are two iommus named '%s'",
					iommu->name);
	}
	return r;
}

static int find_iommu(const struct config *config, struct config_device *device,
		      struct config_error *ret_error)
{
	device->iommu = device->iommu_name ? iommu_named(config, device->iommu_name) : 0;
	if (device->iommu == CONFIG_NONE)
		return complain_at(ret_error, device->line, "there is no iommu named '%s'",
				   device->iommu_name);
	return 0;
}

static int place_devices(struct config *config, struct config_error *ret_error)
{
	int r = 0;

	for (size_t i = 0; i < config->device_count && !r; i++)
		if (!config->devices[i].has_address)
			r = give_address(config, &config->devices[i], ret_error);
	return r ? r : config_complete_vfs(config, ret_error);
}

static int complete_devices(struct config *config, config_real_fn real,
			    struct config_error *ret_error)
{
	int r = place_devices(config, ret_error);

	for (size_t i = 0; i < config->device_count && !r; i++) {
		struct config_device *device = &config->devices[i];

		r = find_iommu(config, device, ret_error);
		if (device->group == CONFIG_NONE)
			device->group = free_number(config, CONFIG_GROUP, real);
		if (device->number == CONFIG_NONE)
			device->number = free_number(config, CONFIG_NUMBER, real);
	}
	return r;
}

/* Do two devices agree? */
static int check_pair(const struct config_device *device, const struct config_device *other,
		      struct config_error *ret_error)
{
	char text[CONFIG_ADDRESS_BYTES];

	config_address_write(&device->address, text);
	if (same_address(&device->address, &other->address))
		return complain_at(ret_error, device->line, "there is a device at %s already",
				   text);
	if (device->number == other->number)
		return complain_at(ret_error, device->line, "there is a vfio%d already",
				   device->number);
	if (device->group == other->group && device->iommu != other->iommu)
		return complain_at(ret_error, device->line, "group %d is behind two iommus",
				   device->group);
	return 0;
}

static int check_device(const struct config *config, size_t index, struct config_error *ret_error)
{
	int r = 0;

	for (size_t i = 0; i < index && !r; i++)
		r = check_pair(&config->devices[index], &config->devices[i], ret_error);
	return r;
}

int config_complete(struct config *config, config_real_fn real, struct config_error *ret_error)
{
	int r;

	*ret_error = (struct config_error){};
	r = complete_iommus(config, real, ret_error);
	if (!r)
		r = complete_devices(config, real, ret_error);
	for (size_t i = 0; i < config->device_count && !r; i++)
		r = check_device(config, i, ret_error);
	return r;
}
