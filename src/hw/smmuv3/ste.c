/* SPDX-License-Identifier: MIT */
/* Stream table entries that a guest gives (IHI 0070, 5.2). */
#include <errno.h>

#include "hw/smmuv3/smmu.h"

static bool config_allowed(uint64_t config)
{
	return config == STE_ABORT || config == STE_BYPASS || config == STE_S1_TRANSLATE;
}

int smmu_ste_decode(const uint64_t words[2], struct smmu_ste *ret_ste)
{
	/* An entry that is not valid stops everything, whatever else is in it. */
	if (!field_get(STE0_V, words[0])) {
		*ret_ste = (struct smmu_ste){.config = STE_ABORT};
		return 0;
	}
	if (words[0] & ~STE0_NESTED || words[1] & ~STE1_NESTED)
		return -EIO;
	if (!config_allowed(field_get(STE0_CONFIG, words[0])) ||
	    field_get(STE1_EATS, words[1]) > STE_EATS_FULL)
		return -EIO;
	*ret_ste = (struct smmu_ste){
		.config = field_get(STE0_CONFIG, words[0]),
		.s1fmt = field_get(STE0_S1FMT, words[0]),
		.s1dss = field_get(STE1_S1DSS, words[1]),
		.eats = field_get(STE1_EATS, words[1]),
		.s1stalld = field_get(STE1_S1STALLD, words[1]),
		.s1cdmax = field_get(STE0_S1CDMAX, words[0]),
		.s1context_ptr = words[0] & STE0_S1CTXPTR,
	};
	return 0;
}
