/* SPDX-License-Identifier: MIT */
#include "config/places.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"

int places_init(struct places *places, size_t count)
{
	size_t size = 16;

	while (size < 2 * count)
		size *= 2;
	places->slots = mem_calloc(size, sizeof(*places->slots));
	places->mask = size - 1;
	return places->slots ? 0 : -ENOMEM;
}

void places_done(struct places *places)
{
	free(places->slots);
}

static uint32_t number_of(const struct config_address *address)
{
	return (uint32_t)address->domain << 16 | config_requester(address);
}

/* The slot of the device there, or the empty one where it would be. */
static size_t *find(const struct places *places, const struct config *config,
		    const struct config_address *address)
{
	const uint32_t number = number_of(address);
	size_t at = (size_t)((number * 0x9e3779b97f4a7c15ull) >> 32);

	for (;; at++) {
		size_t *slot = &places->slots[at & places->mask];

		if (!*slot || number_of(&config->devices[*slot - 1].address) == number)
			return slot;
	}
}

bool places_add(struct places *places, const struct config *config, size_t index)
{
	size_t *slot = find(places, config, &config->devices[index].address);

	if (*slot)
		return false;
	*slot = index + 1;
	return true;
}

struct config_device *places_find(const struct places *places, const struct config *config,
				  const struct config_address *address)
{
	const size_t *slot = find(places, config, address);

	return *slot ? &config->devices[*slot - 1] : NULL;
}
