/* SPDX-License-Identifier: MIT */
/* The list of ranges against counters for each of 200 places. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/inject.h"
#include "container/ranges.h"

#define PLACES 200

static uint64_t seed;

static uint64_t rnd(uint64_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % below;
}

/* The stretches that are (not) covered, one after the other. */
static void compare(const struct ranges *ranges, const int *count, bool covered)
{
	struct range stretch;
	uint64_t at = 0;

	for (;;) {
		uint64_t want = at, end;

		while (want < PLACES && (count[want] > 0) != covered)
			want++;
		if (want == PLACES) {
			assert_false(ranges_next(ranges, covered, at, PLACES - 1, &stretch));
			return;
		}
		for (end = want; end + 1 < PLACES && (count[end + 1] > 0) == covered;)
			end++;
		assert_true(ranges_next(ranges, covered, at, PLACES - 1, &stretch));
		assert_int_equal(stretch.first, want);
		assert_int_equal(stretch.last, end);
		at = end + 1;
		if (at == PLACES)
			return;
	}
}

static void like_counters(void **state)
{
	static const char owners[4];

	(void)state;
	for (seed = 0; seed < 50; seed++) {
		int count[PLACES] = {0}, by_owner[4][PLACES] = {{0}};
		struct ranges ranges = {0};
		uint64_t keep = seed;

		for (int round = 0; round < 40; round++) {
			uint64_t first = rnd(PLACES), last = first + rnd(PLACES - first),
				 owner = rnd(4);

			if (rnd(4)) {
				bool any = false;

				for (uint64_t i = first; i <= last; i++)
					any |= count[i] > 0;
				assert_int_equal(ranges_overlap(&ranges, first, last), any);
				assert_int_equal(ranges_add(&ranges, first, last, &owners[owner]),
						 0);
				for (uint64_t i = first; i <= last; i++) {
					count[i]++;
					by_owner[owner][i]++;
				}
			} else {
				ranges_remove_owner(&ranges, &owners[owner]);
				for (int i = 0; i < PLACES; i++)
					count[i] -= by_owner[owner][i];
				memset(by_owner[owner], 0, sizeof(by_owner[owner]));
			}
			compare(&ranges, count, true);
			compare(&ranges, count, false);
		}
		ranges_done(&ranges);
		seed = keep;
	}
}

static void the_last_address(void **state)
{
	struct ranges ranges = {0};
	struct range stretch;

	(void)state;
	assert_int_equal(ranges_add(&ranges, UINT64_MAX - 9, UINT64_MAX, NULL), 0);
	assert_true(ranges_next(&ranges, false, 0, UINT64_MAX, &stretch));
	assert_true(stretch.first == 0 && stretch.last == UINT64_MAX - 10);
	assert_false(ranges_next(&ranges, false, UINT64_MAX - 9, UINT64_MAX, &stretch));
	assert_true(ranges_next(&ranges, true, 5, UINT64_MAX, &stretch));
	assert_true(stretch.first == UINT64_MAX - 9 && stretch.last == UINT64_MAX);
	ranges_done(&ranges);
}

static void out_of_memory(void **state)
{
	struct ranges ranges = {0};

	(void)state;
	inject_arm(1);
	assert_int_equal(ranges_add(&ranges, 1, 2, NULL), -ENOMEM);
	assert_false(ranges_overlap(&ranges, 0, UINT64_MAX));
	assert_int_equal(ranges_add(&ranges, 1, 2, NULL), 0);
	assert_true(ranges_overlap(&ranges, 2, 3));
	ranges_done(&ranges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_counters),
		cmocka_unit_test(the_last_address),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
