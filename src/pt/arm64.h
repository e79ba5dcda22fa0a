/* SPDX-License-Identifier: MIT */
/* Arm VMSAv8-64 tables of stage 1: granules of 4, 16 and 64 KiB, addresses of up to 48 bits. Arm DDI 0487, chapter D8. */
#ifndef UIOMMUFD_PT_ARM64_H
#define UIOMMUFD_PT_ARM64_H

#include "pt/pt.h"

/* struct pt_config's flags: what else the tables are walked by. */
enum {
	ARM64_HA = 1 << 0,   /* hardware sets the access flag */
	ARM64_HD = 1 << 1,   /* hardware manages dirty state: only with HA */
	ARM64_AFFD = 1 << 2, /* a clear access flag is no fault */
	ARM64_HAD = 1 << 3,  /* what tables say of permissions is ignored */
};

extern const struct pt_format pt_arm64;

/*
 * The tables of one TTBR: input_bits is 64 - TnSZ, page_shift 12, 14 or 16, `ttb` the register's address (DDI 0487, D8.2.5: the bits below the
 * alignment of the top table are 0).
 */
void arm64_config(struct pt_config *config, uint64_t ttb, unsigned int input_bits,
		  unsigned int page_shift, uint32_t flags);

#endif
