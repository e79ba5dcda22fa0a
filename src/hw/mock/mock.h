/* SPDX-License-Identifier: MIT */
/*
 * The mock: an IOMMU model with made-up registers and caches, and the test command that makes its devices and plays their part.
 * It is what the kernel's selftests are written on. Everything is guarded by the lock of the context that made the device.
 */
#ifndef UIOMMUFD_HW_MOCK_MOCK_H
#define UIOMMUFD_HW_MOCK_MOCK_H

#include <uiommufd/mock.h>

#include "core/ioctl.h"
#include "device/device.h"
#include "viommu/viommu.h"

/* ---- the model ---- */

/* A page table of the mock. */
struct mock_domain {
	struct domain domain;
	struct viommu *viommu; /* nested through a vIOMMU, or NULL */
	bool nested;
	uint32_t iotlb[MOCK_NESTED_DOMAIN_IOTLB_NUM]; /* nested */
};

struct mock_viommu {
	struct viommu viommu;
	struct hw_queue *queues[IOMMU_TEST_HW_QUEUE_MAX]; /* slots that are taken */
};

/* A device of the mock. The object is the "stdev" of the test command: destroying it unplugs the device. */
struct mock_device {
	struct object object;
	struct iommu_dev dev;
	struct device *device;
	uint32_t flags; /* MOCK_FLAGS_DEVICE_* */
	uint32_t cache[MOCK_DEV_CACHE_NUM];
	bool fail_next_1024;   /* PASID 1024: every second change fails */
	struct viommu *viommu; /* of the nested domain behind the RID, or NULL */
	uint64_t virt_id;      /* in that vIOMMU, as it was when the domain was attached */
};

extern const struct iommu_ops mock_iommu_ops;
extern const struct viommu_ops mock_viommu_ops;
extern const struct object_type mock_device_type;

static inline struct mock_device *mock_of_dev(struct iommu_dev *dev)
{
	return (struct mock_device *)((char *)dev - offsetof(struct mock_device, dev));
}

/* Not published. -EINVAL: unknown flags; -ENOMEM. */
int mock_device_new(struct ctx *ctx, uint32_t flags, struct mock_device **ret_mock);
struct mock_device *mock_device_find(struct ctx *ctx, uint32_t id);

int mock_alloc_nested(uint32_t flags, const struct user_data *data, struct viommu *viommu,
		      struct domain **ret_domain);
size_t mock_viommu_size(struct iommu_dev *dev, uint32_t type);
int mock_viommu_init(struct viommu *viommu, struct domain *parent, const struct user_data *data);

/* The IOVA that MOCK_FLAGS_ACCESS_SYZ means; 0 if there is no such area. */
uint64_t mock_iova_of_area(const struct ioas *ioas, uint64_t iova);

/* ---- the test command: one function an operation, in the file that its comment names ---- */

typedef int mock_op(struct ucmd *ucmd, struct iommu_test_cmd *cmd);

/* ops_device.c */
mock_op mock_op_mock_domain, mock_op_mock_domain_flags, mock_op_replace, mock_op_pasid_attach,
	mock_op_pasid_replace, mock_op_pasid_detach, mock_op_pasid_check, mock_op_trigger_iopf,
	mock_op_trigger_vevent, mock_op_check_cache, mock_op_check_iotlb;
/* ops_memory.c */
mock_op mock_op_add_reserved, mock_op_check_map, mock_op_check_refs, mock_op_memory_limit,
	mock_op_dirty, mock_op_dmabuf_get, mock_op_dmabuf_revoke;
/* ops_access.c */
mock_op mock_op_create_access, mock_op_destroy_access_pages, mock_op_access_pages,
	mock_op_access_rw, mock_op_access_replace;

#endif
