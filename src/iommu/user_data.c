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

static uint64_t address_of(const struct user_array *array, uint32_t index)
{
	return array->uptr + (uint64_t)index * array->entry_len;
}

/* One copy for as many as there is room for. If they can't all be read, the next one has its turn alone. */
static int read_ahead(struct user_array *array)
{
	uint32_t left = array->entry_num - array->done;
	uint32_t n = USER_ARRAY_AHEAD / array->entry_len;

	if (n > left)
		n = left;
	if (client_read(array->client, array->ahead, address_of(array, array->done),
			(size_t)n * array->entry_len)) {
		n = 1;
		if (client_read(array->client, array->ahead, address_of(array, array->done),
				array->entry_len))
			return -EFAULT;
	}
	array->ahead_first = array->done;
	array->ahead_end = array->done + n;
	return 0;
}

int user_array_next(struct user_array *array, size_t size, const void **ret_entry)
{
	if (array->entry_len != size)
		return -EINVAL;
	if (array->done >= array->ahead_end) {
		int rc = read_ahead(array);

		if (rc)
			return rc;
	}
	*ret_entry = (const char *)array->ahead + (array->done - array->ahead_first) * size;
	return 0;
}

int user_array_read_all(const struct user_array *array, void *dst, size_t size)
{
	if (array->entry_len == size)
		return client_read(array->client, dst, array->uptr, array->entry_num * size);
	for (uint32_t i = 0; i < array->entry_num; i++) {
		int rc = copy_struct_from_client(array->client, (char *)dst + i * size, size,
						 address_of(array, i), array->entry_len);

		if (rc)
			return rc;
	}
	return 0;
}
