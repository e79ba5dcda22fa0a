/* SPDX-License-Identifier: MIT */
/* container/dense: against a plain array, in places that come and go, under readers, and without memory. */
#include "unit.h"

#include <pthread.h>
#include <string.h>

#include "base/inject.h"
#include "container/dense.h"

#define PLACES	16
#define NUMBERS (PLACES * DENSE_PLACE)
/* So that places don't follow each other. */
#define FAR ((uint64_t)123457 << DENSE_PLACE_SHIFT)

/* A dense map, and what is in it. */
struct truth {
	struct dense dense;
	uint64_t word[NUMBERS];
};

static uint64_t number_of(unsigned int i)
{
	return i / DENSE_PLACE * FAR + i % DENSE_PLACE;
}

/* As an owner does it: a place that has become dense is filled from the truth. */
static void put(struct truth *truth, unsigned int i, uint64_t word)
{
	bool ripe = dense_put(&truth->dense, number_of(i), truth->word[i], word);

	truth->word[i] = word;
	if (!ripe || !dense_open(&truth->dense, number_of(i)))
		return;
	for (unsigned int j = i & -DENSE_PLACE; j < (i & -DENSE_PLACE) + DENSE_PLACE; j++)
		if (truth->word[j])
			dense_fill(&truth->dense, number_of(j), truth->word[j]);
}

/* How many are known; what is known is true. */
static unsigned int known(struct truth *truth)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < NUMBERS; i++) {
		uint64_t word = dense_get(&truth->dense, number_of(i));

		assert_true(!word || word == truth->word[i]);
		n += word != 0;
	}
	return n;
}

static struct truth *new_truth(void)
{
	struct truth *truth = calloc(1, sizeof(*truth));

	assert_non_null(truth);
	dense_init(&truth->dense);
	return truth;
}

static void free_truth(struct truth *truth)
{
	dense_done(&truth->dense);
	free(truth);
}

static void many_are_known(void **state)
{
	struct truth *truth = new_truth();

	for (unsigned int i = 0; i < NUMBERS; i++)
		put(truth, i, i + 1);
	assert_int_equal(known(truth), NUMBERS);
	assert_int_equal(dense_get(&truth->dense, number_of(NUMBERS)), 0);
	assert_in_range(truth->dense.bytes, NUMBERS * 8, NUMBERS * 13);
	for (unsigned int i = 0; i < NUMBERS; i += 2)
		put(truth, i, 0);
	assert_int_equal(known(truth), NUMBERS / 2);
	put(truth, 1, 77);
	assert_int_equal(dense_get(&truth->dense, number_of(1)), 77);
	free_truth(truth);
}

static void few_cost_little(void **state)
{
	struct dense dense;

	dense_init(&dense);
	for (uint64_t i = 0; i < 100000; i++)
		assert_false(dense_put(&dense, i << 30, 0, i + 1));
	assert_in_range(dense.bytes, 0, 100000 * 8);
	assert_int_equal(dense_get(&dense, 5ull << 30), 0);
	for (uint64_t i = 0; i < 100000; i++)
		dense_put(&dense, i << 30, i + 1, 0);
	assert_int_equal(dense.taken, 0);
	dense_done(&dense);
}

static void tables_are_used_again(void **state)
{
	struct truth *truth = new_truth();
	size_t bytes = 0;

	for (unsigned int round = 0; round < 100; round++) {
		unsigned int place = round % PLACES * DENSE_PLACE;

		for (unsigned int i = place; i < place + DENSE_PLACE; i++)
			put(truth, i, round + 1);
		assert_int_equal(known(truth), DENSE_PLACE);
		for (unsigned int i = place; i < place + DENSE_PLACE; i++)
			put(truth, i, 0);
		assert_int_equal(known(truth), 0);
		if (round == 0)
			bytes = truth->dense.bytes;
	}
	assert_int_equal(truth->dense.bytes, bytes);
	free_truth(truth);
}

static void at_random(void **state)
{
	struct truth *truth = new_truth();
	unsigned int seed = 1, most = 0, n;

	for (unsigned int step = 0; step < 200000; step++) {
		/* It fills for a while, then drains. */
		bool fill = step % 50000 < 30000;
		unsigned int i = (unsigned int)rand_r(&seed) % NUMBERS;

		put(truth, i, fill || rand_r(&seed) % 4 == 0 ? step + 1 : 0);
		if (step % 1000)
			continue;
		n = known(truth);
		most = n > most ? n : most;
	}
	assert_in_range(most, NUMBERS / 2, NUMBERS);
	free_truth(truth);
}

static void without_memory(void **state)
{
	for (unsigned int nth = 1; nth < 4; nth++) {
		struct truth *truth = new_truth();

		inject_arm(nth);
		for (unsigned int i = 0; i < NUMBERS; i++)
			put(truth, i, i + 1);
		inject_arm(0);
		assert_in_range(known(truth), NUMBERS / 2, NUMBERS);
		free_truth(truth);
	}
}

/* ---- readers ---- */

struct race {
	struct truth *truth;
	atomic_bool stop;
	unsigned long found;
};

/* A word says what number it is of: those of another place must not be seen. */
static void *reader(void *arg)
{
	struct race *race = arg;
	unsigned int seed = 7;

	while (!atomic_load(&race->stop)) {
		unsigned int i = (unsigned int)rand_r(&seed) % NUMBERS;
		uint64_t word = dense_get(&race->truth->dense, number_of(i));

		if (word && word >> 32 != i + 1)
			abort();
		race->found += word != 0;
	}
	return NULL;
}

static void readers_see_their_own(void **state)
{
	struct race race = {.truth = new_truth()};
	unsigned int rounds = UNIT_TSAN ? 50 : 400;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, reader, &race), 0);
	for (unsigned int round = 0; round < rounds; round++) {
		unsigned int place = round * 7 % PLACES * DENSE_PLACE;

		for (unsigned int i = place; i < place + DENSE_PLACE; i++)
			put(race.truth, i, (uint64_t)(i + 1) << 32 | round);
		/* Every third stays, so that the index grows under the reader. */
		for (unsigned int i = place; round % 3 && i < place + DENSE_PLACE; i++)
			put(race.truth, i, 0);
	}
	atomic_store(&race.stop, true);
	pthread_join(thread, NULL);
	known(race.truth);
	free_truth(race.truth);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_are_known),	 cmocka_unit_test(few_cost_little),
		cmocka_unit_test(tables_are_used_again), cmocka_unit_test(at_random),
		cmocka_unit_test(without_memory),	 cmocka_unit_test(readers_see_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
