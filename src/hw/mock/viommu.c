/* SPDX-License-Identifier: MIT */
/* The mock's vIOMMU: virtual ids, device caches, a page to map, two queues. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "hw/mock/mock.h"

#define REGION_LENGTH (2 * PAGE_SIZE)

/* ---- invalidation ---- */

static int invalidate_one(struct viommu *viommu, const struct iommu_viommu_invalidate_selftest *req)
{
	struct vdevice *vdevice;
	struct mock_device *mock;

	if (req->flags & ~IOMMU_TEST_INVALIDATE_FLAG_ALL)
		return -EOPNOTSUPP;
	if (req->cache_id > MOCK_DEV_CACHE_ID_MAX)
		return -EINVAL;
	vdevice = viommu_find_vdevice(viommu, req->vdev_id);
	if (!vdevice)
		return -EINVAL;
	mock = mock_of_dev(vdevice->dev);
	if (req->flags & IOMMU_TEST_INVALIDATE_FLAG_ALL)
		memset(mock->cache, 0, sizeof(mock->cache));
	else
		mock->cache[req->cache_id] = 0;
	return 0;
}

/* The whole array is copied before the first request is handled. */
static int viommu_invalidate(struct viommu *viommu, struct user_array *array)
{
	struct iommu_viommu_invalidate_selftest *reqs;
	int rc;

	if (array->type != IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST)
		return -EINVAL;
	if (!array->entry_num)
		return 0;
	reqs = mem_alloc(array->entry_num * sizeof(*reqs));
	if (!reqs)
		return -ENOMEM;
	rc = user_array_read_all(array, reqs, sizeof(*reqs));
	while (!rc && array->done < array->entry_num) {
		rc = invalidate_one(viommu, &reqs[array->done]);
		array->done += !rc;
	}
	free(reqs);
	return rc;
}

static int viommu_alloc_nested_domain(struct viommu *viommu, uint32_t flags,
				      const struct user_data *data, struct domain **ret_domain)
{
	return mock_alloc_nested(flags, data, viommu, ret_domain);
}

/* ---- queues ---- */

static size_t hw_queue_size(struct viommu *viommu, uint32_t type)
{
	return type == IOMMU_HW_QUEUE_TYPE_SELFTEST ? sizeof(struct hw_queue) : 0;
}

/* Queues start in the order of their indices, and stop in the opposite one. */
static int hw_queue_init(struct hw_queue *queue)
{
	struct hw_queue **slots = ((struct mock_viommu *)queue->viommu)->queues;

	if (queue->index >= IOMMU_TEST_HW_QUEUE_MAX)
		return -EINVAL;
	if (slots[queue->index])
		return -EEXIST;
	if (queue->index) {
		if (!slots[queue->index - 1])
			return -EIO;
		queue->depends_on = &slots[queue->index - 1]->object;
		object_use(queue->depends_on);
	}
	slots[queue->index] = queue;
	return 0;
}

/* Linux's mock does not remember a queue's index: whichever stops, it is slot 0 that becomes free. Programs see that. */
static void hw_queue_destroy(struct hw_queue *queue)
{
	((struct mock_viommu *)queue->viommu)->queues[0] = NULL;
}

const struct viommu_ops mock_viommu_ops = {
	.alloc_nested = viommu_alloc_nested_domain,
	.invalidate = viommu_invalidate,
	.hw_queue_size = hw_queue_size,
	.hw_queue_init = hw_queue_init,
	.hw_queue_destroy = hw_queue_destroy,
};

/* ---- making one ---- */

size_t mock_viommu_size(struct iommu_dev *dev, uint32_t type)
{
	return type == IOMMU_VIOMMU_TYPE_SELFTEST ? sizeof(struct mock_viommu) : 0;
}

/* With data: it is echoed, and there is a region to map that begins with it. */
static int offer_region(struct viommu *viommu, const struct user_data *data)
{
	struct iommu_viommu_selftest io;
	int rc;

	rc = user_data_read(data, IOMMU_VIOMMU_TYPE_SELFTEST, &io, 2 * sizeof(uint32_t),
			    sizeof(io));
	if (rc)
		return rc;
	rc = mmap_region_new(viommu->object.ctx, REGION_LENGTH, &viommu->region);
	if (rc)
		return rc;
	memcpy(viommu->region->memory.host, &io.in_data, sizeof(io.in_data));
	io.out_data = io.in_data;
	io.out_mmap_offset = viommu->region->offset;
	io.out_mmap_length = viommu->region->length;
	return client_write(data->client, data->uptr, &io,
			    data->len < sizeof(io) ? data->len : sizeof(io));
}

int mock_viommu_init(struct viommu *viommu, struct domain *parent, const struct user_data *data)
{
	viommu->ops = &mock_viommu_ops;
	return data ? offer_region(viommu, data) : 0;
}
