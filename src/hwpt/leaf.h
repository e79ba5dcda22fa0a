/* SPDX-License-Identifier: MIT */
/*
 * Which entry of a page table would map an IOVA. Page tables of stage 2 have no entries of their own; what programs can see of them, by
 * dirty bits, follows from the memory: an entry is as large as alignment, length and the memory's own pages allow.
 */
#ifndef UIOMMUFD_HWPT_LEAF_H
#define UIOMMUFD_HWPT_LEAF_H

#include "hwpt/hwpt.h"

/* The entry that maps `iova` in an area: its first and last IOVA. */
void leaf_find(const struct hwpt_paging *paging, const struct imap_entry *entry, uint64_t iova,
	       uint64_t *ret_first, uint64_t *ret_last);

#endif
