/* SPDX-License-Identifier: MIT */
/* Words of a description into a kind's options. */
#include "machine/kind.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/words.h"

const struct iommu_kind *iommu_kind_find(const char *name)
{
	const struct iommu_kind *const *kind = iommu_kinds;

	while (*kind && strcmp((*kind)->name, name) != 0)
		kind++;
	return *kind;
}

const struct kind_option *kind_option_find(const struct kind_option *table, const char *key)
{
	for (; table && table->key; table++)
		if (!strcmp(table->key, key))
			return table;
	return NULL;
}

static void put(void *values, const struct kind_option *option, uint64_t value)
{
	char *at = (char *)values + option->offset;

	if (option->size == 8)
		memcpy(at, &value, 8);
	else if (option->size == 4)
		memcpy(at, &(uint32_t){(uint32_t)value}, 4);
	else
		*at = (char)value;
}

static int read_number(const struct kind_option *option, const char *text, void *values,
		       struct config_error *ret_error)
{
	uint64_t value;

	if (config_size(text, option->most, &value) || value < option->least)
		return config_complain(ret_error,
				       "'%s' is a number from %" PRIu64 " to %" PRIu64 ", not '%s'",
				       option->key, option->least, option->most, text);
	put(values, option, option->type == VALUE_ENTRIES && !value ? IOTLB_NONE : value);
	return 0;
}

static int read_word(const struct kind_option *option, const char *text, void *values,
		     struct config_error *ret_error)
{
	char list[128] = "";

	for (unsigned int i = 0; option->words[i]; i++) {
		if (!strcmp(option->words[i], text)) {
			put(values, option, i);
			return 0;
		}
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? " or " : "",
			 option->words[i]);
	}
	return config_complain(ret_error, "'%s' is %s, not '%s'", option->key, list, text);
}

static int read_value(const struct kind_option *option, const char *text, void *values,
		      struct config_error *ret_error)
{
	static const char *const on_or_off[] = {"on", "off", NULL};
	struct kind_option off = *option;

	switch (option->type) {
	case VALUE_NUMBER:
	case VALUE_ENTRIES:
		return read_number(option, text, values, ret_error);
	case VALUE_OFF:
		off.words = on_or_off;
		return read_word(&off, text, values, ret_error);
	default:
		return read_word(option, text, values, ret_error);
	}
}

int kind_read(const struct kind_option *table, const struct config_options *options, void *values,
	      struct config_error *ret_error)
{
	int r = 0;

	for (size_t i = 0; i < options->count && !r; i++) {
		const struct kind_option *option = kind_option_find(table, options->list[i].key);

		if (option)
			r = read_value(option, options->list[i].value, values, ret_error);
	}
	return r;
}
