/* SPDX-License-Identifier: MIT */
/* Arm DDI 0487, D8 "The AArch64 Virtual Memory System Architecture": tables of stage 1, random ones against a slow walker. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arm_tables.h"
#include "pt/arm64.h"
#include "rounds.h"

#define POOL_TABLES 48
#define ROUNDS	    200 /* for each granule, times SPEC_ROUNDS: 15 million walks in all */
#define WALKS	    25000

/* Memory that tables are in: address 0 is its first byte. */
struct pool {
	struct pt_memory memory; /* first */
	char *bytes;
	uint64_t size;
};

static int read_word(const struct pt_memory *memory, uint64_t address, uint64_t *ret_word)
{
	const struct pool *pool = (const struct pool *)memory;

	assert_true(address % 8 == 0);
	if (address >= pool->size)
		return -EFAULT;
	memcpy(ret_word, pool->bytes + address, 8);
	return 0;
}

static int exchange(const struct pt_memory *memory, uint64_t address, uint64_t *expected,
		    uint64_t word)
{
	const struct pool *pool = (const struct pool *)memory;
	uint64_t *at = (uint64_t *)(pool->bytes + address);

	if (address >= pool->size)
		return -EFAULT;
	__atomic_compare_exchange_n(at, expected, word, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return 0;
}

static uint64_t rnd(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

static bool chance(uint64_t *seed, unsigned int percent)
{
	return rnd(seed) % 100 < percent;
}

/* ---- tables of random content ---- */

static uint64_t random_attributes(uint64_t *seed)
{
	const uint64_t bits = A_USER | A_RO | A_NG | A_DBM | A_PXN | A_UXN;
	uint64_t word = (rnd(seed) | rnd(seed) << 31 | rnd(seed) << 62) & bits;

	return chance(seed, 70) ? word | A_AF : word;
}

/* Table i is for level i % 4. */
static uint64_t table_of_level(uint64_t *seed, unsigned int granule, unsigned int level)
{
	return (rnd(seed) % (POOL_TABLES / 4) * 4 + level) << granule;
}

static uint64_t random_table(uint64_t *seed, const struct arm_tables *t, unsigned int level,
			     bool too_large)
{
	const uint64_t bits = A_PXN_TABLE | A_UXN_TABLE | A_NOT_USER | A_RO_TABLE;
	uint64_t word = table_of_level(seed, t->granule, level + 1) | A_TABLE;

	if (chance(seed, 20))
		word |= (rnd(seed) << 40) & bits;
	return too_large && chance(seed, 3) ? word | 1ull << 47 : word;
}

/* A page or block, sometimes a whole group of them that belongs together: how many entries that took. */
static unsigned int put_leaf(uint64_t *table, unsigned int i, const struct arm_tables *t,
			     unsigned int level, uint64_t *seed)
{
	unsigned int group = arm_contiguous(t, level), shift = arm_shift(t, level);
	uint64_t word = random_attributes(seed) | (level == 3 ? A_PAGE : A_BLOCK);
	uint64_t page =
		(rnd(seed) << 31 | rnd(seed)) % (1ull << (chance(seed, 50) ? 32 : 48)) >> shift;
	bool whole = i % group == 0 && i + group <= 1u << (t->granule - 3) && chance(seed, 30);

	if (!whole) {
		table[i] = word | page << shift;
		return 1;
	}
	for (unsigned int k = 0; k < group; k++)
		table[i + k] = word | A_CONTIG | (page / group * group + k) << shift;
	return group;
}

/* `too_large`: some addresses of tables are. */
static void fill_table(uint64_t *table, const struct arm_tables *t, unsigned int level,
		       bool too_large, uint64_t *seed)
{
	for (unsigned int i = 0; i < 1u << (t->granule - 3);) {
		if (chance(seed, 12))
			table[i++] = rnd(seed) << 1;
		else if (level < 3 && chance(seed, 70))
			table[i++] = random_table(seed, t, level, too_large);
		else
			i += put_leaf(table, i, t, level, seed);
	}
}

static void fill_pool(const struct pool *pool, const struct arm_tables *t, bool too_large,
		      uint64_t *seed)
{
	for (unsigned int i = 0; i < POOL_TABLES; i++)
		fill_table((uint64_t *)(pool->bytes + ((uint64_t)i << t->granule)), t, i % 4,
			   too_large, seed);
}

/* ---- comparison ---- */

static const struct {
	uint32_t perm;
	bool privileged;
	unsigned int right;
} rights[] = {
	{PT_READ, false, 0},	 {PT_WRITE, false, 1},	   {PT_EXEC, false, 2},
	{PT_PRIV_READ, true, 0}, {PT_PRIV_WRITE, true, 1}, {PT_PRIV_EXEC, true, 2},
};

static void same_rights(uint32_t perm, const struct arm_walk *want)
{
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
		assert_int_equal(!!(perm & rights[i].perm),
				 want->allowed[rights[i].privileged][rights[i].right]);
}

static const enum pt_fault faults[] = {
	[ARM_TRANSLATION] = PT_FAULT_ABSENT,
	[ARM_ADDRESS_SIZE] = PT_FAULT_RESERVED,
	[ARM_ACCESS] = PT_FAULT_ACCESS,
};

/* What hardware leaves in the entry (D8.5). */
static uint64_t entry_after(const struct arm_regime *regime, uint64_t word, bool write)
{
	if (regime->ha)
		word |= A_AF;
	if (write && regime->hd && word & A_DBM)
		word &= ~A_RO;
	return word;
}

static void same_update(const struct pt_config *config, const struct pool *pool,
			const struct arm_regime *regime, struct pt_walk *walk, bool write)
{
	const uint64_t *entry =
		(uint64_t *)(pool->bytes + walk->trail[walk->trail_len - 1].address);
	uint64_t want = entry_after(regime, *entry, write);

	assert_int_equal(pt_update(config, &pool->memory, write, walk), 0);
	assert_true(*entry == want);
}

static void same_walk(const struct pt_config *config, const struct pool *pool,
		      const struct arm_tables *t, const struct arm_regime *regime, uint64_t va)
{
	struct arm_walk want;
	struct pt_walk walk;
	enum arm_result result = arm_walk(t, regime, va, &want);
	int rc;

	pt_walk_start(config, &walk);
	rc = pt_walk(config, &pool->memory, va, &walk);
	assert_int_equal(rc, result == ARM_OK ? 0 : -EFAULT);
	if (rc) {
		assert_int_equal(walk.fault, faults[result]);
		return;
	}
	assert_true(walk.leaf.address + (va & ((1ull << walk.leaf.shift) - 1)) == want.pa);
	assert_int_equal(walk.leaf.global, want.global);
	assert_int_equal(walk.dirty, want.dirty);
	same_rights(walk.perm, &want);
	/* Now and then, so that tables stay as random as they were. */
	if (want.pa % 16 == 3)
		same_update(config, pool, regime, &walk, want.pa % 32 == 3 && want.allowed[1][1]);
}

static void random_round(struct pool *pool, unsigned int granule, uint64_t *seed)
{
	static const unsigned int sizes[] = {32, 36, 40, 42, 44, 48};
	struct arm_tables t = {.memory = pool->bytes, .granule = granule};
	struct arm_regime regime = {.ha = chance(seed, 50),
				    .affd = chance(seed, 20),
				    .had = chance(seed, 30),
				    .output_bits = sizes[rnd(seed) % 6]};
	struct pt_config config;

	regime.hd = regime.ha && chance(seed, 50);
	t.bits = 25 + rnd(seed) % 24;
	t.root = table_of_level(seed, granule, arm_start_level(&t));
	fill_pool(pool, &t, regime.output_bits < 48, seed);
	arm64_config(&config, t.root, t.bits, granule,
		     (regime.ha ? ARM64_HA : 0) | (regime.hd ? ARM64_HD : 0) |
			     (regime.affd ? ARM64_AFFD : 0) | (regime.had ? ARM64_HAD : 0));
	config.output_bits = regime.output_bits;
	assert_int_equal(config.levels, 4 - arm_start_level(&t));
	for (unsigned int i = 0; i < WALKS; i++)
		same_walk(&config, pool, &t, &regime,
			  (rnd(seed) << 31 | rnd(seed)) & ((1ull << t.bits) - 1));
}

static void random_tables(unsigned int granule)
{
	struct pool pool = {{read_word, exchange}, NULL, (uint64_t)POOL_TABLES << granule};
	uint64_t seed = granule;

	pool.bytes = aligned_alloc(1 << 16, pool.size);
	for (unsigned int i = 0; i < ROUNDS * spec_rounds(); i++)
		random_round(&pool, granule, &seed);
	free(pool.bytes);
}

static void granule_4k(void **state)
{
	random_tables(12);
}

static void granule_16k(void **state)
{
	random_tables(14);
}

static void granule_64k(void **state)
{
	random_tables(16);
}

/* D8.2.5: a top table of few entries is aligned to its size, at least to 64 bytes; what is below is not part of the address. */
static void top_tables_are_aligned(void **state)
{
	struct pt_config config;

	arm64_config(&config, 0x12345670, 25, 12, 0);
	assert_int_equal(config.levels, 2);
	assert_true(config.root == (0x12345670 & ~(uint64_t)127));
	arm64_config(&config, 0x12345670, 40, 12, 0);
	assert_int_equal(config.levels, 4);
	assert_true(config.root == (0x12345670 & ~(uint64_t)63));
	arm64_config(&config, 0x12345670, 48, 16, 0);
	assert_int_equal(config.levels, 3);
	assert_true(config.root == (0x12345670 & ~(uint64_t)511));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(granule_4k),
		cmocka_unit_test(granule_16k),
		cmocka_unit_test(granule_64k),
		cmocka_unit_test(top_tables_are_aligned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
