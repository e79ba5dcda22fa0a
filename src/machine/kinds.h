/* SPDX-License-Identifier: MIT */
#ifndef UIOMMUFD_MACHINE_KINDS_H
#define UIOMMUFD_MACHINE_KINDS_H

#include "machine/kind.h"

extern const struct iommu_kind iommu_kind_vtd, iommu_kind_smmuv3, iommu_kind_amd;

#endif
