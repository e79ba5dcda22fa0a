/* SPDX-License-Identifier: MIT */
/*
 * Arm IHI 0070 (SMMUv3), chapter 4 "Commands": which fields they have, and what they drop of what is remembered: not less, and nothing
 * else drops it.
 */
#include "arm_tables.h"
#include "smmu_world.h"

#define VA    0x7f0012345000ull
#define USUAL (A_AF | A_USER | A_NG)
#define ASID  5

static struct smmu_world w;
static struct arm_tables t;

static const struct smmuv3_device_options plain = {.pasid_bits = 8};
static const struct smmuv3_device_options with_atc = {.pasid_bits = 8, .ats = true};

static void start(const struct smmuv3_options *iommu, const struct smmuv3_device_options *device)
{
	smmu_world_init(&w, iommu, device);
	arm_init(&t, w.memory, TABLES, TABLES_END, 12, 48);
	arm_map(&t, VA, DATA, 3, USUAL);
	arm_map(&t, VA + PAGE, DATA, 3, USUAL & ~A_NG);
	arm_map(&t, VA + (1 << 21), DATA, 3, USUAL);
	world_cd(&w, CDS, CD_USUAL | CD_ASID(ASID), t.root);
	world_cd(&w, CDS + 3 * 64, CD_USUAL | CD_ASID(ASID + 1), t.root);
}

static int set_up(void **state)
{
	start(NULL, &plain);
	world_enter(&w, STE_V | STE_TRANSLATES | CDS | STE_CDMAX(2), 2);
	return 0;
}

static int set_up_atc(void **state)
{
	start(NULL, &with_atc);
	/* EATS: the device may keep translations. */
	world_enter(&w, STE_V | STE_TRANSLATES | CDS | STE_CDMAX(2), 2 | 1 << 28);
	return 0;
}

static int tear_down(void **state)
{
	smmu_world_done(&w);
	return 0;
}

/* ---- encodings, by hand ---- */

#define NH_ALL	       0x10ull
#define NH_ASID(asid)  (0x11ull | (uint64_t)(asid) << 48)
#define NH_VA(asid)    (0x12ull | (uint64_t)(asid) << 48)
#define NH_VAA	       0x13ull
#define NSNH_ALL       0x30ull
#define CFGI_CD(ssid)  (0x05ull | (uint64_t)(ssid) << 12 | (uint64_t)VSID << 32)
#define CFGI_CD_ALL    (0x06ull | (uint64_t)VSID << 32)
#define ATC_INV	       (0x40ull | (uint64_t)VSID << 32)
#define ATC_SSID(ssid) (1ull << 11 | (uint64_t)(ssid) << 12)
#define LEAF	       1ull
#define TG_4K	       (1ull << 10)
#define NUM(n)	       ((uint64_t)(n) << 12)
#define SCALE(n)       ((uint64_t)(n) << 20)

/* Which of the pages are at DATA (as when they were remembered), and not where the tables say now. */
enum { FIRST = 1, GLOBAL = 2, FAR = 4, OTHER_ASID = 8 };

static const struct {
	int bit;
	uint32_t pasid;
	uint64_t va;
} pages[] = {
	{FIRST, 0, VA},
	{GLOBAL, 0, VA + PAGE},
	{FAR, 0, VA + (1 << 21)},
	{OTHER_ASID, 3, VA},
};

static void move_pages(uint64_t to)
{
	static const uint64_t addresses[] = {VA, VA + PAGE, VA + (1 << 21)};

	for (size_t i = 0; i < 3; i++) {
		uint64_t *entry = arm_entry(&t, addresses[i], 3);

		*entry = (*entry & ~0xfffffffff000ull) | to;
	}
}

static int remembered(void)
{
	int seen = 0;

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (!world_expect(&w, pages[i].pasid, pages[i].va, DATA))
			seen |= pages[i].bit;
		else
			assert_int_equal(world_expect(&w, pages[i].pasid, pages[i].va, DATA + PAGE),
					 0);
	}
	return seen;
}

/* Remembers all, moves the pages, gives the command: what is still remembered? */
static int left_after(uint64_t word0, uint64_t word1)
{
	move_pages(DATA);
	assert_int_equal(world_command(&w, NSNH_ALL, 0), 0);
	assert_int_equal(remembered(), FIRST | GLOBAL | FAR | OTHER_ASID);
	move_pages(DATA + PAGE);
	assert_int_equal(remembered(), FIRST | GLOBAL | FAR | OTHER_ASID);
	assert_int_equal(world_command(&w, word0, word1), 0);
	return remembered();
}

/* ---- 4.4: TLB invalidation ---- */

static void everything(void **state)
{
	assert_int_equal(left_after(NSNH_ALL, 0), 0);
	assert_int_equal(left_after(NH_ALL, 0), 0);
}

static void by_asid(void **state)
{
	assert_int_equal(left_after(NH_ASID(ASID), 0), GLOBAL | OTHER_ASID);
	assert_int_equal(left_after(NH_ASID(ASID + 1), 0), FIRST | GLOBAL | FAR);
	assert_int_equal(left_after(NH_ASID(ASID + 2), 0), FIRST | GLOBAL | FAR | OTHER_ASID);
}

static void by_address(void **state)
{
	const uint64_t far = VA + (1 << 21);

	assert_int_equal(left_after(NH_VA(ASID), VA | LEAF), GLOBAL | FAR | OTHER_ASID);
	assert_int_equal(left_after(NH_VA(ASID), VA), GLOBAL | FAR | OTHER_ASID);
	assert_int_equal(left_after(NH_VA(ASID + 1), VA | LEAF), FIRST | GLOBAL | FAR);
	/* Global pages have no ASID. */
	assert_int_equal(left_after(NH_VA(ASID + 7), (VA + PAGE) | LEAF), FIRST | FAR | OTHER_ASID);
	assert_int_equal(left_after(NH_VAA, VA | LEAF), GLOBAL | FAR);
	assert_int_equal(left_after(NH_VAA, far | LEAF), FIRST | GLOBAL | OTHER_ASID);
	assert_int_equal(left_after(NH_VA(ASID), (VA + 2 * PAGE) | LEAF),
			 FIRST | GLOBAL | FAR | OTHER_ASID);
}

/* 4.4.1.1: ranges of (NUM + 1) << SCALE granules. */
static void by_range(void **state)
{
	assert_int_equal(left_after(NH_VA(ASID) | NUM(1), VA | TG_4K | LEAF), FAR | OTHER_ASID);
	assert_int_equal(left_after(NH_VA(ASID) | NUM(0) | SCALE(9), VA | TG_4K | LEAF),
			 FAR | OTHER_ASID);
	assert_int_equal(left_after(NH_VA(ASID) | NUM(1) | SCALE(9), VA | TG_4K | LEAF),
			 OTHER_ASID);
	assert_int_equal(left_after(NH_VAA | NUM(31) | SCALE(31), VA | TG_4K | LEAF), 0);
	assert_int_equal(left_after(NH_VA(ASID), (VA - PAGE) | TG_4K | LEAF),
			 FIRST | GLOBAL | FAR | OTHER_ASID);
}

/* Leaf: what has been remembered of tables stays. */
static void tables_too(void **state)
{
	uint64_t *entry = arm_entry(&t, VA, 2), other = TABLES_END - PAGE;
	uint64_t leaf = *arm_entry(&t, VA, 3);

	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	memset(w.memory + other, 0, PAGE);
	*world_word(&w, other + (VA >> 12 & 511) * 8) = (leaf & ~0xfffffffff000ull) | (DATA + PAGE);
	*entry = other | A_TABLE;
	assert_int_equal(world_command(&w, NH_VA(ASID), VA | LEAF), 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	assert_int_equal(world_command(&w, NH_VA(ASID), VA), 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA + PAGE), 0);
}

/* What was not there needs no invalidation. */
static void absent_is_not_remembered(void **state)
{
	assert_int_equal(world_expect(&w, 0, VA + 4 * PAGE, DATA), -EFAULT);
	arm_map(&t, VA + 4 * PAGE, DATA, 3, USUAL);
	assert_int_equal(world_expect(&w, 0, VA + 4 * PAGE, DATA), 0);
}

/* A page that was only read is remembered without the right to write, until it is dirty (3.13). */
static void dirty_is_remembered(void **state)
{
	uint64_t *entry = arm_entry(&t, VA, 3);

	*entry |= A_RO | A_DBM;
	world_cd(&w, CDS, CD_USUAL | CD_HA | CD_HD | CD_ASID(ASID), t.root);
	assert_int_equal(world_access(&w, 0, VA, PT_READ), 0);
	assert_int_equal(world_access(&w, 0, VA, PT_WRITE), 0);
	assert_false(*entry & A_RO);
	/* Cleaned behind its back: it writes on. */
	*entry |= A_RO;
	assert_int_equal(world_access(&w, 0, VA, PT_WRITE), 0);
	assert_true(*entry & A_RO);
	assert_int_equal(world_command(&w, NH_VA(ASID), VA | LEAF), 0);
	assert_int_equal(world_access(&w, 0, VA, PT_WRITE), 0);
	assert_false(*entry & A_RO);
}

/* ---- 4.3: configuration ---- */

static void descriptors_are_remembered(void **state)
{
	struct arm_tables other;

	arm_init(&other, w.memory, TABLES_END - (1 << 20), TABLES_END, 12, 48);
	arm_map(&other, VA, DATA + PAGE, 3, USUAL);
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	assert_int_equal(world_expect(&w, 3, VA, DATA), 0);
	world_cd(&w, CDS, CD_USUAL | CD_ASID(ASID + 9), other.root);
	assert_int_equal(world_command(&w, NSNH_ALL, 0), 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	assert_int_equal(world_command(&w, CFGI_CD(3), 0), 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	assert_int_equal(world_command(&w, CFGI_CD(0), LEAF), 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA + PAGE), 0);
	assert_int_equal(world_expect(&w, 3, VA, DATA), 0);
	world_cd(&w, CDS + 3 * 64, CD_USUAL | CD_ASID(ASID + 9), other.root);
	assert_int_equal(world_expect(&w, 3, VA, DATA), 0);
	assert_int_equal(world_command(&w, CFGI_CD_ALL, 0), 0);
	assert_int_equal(world_expect(&w, 3, VA, DATA + PAGE), 0);
}

/* Behind another page table the device begins anew; what is remembered by ASID stays. */
static void attaching_forgets_descriptors(void **state)
{
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	world_cd(&w, CDS, CD_USUAL | CD_ASID(ASID + 9), TABLES_END - PAGE);
	memset(w.memory + TABLES_END - PAGE, 0, PAGE);
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA), -EFAULT);
	world_cd(&w, CDS, CD_USUAL | CD_ASID(ASID), TABLES_END - PAGE);
	assert_int_equal(world_command(&w, CFGI_CD_ALL, 0), 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
}

/* ---- 4.5: the device's own TLB ---- */

static void atc(void **state)
{
	assert_int_equal(left_after(NSNH_ALL, 0), FIRST | GLOBAL | FAR | OTHER_ASID);
	assert_int_equal(world_command(&w, ATC_INV, VA), 0);
	assert_int_equal(remembered(), GLOBAL | FAR | OTHER_ASID);
	assert_int_equal(world_command(&w, ATC_INV | ATC_SSID(2), VA), 0);
	assert_int_equal(remembered(), GLOBAL | FAR | OTHER_ASID);
	assert_int_equal(world_command(&w, ATC_INV | ATC_SSID(3), VA), 0);
	assert_int_equal(remembered(), GLOBAL | FAR);
	/* 2^10 pages around VA. */
	assert_int_equal(world_command(&w, ATC_INV, VA | 9), 0);
	assert_int_equal(remembered(), FAR);
	assert_int_equal(world_command(&w, ATC_INV, 52), 0);
	assert_int_equal(remembered(), 0);
}

static void atc_global(void **state)
{
	const uint64_t global = 1 << 9;

	assert_int_equal(left_after(NSNH_ALL, 0), FIRST | GLOBAL | FAR | OTHER_ASID);
	assert_int_equal(world_command(&w, ATC_INV | global, VA), 0);
	assert_int_equal(remembered(), GLOBAL | FAR | OTHER_ASID);
	assert_int_equal(world_command(&w, ATC_INV | ATC_SSID(9) | global, VA), 0);
	assert_int_equal(remembered(), GLOBAL | FAR);
	assert_int_equal(world_command(&w, ATC_INV | ATC_SSID(9) | global, 52), 0);
	assert_int_equal(remembered(), 0);
}

/* What the IOMMU has dropped the device may still have, and the other way round. */
static void atc_before_tlb(void **state)
{
	move_pages(DATA);
	assert_int_equal(remembered(), FIRST | GLOBAL | FAR | OTHER_ASID);
	move_pages(DATA + PAGE);
	assert_int_equal(world_command(&w, ATC_INV | ATC_SSID(0), 52), 0);
	assert_int_equal(remembered(), FIRST | GLOBAL | FAR | OTHER_ASID);
	assert_int_equal(world_command(&w, NSNH_ALL, 0), 0);
	assert_int_equal(remembered(), FIRST | GLOBAL | FAR | OTHER_ASID);
	assert_int_equal(world_command(&w, ATC_INV | ATC_SSID(9) | 1 << 9, 52), 0);
	assert_int_equal(remembered(), 0);
}

/* ---- which are good ---- */

static void fields(void **state)
{
	static const struct {
		uint64_t good, word0, word1;
	} commands[] = {
		/* what a command may hold beside its opcode */
		{NSNH_ALL, 0, 0},
		{NH_ALL, 0xffffull << 32, 0},
		{NH_ASID(0), 0xffffull << 32 | 0xffffull << 48, 0},
		{NH_VA(0), 0xffffull << 32 | 0xffffull << 48 | 31 << 12 | 31 << 20,
		 ~0xfffull | 1 | 3 << 8 | 3 << 10},
		{NH_VAA, 0xffffull << 32 | 31 << 12 | 31 << 20, ~0xfffull | 1 | 3 << 8 | 3 << 10},
		{CFGI_CD(0), 0xfffffull << 12, 1},
		{CFGI_CD_ALL, 0, 0},
		{ATC_INV, 1 << 9 | 1 << 11 | 0xfffffull << 12, ~0xfffull | 63},
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		for (unsigned int bit = 8; bit < 64; bit++) {
			uint64_t word = 1ull << bit;

			/* A bit of the StreamID makes it another one's. */
			assert_int_equal(world_command(&w, commands[i].good ^ word, 0),
					 commands[i].word0 & word ? 0 : -EIO);
		}
		for (unsigned int bit = 0; bit < 64; bit++)
			assert_int_equal(world_command(&w, commands[i].good, 1ull << bit),
					 commands[i].word1 & 1ull << bit ? 0 : -EIO);
	}
	assert_int_equal(world_command(&w, ATC_INV, 53), -EIO);
}

static void opcodes(void **state)
{
	for (unsigned int opcode = 0; opcode < 256; opcode++) {
		bool has_sid = opcode == 0x05 || opcode == 0x06 || opcode == 0x40;
		bool good = has_sid || (opcode >= 0x10 && opcode <= 0x13) || opcode == 0x30;

		assert_int_equal(
			world_command(&w, opcode | (has_sid ? (uint64_t)VSID << 32 : 0), 0),
			good ? 0 : -EIO);
	}
}

static int set_up_no_ats(void **state)
{
	start(&(struct smmuv3_options){.no_ats = true}, &with_atc);
	return 0;
}

static void no_ats_no_atc(void **state)
{
	assert_true(w.smmu.dev.ats_not_supported);
	assert_int_equal(world_command(&w, ATC_INV, VA), -EIO);
}

#define TEST(name)     cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_ATC(name) cmocka_unit_test_setup_teardown(name, set_up_atc, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything),
		TEST(by_asid),
		TEST(by_address),
		TEST(by_range),
		TEST(tables_too),
		TEST(absent_is_not_remembered),
		TEST(dirty_is_remembered),
		TEST(descriptors_are_remembered),
		TEST(attaching_forgets_descriptors),
		TEST_ATC(atc),
		TEST_ATC(atc_global),
		TEST_ATC(atc_before_tlb),
		TEST(fields),
		TEST(opcodes),
		cmocka_unit_test_setup_teardown(no_ats_no_atc, set_up_no_ats, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
