/* SPDX-License-Identifier: MIT */
#include "x86_tables.h"

#include <stdlib.h>

#define ADDRESS 0x000ffffffffff000ull

void x86_init(struct x86_tables *t, char *memory, uint64_t size, uint64_t start, uint64_t end,
	      unsigned int levels)
{
	*t = (struct x86_tables){memory, size, start + 4096, end, start, levels};
}

static uint64_t *table_at(const struct x86_tables *t, uint64_t gpa)
{
	return (uint64_t *)(t->memory + gpa);
}

static unsigned int index_of(uint64_t va, unsigned int level)
{
	return va >> (12 + 9 * (level - 1)) & 511;
}

uint64_t *x86_entry(struct x86_tables *t, uint64_t va, unsigned int level)
{
	uint64_t *table = table_at(t, t->root);

	for (unsigned int at = t->levels; at > level; at--) {
		uint64_t *entry = &table[index_of(va, at)];

		if (!*entry) {
			if (t->next == t->end)
				abort();
			*entry = t->next | X86_P | X86_RW | X86_US;
			t->next += 4096;
		}
		table = table_at(t, *entry & ADDRESS);
	}
	return &table[index_of(va, level)];
}

void x86_map(struct x86_tables *t, uint64_t va, uint64_t gpa, unsigned int level, uint64_t bits)
{
	*x86_entry(t, va, level) = gpa | X86_P | bits | (level > 1 ? X86_PS : 0);
}

/* ---- the walker ---- */

static bool canonical(uint64_t va, unsigned int levels)
{
	uint64_t top = va >> (levels == 5 ? 56 : 47);

	return top == 0 || top == (levels == 5 ? 0xffull : 0x1ffffull);
}

/* All entries of the way, the leaf last. */
struct way {
	uint64_t *entries[5];
	unsigned int n;
	unsigned int leaf_level;
};

static enum x86_outcome find_way(const struct x86_tables *t, const struct x86_rules *rules,
				 uint64_t va, struct way *way)
{
	uint64_t table = t->root;

	way->n = 0;
	for (unsigned int level = t->levels;; level--) {
		uint64_t entry;

		if (table + 4096 > t->size)
			return X86_BAD_TABLE;
		way->entries[way->n] = &table_at(t, table)[index_of(va, level)];
		entry = *way->entries[way->n];
		way->n++;
		if (!(entry & X86_P))
			return X86_NOT_PRESENT;
		if ((entry & ADDRESS) >> rules->address_bits)
			return X86_RESERVED;
		if (level >= 4 && entry & X86_PS)
			return X86_RESERVED;
		if (level == 3 && entry & X86_PS && entry & 0x3fffe000)
			return X86_RESERVED;
		if (level == 2 && entry & X86_PS && entry & 0x1fe000)
			return X86_RESERVED;
		if (level == 1 || entry & X86_PS) {
			way->leaf_level = level;
			return X86_OK;
		}
		table = entry & ADDRESS;
	}
}

static bool permitted(const struct way *way, const struct x86_rules *rules,
		      struct x86_access access)
{
	bool rw = true, us = true, xd = false;

	for (unsigned int i = 0; i < way->n; i++) {
		rw = rw && *way->entries[i] & X86_RW;
		us = us && *way->entries[i] & X86_US;
		xd = xd || *way->entries[i] & X86_XD;
	}
	if (access.exec && xd)
		return false;
	if (access.priv)
		return rules->sre && (!access.write || rw || !rules->wpe);
	return us && (!access.write || rw);
}

static void set_flags(const struct way *way, const struct x86_rules *rules, bool write)
{
	for (unsigned int i = 0; i < way->n; i++)
		*way->entries[i] |= X86_A | (rules->eafe ? X86_EA : 0);
	if (write)
		*way->entries[way->n - 1] |= X86_D;
}

enum x86_outcome x86_walk(const struct x86_tables *t, const struct x86_rules *rules, uint64_t va,
			  struct x86_access access, uint64_t *ret_gpa)
{
	enum x86_outcome outcome;
	uint64_t size, leaf;
	struct way way;

	if (!canonical(va, t->levels))
		return X86_NON_CANONICAL;
	outcome = find_way(t, rules, va, &way);
	if (outcome != X86_OK)
		return outcome;
	if (!permitted(&way, rules, access))
		return X86_FORBIDDEN;
	if (!access.look)
		set_flags(&way, rules, access.write);
	size = (uint64_t)4096 << 9 * (way.leaf_level - 1);
	leaf = *way.entries[way.n - 1] & ADDRESS;
	*ret_gpa = (leaf & ~(size - 1)) | (va & (size - 1));
	return X86_OK;
}
