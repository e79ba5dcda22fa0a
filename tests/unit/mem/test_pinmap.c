/* SPDX-License-Identifier: MIT */
/* Counted runs of pages against a counter for each page. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/inject.h"
#include "mem/pinmap.h"

#define PAGES  120
#define RANGES 40

static uint64_t seed;

static uint64_t rnd(uint64_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % below;
}

static void compare(const struct pinmap *map, const unsigned int *count)
{
	uint64_t n = 0, at, last;

	for (uint64_t i = 0; i < PAGES; i++) {
		assert_int_equal(pinmap_has(map, i), count[i] > 0);
		n += count[i] > 0;
	}
	assert_int_equal(map->npages, n);
	assert_int_equal(pinmap_missing(map, 0, PAGES - 1), PAGES - n);
	/* Walking the runs and the holes visits each page once. */
	for (at = 0; pinmap_next_run(map, &at, PAGES - 1, &last); at = last + 1)
		for (uint64_t i = at; i <= last; i++, n--)
			assert_true(count[i]);
	assert_int_equal(n, 0);
	for (at = 0; at < PAGES && pinmap_next_missing(map, &at, PAGES - 1, &last); at = last + 1)
		for (uint64_t i = at; i <= last; i++, n++)
			assert_false(count[i]);
	assert_int_equal(n, PAGES - map->npages);
}

static void like_counters(void **state)
{
	(void)state;
	for (uint64_t s = 0; s < 100; s++) {
		struct {
			uint64_t first, last;
		} ranges[RANGES];
		unsigned int count[PAGES] = {0};
		struct pinmap map = {0};
		size_t n = 0;

		seed = s;
		for (int round = 0; round < 100; round++) {
			size_t k = n ? rnd(n) : 0;

			if (n < RANGES && rnd(5) > 1) {
				ranges[n].first = rnd(PAGES);
				ranges[n].last = ranges[n].first + rnd(PAGES - ranges[n].first);
				assert_int_equal(pinmap_prepare(&map), 0);
				/* From here on nothing may need memory. */
				inject_arm(1);
				pinmap_add(&map, ranges[n].first, ranges[n].last);
				for (uint64_t i = ranges[n].first; i <= ranges[n].last; i++)
					count[i]++;
				n++;
			} else if (n) {
				inject_arm(1);
				pinmap_remove(&map, ranges[k].first, ranges[k].last);
				for (uint64_t i = ranges[k].first; i <= ranges[k].last; i++)
					count[i]--;
				ranges[k] = ranges[--n];
			}
			inject_arm(0);
			assert_true(map.n <= map.room);
			compare(&map, count);
		}
		while (n--)
			pinmap_remove(&map, ranges[n].first, ranges[n].last);
		assert_int_equal(map.n, 0);
		assert_int_equal(map.npages, 0);
		pinmap_done(&map);
	}
}

static void out_of_memory(void **state)
{
	struct pinmap map = {0};

	(void)state;
	inject_arm(1);
	assert_int_equal(pinmap_prepare(&map), -ENOMEM);
	assert_int_equal(pinmap_prepare(&map), 0);
	pinmap_add(&map, 3, 5);
	assert_int_equal(map.npages, 3);
	pinmap_done(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_counters),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
