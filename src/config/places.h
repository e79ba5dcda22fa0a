/* SPDX-License-Identifier: MIT */
/* Which device of a description is where: found by its address, however many there are. */
#ifndef UIOMMUFD_CONFIG_PLACES_H
#define UIOMMUFD_CONFIG_PLACES_H

#include "config/config.h"

/* A table of indices of config->devices by hash, of which at most half are taken. */
struct places {
	size_t *slots; /* 0: empty; else the index and 1 */
	size_t mask;
};

/* An empty one, with room for `count` devices. -ENOMEM. */
int places_init(struct places *places, size_t count);
void places_done(struct places *places);

/* Adds a device that has an address. False: another one is there, and stays. */
bool places_add(struct places *places, const struct config *config, size_t index);
/* The device there, or NULL. */
struct config_device *places_find(const struct places *places, const struct config *config,
				  const struct config_address *address);

#endif
