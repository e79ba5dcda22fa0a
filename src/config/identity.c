/* SPDX-License-Identifier: MIT */
/* Only what decides how a device looks from outside: what config space says, and BARs. */
#include "config/identity.h"

#include <inttypes.h>
#include <string.h>

struct field {
	const char *key;
	size_t offset, size;
};

#define FIELD(key, member)                                                                         \
	{                                                                                          \
		key, offsetof(struct uiommufd_model, member),                                      \
			sizeof(((struct uiommufd_model *)0)->member)                               \
	}
#define BAR(n) FIELD("bar" #n, bars[n].size), FIELD("bar" #n "-flags", bars[n].flags)

static const struct field fields[] = {
	FIELD("vendor", vendor_id),
	FIELD("device", device_id),
	FIELD("subsystem-vendor", subsystem_vendor_id),
	FIELD("subsystem", subsystem_id),
	FIELD("class", class_code),
	FIELD("revision", revision),
	FIELD("flags", flags),
	FIELD("intx-pin", intx_pin),
	FIELD("pasid-bits", pasid_bits),
	FIELD("msi", msi_vectors),
	FIELD("msix", msix_vectors),
	FIELD("msix-bar", msix_bar),
	FIELD("msix-table", msix_table),
	FIELD("msix-pba", msix_pba),
	BAR(0),
	BAR(1),
	BAR(2),
	BAR(3),
	BAR(4),
	BAR(5),
	{},
};

static uint64_t get(const struct uiommufd_model *identity, const struct field *field)
{
	const char *at = (const char *)identity + field->offset;

	switch (field->size) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		return *(const uint16_t *)at;
	case 4:
		return *(const uint32_t *)at;
	default:
		return *(const uint64_t *)at;
	}
}

static void set(struct uiommufd_model *identity, const struct field *field, uint64_t value)
{
	char *at = (char *)identity + field->offset;

	switch (field->size) {
	case 1:
		*(uint8_t *)at = value;
		break;
	case 2:
		*(uint16_t *)at = value;
		break;
	case 4:
		*(uint32_t *)at = value;
		break;
	default:
		*(uint64_t *)at = value;
	}
}

static const struct field *find_field(const char *key)
{
	for (const struct field *field = fields; field->key; field++)
		if (!strcmp(field->key, key))
			return field;
	return NULL;
}

int identity_read(const struct words *words, size_t first, struct uiommufd_model *ret_identity,
		  struct config_error *ret_error)
{
	struct uiommufd_model identity = {.size = sizeof(identity)};

	for (size_t i = first; i < words->count; i++) {
		const struct word *word = &words->list[i];
		const struct field *field = find_field(word->key);
		uint64_t value;

		if (!field)
			return config_complain(ret_error, "'%s' is no part of an identity",
					       word->key);
		if (!word->value ||
		    config_number(word->value, UINT64_MAX >> (64 - 8 * field->size), &value))
			return config_complain(ret_error, "'%s' needs a number of at most %zu bits",
					       word->key, 8 * field->size);
		set(&identity, field, value);
	}
	*ret_identity = identity;
	return 0;
}

bool identity_same(const struct uiommufd_model *a, const struct uiommufd_model *b)
{
	for (const struct field *field = fields; field->key; field++)
		if (get(a, field) != get(b, field))
			return false;
	return !a->size == !b->size;
}

void identity_write(FILE *file, const struct uiommufd_model *identity)
{
	fputs("identity", file);
	for (const struct field *field = fields; field->key; field++)
		if (get(identity, field))
			fprintf(file, " %s=0x%" PRIx64, field->key, get(identity, field));
	fputc('\n', file);
}
