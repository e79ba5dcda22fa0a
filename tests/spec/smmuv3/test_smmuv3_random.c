/* SPDX-License-Identifier: MIT */
/*
 * Arm IHI 0070 (SMMUv3) and DDI 0487, D8: random descriptors and random tables by DMA, through all that is remembered, compared with the tests'
 * own walker and the rules of permissions written out: which accesses succeed, which word they get, which event tells of the others.
 */
#include "arm_tables.h"
#include "smmu_world.h"

#define ROUNDS	     60
#define ACCESSES     4000
#define PER_LEVEL    6
#define TRANSLATION  0x10
#define ADDRESS_SIZE 0x11
#define ACCESS_FLAG  0x12
#define PERMISSION   0x13

static struct smmu_world w;
static unsigned long seen[256]; /* by event; 0: none */

/* An address space: its descriptor in words, and as the walker wants it. */
struct space {
	struct arm_tables t;
	struct arm_regime regime;
	bool pan, wxn;
	uint64_t word0, word1;
};

static uint64_t rnd(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

static bool chance(uint64_t *seed, unsigned int percent)
{
	return rnd(seed) % 100 < percent;
}

/* ---- random spaces ---- */

static uint64_t table_at(const struct space *s, unsigned int level, uint64_t n)
{
	return TABLES + ((level * PER_LEVEL + n) << s->t.granule);
}

/* Mostly in DATA, so that accesses succeed; else where stage 2 has nothing. */
static uint64_t random_leaf(const struct space *s, unsigned int level, uint64_t *seed)
{
	const uint64_t bits = A_USER | A_RO | A_NG | A_DBM | A_PXN | A_UXN;
	uint64_t size = 1ull << arm_shift(&s->t, level);
	uint64_t word = (rnd(seed) | rnd(seed) << 31 | rnd(seed) << 62) & bits;
	uint64_t at = DATA + rnd(seed) % (GUEST_SIZE - DATA);

	if (chance(seed, 5))
		at += 1ull << (30 + rnd(seed) % 18);
	if (chance(seed, 75))
		word |= A_AF;
	return word | at / size * size | (level == 3 ? A_PAGE : A_BLOCK);
}

static uint64_t random_entry(const struct space *s, unsigned int level, uint64_t *seed)
{
	const uint64_t bits = A_PXN_TABLE | A_UXN_TABLE | A_NOT_USER | A_RO_TABLE;

	if (chance(seed, 8))
		return rnd(seed) << 1;
	/* Not one that reaches below DATA: what is written must not be a table. */
	if (level == 3 || (arm_shift(&s->t, level) <= 25 && chance(seed, 20)))
		return random_leaf(s, level, seed);
	return table_at(s, level + 1, rnd(seed) % PER_LEVEL) | A_TABLE |
	       (chance(seed, 15) ? (rnd(seed) << 40) & bits : 0);
}

static void fill_tables(const struct space *s, uint64_t *seed)
{
	for (unsigned int level = 0; level < 4; level++)
		for (unsigned int n = 0; n < PER_LEVEL; n++)
			for (unsigned int i = 0; i < 1u << (s->t.granule - 3); i++)
				*world_word(&w, table_at(s, level, n) + 8 * i) =
					random_entry(s, level, seed);
}

static struct space random_space(uint64_t *seed)
{
	static const unsigned int granules[] = {12, 14, 16}, codes[] = {0, 2, 1},
				  sizes[] = {32, 36, 40, 42, 44, 48};
	unsigned int g = rnd(seed) % 3, ips = rnd(seed) % 6;
	struct space s = {.t = {.memory = w.memory, .granule = granules[g]},
			  .regime = {.ha = chance(seed, 50),
				     .affd = chance(seed, 20),
				     .had = chance(seed, 30),
				     .output_bits = sizes[ips]},
			  .pan = chance(seed, 30),
			  .wxn = chance(seed, 30)};
	bool hd = chance(seed, 50);

	s.regime.hd = s.regime.ha && hd;
	s.t.bits = 25 + rnd(seed) % 24;
	s.t.root = table_at(&s, arm_start_level(&s.t), 0);
	s.word0 = CD_V | CD_AA64 | CD_A | CD_R | CD_EPD1 | CD_IPS(ips) | codes[g] << 6 |
		  (64 - s.t.bits) | CD_ASID(rnd(seed) % 4) | (s.regime.ha ? CD_HA : 0) |
		  (hd ? CD_HD : 0) | (s.regime.affd ? CD_AFFD : 0) | (s.pan ? CD_PAN : 0) |
		  (s.wxn ? CD_WXN : 0);
	s.word1 = s.t.root | (s.regime.had ? 2 : 0);
	fill_tables(&s, seed);
	return s;
}

/* ---- what has to happen ---- */

struct want {
	unsigned int event; /* 0: none */
	bool refused;	    /* by either stage */
	uint64_t pa;
};

/* DDI 0487, D8.4.1: rights of an access, with PAN, WXN, and no privileged execution of what users can write. */
static bool allowed(const struct space *s, const struct arm_walk *walk, bool privileged,
		    unsigned int right)
{
	const bool *user = walk->allowed[0], *own = walk->allowed[privileged];

	if (!own[right])
		return false;
	if (right == 2 && s->wxn && own[1])
		return false;
	if (right == 2 && privileged && user[1])
		return false;
	return right == 2 || !privileged || !s->pan || !(user[0] || user[1]);
}

static const unsigned int events_of[] = {
	[ARM_TRANSLATION] = TRANSLATION,
	[ARM_ADDRESS_SIZE] = ADDRESS_SIZE,
	[ARM_ACCESS] = ACCESS_FLAG,
};

static struct want expected(const struct space *s, uint64_t va, bool privileged, unsigned int right)
{
	struct arm_walk walk = {0};
	struct want want = {0};
	enum arm_result result;

	result = va >> s->t.bits ? ARM_TRANSLATION : arm_walk(&s->t, &s->regime, va, &walk);
	if (result != ARM_OK)
		want.event = events_of[result];
	else if (!allowed(s, &walk, privileged, right))
		want.event = PERMISSION;
	want.refused = want.event || walk.pa >= GUEST_SIZE;
	want.pa = walk.pa;
	return want;
}

/* ---- rounds ---- */

/* perm by [privileged][read, write, execute] */
static const uint32_t perms[2][3] = {
	{PT_READ, PT_WRITE, PT_EXEC},
	{PT_PRIV_READ, PT_PRIV_WRITE, PT_PRIV_EXEC},
};

static void one_access(const struct space *s, int events, uint64_t *seed)
{
	bool privileged = chance(seed, 40);
	unsigned int right = rnd(seed) % 3;
	/* A few pages again and again, so that they are remembered. */
	uint64_t page = chance(seed, 60) ? rnd(seed) % 64 << 37 >> 3 : rnd(seed) << 31 | rnd(seed);
	uint64_t va = (page | rnd(seed) % 512 << 3) & ((2ull << s->t.bits) - 1) & ~7ull;
	struct want want = expected(s, va, privileged, right);
	uint64_t word = want.pa, got[4];
	const struct dma_access access = {0, perms[privileged][right], va, &word, sizeof(word)};
	int rc = dma_copy(&w.port, &access, NULL);

	seen[want.event]++;
	assert_int_equal(rc, want.refused ? -EFAULT : 0);
	if (!rc)
		assert_true(word == want.pa);
	assert_int_equal(world_event(&w, events, got), want.event != 0);
	if (want.event)
		assert_int_equal(got[0] & 0xff, want.event);
}

static void drop_all(void)
{
	assert_int_equal(world_command(&w, 0x30, 0), 0);
	assert_int_equal(world_command(&w, 0x06 | (uint64_t)VSID << 32, 0), 0);
}

static void rounds(const struct smmuv3_options *options, uint64_t seed)
{
	int events;

	smmu_world_init(&w, options, NULL);
	events = world_veventq(&w, IOMMU_VEVENTQ_TYPE_ARM_SMMUV3);
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct space s = random_space(&seed);

		world_cd(&w, CDS, s.word0, s.word1);
		drop_all();
		for (unsigned int n = 0; n < ACCESSES; n++)
			one_access(&s, events, &seed);
	}
	smmu_world_done(&w);
	/* It was worth the while. */
	assert_true(seen[0] > 1000 && seen[TRANSLATION] > 1000 && seen[ACCESS_FLAG] > 1000 &&
		    seen[PERMISSION] > 1000 && seen[ADDRESS_SIZE] > 100);
}

static void with_caches(void **state)
{
	rounds(NULL, 1);
}

static void with_small_caches(void **state)
{
	rounds(&(struct smmuv3_options){.tlb_entries = 8, .walk_entries = 2, .seed = 3}, 2);
}

static void without_caches(void **state)
{
	rounds(&(struct smmuv3_options){.no_caches = true}, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_caches),
		cmocka_unit_test(with_small_caches),
		cmocka_unit_test(without_caches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
