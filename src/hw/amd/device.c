/* SPDX-License-Identifier: MIT */
/* The AMD model's operations on devices, and page tables of ours. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "hw/amd/internal.h"
#include "hw/amd/registers.h"

#define MAX_PASID_BITS 20

/* AMD 2.1.2: interrupts; and HyperTransport's own addresses. */
static const struct reserved_region reserved[] = {
	{0xfee00000, 0xfeefffff},
	{0xfd00000000, 0xffffffffff},
};

/* ---- what it is ---- */

static uint64_t efr_of(const struct amd_options *options)
{
	return EFR_PPRSUP | EFR_NXSUP | EFR_GTSUP | EFR_IASUP | field_put(EFR_HATS, 0, 2) |
	       field_put(EFR_GATS, 0, options->no_five_levels ? 0 : 1) |
	       field_put(EFR_GLXSUP, 0, 2) | field_put(EFR_PASMAX, 0, options->pasid_bits - 1) |
	       (options->no_dirty_tracking ? 0 : EFR_HASUP | EFR_HDSUP);
}

int amd_iommu_init(struct amd_iommu *iommu, struct machine *machine,
		   const struct amd_options *options)
{
	*iommu = (struct amd_iommu){.machine = machine};
	if (options)
		iommu->options = *options;
	if (!iommu->options.pasid_bits)
		iommu->options.pasid_bits = MAX_PASID_BITS;
	if (iommu->options.pasid_bits > MAX_PASID_BITS)
		return -EINVAL;
	iommu->efr = efr_of(&iommu->options);
	return 0;
}

void amd_iommu_done(struct amd_iommu *iommu)
{
}

static int hw_info(struct iommu_dev *dev, uint32_t *type, void *buf, size_t *len)
{
	const struct amd_iommu *iommu = amd_of_dev(dev)->iommu;
	const struct iommu_hw_info_amd info = {.efr = iommu->efr, .efr2 = iommu->efr2};

	if (*type != IOMMU_HW_INFO_TYPE_DEFAULT && *type != IOMMU_HW_INFO_TYPE_AMD)
		return -EOPNOTSUPP;
	*type = IOMMU_HW_INFO_TYPE_AMD;
	*len = sizeof(info);
	memcpy(buf, &info, sizeof(info));
	return 0;
}

static bool capable(struct iommu_dev *dev, enum iommu_capability cap)
{
	const struct amd_iommu *iommu = amd_of_dev(dev)->iommu;

	switch (cap) {
	case IOMMU_CAN_CACHE_COHERENCY:
		return true;
	case IOMMU_CAN_DIRTY_TRACKING:
		return iommu->efr & EFR_HDSUP;
	case IOMMU_CAN_PASID_TABLES_BY_USER:
		return iommu->options.nesting;
	}
	return false;
}

/* ---- page tables of ours ---- */

static void domain_free(struct domain *domain)
{
	free(domain);
}

static const struct domain_ops paging_ops = {.free = domain_free};

/* Guest tables are for PASIDs, host tables for all else; dirty bits are in host tables. */
static int tables_for(const struct amd_iommu *iommu, uint32_t flags, enum amd_tables *ret_tables)
{
	switch (flags) {
	case IOMMU_HWPT_ALLOC_PASID:
		*ret_tables = AMD_V2;
		return 0;
	case IOMMU_HWPT_ALLOC_DIRTY_TRACKING:
	case IOMMU_HWPT_ALLOC_DIRTY_TRACKING | IOMMU_HWPT_ALLOC_NEST_PARENT:
		if (!(iommu->efr & EFR_HDSUP))
			return -EOPNOTSUPP;
		*ret_tables = AMD_V1;
		return 0;
	case IOMMU_HWPT_ALLOC_NEST_PARENT:
	case 0:
		*ret_tables = AMD_V1;
		return 0;
	}
	return -EOPNOTSUPP;
}

static int alloc_paging(struct iommu_dev *dev, uint32_t flags, const struct user_data *data,
			struct domain **ret_domain)
{
	struct amd_domain *domain;
	enum amd_tables tables;
	int rc = data ? -EOPNOTSUPP : tables_for(amd_of_dev(dev)->iommu, flags, &tables);

	if (rc)
		return rc;
	domain = mem_zalloc(sizeof(*domain));
	if (!domain)
		return -ENOMEM;
	domain->tables = tables;
	domain->domain = (struct domain){
		.ops = &paging_ops,
		.owner = &amd_iommu_ops,
		/* The lower half of 48 bits; or six levels: all. Host tables have all sizes (AMD 2.2.3). */
		.last = tables == AMD_V2 ? FIELD_MASK(46, 0) : UINT64_MAX,
		.page_sizes = tables == AMD_V2 ? 1 << 12 | 1 << 21 | 1 << 30 : ~(uint64_t)0xfff,
		.coherent = true,
		.dirty_tracking = flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
	};
	*ret_domain = &domain->domain;
	return 0;
}

/* ---- devices ---- */

static int attach(struct iommu_dev *dev, uint32_t pasid, struct domain *domain, struct domain *old)
{
	const struct amd_iommu *iommu = amd_of_dev(dev)->iommu;
	const struct amd_domain *new = (struct amd_domain *)domain;

	if (!domain)
		return 0;
	if (domain->owner != &amd_iommu_ops || (pasid && new->tables != AMD_V2))
		return -EINVAL;
	if (domain->dirty_tracking && !(iommu->efr & EFR_HDSUP))
		return -EINVAL;
	return new->tables == AMD_NESTED &&new->iommu != iommu ? -EINVAL : 0;
}

static int enable_faults(struct iommu_dev *dev, bool on)
{
	return amd_of_dev(dev)->options.pri ? 0 : -EINVAL;
}

const struct iommu_ops amd_iommu_ops = {
	.capable = capable,
	.hw_info = hw_info,
	.alloc_paging = alloc_paging,
	.attach = attach,
	.enable_faults = enable_faults,
	.viommu_size = amd_viommu_size,
	.viommu_init = amd_viommu_init,
};

int amd_device_init(struct amd_device *device, struct amd_iommu *iommu, uint16_t device_id,
		    const struct amd_device_options *options)
{
	*device = (struct amd_device){.iommu = iommu, .device_id = device_id};
	if (options)
		device->options = *options;
	if (device->options.pasid_bits > MAX_PASID_BITS ||
	    (device->options.pri && !device->options.ats))
		return -EINVAL;
	if (device->options.pasid_bits > iommu->options.pasid_bits)
		device->options.pasid_bits = iommu->options.pasid_bits;
	device->dev = (struct iommu_dev){
		.ops = &amd_iommu_ops,
		.iommu = iommu,
		.max_pasids = device->options.pasid_bits ? 1u << device->options.pasid_bits : 0,
		.ats_not_supported = !device->options.ats,
		.reserved = reserved,
		.n_reserved = sizeof(reserved) / sizeof(reserved[0]),
	};
	return 0;
}

void amd_device_done(struct amd_device *device)
{
}
