/* SPDX-License-Identifier: MIT */
/* The format of x86-64 tables. */
#include "pt/x86_64.h"

#include "base/field.h"
#include "pt/walk.h"

/* VT-d 9.8, tables of the first-stage paging entries. */
#define P	 FIELD_MASK(0, 0)
#define RW	 FIELD_MASK(1, 1)
#define US	 FIELD_MASK(2, 2)
#define ACCESSED FIELD_MASK(5, 5)
#define DIRTY	 FIELD_MASK(6, 6)
#define PS	 FIELD_MASK(7, 7)
#define GLOBAL	 FIELD_MASK(8, 8)
#define EXTENDED FIELD_MASK(10, 10)
#define ADDRESS	 FIELD_MASK(51, 12)
#define XD	 FIELD_MASK(63, 63)
/* Of an entry that maps a large page, bit 12 is PAT: the bits between it and the address must be 0. */
#define PAT FIELD_MASK(12, 12)

/* VT-d 3.6: addresses are canonical, that is all bits above the highest that is translated are the same as that. */
static int check_input(const struct pt_config *config, uint64_t va)
{
	unsigned int unused = 64 - config->input_bits;

	return (uint64_t)((int64_t)(va << unused) >> unused) == va ? 0 : -EFAULT;
}

/* VT-d 3.6.2 "Access Rights". */
static uint32_t perm_of(const struct pt_config *config, uint64_t word)
{
	uint32_t perm = PT_ALL;

	if (!(word & RW))
		perm &= config->flags & X86_64_WPE ? ~(uint32_t)PT_ANY_WRITE : ~(uint32_t)PT_WRITE;
	if (!(word & US))
		perm &= ~(uint32_t)PT_USER;
	if (word & XD || !(config->flags & X86_64_EXEC))
		perm &= ~(uint32_t)PT_ANY_EXEC;
	if (!(config->flags & X86_64_PRIV))
		perm &= ~(uint32_t)PT_PRIV;
	return perm;
}

/* Bits of the address field that are set and may not be. */
static uint64_t too_large(const struct pt_config *config, uint64_t word)
{
	return word & ADDRESS & ~(((uint64_t)1 << config->output_bits) - 1);
}

static enum pt_kind decode(const struct pt_config *config, unsigned int level, unsigned int shift,
			   uint64_t word, struct pt_entry *ret_entry)
{
	bool large = level && word & PS;
	uint64_t below = ((uint64_t)1 << shift) - 1;

	if (!(word & P))
		return PT_ABSENT;
	if (too_large(config, word))
		return PT_RESERVED;
	ret_entry->perm = perm_of(config, word);
	if (level && !large) {
		ret_entry->address = word & ADDRESS;
		return PT_TABLE;
	}
	if (level > 2 || (level == 2 && !(config->flags & X86_64_1G)))
		return PT_RESERVED;
	if (large && word & ADDRESS & below & ~PAT)
		return PT_RESERVED;
	ret_entry->address = word & ADDRESS & ~below;
	ret_entry->shift = shift;
	ret_entry->global = word & GLOBAL;
	return PT_LEAF;
}

/* VT-d 3.6.3 "Accessed, Extended Accessed, and Dirty Flags". */
static uint64_t used(const struct pt_config *config, enum pt_kind kind, uint64_t word, bool write)
{
	word |= ACCESSED;
	if (config->flags & X86_64_EAFE)
		word |= EXTENDED;
	if (kind == PT_LEAF && write)
		word |= DIRTY;
	return word;
}

static int walk_x86_64(const struct pt_config *config, const struct pt_memory *memory, uint64_t va,
		       struct pt_walk *walk);

const struct pt_format pt_x86_64 = {
	.name = "x86-64",
	.check_input = check_input,
	.decode = decode,
	.used = used,
	.walk = walk_x86_64,
};

PT_WALKER(walk_x86_64, pt_x86_64)
