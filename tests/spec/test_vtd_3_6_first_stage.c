/* SPDX-License-Identifier: MIT */
/* Intel VT-d, Architecture Specification, 3.6 "First-Stage Translation": tables, rights, accessed and dirty flags. */
#include "nested_world.h"
#include "rounds.h"
#include "pt/x86_64.h"
#include "x86_random.h"
#include "x86_tables.h"

/* Guest memory: tables, then data. */
#define TABLES	   (1ull << 20)
#define TABLES_END (8ull << 20)
#define DATA	   (16ull << 20)
#define USER_RW	   (X86_RW | X86_US)

static const struct vtd_options no_caches = {
	.iotlb_entries = IOTLB_NONE,
	.table_entries = IOTLB_NONE,
	.device_entries = IOTLB_NONE,
};

static struct nested_world w;

static int set_up(void **state)
{
	nested_world_init(&w, &no_caches, NULL);
	return 0;
}

static int tear_down(void **state)
{
	nested_world_done(&w);
	return 0;
}

/* ---- 3.6.1: levels and sizes ---- */

static void pages_of_all_sizes(unsigned int levels)
{
	struct x86_tables t;
	uint64_t value, top = levels == 5 ? 1ull << 52 : 0;

	x86_init(&t, w.memory, GUEST_SIZE, TABLES, TABLES_END, levels);
	x86_map(&t, top | 0x7f0012345000, DATA + 0x5000, 1, USER_RW);
	x86_map(&t, top | 0x7f0040200000, DATA + 0x200000, 2, USER_RW);
	x86_map(&t, top | 0x7f4000000000, 0, 3, USER_RW);
	world_enter(&w, t.root, levels, 0);
	assert_int_equal(world_read(&w, top | 0x7f0012345678, &value, 8), 0);
	assert_true(value == DATA + 0x5678);
	assert_int_equal(world_read(&w, top | 0x7f0040200000 | 0x123450, &value, 8), 0);
	assert_true(value == DATA + 0x200000 + 0x123450);
	assert_int_equal(world_read(&w, (top | 0x7f4000000000) + DATA + 0x98, &value, 8), 0);
	assert_true(value == DATA + 0x98);
	/* Beyond what stage 2 maps of the gigabyte. */
	assert_int_equal(world_read(&w, (top | 0x7f4000000000) + GUEST_SIZE, &value, 8), -EFAULT);
	assert_int_equal(world_read(&w, top | 0x7f0012346000, &value, 8), -EFAULT);
	world_detach(&w, 0);
	memset(w.memory + TABLES, 0, TABLES_END - TABLES);
}

static void four_and_five_levels(void **state)
{
	pages_of_all_sizes(4);
	pages_of_all_sizes(5);
}

/* A transfer goes on from page to page. */
static void across_pages(void **state)
{
	uint64_t words[1024 + 2];
	struct x86_tables t;

	x86_init(&t, w.memory, GUEST_SIZE, TABLES, TABLES_END, 4);
	x86_map(&t, 0x1000, DATA + 0x8000, 1, USER_RW);
	x86_map(&t, 0x2000, DATA + 0x3000, 1, USER_RW);
	x86_map(&t, 0x3000, DATA + 0x9000, 1, USER_RW);
	world_enter(&w, t.root, 4, 0);
	assert_int_equal(world_read(&w, 0x1ff8, words, 4096 + 16), 0);
	assert_true(words[0] == DATA + 0x8ff8);
	assert_true(words[1] == DATA + 0x3000);
	assert_true(words[512] == DATA + 0x3ff8);
	assert_true(words[513] == DATA + 0x9000);
}

/* "First-stage translation restricts the input-address to a canonical address." */
static void only_canonical_addresses(void **state)
{
	struct x86_tables t;
	char c;

	x86_init(&t, w.memory, GUEST_SIZE, TABLES, TABLES_END, 4);
	x86_map(&t, 0x1000, DATA, 1, USER_RW);
	x86_map(&t, 0xffff800000001000, DATA, 1, USER_RW);
	world_enter(&w, t.root, 4, 0);
	assert_int_equal(world_read(&w, 0x1000, &c, 1), 0);
	assert_int_equal(world_read(&w, 0xffff800000001000, &c, 1), 0);
	assert_int_equal(world_read(&w, 0x0001000000001000, &c, 1), -EFAULT);
	assert_false(w.port.repairable);
	assert_int_equal(world_read(&w, 0x0000800000001000, &c, 1), -EFAULT);
}

/* ---- 3.6.2: rights ---- */

static int access_with(uint64_t va, uint32_t perm)
{
	uint64_t word = DATA;

	return dma_copy(&w.port, &(struct dma_access){0, perm, va, &word, 8}, NULL);
}

static void rights_of_users(void **state)
{
	struct x86_tables t;

	x86_init(&t, w.memory, GUEST_SIZE, TABLES, TABLES_END, 4);
	x86_map(&t, 0x1000, DATA, 1, X86_US);
	x86_map(&t, 0x2000, DATA, 1, X86_RW);
	x86_map(&t, 0x3000, DATA, 1, USER_RW | X86_XD);
	x86_map(&t, 0x40000000, DATA, 1, USER_RW);
	world_enter(&w, t.root, 4, IOMMU_VTD_S1_SRE | IOMMU_VTD_S1_WPE);
	assert_int_equal(access_with(0x1000, PT_READ), 0);
	assert_int_equal(access_with(0x1000, PT_WRITE), -EFAULT);
	assert_true(w.port.repairable);
	assert_int_equal(access_with(0x1000, PT_READ | PT_EXEC), 0);
	assert_int_equal(access_with(0x2000, PT_READ), -EFAULT);
	assert_int_equal(access_with(0x2000, PT_PRIV_READ), 0);
	assert_int_equal(access_with(0x2000, PT_PRIV_WRITE), 0);
	assert_int_equal(access_with(0x1000, PT_PRIV_WRITE), -EFAULT);
	assert_int_equal(access_with(0x3000, PT_READ), 0);
	assert_int_equal(access_with(0x3000, PT_READ | PT_EXEC), -EFAULT);
	assert_int_equal(access_with(0x3000, PT_PRIV_EXEC), -EFAULT);
	/* A right that any entry of the way withholds is withheld. */
	*x86_entry(&t, 0x40000000, 3) &= ~(uint64_t)X86_RW;
	assert_int_equal(access_with(0x40000000, PT_WRITE), -EFAULT);
	*x86_entry(&t, 0x40000000, 4) &= ~(uint64_t)X86_US;
	assert_int_equal(access_with(0x40000000, PT_READ), -EFAULT);
	assert_int_equal(access_with(0x40000000, PT_PRIV_READ), 0);
}

/* SRE 0: no supervisor requests. WPE 0: they write where they can read. */
static void supervisors(void **state)
{
	struct x86_tables t;

	x86_init(&t, w.memory, GUEST_SIZE, TABLES, TABLES_END, 4);
	x86_map(&t, 0x1000, DATA, 1, X86_US);
	world_enter(&w, t.root, 4, IOMMU_VTD_S1_WPE);
	assert_int_equal(access_with(0x1000, PT_READ), 0);
	assert_int_equal(access_with(0x1000, PT_PRIV_READ), -EFAULT);
	world_detach(&w, 0);
	world_enter(&w, t.root, 4, IOMMU_VTD_S1_SRE);
	assert_int_equal(access_with(0x1000, PT_PRIV_READ), 0);
	assert_int_equal(access_with(0x1000, PT_PRIV_WRITE), 0);
	assert_int_equal(access_with(0x1000, PT_WRITE), -EFAULT);
}

/* ---- 3.6.3: accessed, extended accessed and dirty ---- */

static void flags_of(uint64_t nest_flags, uint64_t accessed)
{
	struct x86_tables t;
	uint64_t word;

	x86_init(&t, w.memory, GUEST_SIZE, TABLES, TABLES_END, 4);
	x86_map(&t, 0x1000, DATA, 1, USER_RW);
	x86_map(&t, 0x2000, DATA, 1, X86_US);
	world_enter(&w, t.root, 4, nest_flags);
	assert_int_equal(world_read(&w, 0x1000, &word, 8), 0);
	for (unsigned int level = 1; level <= 4; level++)
		assert_true((*x86_entry(&t, 0x1000, level) & (X86_A | X86_EA | X86_D)) == accessed);
	assert_int_equal(world_write(&w, 0x1000, &word, 8), 0);
	assert_true((*x86_entry(&t, 0x1000, 1) & (X86_A | X86_EA | X86_D)) == (accessed | X86_D));
	assert_true((*x86_entry(&t, 0x1000, 2) & (X86_A | X86_EA | X86_D)) == accessed);
	/* What was refused was not used. */
	assert_int_equal(world_write(&w, 0x2000, &word, 8), -EFAULT);
	assert_false(*x86_entry(&t, 0x2000, 1) & (X86_A | X86_EA | X86_D));
	world_detach(&w, 0);
	memset(w.memory + TABLES, 0, TABLES_END - TABLES);
}

static void accessed_and_dirty(void **state)
{
	flags_of(0, X86_A);
	flags_of(IOMMU_VTD_S1_EAFE, X86_A | X86_EA);
}

/* Bits can't be set in tables that stage 2 maps read-only: the access fails. */
static void tables_that_cannot_be_written(void **state)
{
	struct x86_tables t;
	char c;

	x86_init(&t, w.memory, GUEST_SIZE, TABLES, TABLES_END, 4);
	x86_map(&t, 0x1000, DATA, 1, USER_RW);
	world_enter(&w, t.root, 4, 0);
	assert_int_equal(world_unmap(&w, 0, GUEST_SIZE), 0);
	assert_int_equal(world_map(&w, 0, DATA, IOMMU_IOAS_MAP_READABLE), 0);
	assert_int_equal(world_map(&w, DATA, DATA, IOMMU_IOAS_MAP_READABLE), 0);
	assert_int_equal(world_read(&w, 0x1000, &c, 1), -EFAULT);
	assert_false(w.port.repairable);
	for (unsigned int level = 1; level <= 4; level++)
		*x86_entry(&t, 0x1000, level) |= X86_A;
	assert_int_equal(world_read(&w, 0x1000, &c, 1), 0);
	assert_int_equal(world_write(&w, 0x1000, &c, 1), -EFAULT);
	/* Nor can tables be read that it does not map. */
	assert_int_equal(world_unmap(&w, 0, DATA), 0);
	assert_int_equal(world_read(&w, 0x1000, &c, 1), -EFAULT);
}

/* ---- 9.8: reserved bits ---- */

static void reserved_bits(void **state)
{
	static const struct {
		unsigned int level;
		uint64_t bit;
	} bad[] = {
		{1, 1ull << 48}, {2, 1ull << 51}, {3, 1ull << 50}, {4, 1ull << 49}, {4, X86_PS},
	};
	struct x86_tables t;
	char c;

	x86_init(&t, w.memory, GUEST_SIZE, TABLES, TABLES_END, 4);
	x86_map(&t, 0x1000, DATA, 1, USER_RW);
	x86_map(&t, 0x40000000, DATA, 2, USER_RW);
	x86_map(&t, 0x80000000, 0, 3, USER_RW);
	world_enter(&w, t.root, 4, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t *entry = x86_entry(&t, 0x1000, bad[i].level), was = *entry;

		*entry |= bad[i].bit;
		assert_int_equal(world_read(&w, 0x1000, &c, 1), -EFAULT);
		assert_false(w.port.repairable);
		*entry = was;
		assert_int_equal(world_read(&w, 0x1000, &c, 1), 0);
	}
	for (unsigned int bit = 13; bit < 21; bit++) {
		*x86_entry(&t, 0x40000000, 2) ^= 1ull << bit;
		assert_int_equal(world_read(&w, 0x40000000, &c, 1), -EFAULT);
		*x86_entry(&t, 0x40000000, 2) ^= 1ull << bit;
	}
	*x86_entry(&t, 0x80000000, 3) |= 1ull << 29;
	assert_int_equal(world_read(&w, 0x80000000, &c, 1), -EFAULT);
	/* PAT is no part of the address. */
	*x86_entry(&t, 0x80000000, 3) = X86_P | USER_RW | X86_PS | 1ull << 12;
	assert_int_equal(world_read(&w, 0x80000000 + DATA, &c, 1), 0);
}

/* ---- random tables against the obvious walker ---- */

#define ACCESSES 4000
/* Times new tables for each of 48 settings; times SPEC_ROUNDS: six million accesses in all. */
#define ROUNDS 32

static void compare(const struct vtd_options *options, unsigned int levels, unsigned int flags,
		    unsigned int rounds)
{
	struct x86_trial trial = {
		.rules = {.sre = flags & IOMMU_VTD_S1_SRE,
			  .wpe = flags & IOMMU_VTD_S1_WPE,
			  .eafe = flags & IOMMU_VTD_S1_EAFE,
			  .address_bits = 48},
		.port = &w.port,
		.seed = levels * 100 + flags + (options ? 1000 : 0),
	};
	uint32_t hwpt;

	nested_world_init(&w, options, NULL);
	x86_trial_init(&trial, w.memory, TABLES, DATA, GUEST_SIZE, levels);
	hwpt = world_enter(&w, TABLES, levels, flags);
	for (unsigned int round = 0; round < rounds; round++) {
		x86_trial_tables(&trial);
		assert_int_equal(world_invalidate(&w, hwpt, 0, UINT64_MAX, 0), 0);
		for (unsigned int i = 0; i < ACCESSES; i++)
			x86_trial_access(&trial, 0);
		x86_trial_compare(&trial);
	}
	x86_trial_done(&trial);
	nested_world_done(&w);
}

static void same_as_the_obvious_walker(void **state)
{
	/* So small that something is evicted all the time, and large. */
	static const struct vtd_options small = {.iotlb_entries = 8, .table_entries = 4};

	for (unsigned int levels = 4; levels <= 5; levels++) {
		for (unsigned int flags = 0; flags < 8; flags++) {
			compare(&no_caches, levels, flags, ROUNDS * spec_rounds());
			compare(&small, levels, flags, ROUNDS * spec_rounds());
			compare(NULL, levels, flags, ROUNDS * spec_rounds());
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(four_and_five_levels, set_up, tear_down),
		cmocka_unit_test_setup_teardown(across_pages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_canonical_addresses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rights_of_users, set_up, tear_down),
		cmocka_unit_test_setup_teardown(supervisors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(accessed_and_dirty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tables_that_cannot_be_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reserved_bits, set_up, tear_down),
		cmocka_unit_test(same_as_the_obvious_walker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
