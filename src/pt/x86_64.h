/* SPDX-License-Identifier: MIT */
/*
 * The tables of x86-64, with 4 or 5 levels: VT-d's first stage (Intel VT-d Architecture Specification, 3.6 and 9.8 "First-Stage Paging
 * Entries"), and AMD's guest tables (AMD I/O Virtualization Technology Specification, 2.2.6).
 */
#ifndef UIOMMUFD_PT_X86_64_H
#define UIOMMUFD_PT_X86_64_H

#include "pt/pt.h"

/* struct pt_config.flags */
enum x86_64_flags {
	X86_64_PRIV = 1 << 0, /* privileged requests are taken (VT-d: SRE) */
	X86_64_WPE = 1 << 1,  /* they obey R/W */
	X86_64_EAFE = 1 << 2, /* the extended accessed flag is set too */
	X86_64_1G = 1 << 3,   /* pages of 1 GiB */
	X86_64_EXEC = 1 << 4, /* requests to execute are taken */
};

extern const struct pt_format pt_x86_64;

/* Tables at `root` with 4 or 5 levels, on a machine with physical addresses of `output_bits`. */
static inline struct pt_config pt_x86_64_config(uint64_t root, unsigned int levels,
						unsigned int output_bits, uint32_t flags)
{
	return (struct pt_config){
		.format = &pt_x86_64,
		.root = root,
		.levels = levels,
		.input_bits = 12 + 9 * levels,
		.page_shift = 12,
		.output_bits = output_bits,
		.flags = flags,
	};
}

#endif
