/* SPDX-License-Identifier: MIT */
/*
 * Arm IHI 0070 (SMMUv3): 3.3 and 3.4 the way of an access, 3.9 substreams, 5.2 stream table entries, 5.3 and 5.4 context descriptors, 7.3
 * the events of what is refused.
 */
#include "arm_tables.h"
#include "smmu_world.h"

#define VA     0x7f0012345000ull
#define USUAL  (A_AF | A_USER | A_NG)
#define EVENTS IOMMU_VEVENTQ_TYPE_ARM_SMMUV3

static struct smmu_world w;
static struct arm_tables t;

static const struct smmuv3_options no_caches = {.no_caches = true};
static const struct smmuv3_device_options with_pasids = {.pasid_bits = 12};

static int set_up(void **state)
{
	smmu_world_init(&w, &no_caches, &with_pasids);
	arm_init(&t, w.memory, TABLES, TABLES_END, 12, 48);
	return 0;
}

static int tear_down(void **state)
{
	smmu_world_done(&w);
	return 0;
}

/* The usual descriptor, and a page of DATA at VA. */
static void usual(void)
{
	arm_map(&t, VA, DATA, 3, USUAL);
	world_cd(&w, CDS, CD_USUAL, t.root);
}

/* The next event has to be this: type, substream (0: none), class; and it has VSID for its StreamID. */
static void expect_event(int queue, unsigned int type, uint32_t ssid, unsigned int class)
{
	uint64_t words[4];

	assert_true(world_event(&w, queue, words));
	assert_int_equal(words[0] & 0xff, type);
	assert_int_equal(words[0] >> 32, VSID);
	assert_int_equal(words[0] >> 11 & 1, ssid != 0);
	assert_int_equal(words[0] >> 12 & 0xfffff, ssid);
	assert_int_equal(words[1] >> 40 & 3, class);
	assert_false(words[1] >> 31 & 1);
}

static void expect_no_event(int queue)
{
	uint64_t words[4];

	assert_false(world_event(&w, queue, words));
}

#define BAD_STE	      0x04
#define STREAM_OFF    0x06
#define BAD_SUBSTREAM 0x08
#define BAD_CD	      0x0a
#define TRANSLATION   0x10
#define ADDRESS_SIZE  0x11
#define ACCESS	      0x12
#define PERMISSION    0x13
#define CLASS_IN      2
#define NO_CLASS      0

/* ---- granules, sizes, both halves ---- */

static void one_granule(unsigned int granule, uint64_t tg0, uint64_t tg1)
{
	uint64_t size = 1ull << granule, word0 = CD_USUAL & ~CD_EPD1;
	uint64_t low = VA / size * size, high = 0xffff800012340000ull / size * size;
	struct arm_tables upper;
	uint64_t block;

	arm_init(&t, w.memory, TABLES, TABLES_END / 2, granule, 48);
	arm_init(&upper, w.memory, TABLES_END / 2, TABLES_END, granule, 48);
	block = 1ull << arm_shift(&t, 2);
	arm_map(&t, low, DATA + size, 3, USUAL);
	arm_map(&upper, high, DATA + 3 * size, 3, USUAL);
	if (block < GUEST_SIZE)
		arm_map(&t, 0x40000000, DATA / block * block, 2, USUAL);
	world_cd(&w, CDS, word0 | tg0 << 6 | tg1 << 22 | 16 << 16, t.root);
	*world_word(&w, CDS + 16) = upper.root;
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
	assert_int_equal(world_expect(&w, 0, low + 0x108, DATA + size + 0x108), 0);
	assert_int_equal(world_expect(&w, 0, low + size, 0), -EFAULT);
	assert_int_equal(world_expect(&w, 0, high + 0x108, DATA + 3 * size + 0x108), 0);
	/* Neither half. */
	assert_int_equal(world_expect(&w, 0, high & ~(1ull << 60), 0), -EFAULT);
	assert_int_equal(world_expect(&w, 0, low | 1ull << 50, 0), -EFAULT);
	if (block < GUEST_SIZE)
		assert_int_equal(
			world_expect(&w, 0, 0x40000000 + DATA % block + 0x5550, DATA + 0x5550), 0);
	world_detach(&w, 0);
}

static void granules_and_halves(void **state)
{
	one_granule(12, 0, 2);
	one_granule(14, 2, 1);
	one_granule(16, 1, 3);
}

/* 3.4.1: TBI, the top byte is ignored; without it an address with one is out of range. */
static void top_byte(void **state)
{
	usual();
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
	assert_int_equal(world_expect(&w, 0, VA | 0xab00000000000000, 0), -EFAULT);
	world_cd(&w, CDS, CD_USUAL | CD_TBI0, t.root);
	assert_int_equal(world_expect(&w, 0, VA | 0xab00000000000008, DATA + 8), 0);
}

/* T0SZ: fewer bits of input. */
static void small_spaces(void **state)
{
	for (unsigned int bits = 25; bits <= 48; bits++) {
		uint64_t last = (1ull << bits) - PAGE;

		arm_init(&t, w.memory, TABLES, TABLES_END, 12, bits);
		arm_map(&t, last, DATA + PAGE, 3, USUAL);
		world_cd(&w, CDS, (CD_USUAL & ~63ull) | (64 - bits), t.root);
		world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
		assert_int_equal(world_expect(&w, 0, last + 16, DATA + PAGE + 16), 0);
		assert_int_equal(world_expect(&w, 0, last + PAGE, 0), -EFAULT);
		world_detach(&w, 0);
	}
}

/* ---- stream table entries ---- */

static void bypass_and_abort(void **state)
{
	int queue = world_veventq(&w, EVENTS);

	world_enter(&w, STE_V | STE_BYPASSES, 0);
	assert_int_equal(world_expect(&w, 0, DATA + 0x1230, DATA + 0x1230), 0);
	assert_int_equal(world_expect(&w, 5, DATA, DATA), -EFAULT);
	expect_event(queue, BAD_SUBSTREAM, 5, NO_CLASS);
	world_enter(&w, STE_V | STE_ABORTS, 0);
	assert_int_equal(world_expect(&w, 0, DATA, DATA), -EFAULT);
	world_enter(&w, 0, 0);
	assert_int_equal(world_expect(&w, 0, DATA, DATA), -EFAULT);
	expect_no_event(queue);
}

/* 3.9: linear and two-level tables of descriptors, and who needs none. */
static void substreams(void **state)
{
	int queue = world_veventq(&w, EVENTS);

	usual();
	world_cd(&w, CDS + 5 * 64, CD_USUAL, t.root);
	world_enter(&w, STE_V | STE_TRANSLATES | CDS | STE_CDMAX(3), 0);
	assert_int_equal(world_expect(&w, 5, VA, DATA), 0);
	assert_int_equal(world_expect(&w, 8, VA, DATA), -EFAULT);
	expect_event(queue, BAD_SUBSTREAM, 8, NO_CLASS);
	assert_int_equal(world_expect(&w, 4, VA, DATA), -EFAULT);
	expect_event(queue, BAD_CD, 4, NO_CLASS);
	/* S1CDMax 0: no substreams. */
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	assert_int_equal(world_expect(&w, 5, VA, DATA), -EFAULT);
	expect_event(queue, BAD_SUBSTREAM, 5, NO_CLASS);
}

static void two_levels(unsigned int format, uint32_t per_leaf)
{
	int queue = world_veventq(&w, EVENTS);
	uint64_t leaf = CDS + 0x20000;

	usual();
	memset(w.memory + CDS, 0, 0x40000);
	*world_word(&w, CDS + 2 * 8) = leaf | 1;
	world_cd(&w, leaf + 9 * 64, CD_USUAL, t.root);
	world_enter(&w, STE_V | STE_TRANSLATES | CDS | STE_CDMAX(12) | STE_FMT(format), 0);
	assert_int_equal(world_expect(&w, 2 * per_leaf + 9, VA, DATA), 0);
	assert_int_equal(world_expect(&w, per_leaf + 9, VA, DATA), -EFAULT);
	expect_event(queue, BAD_SUBSTREAM, per_leaf + 9, NO_CLASS);
	assert_int_equal(world_expect(&w, 2 * per_leaf + 8, VA, DATA), -EFAULT);
	expect_event(queue, BAD_CD, 2 * per_leaf + 8, NO_CLASS);
}

static void two_levels_of_4k(void **state)
{
	two_levels(1, 64);
}

static void two_levels_of_64k(void **state)
{
	two_levels(2, 1024);
}

/* 5.2, S1DSS: accesses without a substream. */
static void default_substream(void **state)
{
	int queue = world_veventq(&w, EVENTS);
	const uint64_t ste0 = STE_V | STE_TRANSLATES | CDS | STE_CDMAX(3);

	usual();
	world_enter(&w, ste0, 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA), -EFAULT);
	expect_event(queue, STREAM_OFF, 0, NO_CLASS);
	world_enter(&w, ste0, 1);
	assert_int_equal(world_expect(&w, 0, DATA + 64, DATA + 64), 0);
	world_enter(&w, ste0, 2);
	assert_int_equal(world_expect(&w, 0, VA + 64, DATA + 64), 0);
	world_enter(&w, ste0, 3);
	assert_int_equal(world_expect(&w, 0, VA, DATA), -EFAULT);
	expect_event(queue, BAD_STE, 0, NO_CLASS);
	/* A reserved format, and more descriptors than the SMMU knows: ILLEGAL too, if they are used. */
	world_enter(&w, ste0 | STE_FMT(3), 2);
	assert_int_equal(world_expect(&w, 0, VA, DATA), -EFAULT);
	expect_event(queue, BAD_STE, 0, NO_CLASS);
	world_enter(&w, STE_V | STE_TRANSLATES | CDS | STE_CDMAX(21), 2);
	assert_int_equal(world_expect(&w, 0, VA, DATA), -EFAULT);
	expect_event(queue, BAD_STE, 0, NO_CLASS);
	expect_no_event(queue);
}

/* ---- context descriptors ---- */

/* 5.4: what makes a descriptor ILLEGAL. */
static void illegal_descriptors(void **state)
{
	const uint64_t bad[] = {
		CD_USUAL & ~CD_V,
		CD_USUAL & ~CD_AA64,
		CD_USUAL & ~CD_A,
		CD_USUAL | 1 << 15,	  /* big-endian */
		(CD_USUAL & ~63ull) | 15, /* T0SZ */
		(CD_USUAL & ~63ull) | 40,
		CD_USUAL | 3 << 6,		  /* TG0 reserved */
		(CD_USUAL & ~CD_EPD1) | 16 << 16, /* TG1 reserved */
		(CD_USUAL & ~CD_EPD1) | 2 << 22,  /* T1SZ 0 */
	};
	int queue = world_veventq(&w, EVENTS);

	usual();
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		world_cd(&w, CDS, bad[i], t.root);
		assert_int_equal(world_expect(&w, 0, VA, DATA), -EFAULT);
		expect_event(queue, BAD_CD, 0, NO_CLASS);
	}
	/* A table beyond IPS; stalls where the stream has none. */
	world_cd(&w, CDS, CD_USUAL & ~CD_IPS(7), 1ull << 32);
	assert_int_equal(world_expect(&w, 0, VA, DATA), -EFAULT);
	expect_event(queue, BAD_CD, 0, NO_CLASS);
	world_cd(&w, CDS, CD_USUAL | CD_S, t.root);
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 1 << 27);
	assert_int_equal(world_expect(&w, 0, VA, DATA), -EFAULT);
	expect_event(queue, BAD_CD, 0, NO_CLASS);
}

/* EPD: a half that is off; its other fields mean nothing. */
static void half_off(void **state)
{
	int queue = world_veventq(&w, EVENTS);

	usual();
	world_cd(&w, CDS, (CD_USUAL & ~63ull) | CD_EPD0, t.root);
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA), -EFAULT);
	expect_event(queue, TRANSLATION, 0, CLASS_IN);
}

/* 7.3.13 to 7.3.16 in the order in which they are looked for. */
static void faults_of_tables(void **state)
{
	int queue = world_veventq(&w, EVENTS);

	usual();
	world_cd(&w, CDS, CD_USUAL & ~CD_IPS(7), t.root); /* 32 bits of output */
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
	assert_int_equal(world_expect(&w, 0, VA + PAGE, 0), -EFAULT);
	expect_event(queue, TRANSLATION, 0, CLASS_IN);
	*arm_entry(&t, VA, 3) |= 1ull << 32;
	assert_int_equal(world_expect(&w, 0, VA, 0), -EFAULT);
	expect_event(queue, ADDRESS_SIZE, 0, CLASS_IN);
	*arm_entry(&t, VA, 3) = DATA | A_PAGE;
	assert_int_equal(world_expect(&w, 0, VA, 0), -EFAULT);
	expect_event(queue, ACCESS, 0, CLASS_IN);
	*arm_entry(&t, VA, 3) |= A_AF;
	assert_int_equal(world_expect(&w, 0, VA, 0), -EFAULT);
	expect_event(queue, PERMISSION, 0, CLASS_IN);
	/* R 0: nothing is recorded. */
	world_cd(&w, CDS, CD_USUAL & ~CD_R, t.root);
	assert_int_equal(world_expect(&w, 0, VA, 0), -EFAULT);
	expect_no_event(queue);
}

/* The record says what kind of access it was, and where. */
static void what_events_say(void **state)
{
	static const struct {
		uint32_t perm;
		uint64_t bits; /* PnU 33, InD 34, RnW 35 */
	} kinds[] = {
		{PT_READ, 4},	    {PT_WRITE, 0},     {PT_READ | PT_EXEC, 6},
		{PT_PRIV_WRITE, 1}, {PT_PRIV_READ, 5},
	};
	int queue = world_veventq(&w, EVENTS);
	uint64_t words[4];

	usual();
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		assert_int_equal(world_access(&w, 0, VA + PAGE + 0x18, kinds[i].perm), -EFAULT);
		assert_true(world_event(&w, queue, words));
		assert_int_equal(words[1] >> 33 & 7, kinds[i].bits);
		assert_true(words[2] == VA + PAGE + 0x18);
	}
}

/* What stage 2 refuses is not the guest's to know. */
static void stage_2_faults(void **state)
{
	int queue = world_veventq(&w, EVENTS);

	usual();
	arm_map(&t, VA + PAGE, GUEST_SIZE, 3, USUAL);
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
	assert_int_equal(world_expect(&w, 0, VA + PAGE, 0), -EFAULT);
	/* Neither tables nor descriptors can be read there. */
	world_cd(&w, CDS, CD_USUAL, GUEST_SIZE);
	assert_int_equal(world_expect(&w, 0, VA, 0), -EFAULT);
	world_enter(&w, STE_V | STE_TRANSLATES | GUEST_SIZE, 0);
	assert_int_equal(world_expect(&w, 0, VA, 0), -EFAULT);
	expect_no_event(queue);
	assert_false(w.port.repairable);
}

/* ---- permissions ---- */

static void rights(void **state)
{
	usual();
	*arm_entry(&t, VA, 3) = DATA | A_PAGE | A_AF | A_USER | A_RO | A_UXN;
	arm_map(&t, VA + PAGE, DATA, 3, A_AF);
	arm_map(&t, VA + 2 * PAGE, DATA, 3, A_AF | A_USER);
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
	assert_int_equal(world_access(&w, 0, VA, PT_READ), 0);
	assert_int_equal(world_access(&w, 0, VA, PT_WRITE), -EFAULT);
	assert_int_equal(world_access(&w, 0, VA, PT_PRIV_WRITE), -EFAULT);
	assert_int_equal(world_access(&w, 0, VA, PT_READ | PT_EXEC), -EFAULT);
	assert_int_equal(world_access(&w, 0, VA, PT_PRIV_READ | PT_PRIV_EXEC), 0);
	assert_int_equal(world_access(&w, 0, VA + PAGE, PT_READ), -EFAULT);
	assert_int_equal(world_access(&w, 0, VA + PAGE, PT_PRIV_WRITE), 0);
	/* What users can write is not executed with privilege. */
	assert_int_equal(world_access(&w, 0, VA + 2 * PAGE, PT_READ | PT_EXEC), 0);
	assert_int_equal(world_access(&w, 0, VA + 2 * PAGE, PT_PRIV_READ | PT_PRIV_EXEC), -EFAULT);
	world_cd(&w, CDS, CD_USUAL | CD_PAN, t.root);
	assert_int_equal(world_access(&w, 0, VA + PAGE, PT_PRIV_WRITE), 0);
	assert_int_equal(world_access(&w, 0, VA + 2 * PAGE, PT_PRIV_READ), -EFAULT);
	world_cd(&w, CDS, CD_USUAL | CD_WXN, t.root);
	assert_int_equal(world_access(&w, 0, VA + 2 * PAGE, PT_READ | PT_EXEC), -EFAULT);
	assert_int_equal(world_access(&w, 0, VA + PAGE, PT_PRIV_READ | PT_PRIV_EXEC), -EFAULT);
}

/* Tables limit what is below them, unless HAD says otherwise. */
static void hierarchy(void **state)
{
	usual();
	*arm_entry(&t, VA, 1) |= A_RO_TABLE;
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
	assert_int_equal(world_access(&w, 0, VA, PT_READ), 0);
	assert_int_equal(world_access(&w, 0, VA, PT_WRITE), -EFAULT);
	world_cd(&w, CDS, CD_USUAL, t.root | 2);
	assert_int_equal(world_access(&w, 0, VA, PT_WRITE), 0);
}

/* ---- 3.13: hardware translation table update ---- */

static void access_flag(void **state)
{
	uint64_t *entry;

	usual();
	entry = arm_entry(&t, VA, 3);
	*entry = DATA | A_PAGE | A_USER;
	world_cd(&w, CDS, CD_USUAL | CD_AFFD, t.root);
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
	assert_int_equal(world_access(&w, 0, VA, PT_READ), 0);
	assert_false(*entry & A_AF);
	world_cd(&w, CDS, CD_USUAL | CD_HA, t.root);
	assert_int_equal(world_access(&w, 0, VA, PT_READ), 0);
	assert_true(*entry & A_AF);
}

static void dirty_state(void **state)
{
	uint64_t *entry;

	usual();
	entry = arm_entry(&t, VA, 3);
	*entry = DATA | A_PAGE | A_AF | A_USER | A_RO | A_DBM;
	world_cd(&w, CDS, CD_USUAL | CD_HA, t.root);
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
	assert_int_equal(world_access(&w, 0, VA, PT_WRITE), -EFAULT);
	/* Without HA, HD means nothing. */
	world_cd(&w, CDS, CD_USUAL | CD_HD, t.root);
	assert_int_equal(world_access(&w, 0, VA, PT_WRITE), -EFAULT);
	world_cd(&w, CDS, CD_USUAL | CD_HA | CD_HD, t.root);
	assert_int_equal(world_access(&w, 0, VA, PT_READ), 0);
	assert_true(*entry & A_RO);
	assert_int_equal(world_access(&w, 0, VA, PT_WRITE), 0);
	assert_false(*entry & A_RO);
	/* What was refused changes nothing. */
	*entry = DATA | A_PAGE | A_AF | A_RO | A_DBM;
	assert_int_equal(world_access(&w, 0, VA, PT_WRITE), -EFAULT);
	assert_true(*entry & A_RO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(granules_and_halves), TEST(top_byte),
		TEST(small_spaces),	   TEST(bypass_and_abort),
		TEST(substreams),	   TEST(two_levels_of_4k),
		TEST(two_levels_of_64k),   TEST(default_substream),
		TEST(illegal_descriptors), TEST(half_off),
		TEST(faults_of_tables),	   TEST(what_events_say),
		TEST(stage_2_faults),	   TEST(rights),
		TEST(hierarchy),	   TEST(access_flag),
		TEST(dirty_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
