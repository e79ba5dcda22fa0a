/* SPDX-License-Identifier: MIT */
/* The sparse bitmap against a plain one, over windows that lie in different parts of the index space; and setting from threads. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/inject.h"
#include "container/sparse_bits.h"

#define WINDOW 70000 /* more than two leaves */

/* Windows begin where leaves, nodes and the whole space end. */
static const uint64_t bases[] = {0, 32768 - 100, (1ull << 25) - 500, (1ull << 45) - 40000,
				 UINT64_MAX - WINDOW + 1};

static uint64_t seed;

static uint64_t rnd(uint64_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % below;
}

/* The first set bit within first..last. */
static bool find_set(struct sparse_bits *bits, uint64_t first, uint64_t last, uint64_t *ret_index)
{
	struct sparse_block block;
	unsigned int word;

	if (!sparse_bits_next(bits, first, last, false, &block))
		return false;
	assert_int_equal(block.first % SPARSE_BLOCK, 0);
	assert_true(block.used);
	word = __builtin_ctzll(block.used);
	*ret_index = block.first + word * 64 + __builtin_ctzll(block.words[word]);
	assert_true(*ret_index >= first && *ret_index <= last);
	return true;
}

/* The first run of set bits within first..last, as far as it goes there. */
static bool sparse_bits_find(struct sparse_bits *bits, uint64_t first, uint64_t last,
			     uint64_t *ret_first, uint64_t *ret_last)
{
	uint64_t next;

	if (!find_set(bits, first, last, ret_first))
		return false;
	*ret_last = *ret_first;
	while (*ret_last < last && find_set(bits, *ret_last + 1, last, &next) &&
	       next == *ret_last + 1)
		*ret_last = next;
	return true;
}

static void compare(struct sparse_bits *bits, const bool *model, uint64_t base)
{
	uint64_t at = 0, first = 0, last = 0;

	while (at < WINDOW) {
		uint64_t want = at, end;

		while (want < WINDOW && !model[want])
			want++;
		if (want == WINDOW) {
			assert_false(sparse_bits_find(bits, base + at, base + WINDOW - 1, &first,
						      &last));
			return;
		}
		for (end = want; end + 1 < WINDOW && model[end + 1];)
			end++;
		assert_true(sparse_bits_find(bits, base + at, base + WINDOW - 1, &first, &last));
		assert_true(first == base + want && last == base + end);
		at = end + 1;
	}
}

static void like_a_plain_bitmap(void **state)
{
	static bool model[WINDOW];

	(void)state;
	for (size_t w = 0; w < sizeof(bases) / sizeof(bases[0]); w++) {
		struct sparse_bits bits = {};

		memset(model, 0, sizeof(model));
		seed = w;
		for (int round = 0; round < 60; round++) {
			uint64_t len = 1 + rnd(rnd(2) ? 5000 : 70), first = rnd(WINDOW - len);
			bool set = rnd(3);

			if (set)
				assert_int_equal(sparse_bits_set(&bits, bases[w] + first,
								 bases[w] + first + len - 1),
						 0);
			else
				sparse_bits_clear(&bits, bases[w] + first,
						  bases[w] + first + len - 1);
			memset(model + first, set, len);
			compare(&bits, model, bases[w]);
		}
		sparse_bits_clear(&bits, 0, UINT64_MAX);
		memset(model, 0, sizeof(model));
		compare(&bits, model, bases[w]);
		sparse_bits_done(&bits);
	}
}

/* A look for bits stays within what was asked for. */
static void finds_parts_of_runs(void **state)
{
	struct sparse_bits bits = {};
	uint64_t first = 0, last = 0;

	(void)state;
	assert_int_equal(sparse_bits_set(&bits, 10, 200000), 0);
	assert_true(sparse_bits_find(&bits, 0, 9999, &first, &last));
	assert_true(first == 10 && last == 9999);
	assert_true(sparse_bits_find(&bits, 50000, UINT64_MAX, &first, &last));
	assert_true(first == 50000 && last == 200000);
	assert_false(sparse_bits_find(&bits, 200001, UINT64_MAX, &first, &last));
	assert_false(sparse_bits_find(&bits, 0, 9, &first, &last));
	sparse_bits_done(&bits);
}

static void out_of_memory(void **state)
{
	uint64_t first = 0, last = 0;
	unsigned int n;

	(void)state;
	for (n = 1;; n++) {
		struct sparse_bits bits = {};
		int rc;

		inject_arm(n);
		rc = sparse_bits_set(&bits, 1ull << 40, 1ull << 40);
		if (inject_left()) {
			inject_arm(0);
			assert_int_equal(rc, 0);
			sparse_bits_done(&bits);
			break;
		}
		assert_int_equal(rc, -ENOMEM);
		assert_false(sparse_bits_find(&bits, 0, UINT64_MAX, &first, &last));
		assert_int_equal(sparse_bits_set(&bits, 1ull << 40, 1ull << 40), 0);
		assert_true(sparse_bits_find(&bits, 0, UINT64_MAX, &first, &last));
		sparse_bits_done(&bits);
	}
	assert_true(n > 3); /* a leaf and the nodes above it */
}

/* ---- threads ---- */

#define THREADS 3
#define EACH	20000

struct setter {
	struct sparse_bits *bits;
	unsigned int number;
};

static void *set_own(void *arg)
{
	struct setter *setter = arg;

	/* Neighbouring bits are different threads'. */
	for (uint64_t i = 0; i < EACH; i++)
		if (sparse_bits_set(setter->bits, i * THREADS + setter->number,
				    i * THREADS + setter->number))
			abort();
	return NULL;
}

/* What is set while others look and clear is seen once: by the one that clears it. */
static void every_bit_is_found_once(void **state)
{
	struct sparse_bits bits = {};
	struct setter setters[THREADS];
	pthread_t threads[THREADS];
	struct sparse_block block;
	uint64_t found = 0, first, last;

	(void)state;
	for (unsigned int i = 0; i < THREADS; i++) {
		setters[i] = (struct setter){&bits, i};
		assert_int_equal(pthread_create(&threads[i], NULL, set_own, &setters[i]), 0);
	}
	while (found < THREADS * EACH) {
		if (!sparse_bits_next(&bits, 0, UINT64_MAX, true, &block))
			continue;
		for (; block.used; block.used &= block.used - 1)
			found += __builtin_popcountll(block.words[__builtin_ctzll(block.used)]);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(found, THREADS * EACH);
	assert_false(sparse_bits_find(&bits, 0, UINT64_MAX, &first, &last));
	sparse_bits_done(&bits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_a_plain_bitmap),
		cmocka_unit_test(finds_parts_of_runs),
		cmocka_unit_test(out_of_memory),
		cmocka_unit_test(every_bit_is_found_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
