/* SPDX-License-Identifier: MIT */
/*
 * IOVAs for fuzzers: with MOCK_FLAGS_ACCESS_SYZ an IOVA is given as the number of an area and an offset into it. A kernel with the mock
 * takes the flag for IOMMU_IOAS_COPY as well as for the test command.
 */
#include <uiommufd/iommufd.h>

#include "hw/mock/mock.h"

uint64_t mock_iova_of_area(const struct ioas *ioas, uint64_t iova)
{
	uint32_t nth = (uint32_t)iova, offset = iova >> 32;
	struct imap_entry entry;

	if (!ioas)
		return 0;
	imap_for_each_in(&ioas->areas, 0, UINT64_MAX, &entry)
		if (!nth--)
			return entry.first + offset;
	return 0;
}

void mock_rewrite(struct ucmd *ucmd, unsigned int cmd)
{
	struct iommu_ioas_copy *copy = ucmd->cmd;

	if (cmd != IOMMU_IOAS_COPY || !(copy->flags & MOCK_FLAGS_ACCESS_SYZ))
		return;
	copy->flags &= ~MOCK_FLAGS_ACCESS_SYZ;
	copy->src_iova = mock_iova_of_area(ioas_find(ucmd->ctx, copy->src_ioas_id), copy->src_iova);
}
