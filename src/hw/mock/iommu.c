/* SPDX-License-Identifier: MIT */
/* The mock's devices and page tables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "hw/mock/mock.h"

/* All mock devices are behind one IOMMU. */
static const char the_iommu;

/* The PASID at which the mock fails every second change, so that callers' undoing can be tried. */
#define PASID_OF_FAILURES 1024

/* ---- page tables ---- */

static void domain_free(struct domain *domain)
{
	free(domain);
}

static const struct domain_ops paging_ops = {
	.free = domain_free,
};

static void set_format(struct domain *domain, uint32_t pagetable_type)
{
	if (pagetable_type == MOCK_IOMMUPT_HUGE) {
		domain->first = 0;
		domain->last = ((uint64_t)1 << 38) - 1;
		domain->page_sizes = PAGE_SIZE | MOCK_HUGE_PAGE_SIZE;
		return;
	}
	domain->first = MOCK_APERTURE_START;
	domain->last = MOCK_APERTURE_LAST;
	/* All powers of two that fit half of what the format could address. */
	domain->page_sizes = (((uint64_t)1 << 37) - 1) & ~(uint64_t)(MOCK_PAGE_SIZE - 1);
}

static int alloc_paging(struct iommu_dev *dev, uint32_t flags, const struct user_data *data,
			struct domain **ret_domain)
{
	const uint32_t known = IOMMU_HWPT_ALLOC_DIRTY_TRACKING | IOMMU_HWPT_ALLOC_NEST_PARENT |
			       IOMMU_HWPT_ALLOC_PASID;
	bool dirty = flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	struct iommu_hwpt_selftest format = {0};
	struct mock_domain *mock;

	if (flags & ~known || (dirty && mock_of_dev(dev)->flags & MOCK_FLAGS_DEVICE_NO_DIRTY))
		return -EOPNOTSUPP;
	if (data) {
		int rc;

		if (data->type != IOMMU_HWPT_DATA_SELFTEST)
			return -EOPNOTSUPP;
		rc = user_data_read(data, IOMMU_HWPT_DATA_SELFTEST, &format, sizeof(format.iotlb),
				    sizeof(format));

		if (rc)
			return rc;
	}
	if (format.pagetable_type > MOCK_IOMMUPT_HUGE)
		return -EOPNOTSUPP;
	mock = mem_zalloc(sizeof(*mock));
	if (!mock)
		return -ENOMEM;
	mock->domain.ops = &paging_ops;
	mock->domain.owner = &mock_iommu_ops;
	mock->domain.dirty_tracking = dirty;
	set_format(&mock->domain, format.pagetable_type);
	*ret_domain = &mock->domain;
	return 0;
}

/* ---- nested ---- */

static int invalidate_one(struct mock_domain *mock,
			  const struct iommu_hwpt_invalidate_selftest *req)
{
	if (req->flags & ~IOMMU_TEST_INVALIDATE_FLAG_ALL)
		return -EOPNOTSUPP;
	if (req->iotlb_id > MOCK_NESTED_DOMAIN_IOTLB_ID_MAX)
		return -EINVAL;
	if (req->flags & IOMMU_TEST_INVALIDATE_FLAG_ALL)
		memset(mock->iotlb, 0, sizeof(mock->iotlb));
	else
		mock->iotlb[req->iotlb_id] = 0;
	return 0;
}

static int nested_invalidate(struct domain *domain, struct user_array *array)
{
	const void *req;

	if (array->type != IOMMU_HWPT_INVALIDATE_DATA_SELFTEST)
		return -EINVAL;
	for (; array->done < array->entry_num; array->done++) {
		int rc =
			user_array_next(array, sizeof(struct iommu_hwpt_invalidate_selftest), &req);

		if (!rc)
			rc = invalidate_one((struct mock_domain *)domain, req);
		if (rc)
			return rc;
	}
	return 0;
}

static const struct domain_ops nested_ops = {
	.invalidate = nested_invalidate,
	.free = domain_free,
};

int mock_alloc_nested(uint32_t flags, const struct user_data *data, struct viommu *viommu,
		      struct domain **ret_domain)
{
	struct iommu_hwpt_selftest format;
	struct mock_domain *mock;
	int rc;

	if (flags & ~IOMMU_HWPT_ALLOC_PASID)
		return -EOPNOTSUPP;
	if (data->type != IOMMU_HWPT_DATA_SELFTEST)
		return -EOPNOTSUPP;
	rc = user_data_read(data, IOMMU_HWPT_DATA_SELFTEST, &format, sizeof(format.iotlb),
			    sizeof(format));
	if (rc)
		return rc;
	mock = mem_zalloc(sizeof(*mock));
	if (!mock)
		return -ENOMEM;
	mock->domain.ops = &nested_ops;
	mock->domain.owner = &mock_iommu_ops;
	mock->nested = true;
	mock->viommu = viommu;
	for (int i = 0; i < MOCK_NESTED_DOMAIN_IOTLB_NUM; i++)
		mock->iotlb[i] = format.iotlb;
	*ret_domain = &mock->domain;
	return 0;
}

static int alloc_nested(struct iommu_dev *dev, struct domain *parent, uint32_t flags,
			const struct user_data *data, struct domain **ret_domain)
{
	return mock_alloc_nested(flags, data, NULL, ret_domain);
}

/* ---- devices ---- */

static bool capable(struct iommu_dev *dev, enum iommu_capability cap)
{
	switch (cap) {
	case IOMMU_CAN_CACHE_COHERENCY:
	case IOMMU_CAN_PASID_TABLES_BY_USER:
		return true;
	case IOMMU_CAN_DIRTY_TRACKING:
		return !(mock_of_dev(dev)->flags & MOCK_FLAGS_DEVICE_NO_DIRTY);
	}
	return false;
}

static int hw_info(struct iommu_dev *dev, uint32_t *type, void *buf, size_t *len)
{
	const struct iommu_test_hw_info info = {.test_reg = IOMMU_HW_INFO_SELFTEST_REGVAL};

	if (*type != IOMMU_HW_INFO_TYPE_DEFAULT && *type != IOMMU_HW_INFO_TYPE_SELFTEST)
		return -EOPNOTSUPP;
	*type = IOMMU_HW_INFO_TYPE_SELFTEST;
	*len = sizeof(info);
	memcpy(buf, &info, sizeof(info));
	return 0;
}

/* Fails every second time; taking the domain away starts anew. */
static bool fails_at_1024(struct mock_device *mock, const struct domain *domain)
{
	bool fails = domain && mock->fail_next_1024;

	mock->fail_next_1024 = domain && !fails;
	return fails;
}

/* A device that comes behind a vIOMMU is known there by its virtual id of that moment. */
static int enter_viommu(struct mock_device *mock, const struct mock_domain *domain)
{
	struct viommu *viommu = domain ? domain->viommu : NULL;
	struct vdevice *vdevice;

	vdevice = viommu ? viommu_vdevice_of(viommu, &mock->dev) : NULL;
	if (viommu && !vdevice)
		return -ENOENT;
	if (viommu == mock->viommu)
		return 0;
	mock->viommu = viommu;
	mock->virt_id = vdevice ? vdevice->virt_id : 0;
	return 0;
}

static int attach(struct iommu_dev *dev, uint32_t pasid, struct domain *domain, struct domain *old)
{
	struct mock_device *mock = mock_of_dev(dev);
	const struct mock_domain *new = (struct mock_domain *)domain;

	if (pasid)
		return pasid == PASID_OF_FAILURES && fails_at_1024(mock, domain) ? -ENOMEM : 0;
	if (new &&new->domain.dirty_tracking && mock->flags &MOCK_FLAGS_DEVICE_NO_DIRTY)
		return -EINVAL;
	return enter_viommu(mock, new);
}

static int enable_faults(struct iommu_dev *dev, bool on)
{
	return 0;
}

const struct iommu_ops mock_iommu_ops = {
	.capable = capable,
	.hw_info = hw_info,
	.alloc_paging = alloc_paging,
	.alloc_nested = alloc_nested,
	.attach = attach,
	.enable_faults = enable_faults,
	.viommu_size = mock_viommu_size,
	.viommu_init = mock_viommu_init,
};

/* ---- plugging devices in ---- */

static void mock_device_destroy(struct object *object)
{
	struct mock_device *mock = (struct mock_device *)object;

	if (mock->device)
		device_unbind(mock->device);
	free(mock);
}

const struct object_type mock_device_type = {
	.name = "mock device",
	.destroy = mock_device_destroy,
};

struct mock_device *mock_device_find(struct ctx *ctx, uint32_t id)
{
	return (struct mock_device *)object_find(ctx, id, &mock_device_type);
}

int mock_device_new(struct ctx *ctx, uint32_t flags, struct mock_device **ret_mock)
{
	struct mock_device *mock;
	int rc;

	if (flags & ~(MOCK_FLAGS_DEVICE_NO_DIRTY | MOCK_FLAGS_DEVICE_PASID))
		return -EINVAL;
	mock = mem_zalloc(sizeof(*mock));
	if (!mock)
		return -ENOMEM;
	rc = object_init(&mock->object, ctx, &mock_device_type);
	if (rc) {
		free(mock);
		return rc;
	}
	mock->flags = flags;
	mock->dev.ops = &mock_iommu_ops;
	mock->dev.ats_not_supported = true; /* it is on no PCI bus */
	mock->dev.iommu = (void *)&the_iommu;
	mock->dev.max_pasids = flags & MOCK_FLAGS_DEVICE_PASID ? 1u << MOCK_PASID_WIDTH : 0;
	for (int i = 0; i < MOCK_DEV_CACHE_NUM; i++)
		mock->cache[i] = IOMMU_TEST_DEV_CACHE_DEFAULT;
	rc = device_bind(ctx, &mock->dev, NULL, &mock->device);
	if (rc) {
		object_abandon(&mock->object);
		return rc;
	}
	*ret_mock = mock;
	return 0;
}
