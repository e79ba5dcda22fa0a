/* SPDX-License-Identifier: MIT */
/* vIOMMUs, and stage 1 by a guest's device table entry. */
#include <errno.h>
#include <stdlib.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "hw/amd/internal.h"
#include "iommu/stage1.h"
#include "pt/x86_64.h"

#define ADDRESS_BITS 52

/* ---- translation ---- */

/* Not translated by stage 1: the guest's physical address. */
static int untranslated(const struct stage1_request *request, struct stage1 *ret)
{
	*ret = (struct stage1){
		.first = request->iova & ~(uint64_t)0xfff,
		.last = request->iova | 0xfff,
		.address = request->iova & ~(uint64_t)0xfff,
		.perm = PT_ALL,
	};
	return 0;
}

static int translate(struct domain *domain, struct iommu_dev *dev,
		     const struct stage1_request *request, const struct pt_memory *memory,
		     struct stage1 *ret)
{
	const struct stage1_caches none = {NULL, NULL, NULL};
	struct amd_domain *nested = (struct amd_domain *)domain;
	const struct amd_gdte *gdte = &nested->gdte;
	struct pt_config tables;
	uint64_t root;
	bool missing;
	int rc;

	if (!gdte->translates || (!request->pasid && !gdte->without_pasid))
		return untranslated(request, ret);
	rc = amd_gcr3_find(gdte, memory, request->pasid, &root, &missing);
	if (rc) {
		*ret = (struct stage1){0};
		return rc;
	}
	tables = pt_x86_64_config(root, gdte->levels, ADDRESS_BITS,
				  X86_64_1G | X86_64_EXEC | X86_64_PRIV | X86_64_WPE);
	return stage1_translate(&tables, &nested->space, &none, request, memory, ret);
}

static void nested_free(struct domain *domain)
{
	free(domain);
}

static const struct domain_ops nested_ops = {
	.translate = translate,
	.free = nested_free,
};

/* ---- vIOMMUs ---- */

static int alloc_nested(struct viommu *viommu, uint32_t flags, const struct user_data *data,
			struct domain **ret_domain)
{
	struct amd_iommu *iommu = viommu->iommu;
	struct iommu_hwpt_amd_guest arg;
	struct amd_domain *nested;
	struct amd_gdte gdte;
	int rc;

	if (data->type != IOMMU_HWPT_DATA_AMD_GUEST)
		return -EOPNOTSUPP;
	rc = user_data_read(data, IOMMU_HWPT_DATA_AMD_GUEST, &arg, sizeof(arg), sizeof(arg));
	if (!rc)
		rc = amd_gdte_decode(
			iommu, (const uint64_t[]){arg.dte[0], arg.dte[1], arg.dte[2], arg.dte[3]},
			&gdte);
	if (rc)
		return rc;
	nested = mem_zalloc(sizeof(*nested));
	if (!nested)
		return -ENOMEM;
	nested->domain.ops = &nested_ops;
	nested->domain.owner = &amd_iommu_ops;
	nested->tables = AMD_NESTED;
	nested->iommu = iommu;
	nested->gdte = gdte;
	iotlb_space_init(&nested->space, 1);
	*ret_domain = &nested->domain;
	return 0;
}

/* What Linux 7.3 has: nothing but its own end, which is empty here. */
static const struct viommu_ops viommu_ops = {0};
static const struct viommu_ops nesting_viommu_ops = {.alloc_nested = alloc_nested};

/* No type has been given to it yet: Linux takes any. */
size_t amd_viommu_size(struct iommu_dev *dev, uint32_t type)
{
	return sizeof(struct viommu);
}

int amd_viommu_init(struct viommu *viommu, struct domain *parent, const struct user_data *data)
{
	const struct amd_iommu *iommu = viommu->iommu;

	viommu->ops = iommu->options.nesting ? &nesting_viommu_ops : &viommu_ops;
	return 0;
}
