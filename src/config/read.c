/* SPDX-License-Identifier: MIT */
/* Text to struct config: a statement a line. What the statements mean is in uiommufd-machine(5). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "config/identity.h"

int config_new(struct config **ret_config)
{
	struct config *config = mem_zalloc(sizeof(*config));

	if (!config)
		return -ENOMEM;
	*ret_config = config;
	return 0;
}

static void iommu_done(struct config_iommu *iommu)
{
	free(iommu->kind);
	free(iommu->name);
	config_options_done(&iommu->options);
}

static void device_done(struct config_device *device)
{
	free(device->model);
	free(device->iommu_name);
	config_options_done(&device->options);
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->iommu_count; i++)
		iommu_done(&config->iommus[i]);
	for (size_t i = 0; i < config->device_count; i++)
		device_done(&config->devices[i]);
	config_options_done(&config->options);
	free(config->iommus);
	free(config->devices);
	free(config);
}

static bool read_hex(const char **at, unsigned int digits, unsigned int *ret_value)
{
	unsigned int value = 0, n = 0;

	for (; n < digits; n++, (*at)++) {
		const char *place, *list = "0123456789abcdefABCDEF";

		place = **at ? strchr(list, **at) : NULL;
		if (!place)
			break;
		value = value * 16 + (place - list) - (place - list > 15 ? 6 : 0);
	}
	*ret_value = value;
	return n;
}

int config_address_read(const char *text, struct config_address *ret_address)
{
	unsigned int domain = 0, bus, device, function;
	const char *at = text;

	if (strchr(text, ':') != strrchr(text, ':') && (!read_hex(&at, 4, &domain) || *at++ != ':'))
		return -EINVAL;
	if (!read_hex(&at, 2, &bus) || *at++ != ':' || !read_hex(&at, 2, &device) || *at++ != '.' ||
	    !read_hex(&at, 1, &function) || *at || device > 31 || function > 7)
		return -EINVAL;
	*ret_address = (struct config_address){domain, bus, device, function};
	return 0;
}

void config_address_write(const struct config_address *address,
			  char ret_text[static CONFIG_ADDRESS_BYTES])
{
	snprintf(ret_text, CONFIG_ADDRESS_BYTES, "%04x:%02x:%02x.%x", address->domain, address->bus,
		 address->device & 31u, address->function & 7u);
}

static int copy_word(const char *text, char **ret_copy, struct config_error *ret_error)
{
	size_t bytes = strlen(text) + 1;
	char *copy = mem_alloc(bytes);

	if (!copy)
		return config_no_memory(ret_error);
	*ret_copy = memcpy(copy, text, bytes);
	return 0;
}

static const char *value_of(const struct word *word)
{
	return word->value ? word->value : "on";
}

static int add_option(struct config_options *options, const struct word *word,
		      struct config_error *ret_error)
{
	int r = config_options_add(options, word->key, value_of(word));

	if (r == -ENOMEM)
		return config_no_memory(ret_error);
	return r ? config_complain(ret_error, "'%s' is there twice", word->key) : 0;
}

static int take_count(const struct word *word, int *ret_value, struct config_error *ret_error)
{
	uint64_t value;

	if (!word->value || config_number(word->value, CONFIG_NUMBER_MAX, &value))
		return config_complain(ret_error, "'%s' needs a number from 0 to %d", word->key,
				       CONFIG_NUMBER_MAX);
	*ret_value = value;
	return 0;
}

static int take_address(struct config_device *device, const struct word *word,
			struct config_error *ret_error)
{
	if (config_address_read(value_of(word), &device->address))
		return config_complain(ret_error, "'%s' is no address as in bdf=1000:00:01.0",
				       value_of(word));
	device->has_address = true;
	return 0;
}

static int take_pf(struct config_device *device, const struct word *word,
		   struct config_error *ret_error)
{
	if (config_address_read(value_of(word), &device->pf_address))
		return config_complain(ret_error, "'%s' is no address as in vf-of=1000:00:01.0",
				       value_of(word));
	device->is_vf = true;
	return 0;
}

static int take_vfs(struct config_device *device, const struct word *word,
		    struct config_error *ret_error)
{
	uint64_t value;

	if (!word->value || config_number(word->value, CONFIG_VFS_MAX, &value))
		return config_complain(ret_error, "'sriov' needs a number from 0 to %d",
				       CONFIG_VFS_MAX);
	device->vfs = (unsigned int)value;
	return 0;
}

static int device_word(struct config_device *device, const struct word *word,
		       struct config_error *ret_error)
{
	if (!strcmp(word->key, "bdf"))
		return take_address(device, word, ret_error);
	if (!strcmp(word->key, "group"))
		return take_count(word, &device->group, ret_error);
	if (!strcmp(word->key, "vfio"))
		return take_count(word, &device->number, ret_error);
	if (!strcmp(word->key, "sriov"))
		return take_vfs(device, word, ret_error);
	if (!strcmp(word->key, "vf-of"))
		return take_pf(device, word, ret_error);
	if (!strcmp(word->key, "iommu") && !device->iommu_name)
		return copy_word(value_of(word), &device->iommu_name, ret_error);
	return add_option(&device->options, word, ret_error);
}

static int iommu_word(struct config_iommu *iommu, const struct word *word,
		      struct config_error *ret_error)
{
	if (!strcmp(word->key, "name") && !iommu->name)
		return copy_word(value_of(word), &iommu->name, ret_error);
	if (!strcmp(word->key, "unit"))
		return take_count(word, &iommu->unit, ret_error);
	return add_option(&iommu->options, word, ret_error);
}

/* Room for one more in a list of structs; NULL if there is none. */
static void *grow(void *list, size_t count, size_t size)
{
	return mem_realloc(list, (count + 1) * size);
}

struct config_device *config_grow_devices(struct config *config)
{
	struct config_device *list = grow(config->devices, config->device_count, sizeof(*list));

	if (!list)
		return NULL;
	config->devices = list;
	return &list[config->device_count];
}

/* ---- several at once ---- */

bool config_next_address(const struct config_device *device, struct config_address *ret_address)
{
	const unsigned int requester = config_requester(&device->address);
	/* A bus has no device 0 that isn't asked for: see config_complete(). */
	unsigned int next = device->is_vf		   ? requester + 1
			    : device->address.device == 31 ? requester + 0x10
							   : requester + 0x8;

	*ret_address = (struct config_address){device->address.domain, (uint8_t)(next >> 8),
					       (uint8_t)(next >> 3 & 31), (uint8_t)(next & 7)};
	return next <= UINT16_MAX;
}

/* Number `index` becomes one like the device before it, at the next address, in the next group. */
static int copy_device(struct config *config, size_t index, struct config_error *ret_error)
{
	const struct config_device *from = &config->devices[index - 1];
	struct config_device *to = &config->devices[index];
	int r;

	*to = *from;
	to->model = to->iommu_name = NULL;
	to->options = (struct config_options){};
	config->device_count++;
	if (from->has_address && !config_next_address(from, &to->address))
		return config_complain(ret_error, "there are no more addresses");
	to->group += from->group != CONFIG_NONE;
	to->number += from->number != CONFIG_NONE;
	if (to->group > CONFIG_NUMBER_MAX || to->number > CONFIG_NUMBER_MAX)
		return config_complain(ret_error, "numbers end at %d", CONFIG_NUMBER_MAX);
	r = copy_word(from->model, &to->model, ret_error);
	if (!r && from->iommu_name)
		r = copy_word(from->iommu_name, &to->iommu_name, ret_error);
	for (size_t i = 0; i < from->options.count && !r; i++)
		if (config_options_add(&to->options, from->options.list[i].key,
				       from->options.list[i].value))
			r = config_no_memory(ret_error);
	return r;
}

/* Until the last is one of `count`. */
static int repeat_device(struct config *config, int count, struct config_error *ret_error)
{
	int r = 0;

	if (!count)
		return config_complain(ret_error, "'count' needs a number from 1");
	while (--count && !r)
		r = config_grow_devices(config)
			    ? copy_device(config, config->device_count, ret_error)
			    : config_no_memory(ret_error);
	return r;
}

const struct config_device *config_similar(const struct config *config, size_t index)
{
	const struct config_device *device = &config->devices[index], *other = device;

	while (other-- > config->devices)
		if (other->is_vf == device->is_vf && !strcmp(other->model, device->model))
			return other;
	return NULL;
}

static int add_device(struct config *config, const struct words *words, size_t first,
		      struct config_error *ret_error)
{
	struct config_device *device = config_grow_devices(config);
	const struct config_device *similar;
	int r, count = 1;

	if (!device)
		return config_no_memory(ret_error);
	if (first == words->count || words->list[first].value || !*words->list[first].key)
		return config_complain(ret_error, "a device starts with the name of its model");
	config->device_count++;
	*device = (struct config_device){.group = CONFIG_NONE,
					 .number = CONFIG_NONE,
					 .iommu = CONFIG_NONE,
					 .line = ret_error->line};
	r = copy_word(words->list[first].key, &device->model, ret_error);
	for (size_t i = first + 1; i < words->count && !r; i++)
		r = strcmp(words->list[i].key, "count") != 0
			    ? device_word(device, &words->list[i], ret_error)
			    : take_count(&words->list[i], &count, ret_error);
	if (r)
		return r;
	similar = config_similar(config, config->device_count - 1);
	if (similar)
		device->identity = similar->identity;
	return repeat_device(config, count, ret_error);
}

static int add_iommu(struct config *config, const struct words *words, size_t first,
		     struct config_error *ret_error)
{
	struct config_iommu *iommu,
		*list = grow(config->iommus, config->iommu_count, sizeof(*list));
	int r;

	if (!list)
		return config_no_memory(ret_error);
	config->iommus = list;
	if (first == words->count || words->list[first].value || !*words->list[first].key)
		return config_complain(ret_error, "an iommu starts with its kind");
	iommu = &list[config->iommu_count++];
	*iommu = (struct config_iommu){.unit = CONFIG_NONE, .line = ret_error->line};
	r = copy_word(words->list[first].key, &iommu->kind, ret_error);
	for (size_t i = first + 1; i < words->count && !r; i++)
		r = iommu_word(iommu, &words->list[i], ret_error);
	return r;
}

static int add_machine_options(struct config *config, const struct words *words, size_t first,
			       struct config_error *ret_error)
{
	int r = 0;

	for (size_t i = first; i < words->count && !r; i++)
		r = add_option(&config->options, &words->list[i], ret_error);
	return r;
}

/* Of the device before it, or the devices if the statement has several. */
static int add_identity(struct config *config, const struct words *words, size_t first,
			struct config_error *ret_error)
{
	struct config_device *last, *device;
	int r;

	if (!config->device_count)
		return config_complain(ret_error, "there is no device before the identity");
	device = last = config->devices + config->device_count - 1;
	r = identity_read(words, first, &last->identity, ret_error);
	while (!r && device-- > config->devices && device->line == last->line)
		device->identity = last->identity;
	return r;
}

static const struct statement {
	const char *name;
	int (*add)(struct config *config, const struct words *words, size_t first,
		   struct config_error *ret_error);
} statements[] = {
	{"machine", add_machine_options},
	{"iommu", add_iommu},
	{"device", add_device},
	{"identity", add_identity},
};

static int add_statement(struct config *config, const struct words *words,
			 struct config_error *ret_error)
{
	if (!words->count)
		return 0;
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		if (!strcmp(statements[i].name, words->list[0].key) && !words->list[0].value)
			return statements[i].add(config, words, 1, ret_error);
	return config_complain(ret_error, "'%s' is no statement: machine, iommu and device are",
			       words->list[0].key);
}

int config_read(struct config *config, const char *text, struct config_error *ret_error)
{
	int r = 0;

	*ret_error = (struct config_error){};
	while (*text && !r) {
		size_t length = strcspn(text, "\n");
		struct words words;

		ret_error->line++;
		r = words_split(&words, text, length, " \t\r", ret_error);
		if (!r) {
			r = add_statement(config, &words, ret_error);
			words_done(&words);
		}
		text += length + (text[length] == '\n');
	}
	return r;
}

static int add_words(struct config *config, const char *text,
		     int (*add)(struct config *config, const struct words *words, size_t first,
				struct config_error *ret_error),
		     struct config_error *ret_error)
{
	struct words words;
	int r;

	*ret_error = (struct config_error){};
	r = words_split(&words, text, strlen(text), ",", ret_error);
	if (!r) {
		r = add(config, &words, 0, ret_error);
		words_done(&words);
	}
	return r;
}

int config_add_device(struct config *config, const char *words, struct config_error *ret_error)
{
	return add_words(config, words, add_device, ret_error);
}

int config_add_iommu(struct config *config, const char *words, struct config_error *ret_error)
{
	return add_words(config, words, add_iommu, ret_error);
}
