/* SPDX-License-Identifier: MIT */
/* A model in a shared object: adds an option to each number that is stored. */
#include <errno.h>
#include <stdlib.h>

#include <uiommufd/device.h>

struct toy {
	uint64_t add;
	uint64_t *image;
};

static int create(struct uiommufd_device *device, void **ret_state)
{
	struct toy *toy = calloc(1, sizeof(*toy));

	if (!toy)
		return -ENOMEM;
	toy->image = uiommufd_bar(device, 0);
	if (uiommufd_option_number(device, "add", &toy->add)) {
		free(toy);
		return -EINVAL;
	}
	*ret_state = toy;
	return 0;
}

static void store(void *state, unsigned int bar, uint64_t offset, uint64_t value, unsigned int len)
{
	struct toy *toy = state;

	toy->image[offset / 8] = value + toy->add;
}

static const struct uiommufd_option options[] = {{"add", "to each number (0)"}, {0}};

static const struct uiommufd_model toy = {
	.size = sizeof(toy),
	.name = "toy",
	.vendor_id = 0x1234,
	.device_id = 0x5678,
	.bars = {[0] = {.size = 4096}},
	.options = options,
	.create = create,
	.destroy = free,
	.bar_write = store,
};

UIOMMUFD_MODEL(toy);
