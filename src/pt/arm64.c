/* SPDX-License-Identifier: MIT */
/* The format of VMSAv8-64 tables, stage 1. Arm DDI 0487, D8.3 "Translation table descriptor formats". */
#include "pt/arm64.h"

#include "base/field.h"
#include "pt/walk.h"

#define VALID	   FIELD_MASK(0, 0)
#define TABLE	   FIELD_MASK(1, 1) /* at the last level: a page */
#define AP1	   FIELD_MASK(6, 6) /* users too */
#define AP2	   FIELD_MASK(7, 7) /* read-only */
#define AF	   FIELD_MASK(10, 10)
#define NG	   FIELD_MASK(11, 11)
#define DBM	   FIELD_MASK(51, 51)
#define CONTIGUOUS FIELD_MASK(52, 52)
#define PXN	   FIELD_MASK(53, 53)
#define UXN	   FIELD_MASK(54, 54)
/* Of tables: what is below them. */
#define PXN_TABLE FIELD_MASK(59, 59)
#define UXN_TABLE FIELD_MASK(60, 60)
#define AP_TABLE0 FIELD_MASK(61, 61) /* not for users */
#define AP_TABLE1 FIELD_MASK(62, 62) /* read-only */

/* Addresses have 48 bits, also where the granule would allow more. */
#define ADDRESS_BITS 48

static int check_input(const struct pt_config *config, uint64_t va)
{
	return 0; /* the registers' ranges have been told apart by whoever chose this one */
}

static bool writable(const struct pt_config *config, uint64_t word)
{
	/* D8.5 "Hardware management of dirty state": read-only stands for clean. */
	return !(word & AP2) || (word & DBM && config->flags & ARM64_HD);
}

/* D8.4.1 "Data access permissions", and execution. */
static uint32_t leaf_perm(const struct pt_config *config, uint64_t word)
{
	uint32_t perm = PT_PRIV_READ;

	if (writable(config, word))
		perm |= PT_PRIV_WRITE;
	if (word & AP1)
		perm |= perm & PT_PRIV_WRITE ? PT_READ | PT_WRITE : PT_READ;
	if (!(word & UXN))
		perm |= PT_EXEC;
	if (!(word & PXN))
		perm |= PT_PRIV_EXEC;
	return perm;
}

/* D8.4.2 "Hierarchical control of permissions". */
static uint32_t table_perm(const struct pt_config *config, uint64_t word)
{
	uint32_t perm = PT_ALL;

	if (config->flags & ARM64_HAD)
		return perm;
	if (word & AP_TABLE1)
		perm &= ~(uint32_t)PT_ANY_WRITE;
	if (word & AP_TABLE0)
		perm &= ~(uint32_t)(PT_READ | PT_WRITE);
	if (word & UXN_TABLE)
		perm &= ~(uint32_t)PT_EXEC;
	if (word & PXN_TABLE)
		perm &= ~(uint32_t)PT_PRIV_EXEC;
	return perm;
}

/* D8.3.1: which levels have blocks. With 4 KiB the two above the last, else the one. */
static bool has_blocks(const struct pt_config *config, unsigned int level)
{
	return level == 1 || (level == 2 && config->page_shift == 12);
}

/* D8.6.1: log2 of how many entries are contiguous together. */
static unsigned int contiguous_shift(const struct pt_config *config, unsigned int level)
{
	switch (config->page_shift) {
	case 12:
		return 4;
	case 14:
		return level ? 5 : 7;
	}
	return 5;
}

/* Where the hint asks for more than the tables translate it is not followed. */
static unsigned int leaf_shift(const struct pt_config *config, unsigned int level,
			       unsigned int shift, uint64_t word)
{
	unsigned int together = shift + contiguous_shift(config, level);

	return word & CONTIGUOUS && together <= config->input_bits ? together : shift;
}

static enum pt_kind decode_leaf(const struct pt_config *config, unsigned int level,
				unsigned int shift, uint64_t word, struct pt_entry *ret_entry)
{
	uint64_t address = word & FIELD_MASK(ADDRESS_BITS - 1, 0) & ~(((uint64_t)1 << shift) - 1);

	if (config->output_bits < ADDRESS_BITS && address >> config->output_bits)
		return PT_RESERVED;
	if (!(word & AF) && !(config->flags & (ARM64_HA | ARM64_AFFD)))
		return PT_UNTOUCHED;
	ret_entry->shift = leaf_shift(config, level, shift, word);
	ret_entry->address = address & ~(((uint64_t)1 << ret_entry->shift) - 1);
	ret_entry->perm = leaf_perm(config, word);
	ret_entry->global = !(word & NG);
	return PT_LEAF;
}

static enum pt_kind decode(const struct pt_config *config, unsigned int level, unsigned int shift,
			   uint64_t word, struct pt_entry *ret_entry)
{
	uint64_t mask =
		FIELD_MASK(ADDRESS_BITS - 1, 0) & ~(((uint64_t)1 << config->page_shift) - 1);

	if (!(word & VALID))
		return PT_ABSENT;
	if (level && !(word & TABLE))
		return has_blocks(config, level)
			       ? decode_leaf(config, level, shift, word, ret_entry)
			       : PT_ABSENT;
	if (!level)
		return word & TABLE ? decode_leaf(config, level, shift, word, ret_entry)
				    : PT_ABSENT;
	ret_entry->address = word & mask;
	if (config->output_bits < ADDRESS_BITS && ret_entry->address >> config->output_bits)
		return PT_RESERVED;
	ret_entry->perm = table_perm(config, word);
	return PT_TABLE;
}

/* D8.5 "Hardware updates to the translation tables". */
static uint64_t used(const struct pt_config *config, enum pt_kind kind, uint64_t word, bool write)
{
	if (kind != PT_LEAF)
		return word;
	if (config->flags & ARM64_HA)
		word |= AF;
	if (write && config->flags & ARM64_HD && word & DBM)
		word &= ~AP2;
	return word;
}

static int walk_arm64(const struct pt_config *config, const struct pt_memory *memory, uint64_t va,
		      struct pt_walk *walk);

const struct pt_format pt_arm64 = {
	.name = "VMSAv8-64",
	.check_input = check_input,
	.decode = decode,
	.used = used,
	.walk = walk_arm64,
};

PT_WALKER(walk_arm64, pt_arm64)

void arm64_config(struct pt_config *config, uint64_t ttb, unsigned int input_bits,
		  unsigned int page_shift, uint32_t flags)
{
	unsigned int stride = page_shift - 3;
	unsigned int levels = (input_bits - page_shift + stride - 1) / stride;
	unsigned int top = input_bits - page_shift - (levels - 1) * stride;
	uint64_t bytes = (uint64_t)8 << top;

	config->format = &pt_arm64;
	config->levels = levels;
	config->input_bits = input_bits;
	config->page_shift = page_shift;
	config->flags = flags;
	/* The registers have no bits below 4; entries of short top tables are still aligned to 64 bytes. */
	config->root = ttb & ~((bytes < 64 ? 64 : bytes) - 1);
}
