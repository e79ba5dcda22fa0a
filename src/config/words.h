/* SPDX-License-Identifier: MIT */
/* One statement of a description, divided into its words. */
#ifndef UIOMMUFD_CONFIG_WORDS_H
#define UIOMMUFD_CONFIG_WORDS_H

#include "config/config.h"

#define WORDS_MAX 64

/* Virtual functions of one device. */
#define CONFIG_VFS_MAX 64

/* Groups, vfioN and units are numbered from 0 up to this. */
#define CONFIG_NUMBER_MAX 9999

struct words {
	char *storage; /* what list points into */
	size_t count;
	struct word {
		char *key;
		char *value; /* NULL: there is no '=' */
	} list[WORDS_MAX];
};

/*
 * Divides `length` bytes of text at the bytes of `separators`. "..." keeps separators together, \ in it takes the next byte as it is. A word
 * that starts with '#' ends the statement. Errors as config_read(). words_done() after success alone.
 */
int words_split(struct words *words, const char *text, size_t length, const char *separators,
		struct config_error *ret_error);
void words_done(struct words *words);

/* Sets the text; returns -EINVAL. */
int config_complain(struct config_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Says that memory is out; returns -ENOMEM. */
int config_no_memory(struct config_error *error);

/* A decimal number or, after 0x, a hexadecimal one, without a sign. -EINVAL: none, or more than max. */
int config_number(const char *text, uint64_t max, uint64_t *ret_value);
/* The same, that may end with K, M, G or T, for powers of 1024. */
int config_size(const char *text, uint64_t max, uint64_t *ret_value);

/* 0, -ENOMEM, -EEXIST: the key is there. */
int config_options_add(struct config_options *options, const char *key, const char *value);
void config_options_done(struct config_options *options);

/* ---- what config_complete() consists of ---- */

/* Room for one more device at the end of the list, which may move. NULL: none. */
struct config_device *config_grow_devices(struct config *config);
/* Adds the virtual functions that aren't there yet, for whom there is room in `places`, and finds those that are (vfs.c). */
struct places;
int config_complete_vfs(struct config *config, struct places *places,
			struct config_error *ret_error);

/* ---- devices one behind the other, which are one statement with `count` ---- */

/* Where the device after this one is: a virtual function at the next Requester ID, others at the next device. False: nowhere. */
bool config_next_address(const struct config_device *device, struct config_address *ret_address);
/* The last device before the one with this index whose model, and so identity, is likely the same; NULL: none. */
const struct config_device *config_similar(const struct config *config, size_t index);

#endif
