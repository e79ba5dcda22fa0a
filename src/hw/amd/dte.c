/* SPDX-License-Identifier: MIT */
/* Device table entries that a guest gives (AMD 2.2.2.1). */
#include <errno.h>

#include "hw/amd/internal.h"
#include "hw/amd/registers.h"

#define GLX_RESERVED 3

static uint64_t gcr3_of(const uint64_t dte[4])
{
	return field_get(DTE0_GCR3_14_12, dte[0]) << 12 | field_get(DTE1_GCR3_30_15, dte[1]) << 15 |
	       field_get(DTE1_GCR3_51_31, dte[1]) << 31;
}

int amd_gdte_decode(const struct amd_iommu *iommu, const uint64_t dte[4], struct amd_gdte *ret_gdte)
{
	bool translates = dte[0] & DTE0_V && dte[0] & DTE0_GV;
	uint64_t gpm = field_get(DTE2_GPM, dte[2]), glx = field_get(DTE0_GLX, dte[0]);

	/* Host translation is the host's. */
	if (dte[0] & (DTE0_MODE | DTE0_HOST_ROOT))
		return -EINVAL;
	if (translates && !gcr3_of(dte))
		return -EINVAL;
	if (gpm > 1 || glx == GLX_RESERVED)
		return -EINVAL;
	if (gpm == 1 && !field_get(EFR_GATS, iommu->efr))
		return -EOPNOTSUPP;
	*ret_gdte = (struct amd_gdte){
		.translates = translates,
		.without_pasid = dte[0] & DTE0_GIOV,
		.glx = glx,
		.levels = 4 + gpm,
		.gcr3 = gcr3_of(dte),
	};
	return 0;
}
