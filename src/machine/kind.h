/* SPDX-License-Identifier: MIT */
/*
 * Kinds of IOMMUs, as a description names them: each turns words into the options of its model in hw/. A table of options says where each
 * value goes, so that a kind has no code for them.
 */
#ifndef UIOMMUFD_MACHINE_KIND_H
#define UIOMMUFD_MACHINE_KIND_H

#include <stddef.h>

#include "config/config.h"
#include "iommu/iommu.h"
#include "iommu/iotlb.h"

struct machine;

enum value_type {
	VALUE_NUMBER,  /* into 4 or 8 bytes; K, M, G, T */
	VALUE_ENTRIES, /* of a cache (iommu/iotlb.h): as NUMBER into 4 bytes; 0 is IOTLB_NONE */
	VALUE_OFF,     /* "off" makes a bool true, "on" false */
	VALUE_WORD,    /* one of `words`: its index, into an enum or a bool */
};

struct kind_option {
	const char *key;
	const char *help; /* a line: what it is for, its default */
	enum value_type type;
	size_t offset, size;	  /* where the value goes */
	uint64_t least, most;	  /* NUMBER */
	const char *const *words; /* WORD: ends with NULL */
};

/* A row of a table; the table ends with {}. */
#define KIND_NUMBER(key, help, type, member, least, most)                                          \
	{                                                                                          \
		key, help, VALUE_NUMBER, offsetof(type, member), sizeof(((type *)0)->member),      \
			least, most, NULL                                                          \
	}
#define KIND_ENTRIES(key, help, type, member)                                                      \
	{                                                                                          \
		key, help, VALUE_ENTRIES, offsetof(type, member), sizeof(((type *)0)->member), 0,  \
			IOTLB_MAX, NULL                                                            \
	}
#define KIND_OFF(key, help, type, member)                                                          \
	{                                                                                          \
		key, help, VALUE_OFF, offsetof(type, member), sizeof(((type *)0)->member), 0, 0,   \
			NULL                                                                       \
	}
#define KIND_WORD(key, help, type, member, words)                                                  \
	{                                                                                          \
		key, help, VALUE_WORD, offsetof(type, member), sizeof(((type *)0)->member), 0, 0,  \
			words                                                                      \
	}

struct iommu_kind {
	const char *name, *summary;
	const struct kind_option *options;	  /* of an IOMMU, into a struct of options_size */
	const struct kind_option *device_options; /* ... of a device behind it */
	size_t options_size, device_options_size;
	size_t size, device_size; /* of the model's own structs */

	/* 0 or -errno; `options` are filled in. */
	int (*init)(void *iommu, struct machine *machine, const void *options);
	void (*done)(void *iommu);
	/* ... and *ret_dev is where VFIO binds it. */
	int (*device_init)(void *device, void *iommu, const struct config_device *config,
			   void *options, struct iommu_dev **ret_dev);
	void (*device_done)(void *device);
};

/* All of them; ends with NULL. */
extern const struct iommu_kind *const iommu_kinds[];

const struct iommu_kind *iommu_kind_find(const char *name);

/* Is there such an option? */
const struct kind_option *kind_option_find(const struct kind_option *table, const char *key);
/* Reads those that the table knows into `values`. -EINVAL, and *ret_error says why. */
int kind_read(const struct kind_option *table, const struct config_options *options, void *values,
	      struct config_error *ret_error);

/* Requester ids, as PCI Express has them. */
static inline uint16_t kind_requester(const struct config_address *address)
{
	return config_requester(address);
}

#endif
