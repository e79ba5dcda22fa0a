/* SPDX-License-Identifier: MIT */
/* One VT-d IOMMU: what it says of itself, and page tables of stage 2. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "core/machine_impl.h"
#include "hw/vtd/internal.h"
#include "hw/vtd/registers.h"

#define DEFAULT_ADDRESS_BITS 48
#define MAX_PASID_BITS	     20
/* VT-d 11.4.2: MAMV. As much as 1 GiB at once. */
#define MAX_ADDRESS_MASK 18

/* ---- the registers ---- */

static uint64_t cap_of(const struct vtd_options *options)
{
	bool five = options->address_bits == 57;

	return field_put(CAP_ND, 0, 6) |
	       field_put(CAP_SAGAW, 0, CAP_SAGAW_48 | (five ? CAP_SAGAW_57 : 0)) |
	       field_put(CAP_MGAW, 0, options->address_bits - 1) | CAP_ZLR |
	       field_put(CAP_FRO, 0, 0x22) | field_put(CAP_SSLPS, 0, CAP_SSLPS_2M | CAP_SSLPS_1G) |
	       CAP_PSI | field_put(CAP_MAMV, 0, MAX_ADDRESS_MASK) | CAP_DWD | CAP_DRD | CAP_FS1GP |
	       (options->no_five_levels ? 0 : CAP_FS5LP);
}

static uint64_t ecap_of(const struct vtd_options *options)
{
	return ECAP_C | ECAP_QI | ECAP_DT | ECAP_SC | field_put(ECAP_IRO, 0, 0x50) |
	       (options->no_nesting ? 0 : ECAP_NEST | ECAP_FSTS | ECAP_EAFS | ECAP_SRS | ECAP_ERS) |
	       ECAP_PRS | field_put(ECAP_PSS, 0, options->pasid_bits - 1) | ECAP_PASID | ECAP_PDS |
	       ECAP_SMTS | (options->no_dirty_tracking ? 0 : ECAP_SSADS) | ECAP_SSTS | ECAP_SMPWCS;
}

int vtd_iommu_init(struct vtd_iommu *iommu, struct machine *machine,
		   const struct vtd_options *options)
{
	int rc;

	*iommu = (struct vtd_iommu){.machine = machine};
	if (options)
		iommu->options = *options;
	if (!iommu->options.address_bits)
		iommu->options.address_bits = DEFAULT_ADDRESS_BITS;
	if (!iommu->options.pasid_bits)
		iommu->options.pasid_bits = MAX_PASID_BITS;
	if ((iommu->options.address_bits != 48 && iommu->options.address_bits != 57) ||
	    iommu->options.pasid_bits > MAX_PASID_BITS)
		return -EINVAL;
	iommu->cap = cap_of(&iommu->options);
	iommu->ecap = ecap_of(&iommu->options);
	rc = iotlb_init_in(&iommu->iotlb, machine,
			   iotlb_entries(iommu->options.iotlb_entries, 1024), iommu->options.seed);
	if (rc)
		return rc;
	rc = iotlb_init_in(&iommu->tables, machine,
			   iotlb_entries(iommu->options.table_entries, 128),
			   iommu->options.seed + 1);
	if (rc)
		iotlb_done(&iommu->iotlb);
	return rc;
}

void vtd_iommu_done(struct vtd_iommu *iommu)
{
	iotlb_done(&iommu->tables);
	iotlb_done(&iommu->iotlb);
}

int vtd_hw_info(struct iommu_dev *dev, uint32_t *type, void *buf, size_t *len)
{
	const struct vtd_iommu *iommu = vtd_of_dev(dev)->iommu;
	const struct iommu_hw_info_vtd info = {
		/* Linux sets it on every IOMMU, whether the erratum is there or not. */
		.flags = IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17,
		.cap_reg = iommu->cap,
		.ecap_reg = iommu->ecap,
	};

	if (*type != IOMMU_HW_INFO_TYPE_DEFAULT && *type != IOMMU_HW_INFO_TYPE_INTEL_VTD)
		return -EOPNOTSUPP;
	*type = IOMMU_HW_INFO_TYPE_INTEL_VTD;
	*len = sizeof(info);
	memcpy(buf, &info, sizeof(info));
	return 0;
}

/* ---- stage 2 ---- */

static void paging_free(struct domain *domain)
{
	free(domain);
}

static const struct domain_ops paging_ops = {
	.free = paging_free,
};

/* VT-d 3.7: second-stage translation, pages of 4 KiB, 2 MiB and 1 GiB. */
int vtd_alloc_paging(struct iommu_dev *dev, uint32_t flags, const struct user_data *data,
		     struct domain **ret_domain)
{
	const uint32_t known = IOMMU_HWPT_ALLOC_DIRTY_TRACKING | IOMMU_HWPT_ALLOC_NEST_PARENT |
			       IOMMU_HWPT_ALLOC_PASID;
	const struct vtd_iommu *iommu = vtd_of_dev(dev)->iommu;
	struct domain *domain;

	if (flags & ~known || data ||
	    (flags & IOMMU_HWPT_ALLOC_NEST_PARENT && !(iommu->ecap & ECAP_NEST)))
		return -EOPNOTSUPP;
	domain = mem_zalloc(sizeof(*domain));
	if (!domain)
		return -ENOMEM;
	*domain = (struct domain){
		.ops = &paging_ops,
		.owner = &vtd_iommu_ops,
		.last = ((uint64_t)1 << iommu->options.address_bits) - 1,
		.page_sizes = (uint64_t)1 << 12 | (uint64_t)1 << 21 | (uint64_t)1 << 30,
		.coherent = true,
		.dirty_tracking = flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
	};
	*ret_domain = domain;
	return 0;
}
