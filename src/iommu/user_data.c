/* SPDX-License-Identifier: MIT */
/* Data that only a model understands. */
#include <errno.h>

#include "core/client.h"
#include "core/ioctl.h"
#include "iommu/iommu.h"

int user_data_read(const struct user_data *data, uint32_t type, void *dst, size_t min, size_t size)
{
	if (data->type != type || data->len < min || data->len > size)
		return -EINVAL;
	return copy_struct_from_client(data->client, dst, size, data->uptr, data->len);
}

int user_array_read(const struct user_array *array, uint32_t index, void *dst, size_t min,
		    size_t size)
{
	if (array->entry_len < min || array->entry_len > size)
		return -EINVAL;
	return copy_struct_from_client(array->client, dst, size,
				       array->uptr + (uint64_t)index * array->entry_len,
				       array->entry_len);
}
