/* SPDX-License-Identifier: MIT */
/* The kinds that there are. */
#include "machine/kinds.h"

#include <stddef.h>

const struct iommu_kind *const iommu_kinds[] = {
	&iommu_kind_vtd,
	&iommu_kind_smmuv3,
	&iommu_kind_amd,
	NULL,
};
