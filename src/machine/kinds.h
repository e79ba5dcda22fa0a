/* SPDX-License-Identifier: MIT */
#ifndef UIOMMUFD_MACHINE_KINDS_H
#define UIOMMUFD_MACHINE_KINDS_H

#include "machine/kind.h"

extern const struct iommu_kind iommu_kind_vtd;

#endif
