/* SPDX-License-Identifier: MIT */
/* GCR3 tables: from a PASID to the guest tables of its address space (AMD 2.2.6.3). */
#include <errno.h>

#include "hw/amd/internal.h"
#include "hw/amd/registers.h"

/* Each table has 512 entries: nine bits of the PASID, the highest first. */
#define INDEX_BITS 9

int amd_gcr3_find(const struct amd_gdte *gdte, const struct pt_memory *memory, uint32_t pasid,
		  uint64_t *ret_root, bool *ret_missing)
{
	uint64_t table = gdte->gcr3, word;

	*ret_missing = pasid >> (INDEX_BITS * (gdte->glx + 1));
	if (*ret_missing)
		return -EFAULT;
	for (unsigned int level = gdte->glx + 1; level--;) {
		uint64_t index = pasid >> (INDEX_BITS * level) & ((1u << INDEX_BITS) - 1);
		int rc = memory->read(memory, table + 8 * index, &word);

		if (rc)
			return rc;
		*ret_missing = !(word & GCR3_VALID);
		if (*ret_missing)
			return -EFAULT;
		table = word & GCR3_ADDRESS;
	}
	*ret_root = table;
	return 0;
}
