/* SPDX-License-Identifier: MIT */
/*
 * Arm IHI 0070 (SMMUv3) and DDI 0487, D8: random descriptors and random tables by DMA, through all that is remembered, compared with the tests'
 * own walker and the rules of permissions written out: which accesses succeed, which word they get, which event tells of the others.
 */
#include "arm_tables.h"
#include "rounds.h"
#include "smmu_world.h"

#define ROUNDS	     320 /* times SPEC_ROUNDS: four million accesses in all */
#define ACCESSES     4000
#define PER_LEVEL    6
#define HALF	     (4ull << 20) /* of memory for tables, for each of the two */
#define TRANSLATION  0x10
#define ADDRESS_SIZE 0x11
#define ACCESS_FLAG  0x12
#define PERMISSION   0x13

static struct smmu_world w;
static unsigned long seen[256]; /* by event; 0: none */

/* What one of the two TTBRs translates. */
struct half {
	struct arm_tables t;
	struct arm_regime regime;
	uint64_t tables; /* where they are */
	bool on, tbi;
};

/* An address space: its descriptor in words, and as the walker wants it. */
struct space {
	struct half half[2];
	bool pan, wxn;
	uint64_t words[3];
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

static uint64_t table_at(const struct half *h, unsigned int level, uint64_t n)
{
	return h->tables + ((level * PER_LEVEL + n) << h->t.granule);
}

/* Mostly in DATA, so that accesses succeed; else where stage 2 has nothing. A page, block, or group of them of this size. */
static uint64_t random_leaf(unsigned int level, uint64_t size, uint64_t *seed)
{
	const uint64_t bits = A_USER | A_RO | A_NG | A_DBM | A_PXN | A_UXN;
	uint64_t word = (rnd(seed) | rnd(seed) << 31 | rnd(seed) << 62) & bits;
	uint64_t at = DATA + rnd(seed) % (GUEST_SIZE - DATA);

	if (chance(seed, 5))
		at += 1ull << (30 + rnd(seed) % 18);
	if (chance(seed, 75))
		word |= A_AF;
	return word | at / size * size | (level == 3 ? A_PAGE : A_BLOCK);
}

/* One entry that maps, or as many as belong together: how many. None reaches below DATA: what is written must not be a table. */
static unsigned int put_leaf(const struct half *h, unsigned int level, uint64_t *table,
			     unsigned int i, uint64_t *seed)
{
	unsigned int n = arm_contiguous(&h->t, level), shift = arm_shift(&h->t, level);
	uint64_t word;

	if (i % n || i + n > 1u << (h->t.granule - 3) || (uint64_t)n << shift > 1 << 25 ||
	    chance(seed, 70)) {
		table[i] = random_leaf(level, 1ull << shift, seed);
		return 1;
	}
	word = random_leaf(level, (uint64_t)n << shift, seed) | A_CONTIG;
	for (unsigned int k = 0; k < n; k++)
		table[i + k] = word + ((uint64_t)k << shift);
	return n;
}

static uint64_t random_table(const struct half *h, unsigned int level, uint64_t *seed)
{
	const uint64_t bits = A_PXN_TABLE | A_UXN_TABLE | A_NOT_USER | A_RO_TABLE;

	return table_at(h, level + 1, rnd(seed) % PER_LEVEL) | A_TABLE |
	       (chance(seed, 15) ? (rnd(seed) << 40) & bits : 0);
}

static void fill_table(const struct half *h, unsigned int level, uint64_t *table, uint64_t *seed)
{
	for (unsigned int i = 0; i < 1u << (h->t.granule - 3);) {
		if (chance(seed, 8))
			table[i++] = rnd(seed) << 1;
		else if (level == 3 || (arm_shift(&h->t, level) <= 25 && chance(seed, 20)))
			i += put_leaf(h, level, table, i, seed);
		else
			table[i++] = random_table(h, level, seed);
	}
}

static uint64_t random_half(struct space *s, bool high, const struct arm_regime *regime,
			    uint64_t *seed)
{
	static const unsigned int granules[] = {12, 14, 16}, tg0[] = {0, 2, 1}, tg1[] = {2, 1, 3};
	struct half *h = &s->half[high];
	unsigned int g = rnd(seed) % 3;

	*h = (struct half){
		.t = {.memory = w.memory, .granule = granules[g], .bits = 25 + rnd(seed) % 24},
		.regime = *regime,
		.tables = TABLES + high * HALF,
		.on = chance(seed, 90),
		.tbi = chance(seed, 30),
	};
	h->regime.had = chance(seed, 30);
	h->t.root = table_at(h, arm_start_level(&h->t), 0);
	for (unsigned int level = 0; level < 4; level++)
		for (unsigned int n = 0; n < PER_LEVEL; n++)
			fill_table(h, level, world_word(&w, table_at(h, level, n)), seed);
	s->words[1 + high] = h->t.root | (h->regime.had ? 2 : 0);
	return (h->tbi ? CD_TBI0 << high : 0) |
	       (h->on  ? 0
		: high ? CD_EPD1
		       : CD_EPD0) |
	       ((64 - h->t.bits) | (high ? tg1 : tg0)[g] << 6) << 16 * high;
}

static struct space random_space(uint64_t *seed)
{
	static const unsigned int sizes[] = {32, 36, 40, 42, 44, 48};
	bool ha = chance(seed, 50), hd = chance(seed, 50);
	unsigned int ips = rnd(seed) % 6;
	const struct arm_regime regime = {
		.ha = ha,
		.hd = ha && hd,
		.affd = chance(seed, 20),
		.output_bits = sizes[ips],
	};
	struct space s = {.pan = chance(seed, 30), .wxn = chance(seed, 30)};

	s.words[0] = CD_V | CD_AA64 | CD_A | CD_R | CD_IPS(ips) | CD_ASID(rnd(seed) % 4) |
		     (ha ? CD_HA : 0) | (hd ? CD_HD : 0) | (regime.affd ? CD_AFFD : 0) |
		     (s.pan ? CD_PAN : 0) | (s.wxn ? CD_WXN : 0);
	s.words[0] |= random_half(&s, false, &regime, seed);
	s.words[0] |= random_half(&s, true, &regime, seed);
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

/* 3.4.1: bit 55 says which half, and all bits above those that are translated are the same; bits 63 to 56 may be ignored. */
static const struct half *half_of(const struct space *s, uint64_t va)
{
	const struct half *h = &s->half[va >> 55 & 1];

	for (unsigned int bit = h->t.bits; bit < (h->tbi ? 56 : 64); bit++)
		if ((va >> bit & 1) != (va >> 55 & 1))
			return NULL;
	return h->on ? h : NULL;
}

static struct want expected(const struct space *s, uint64_t va, bool privileged, unsigned int right)
{
	const struct half *h = half_of(s, va);
	struct arm_walk walk = {0};
	struct want want = {0};
	enum arm_result result;

	result = h ? arm_walk(&h->t, &h->regime, va, &walk) : ARM_TRANSLATION;
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

/* A few pages again and again, so that they are remembered; some of what is translated by neither half. */
static uint64_t random_va(const struct space *s, uint64_t *seed)
{
	uint64_t va = chance(seed, 60) ? rnd(seed) % 64 << 37 >> 3 : rnd(seed) << 31 | rnd(seed);
	bool high = chance(seed, 40);
	const struct half *h = &s->half[high];

	va = (va | rnd(seed) % 512 << 3) & ((1ull << h->t.bits) - 1) & ~7ull;
	if (high)
		va |= ~0ull << h->t.bits;
	if (chance(seed, 10))
		va ^= 1ull << (h->t.bits + rnd(seed) % (64 - h->t.bits));
	return h->tbi || chance(seed, 2) ? va ^ rnd(seed) << 56 : va;
}

static void one_access(const struct space *s, int events, uint64_t *seed)
{
	bool privileged = chance(seed, 40);
	unsigned int right = rnd(seed) % 3;
	uint64_t va = random_va(s, seed);
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
	for (unsigned int i = 0; i < ROUNDS * spec_rounds(); i++) {
		struct space s = random_space(&seed);

		world_cd(&w, CDS, s.words[0], s.words[1]);
		*world_word(&w, CDS + 16) = s.words[2];
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
