/* SPDX-License-Identifier: MIT */
/* Translation by a guest's stage 1. */
#ifndef UIOMMUFD_HW_SMMUV3_TRANSLATE_H
#define UIOMMUFD_HW_SMMUV3_TRANSLATE_H

#include "hw/smmuv3/smmu.h"

/* domain_ops.translate. */
int smmu_translate(struct domain *domain, struct iommu_dev *dev,
		   const struct stage1_request *request, const struct pt_memory *memory,
		   struct stage1 *ret);

#endif
