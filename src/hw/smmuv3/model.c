/* SPDX-License-Identifier: MIT */
/* The model's operations on devices and page tables of ours. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "hw/smmuv3/caches.h"
#include "hw/smmuv3/cmdqv.h"
#include "hw/smmuv3/smmu.h"

/* Where Linux puts the doorbell of MSIs, which an SMMU translates like any write. */
static const struct reserved_region msi_window[] = {
	{0x8000000, 0x80fffff},
};

/* ---- what it is (IHI 0070, 6.3.1 to 6.3.8) ---- */

static uint32_t idr0(const struct smmuv3_options *options)
{
	return IDR0_S2P | IDR0_S1P | field_put(IDR0_TTF, 0, 2) | IDR0_COHACC |
	       field_put(IDR0_HTTU, 0, 2) | (options->no_ats ? 0 : IDR0_ATS) | IDR0_ASID16 |
	       IDR0_VMID16 | IDR0_CD2L | field_put(IDR0_TTENDIAN, 0, 2) |
	       field_put(IDR0_STALL_MODEL, 0, 0) | IDR0_TERM_MODEL | field_put(IDR0_ST_LEVEL, 0, 1);
}

static void set_info(struct smmuv3_iommu *iommu)
{
	struct iommu_hw_info_arm_smmuv3 *info = &iommu->info;

	info->idr[0] = idr0(&iommu->options);
	info->idr[1] = field_put(IDR1_SIDSIZE, 0, 32) |
		       field_put(IDR1_SSIDSIZE, 0, iommu->options.ssid_bits) |
		       field_put(IDR1_EVENTQS, 0, 19) | field_put(IDR1_CMDQS, 0, SMMU_CMDQ_LOG2);
	info->idr[3] = IDR3_HAD | IDR3_FWB | IDR3_RIL;
	info->idr[5] = field_put(IDR5_OAS, 0, 5) | IDR5_GRAN4K | IDR5_GRAN16K | IDR5_GRAN64K |
		       field_put(IDR5_STALL_MAX, 0, SMMU_STALL_MAX);
	info->aidr = AIDR_SMMUV3_2;
}

static int init_caches(struct smmuv3_iommu *iommu)
{
	const struct smmuv3_options *options = &iommu->options;
	uint32_t pages = iotlb_entries(options->tlb_entries, 512);
	uint32_t tables = iotlb_entries(options->walk_entries, 64);
	int rc;

	if (options->no_caches)
		pages = tables = 0;
	rc = iotlb_init_in(&iommu->tlb, iommu->machine, pages, options->seed);
	if (rc)
		return rc;
	rc = iotlb_init_in(&iommu->walks, iommu->machine, tables, ~options->seed);
	if (rc)
		iotlb_done(&iommu->tlb);
	return rc;
}

int smmuv3_iommu_init(struct smmuv3_iommu *iommu, struct machine *machine,
		      const struct smmuv3_options *options)
{
	*iommu = (struct smmuv3_iommu){.machine = machine};
	if (options)
		iommu->options = *options;
	if (!iommu->options.ssid_bits)
		iommu->options.ssid_bits = SMMU_SSID_BITS;
	if (iommu->options.ssid_bits > SMMU_SSID_BITS)
		return -EINVAL;
	set_info(iommu);
	return init_caches(iommu);
}

void smmuv3_iommu_done(struct smmuv3_iommu *iommu)
{
	iotlb_done(&iommu->tlb);
	iotlb_done(&iommu->walks);
}

/* The device's own TLB is behind ATS: without, it has none. */
static int init_atc(struct smmuv3_device *device)
{
	uint32_t entries = iotlb_entries(device->options.atc_entries, 64);

	if (!device->options.ats || device->iommu->options.no_caches)
		entries = 0;
	iotlb_space_init(&device->atc_space, 1);
	return iotlb_init_in(&device->atc, device->iommu->machine, entries,
			     device->iommu->options.seed ^ device->sid);
}

int smmuv3_device_init(struct smmuv3_device *device, struct smmuv3_iommu *iommu, uint32_t sid,
		       const struct smmuv3_device_options *options)
{
	*device = (struct smmuv3_device){.iommu = iommu, .sid = sid};
	if (options)
		device->options = *options;
	if (device->options.pasid_bits > SMMU_SSID_BITS)
		return -EINVAL;
	if (device->options.pasid_bits > iommu->options.ssid_bits)
		device->options.pasid_bits = iommu->options.ssid_bits;
	if (!device->options.streams)
		device->options.streams = 1;
	if (iommu->options.no_ats)
		device->options.ats = false;
	snprintf(device->name, sizeof(device->name), "StreamID %#x", sid);
	device->dev = (struct iommu_dev){
		.name = device->name,
		.ops = &smmu_iommu_ops,
		.iommu = iommu,
		.max_pasids = device->options.pasid_bits ? 1u << device->options.pasid_bits : 0,
		.ats_not_supported = !device->options.ats,
		.stalls = true,
		.no_page_requests = !device->options.can_stall,
		.reserved = msi_window,
		.n_reserved = sizeof(msi_window) / sizeof(msi_window[0]),
	};
	return init_atc(device);
}

void smmuv3_device_done(struct smmuv3_device *device)
{
	iotlb_done(&device->atc);
}

static int hw_info(struct iommu_dev *dev, uint32_t *type, void *buf, size_t *len)
{
	const struct smmuv3_iommu *iommu = smmu_of_dev(dev);

	if (*type == IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV && iommu->options.cmdqv) {
		*len = cmdqv_info(buf);
		return 0;
	}
	if (*type != IOMMU_HW_INFO_TYPE_DEFAULT && *type != IOMMU_HW_INFO_TYPE_ARM_SMMUV3)
		return -EOPNOTSUPP;
	*type = IOMMU_HW_INFO_TYPE_ARM_SMMUV3;
	*len = sizeof(iommu->info);
	memcpy(buf, &iommu->info, sizeof(iommu->info));
	return 0;
}

static bool capable(struct iommu_dev *dev, enum iommu_capability cap)
{
	switch (cap) {
	case IOMMU_CAN_CACHE_COHERENCY:
	case IOMMU_CAN_DIRTY_TRACKING:
	case IOMMU_CAN_PASID_TABLES_BY_USER:
		return true;
	}
	return false;
}

/* ---- page tables of ours ---- */

static void domain_free(struct domain *domain)
{
	free(domain);
}

static const struct domain_ops paging_ops = {.free = domain_free};

/* Which stage a page table for these flags is in. */
static int stage_for(uint32_t flags, enum smmu_stage *ret_stage)
{
	switch (flags) {
	case 0:
	case IOMMU_HWPT_ALLOC_PASID:
	case IOMMU_HWPT_ALLOC_DIRTY_TRACKING:
	case IOMMU_HWPT_ALLOC_DIRTY_TRACKING | IOMMU_HWPT_ALLOC_PASID:
		*ret_stage = SMMU_STAGE_1;
		return 0;
	case IOMMU_HWPT_ALLOC_NEST_PARENT:
		*ret_stage = SMMU_STAGE_2;
		return 0;
	}
	return -EOPNOTSUPP;
}

static int alloc_paging(struct iommu_dev *dev, uint32_t flags, const struct user_data *data,
			struct domain **ret_domain)
{
	struct smmu_domain *domain;
	enum smmu_stage stage;
	int rc = data ? -EOPNOTSUPP : stage_for(flags, &stage);

	if (rc)
		return rc;
	domain = mem_zalloc(sizeof(*domain));
	if (!domain)
		return -ENOMEM;
	domain->iommu = smmu_of_dev(dev);
	domain->stage = stage;
	domain->domain = (struct domain){
		.ops = &paging_ops,
		.owner = &smmu_iommu_ops,
		.last = FIELD_MASK(SMMU_ADDRESS_BITS - 1, 0),
		.page_sizes = 1 << 12 | 1 << 21 | 1 << 30,
		.coherent = true,
		.dirty_tracking = flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
	};
	*ret_domain = &domain->domain;
	return 0;
}

/* ---- attaching ---- */

/* A PASID has a context descriptor of its own, in a table of ours: none is left where the guest owns the table. */
static int attach_pasid(struct smmuv3_device *device, const struct smmu_domain *domain,
			const struct domain *old)
{
	if (domain && (domain->iommu != smmu_of_dev(&device->dev) || domain->stage != SMMU_STAGE_1))
		return -EINVAL;
	device->pasids += (domain != NULL) - (old != NULL);
	return 0;
}

/* Whose guest the device is from now on, and under which name there. */
static int enter_viommu(struct smmuv3_device *device, const struct smmu_domain *nested)
{
	struct vdevice *vdevice = viommu_vdevice_of(&nested->viommu->viommu, &device->dev);

	if (!vdevice && nested->ste.config == STE_S1_TRANSLATE)
		return -ENOENT;
	device->viommu = vdevice ? nested->viommu : NULL;
	device->vsid = vdevice ? vdevice->virt_id : 0;
	return 0;
}

/*
 * DMA finds the new page table once this has returned. What it still does through the old one comes into no cache: `nested` has changed before they are
 * emptied.
 */
static void change_nested(struct smmuv3_device *device, struct domain *nested)
{
	struct domain *old = atomic_exchange(&device->nested, nested);

	if (old)
		smmu_device_forget(((struct smmu_domain *)old)->viommu, device);
}

/* Only a stage 1 of ours leaves room for PASIDs beside it. A guest's device is known by its virtual StreamID. */
static int attach_rid(struct smmuv3_device *device, struct smmu_domain *domain)
{
	bool nested = domain && domain->stage == SMMU_NESTED;
	int rc = 0;

	if (domain && domain->iommu != smmu_of_dev(&device->dev))
		return -EINVAL;
	if (domain && domain->stage != SMMU_STAGE_1 && device->pasids)
		return -EBUSY;
	if (nested)
		rc = enter_viommu(device, domain);
	else
		device->viommu = NULL;
	if (!rc)
		change_nested(device, nested ? &domain->domain : NULL);
	return rc;
}

static int attach(struct iommu_dev *dev, uint32_t pasid, struct domain *domain, struct domain *old)
{
	struct smmuv3_device *device = smmu_device_of(dev);
	struct smmu_domain *new = (struct smmu_domain *)domain;

	if (domain && domain->owner != &smmu_iommu_ops)
		return -EINVAL;
	return pasid ? attach_pasid(device, new, old) : attach_rid(device, new);
}

/* Stalls need nothing to be turned on: the guest's context descriptor asks for them. */
static int enable_faults(struct iommu_dev *dev, bool on)
{
	return 0;
}

const struct iommu_ops smmu_iommu_ops = {
	.capable = capable,
	.hw_info = hw_info,
	.alloc_paging = alloc_paging,
	.attach = attach,
	.enable_faults = enable_faults,
	.viommu_size = smmu_viommu_size,
	.viommu_init = smmu_viommu_init,
};
