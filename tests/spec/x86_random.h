/* SPDX-License-Identifier: MIT */
/*
 * Random tables of x86-64 and random accesses by DMA, compared with the walker of x86_tables.h, which walks a copy of the tables: which accesses
 * succeed, which word they get, which faults a page request may repair, and in the end each accessed and dirty bit.
 */
#ifndef UIOMMUFD_TESTS_SPEC_X86_RANDOM_H
#define UIOMMUFD_TESTS_SPEC_X86_RANDOM_H

#include "device/dma.h"
#include "x86_tables.h"

struct x86_trial {
	struct x86_rules rules;
	struct dma_port *port;
	uint64_t seed;
	char *memory; /* of the guest */
	uint64_t data,
		size; /* words from `data` on are their own addresses; stage 2 maps `size` bytes */
	struct x86_tables shadow; /* the copy */
	unsigned int outcomes[8]; /* how often, by enum x86_outcome */
};

/* With rules, port and seed set. The root is at `tables`, which are as many as X86_TRIAL_TABLES, below `data`. */
#define X86_TRIAL_TABLES 96
void x86_trial_init(struct x86_trial *trial, char *memory, uint64_t tables, uint64_t data,
		    uint64_t size, unsigned int levels);
/* It was worth the while: each outcome has come up. */
void x86_trial_done(struct x86_trial *trial);
/* New tables. What has been cached of the old ones is the caller's to invalidate. */
void x86_trial_tables(struct x86_trial *trial);
void x86_trial_access(struct x86_trial *trial, uint32_t pasid);
/* Are the tables what the walker has made of its copy? */
void x86_trial_compare(const struct x86_trial *trial);

#endif
