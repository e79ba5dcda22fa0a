/* SPDX-License-Identifier: MIT */
#include "arm_tables.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static uint64_t *word_at(const struct arm_tables *t, uint64_t address)
{
	return (uint64_t *)(t->memory + address);
}

static uint64_t new_table(struct arm_tables *t)
{
	uint64_t bytes = 1ull << t->granule, at = (t->next + bytes - 1) / bytes * bytes;

	assert(at + bytes <= t->end);
	t->next = at + bytes;
	memset(t->memory + at, 0, bytes);
	return at;
}

void arm_init(struct arm_tables *t, char *memory, uint64_t next, uint64_t end, unsigned int granule,
	      unsigned int bits)
{
	*t = (struct arm_tables){
		.memory = memory, .next = next, .end = end, .granule = granule, .bits = bits};
	t->root = new_table(t);
}

unsigned int arm_shift(const struct arm_tables *t, unsigned int level)
{
	return t->granule + (3 - level) * (t->granule - 3);
}

unsigned int arm_contiguous(const struct arm_tables *t, unsigned int level)
{
	if (t->granule == 12)
		return 16;
	if (t->granule == 14)
		return level == 3 ? 128 : 32;
	return 32;
}

/* The tables of DDI 0487, D8.2.3: the first level whose entries cover less than the whole. */
unsigned int arm_start_level(const struct arm_tables *t)
{
	unsigned int level = 0;

	while (arm_shift(t, level) >= t->bits)
		level++;
	return level;
}

static unsigned int index_of(const struct arm_tables *t, uint64_t va, unsigned int level)
{
	uint64_t low = va % (1ull << t->bits);

	return (unsigned int)(low >> arm_shift(t, level)) % (1u << (t->granule - 3));
}

uint64_t *arm_entry(struct arm_tables *t, uint64_t va, unsigned int level)
{
	uint64_t table = t->root;

	for (unsigned int at = arm_start_level(t); at < level; at++) {
		uint64_t *entry = word_at(t, table + 8 * index_of(t, va, at));

		if ((*entry & 3) != A_TABLE)
			*entry = new_table(t) | A_TABLE;
		table = *entry & 0xffffffffffffull & ~((1ull << t->granule) - 1);
	}
	return word_at(t, table + 8 * index_of(t, va, level));
}

void arm_map(struct arm_tables *t, uint64_t va, uint64_t pa, unsigned int level,
	     uint64_t attributes)
{
	*arm_entry(t, va, level) = pa | attributes | (level == 3 ? A_PAGE : A_BLOCK);
}

/* ---- the reference ---- */

struct limits {
	bool user, write, user_exec, priv_exec; /* what tables have left so far */
};

static bool block_level(const struct arm_tables *t, unsigned int level)
{
	if (t->granule == 12)
		return level == 1 || level == 2;
	return level == 2;
}

static bool too_large(const struct arm_regime *regime, uint64_t address)
{
	return regime->output_bits < 48 && address >= 1ull << regime->output_bits;
}

static enum arm_result leaf(const struct arm_regime *regime, uint64_t size, uint64_t entry,
			    const struct limits *limits, uint64_t va, struct arm_walk *ret)
{
	uint64_t base = entry % (1ull << 48) / size * size;
	bool dbm = regime->hd && entry & A_DBM;
	bool write = (!(entry & A_RO) || dbm) && limits->write;
	bool user = entry & A_USER && limits->user;

	if (too_large(regime, base))
		return ARM_ADDRESS_SIZE;
	if (!(entry & A_AF) && !regime->ha && !regime->affd)
		return ARM_ACCESS;
	ret->pa = base + va % size;
	ret->allowed[0][0] = user;
	ret->allowed[0][1] = user && write;
	ret->allowed[0][2] = !(entry & A_UXN) && limits->user_exec;
	ret->allowed[1][0] = true;
	ret->allowed[1][1] = write;
	ret->allowed[1][2] = !(entry & A_PXN) && limits->priv_exec;
	ret->global = !(entry & A_NG);
	ret->dirty = !(dbm && entry & A_RO) && (entry & A_AF || !regime->ha);
	return ARM_OK;
}

static void restrict_by(const struct arm_regime *regime, uint64_t entry, struct limits *limits)
{
	if (regime->had)
		return;
	limits->user &= !(entry & A_NOT_USER);
	limits->write &= !(entry & A_RO_TABLE);
	limits->user_exec &= !(entry & A_UXN_TABLE);
	limits->priv_exec &= !(entry & A_PXN_TABLE);
}

enum arm_result arm_walk(const struct arm_tables *t, const struct arm_regime *regime, uint64_t va,
			 struct arm_walk *ret)
{
	struct limits limits = {true, true, true, true};
	uint64_t table = t->root;

	*ret = (struct arm_walk){0};
	for (unsigned int level = arm_start_level(t);; level++) {
		uint64_t entry = *word_at(t, table + 8 * index_of(t, va, level));
		uint64_t size = 1ull << arm_shift(t, level);

		if (!(entry & A_VALID))
			return ARM_TRANSLATION;
		if (level == 3)
			return (entry & 3) == A_PAGE ? leaf(regime, size, entry, &limits, va, ret)
						     : ARM_TRANSLATION;
		if ((entry & 3) == A_BLOCK)
			return block_level(t, level) ? leaf(regime, size, entry, &limits, va, ret)
						     : ARM_TRANSLATION;
		table = entry % (1ull << 48) / (1ull << t->granule) * (1ull << t->granule);
		if (too_large(regime, table))
			return ARM_ADDRESS_SIZE;
		restrict_by(regime, entry, &limits);
	}
}
