/* SPDX-License-Identifier: MIT */
/*
 * The description of a machine: which IOMMUs and PCI devices it has. As text, it is what `--machine FILE` reads (uiommufd-machine(5)), and
 * what `uiommufd run` hands to the processes of the program; here are the struct, and the ways between the two.
 *
 *   config_new(), config_read() and config_add_*(), config_complete(), then whatever looks at it. A config that was written by
 *   config_write() is complete when it is read again.
 *
 * It says nothing of what a model or an IOMMU does with its options: who knows them checks them (src/machine).
 *
 * Locking: none. A config is built by one thread and then constant.
 */
#ifndef UIOMMUFD_CONFIG_CONFIG_H
#define UIOMMUFD_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uiommufd/device.h>

/* Why a text is no description. `line` counts from 1; 0: it was no file's. */
struct config_error {
	unsigned int line;
	char text[256]; /* a sentence, without a full stop */
};

/* `key=value` pairs in the order in which they were given; a key comes once. A key alone has the value "on". */
struct config_option {
	char *key, *value;
};

struct config_options {
	size_t count;
	struct config_option *list;
};

/* The value, or NULL if the option is not given. */
const char *config_option(const struct config_options *options, const char *key);

struct config_iommu {
	char *kind; /* "vtd", "smmuv3", ... */
	char *name; /* unique in the machine; the kind and a number if none is given */
	int unit;   /* N of the name that sysfs has for it: dmarN, ... */
	struct config_options options; /* the kind's own */
	unsigned int line;	       /* 0: none */
};

/* Where a PCI function is. */
struct config_address {
	uint16_t domain;
	uint8_t bus, device, function;
};

#define CONFIG_ADDRESS_BYTES sizeof("0000:00:00.0")

/* The Requester ID, as PCI Express has it. */
static inline uint16_t config_requester(const struct config_address *address)
{
	return (uint16_t)(address->bus << 8 | address->device << 3 | address->function);
}

/* Reads "1000:00:01.0" or "00:01.0" (domain 0). -EINVAL. */
int config_address_read(const char *text, struct config_address *ret_address);
void config_address_write(const struct config_address *address,
			  char ret_text[static CONFIG_ADDRESS_BYTES]);

/* "Not given"; after config_complete() there is none left. */
#define CONFIG_NONE (-1)

struct config_device {
	char *model; /* a name, or the path of a shared object: it has a slash */
	bool has_address;
	struct config_address address;
	int group;  /* of its IOMMU group */
	int number; /* N of /dev/vfio/devices/vfioN */
	char *iommu_name;
	int iommu; /* index in config->iommus */
	/* Of a physical function: how many virtual functions it can have (else 0), are there so far, and the index of the first. */
	unsigned int vfs, vfs_there;
	size_t first_vf;
	/* A virtual function: the number `vf`, from 0, of the function at `pf_address`, which is config->devices[pf]. */
	bool is_vf;
	struct config_address pf_address;
	size_t pf;
	unsigned int vf;
	struct config_options options; /* the model's own */
	/*
	 * The model's constants, so that who shows the device need not load the model; callbacks, strings and lists are NULL. `size`
	 * is 0 as long as they are not known.
	 */
	struct uiommufd_model identity;
	unsigned int line;
};

struct config {
	size_t iommu_count, device_count;
	struct config_iommu *iommus;
	struct config_device *devices;
	struct config_options options; /* the machine's as a whole */
};

/* A physical function's VF 0; the others follow. NULL: it is none. Of a complete config. */
const struct config_device *config_first_vf(const struct config *config, size_t pf);

/* An empty one: a machine without devices. -ENOMEM. */
int config_new(struct config **ret_config);
void config_free(struct config *config); /* NULL is nothing */

/*
 * Adds what a text says, or what one `--device` or `--iommu` says: the same words, divided by commas instead of blanks.
 * 0; -EINVAL and *ret_error says why; -ENOMEM, and it says that too. After a failure the config is good for config_free() alone.
 */
int config_read(struct config *config, const char *text, struct config_error *ret_error);
int config_add_device(struct config *config, const char *words, struct config_error *ret_error);
int config_add_iommu(struct config *config, const char *words, struct config_error *ret_error);

/* What the computer may have for real, so that ours must be something else. */
enum config_thing {
	CONFIG_GROUP,  /* an IOMMU group */
	CONFIG_NUMBER, /* a vfioN */
	CONFIG_UNIT,   /* an IOMMU */
};
typedef bool (*config_real_fn)(enum config_thing thing, int number);

/*
 * Gives everything that was left out: an IOMMU (vtd) if devices need one, names, addresses (1000:00:01.0 and up: no computer of
 * today has real devices in that domain), groups and numbers from 0 that are not `real` (NULL: none is). Checks that nothing is there twice and that a
 * group has one IOMMU. A physical function's virtual functions become devices behind all others, one for each that it can have; they have its model
 * and its options, but for `file`, and addresses one behind the other. Errors as above.
 */
int config_complete(struct config *config, config_real_fn real, struct config_error *ret_error);

/* The whole of it as text, malloc()ed. -ENOMEM. */
int config_write(const struct config *config, char **ret_text);

#endif
