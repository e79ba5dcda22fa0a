/* SPDX-License-Identifier: MIT */
/* AMD 48882, 2.2.6 "Guest and nested page tables": from a PASID to guest tables, and those, in the guest's memory. */
#include "amd_world.h"
#include "rounds.h"
#include "x86_random.h"
#include "x86_tables.h"

/* Guest memory: GCR3 tables, guest tables, data. */
#define GCR3	   PAGE
#define TABLES	   (1ull << 20)
#define TABLES_END (8ull << 20)
#define DATA	   GUEST_DATA
#define USER_RW	   (X86_RW | X86_US)

static struct amd_world w;

static int set_up(void **state)
{
	amd_world_init(&w, NULL);
	return 0;
}

static int tear_down(void **state)
{
	amd_world_done(&w);
	return 0;
}

static void enter(unsigned int glx, unsigned int levels)
{
	uint64_t dte[4];

	amd_make_dte(dte, GCR3, glx, levels);
	amd_enter(&w, dte);
}

/* ---- 2.2.6.3: GCR3 tables ---- */

/* Tables of one to three levels at pages 1, 2 and 3, the last of which leads on. */
static void put_gcr3(uint32_t pasid, unsigned int glx, uint64_t root)
{
	memset(w.memory, 0, 4 * PAGE);
	for (unsigned int i = 0; i <= glx; i++) {
		uint32_t index = pasid >> (9 * (glx - i)) & 511;

		*amd_word(&w, (1 + i) * PAGE + index * 8) = (i == glx ? root : (2 + i) * PAGE) | 1;
	}
}

static void levels_of_gcr3(void **state)
{
	static const uint32_t pasids[] = {5, 5 << 9 | 6, 1 << 18 | 5 << 9 | 6};
	struct x86_tables t;

	for (unsigned int glx = 0; glx < 3; glx++) {
		for (unsigned int levels = 4; levels <= 5; levels++) {
			x86_init(&t, w.memory, GUEST_SIZE, TABLES, TABLES_END, levels);
			x86_map(&t, 0x1234567000, DATA, 1, USER_RW);
			put_gcr3(pasids[glx], glx, t.root);
			enter(glx, levels);
			assert_int_equal(amd_expect(&w, pasids[glx], 0x1234567008, DATA + 8), 0);
			assert_int_equal(amd_expect(&w, pasids[glx] + 1, 0x1234567000, 0), -EFAULT);
			/* More bits than the table has levels for. */
			if (glx < 2)
				assert_int_equal(
					amd_expect(&w, pasids[glx] | 1 << 18, 0x1234567000, 0),
					-EFAULT);
			memset(w.memory + TABLES, 0, TABLES_END - TABLES);
		}
	}
}

/* An entry that is not valid, at any level; that stops being valid: nothing is remembered of it. */
static void entries_of_gcr3(void **state)
{
	const uint32_t pasid = 1 << 18 | 5 << 9 | 6;
	const uint64_t at[] = {GCR3 + 8, 2 * PAGE + 40, 3 * PAGE + 48};
	struct x86_tables t;

	x86_init(&t, w.memory, GUEST_SIZE, TABLES, TABLES_END, 4);
	x86_map(&t, 0x1000, DATA, 1, USER_RW);
	put_gcr3(pasid, 2, t.root);
	enter(2, 4);
	for (int i = 0; i < 3; i++) {
		uint64_t *entry = amd_word(&w, at[i]), was = *entry;

		assert_int_equal(amd_expect(&w, pasid, 0x1000, DATA), 0);
		*entry &= ~1ull;
		assert_int_equal(amd_expect(&w, pasid, 0x1000, DATA), -EFAULT);
		assert_false(w.port.repairable);
		/* 2.2.6: each fetch is translated by the host. */
		*entry = GUEST_SIZE | 1;
		assert_int_equal(amd_expect(&w, pasid, 0x1000, DATA), -EFAULT);
		*entry = was;
	}
	assert_int_equal(amd_expect(&w, pasid, 0x1000, DATA), 0);
}

/* ---- guest tables ---- */

static void one_space(struct x86_tables *t, unsigned int levels)
{
	memset(w.memory, 0, DATA);
	x86_init(t, w.memory, GUEST_SIZE, TABLES, TABLES_END, levels);
	put_gcr3(0, 0, t->root);
	enter(0, levels);
}

static void sizes_and_levels(void **state)
{
	struct x86_tables t;

	for (unsigned int levels = 4; levels <= 5; levels++) {
		uint64_t top = levels == 5 ? 1ull << 52 : 0;

		one_space(&t, levels);
		x86_map(&t, top | 0x7f0012345000, DATA + 0x5000, 1, USER_RW);
		x86_map(&t, top | 0x7f0040200000, DATA + 0x200000, 2, USER_RW);
		x86_map(&t, top | 0x7f4000000000, 0, 3, USER_RW);
		assert_int_equal(amd_expect(&w, 0, top | 0x7f0012345678, DATA + 0x5678), 0);
		assert_int_equal(amd_expect(&w, 0, top | 0x7f0040323450, DATA + 0x323450), 0);
		assert_int_equal(amd_expect(&w, 0, (top | 0x7f4000000098) + DATA, DATA + 0x98), 0);
		assert_int_equal(amd_expect(&w, 0, top | 0x7f0012346000, 0), -EFAULT);
		/* Not canonical. */
		assert_int_equal(amd_expect(&w, 0, (top | 0x7f0012345678) ^ 1ull << 60, 0),
				 -EFAULT);
	}
}

static int access_with(uint64_t va, uint32_t perm)
{
	uint64_t word = DATA;

	return dma_copy(&w.port, &(struct dma_access){0, perm, va, &word, 8}, NULL);
}

/* R/W, U/S and NX of each level are taken together. */
static void rights(void **state)
{
	struct x86_tables t;

	one_space(&t, 4);
	x86_map(&t, 0x1000, DATA, 1, X86_US);
	x86_map(&t, 0x2000, DATA, 1, X86_RW);
	x86_map(&t, 0x3000, DATA, 1, USER_RW | X86_XD);
	x86_map(&t, 0x40000000, DATA, 1, USER_RW);
	assert_int_equal(access_with(0x1000, PT_READ), 0);
	assert_int_equal(access_with(0x1000, PT_WRITE), -EFAULT);
	assert_int_equal(access_with(0x1000, PT_PRIV_WRITE), -EFAULT);
	assert_int_equal(access_with(0x2000, PT_READ), -EFAULT);
	assert_int_equal(access_with(0x2000, PT_PRIV_WRITE), 0);
	assert_int_equal(access_with(0x3000, PT_WRITE), 0);
	assert_int_equal(access_with(0x3000, PT_READ | PT_EXEC), -EFAULT);
	assert_int_equal(access_with(0x40000000, PT_WRITE), 0);
	*x86_entry(&t, 0x40000000, 3) &= ~(uint64_t)X86_RW;
	assert_int_equal(access_with(0x40000000, PT_WRITE), -EFAULT);
	*x86_entry(&t, 0x40000000, 2) |= X86_XD;
	assert_int_equal(access_with(0x40000000, PT_READ | PT_EXEC), -EFAULT);
	*x86_entry(&t, 0x40000000, 4) &= ~(uint64_t)X86_US;
	assert_int_equal(access_with(0x40000000, PT_READ), -EFAULT);
	assert_int_equal(access_with(0x40000000, PT_PRIV_READ), 0);
}

/* Accessed and dirty bits; nothing is remembered, for nothing could be dropped. */
static void bits_and_changes(void **state)
{
	const uint64_t mask = X86_A | X86_D | X86_EA;
	struct x86_tables t;

	one_space(&t, 4);
	x86_map(&t, 0x1000, DATA, 1, USER_RW);
	assert_int_equal(amd_expect(&w, 0, 0x1000, DATA), 0);
	for (unsigned int level = 1; level <= 4; level++)
		assert_true((*x86_entry(&t, 0x1000, level) & mask) == X86_A);
	assert_int_equal(access_with(0x1000, PT_WRITE), 0);
	assert_true((*x86_entry(&t, 0x1000, 1) & mask) == (X86_A | X86_D));
	assert_true((*x86_entry(&t, 0x1000, 2) & mask) == X86_A);
	x86_map(&t, 0x1000, DATA + PAGE, 1, X86_US);
	assert_int_equal(amd_expect(&w, 0, 0x1000, DATA + PAGE), 0);
	assert_int_equal(access_with(0x1000, PT_WRITE), -EFAULT);
}

/* ---- random tables against the obvious walker ---- */

#define ACCESSES 4000
/* Times new tables for four and for five levels, times SPEC_ROUNDS: two million accesses in all. */
#define ROUNDS 250

static void same_as_the_obvious_walker(void **state)
{
	for (unsigned int levels = 4; levels <= 5; levels++) {
		struct x86_trial trial = {
			.rules = {.sre = true, .wpe = true, .address_bits = 52},
			.port = &w.port,
			.seed = levels,
		};

		x86_trial_init(&trial, w.memory, TABLES, DATA, GUEST_SIZE, levels);
		put_gcr3(5 << 9 | 6, 1, TABLES);
		enter(1, levels);
		for (unsigned int round = 0; round < ROUNDS * spec_rounds(); round++) {
			x86_trial_tables(&trial);
			for (unsigned int i = 0; i < ACCESSES; i++)
				x86_trial_access(&trial, 5 << 9 | 6);
			x86_trial_compare(&trial);
		}
		x86_trial_done(&trial);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(levels_of_gcr3), TEST(entries_of_gcr3),  TEST(sizes_and_levels),
		TEST(rights),	      TEST(bits_and_changes), TEST(same_as_the_obvious_walker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
