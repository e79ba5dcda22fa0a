/* SPDX-License-Identifier: MIT */
/*
 * Builds VMSAv8-64 tables of stage 1 in memory (Arm DDI 0487, D8), and walks them in a slow and obvious way. Shares nothing with src/pt/.
 * Levels are the architecture's: 3 has the pages.
 */
#ifndef UIOMMUFD_TESTS_SPEC_ARM_TABLES_H
#define UIOMMUFD_TESTS_SPEC_ARM_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#define A_VALID	    1ull
#define A_TABLE	    3ull
#define A_BLOCK	    1ull
#define A_PAGE	    3ull
#define A_USER	    (1ull << 6)
#define A_RO	    (1ull << 7)
#define A_AF	    (1ull << 10)
#define A_NG	    (1ull << 11)
#define A_DBM	    (1ull << 51)
#define A_CONTIG    (1ull << 52)
#define A_PXN	    (1ull << 53)
#define A_UXN	    (1ull << 54)
#define A_PXN_TABLE (1ull << 59)
#define A_UXN_TABLE (1ull << 60)
#define A_NOT_USER  (1ull << 61)
#define A_RO_TABLE  (1ull << 62)

struct arm_tables {
	char *memory;	      /* of address 0 */
	uint64_t next, end;   /* free memory for tables */
	unsigned int granule; /* 12, 14 or 16 */
	unsigned int bits;    /* of input */
	uint64_t root;
};

/* An empty top table in [next, end). */
void arm_init(struct arm_tables *t, char *memory, uint64_t next, uint64_t end, unsigned int granule,
	      unsigned int bits);
unsigned int arm_start_level(const struct arm_tables *t);
/* log2 of what an entry of a level covers. */
unsigned int arm_shift(const struct arm_tables *t, unsigned int level);
/* How many entries are contiguous together (D8.6.1), if a leaf of this level can be. */
unsigned int arm_contiguous(const struct arm_tables *t, unsigned int level);
/* The entry of a level for an address, with tables down to it. */
uint64_t *arm_entry(struct arm_tables *t, uint64_t va, unsigned int level);
/* A page (level 3) or block with these attributes. */
void arm_map(struct arm_tables *t, uint64_t va, uint64_t pa, unsigned int level,
	     uint64_t attributes);

/* ---- the reference ---- */

/* What the registers say. */
struct arm_regime {
	bool ha, hd, affd, had;
	unsigned int output_bits;
};

enum arm_result {
	ARM_OK,
	ARM_TRANSLATION,
	ARM_ADDRESS_SIZE,
	ARM_ACCESS,
};

struct arm_walk {
	uint64_t pa;
	/* What is allowed, before PAN and WXN: [privileged][read, write, execute]. */
	bool allowed[2][3];
	bool global, dirty; /* dirty: a write needs no change of the entry */
};

/* Reads entries and changes nothing. */
enum arm_result arm_walk(const struct arm_tables *t, const struct arm_regime *regime, uint64_t va,
			 struct arm_walk *ret);

#endif
