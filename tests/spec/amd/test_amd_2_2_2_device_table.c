/* SPDX-License-Identifier: MIT */
/* AMD 48882, 2.2.2 "Device Table": a guest's entry, as a program gives it for a nested page table. */
#include "amd_world.h"

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

/* 2.2.2.1: Mode and Host Page Table Root Pointer are the host's: no bit of them is the guest's to set. */
static void host_fields(void **state)
{
	uint64_t dte[4];

	amd_make_dte(dte, PAGE, 0, 4);
	assert_true(amd_nest(&w, 0, dte) > 0);
	for (unsigned int bit = 9; bit < 52; bit++) {
		amd_make_dte(dte, PAGE, 0, 4);
		dte[0] |= 1ull << bit;
		assert_int_equal(amd_nest(&w, 0, dte), -EINVAL);
	}
	/* An entry is made for the vIOMMU's IOMMU. */
	amd_make_dte(dte, PAGE, 0, 4);
	assert_int_equal(amd_nest(&w, 1, dte), -EINVAL);
}

/* 2.2.2.1: with V and GV there is a GCR3 table, whose address is in three fields. */
static void gcr3_root(void **state)
{
	uint64_t dte[4];

	amd_make_dte(dte, 0, 0, 4);
	assert_int_equal(amd_nest(&w, 0, dte), -EINVAL);
	dte[0] &= ~DTE_GV;
	assert_true(amd_nest(&w, 0, dte) > 0);
	dte[0] = DTE_GV;
	assert_true(amd_nest(&w, 0, dte) > 0);
	for (unsigned int bit = 12; bit < 52; bit++) {
		amd_make_dte(dte, 1ull << bit, 0, 4);
		amd_enter(&w, dte);
		/* The table is where it says, or nowhere. */
		if (1ull << bit < GUEST_DATA) {
			*amd_word(&w, 1ull << bit) = GUEST_DATA | 1;
			assert_int_equal(amd_expect(&w, 0, 0, 0), -EFAULT);
			assert_true(w.port.repairable); /* a guest table without an entry */
			*amd_word(&w, 1ull << bit) = 0;
		}
		assert_int_equal(amd_expect(&w, 0, 0, 0), -EFAULT);
		assert_false(w.port.repairable);
	}
}

/* 2.2.2.1: GLX 3 is reserved; GuestPagingMode 0 is four levels, 1 five, all else reserved. */
static void reserved_values(void **state)
{
	uint64_t dte[4];

	for (unsigned int glx = 0; glx < 4; glx++) {
		amd_make_dte(dte, PAGE, glx, 4);
		assert_true(glx < 3 ? amd_nest(&w, 0, dte) > 0 : amd_nest(&w, 0, dte) == -EINVAL);
	}
	for (unsigned int levels = 4; levels < 8; levels++) {
		amd_make_dte(dte, PAGE, 0, levels);
		assert_true(levels < 6 ? amd_nest(&w, 0, dte) > 0
				       : amd_nest(&w, 0, dte) == -EINVAL);
	}
}

/* 3.4.2, GATS 0: an IOMMU that has four levels alone does not take five. */
static void five_levels_that_are_not_there(void **state)
{
	static const struct amd_options four = {.nesting = true, .no_five_levels = true};
	uint64_t dte[4];

	amd_world_init(&w, &four);
	amd_make_dte(dte, PAGE, 0, 5);
	assert_int_equal(amd_nest(&w, 0, dte), -EOPNOTSUPP);
	amd_make_dte(dte, PAGE, 0, 4);
	assert_true(amd_nest(&w, 0, dte) > 0);
	amd_world_done(&w);
}

/* 2.2.2.1, GIoV: accesses without a PASID use entry 0 of the GCR3 table; without it, without GV or without V they are not translated by the guest. */
static void without_pasid(void **state)
{
	uint64_t dte[4];

	amd_make_dte(dte, PAGE, 0, 4);
	*amd_word(&w, PAGE) = 2 * PAGE | 1;
	amd_enter(&w, dte);
	assert_int_equal(amd_expect(&w, 0, GUEST_DATA, GUEST_DATA), -EFAULT);
	dte[0] &= ~DTE_GIOV;
	amd_enter(&w, dte);
	assert_int_equal(amd_expect(&w, 0, GUEST_DATA + 8, GUEST_DATA + 8), 0);
	assert_int_equal(amd_expect(&w, 0, GUEST_SIZE, GUEST_SIZE), -EFAULT);
	for (int i = 0; i < 2; i++) {
		amd_make_dte(dte, PAGE, 0, 4);
		dte[0] &= i ? ~DTE_GV : ~DTE_V;
		amd_enter(&w, dte);
		assert_int_equal(amd_expect(&w, 0, GUEST_DATA + 8, GUEST_DATA + 8), 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(host_fields),     TEST(gcr3_root),
		TEST(reserved_values), cmocka_unit_test(five_levels_that_are_not_there),
		TEST(without_pasid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
