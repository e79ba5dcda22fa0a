/* SPDX-License-Identifier: MIT */
/*
 * container/imap: readers and the writer stopped between any two instructions, by the processor's trap flag. So what threads
 * meet by chance, once in millions, is met here by plan, and without timing:
 *
 * - the writer is stopped after each of its instructions, and a whole lookup is done: it must find the map as before or
 *   as after, and it must come back, for the writer can't go on;
 * - readers start when the writer stands at some instruction, are stopped at one of their own, and go on when the writer
 *   stands at a later one.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "container/imap_node.h"
#include "step.h"

#define STEP  16 /* addresses from one entry to the next: each holds 8, so that others fit between */
#define RACES 3
#define FILLS                                                                                      \
	200 /* races where a slot is filled: few instructions, which readers must meet exactly */
#define READERS 24

static uint64_t first_of(unsigned int i)
{
	return 0x1000 + i * STEP;
}

static void *value_of(unsigned int i)
{
	return (void *)(uintptr_t)(i + 1);
}

static void add(struct imap *map, unsigned int i)
{
	assert_int_equal(imap_insert(map, first_of(i), first_of(i) + 7, value_of(i)), 0);
}

/* Entries 0 .. n - 1 in full leaves, without those from `drop` to `drop_end`. */
static void build(struct imap *map, unsigned int n, unsigned int drop, unsigned int drop_end)
{
	imap_init(map);
	for (unsigned int i = 0; i < n; i++)
		add(map, i);
	for (unsigned int i = drop; i < drop_end; i++)
		imap_remove(map, first_of(i));
}

/*
 * A map, what the writer does to it, and entries near that, which stay. Afterwards the writer does something elsewhere, in
 * the nodes that it has got back.
 */
struct scenario {
	const char *name;
	unsigned int n, drop, drop_end; /* as for build() */
	void (*change)(struct imap *map);
	unsigned int near, near_end; /* entries that stay and move */
	unsigned int levels_after;
	unsigned int leaves; /* but this one may be found, or no more; 0: none */
	bool comes;	     /* or what comes in its place, see remove_and_fill() */
};

static void insert_between(struct imap *map)
{
	assert_int_equal(imap_insert(map, first_of(10) + 10, first_of(10) + 11, map), 0);
}

static void insert_last(struct imap *map)
{
	assert_int_equal(imap_insert(map, first_of(500) + 10, first_of(500) + 11, map), 0);
}

/* Behind 42 entries, and behind 441. */
static void insert_behind(struct imap *map)
{
	assert_int_equal(imap_insert(map, first_of(42), first_of(42) + 7, map), 0);
}

static void insert_very_last(struct imap *map)
{
	assert_int_equal(imap_insert(map, first_of(441), first_of(441) + 7, map), 0);
}

static void remove_one(struct imap *map)
{
	imap_remove(map, first_of(10));
}

static void remove_low(struct imap *map)
{
	imap_remove(map, first_of(5));
}

/* From one of the slots where a leaf is looked at for joining. */
static void remove_join(struct imap *map)
{
	imap_remove(map, first_of(7));
}

static void cut_one(struct imap *map)
{
	assert_int_equal(imap_cut(map, first_of(10), first_of(10) + 4, map, map), 0);
}

static void remove_single(struct imap *map)
{
	imap_remove(map, first_of(21));
}

/* In the gap of entry 10, which has gone: its slot's key rises. */
static void fill_high(struct imap *map)
{
	assert_int_equal(imap_insert(map, first_of(10) + 2, first_of(10) + 9, map), 0);
}

/* The key falls. */
static void fill_low(struct imap *map)
{
	assert_int_equal(imap_insert(map, first_of(10) - 4, first_of(10) + 1, map), 0);
}

/* What was there goes, and something else comes over it: a reader must not mix the two. */
static void remove_and_fill(struct imap *map)
{
	imap_remove(map, first_of(10));
	assert_int_equal(imap_insert(map, first_of(10) - 4, first_of(10) + 5, map), 0);
}

/* IMAP_SLOTS is 21: full leaves are 0-20, 21-41 and so on. */
static const struct scenario scenarios[] = {
	{"in place", 15, 0, 0, insert_last, 0, 15, 1},
	{"a copy grows", 15, 0, 0, insert_between, 0, 15, 1},
	{"emptied", 42, 0, 0, remove_one, 8, 13, 2, 10},
	{"emptied among empty ones", 42, 6, 10, remove_one, 10, 14, 2, 10},
	{"the first ones are emptied", 42, 0, 5, remove_low, 5, 9, 2, 5},
	{"the last one is emptied", 42, 11, 21, remove_one, 4, 11, 2, 10},
	{"filled, the key rises", 42, 10, 11, fill_high, 8, 10, 2},
	{"filled, the key rises, neighbours", 42, 10, 11, fill_high, 11, 13, 2},
	{"filled, the key falls", 42, 10, 11, fill_low, 8, 10, 2},
	{"filled, the key falls, neighbours", 42, 10, 11, fill_low, 11, 13, 2},
	{"emptied and filled", 42, 0, 0, remove_and_fill, 10, 11, 2, 10, true},
	{"a copy without the empty ones", 42, 3, 9, insert_between, 9, 42, 2},
	{"cut", 42, 11, 14, cut_one, 14, 42, 2},
	{"leaf splits", 42, 0, 0, insert_between, 0, 21, 2},
	{"leaf spreads", 42, 30, 42, insert_between, 0, 30, 2},
	{"root leaf splits", 21, 0, 0, insert_between, 0, 21, 2},
	{"leaves join", 63, 8, 34, remove_join, 0, 5, 2},
	{"leaves join, one is left", 42, 8, 34, remove_join, 34, 42, 1},
	{"leaf goes", 63, 22, 42, remove_single, 0, 21, 2},
	{"leaf goes, one is left", 42, 22, 42, remove_single, 0, 21, 1},
	{"root splits", 441, 0, 0, insert_between, 0, 42, 3},
	{"a leaf comes behind", 42, 0, 0, insert_behind, 30, 42, 2},
	{"a root comes above", 441, 0, 0, insert_very_last, 420, 441, 3},
};

#define SCENARIOS (sizeof(scenarios) / sizeof(*scenarios))

struct lookup {
	struct imap *map;
	unsigned int near; /* the entry that is looked up */
	bool found;
	struct imap_entry entry;
};

static void do_lookup(void *arg)
{
	struct lookup *lookup = arg;

	lookup->found = imap_lookup(lookup->map, first_of(lookup->near) + 3, &lookup->entry);
}

static bool is_right(const struct scenario *scenario, const struct lookup *lookup)
{
	if (!lookup->found)
		return scenario->leaves && lookup->near == scenario->leaves;
	if (scenario->comes && lookup->entry.value == lookup->map)
		return lookup->entry.first == first_of(10) - 4 &&
		       lookup->entry.last == first_of(10) + 5;
	return lookup->entry.first == first_of(lookup->near) &&
	       lookup->entry.last == first_of(lookup->near) + 7 &&
	       lookup->entry.value == value_of(lookup->near);
}

struct run {
	struct stepper writer; /* first */
	const struct scenario *scenario;
	struct imap map;
	unsigned int turn;
	unsigned long broken;
};

static void start(struct run *run, const struct scenario *scenario)
{
	*run = (struct run){.scenario = scenario};
	build(&run->map, scenario->n, scenario->drop, scenario->drop_end);
}

static void do_change(void *arg)
{
	struct run *run = arg;

	run->scenario->change(&run->map);
	/* A node that was left over gets a new use. */
	if (!run->scenario->comes && imap_insert(&run->map, 0, 7, run))
		abort();
}

static void whole_lookups(struct stepper *stepper)
{
	struct run *run = (struct run *)stepper;
	unsigned int count = run->scenario->near_end - run->scenario->near;

	for (unsigned int i = 0; i < 4; i++) {
		struct lookup lookup = {&run->map, run->scenario->near + run->turn++ * 5 % count};

		do_lookup(&lookup);
		run->broken += !is_right(run->scenario, &lookup);
	}
}

static void test_writer_stopped(void **state)
{
	struct run run;

	if (!STEP_POSSIBLE)
		skip();
	for (unsigned int i = 0; i < SCENARIOS; i++) {
		start(&run, &scenarios[i]);
		run.writer.step = whole_lookups;
		run_stepped(&run.writer, do_change, &run);
		if (run.broken)
			print_error("%s\n", scenarios[i].name);
		assert_int_equal(run.broken, 0);
		assert_true(run.writer.count > 200);
		imap_done(&run.map);
	}
}

/* Are the scenarios what their names say? */
static void test_scenarios(void **state)
{
	struct run run;

	for (unsigned int i = 0; i < SCENARIOS; i++) {
		start(&run, &scenarios[i]);
		scenarios[i].change(&run.map);
		if (run.map.levels != scenarios[i].levels_after)
			print_error("%s\n", scenarios[i].name);
		assert_int_equal(run.map.levels, scenarios[i].levels_after);
		imap_done(&run.map);
	}
}

static void count_only(struct stepper *stepper)
{
}

static unsigned int length_of(void (*fn)(void *arg), void *arg)
{
	struct stepper stepper = {.step = count_only};

	run_stepped(&stepper, fn, arg);
	return stepper.count;
}

/* Starts when the writer stands at one instruction, stops at one of its own, and goes on when the writer stands at another. */
struct reader {
	struct stepper stepper; /* first */
	struct lookup lookup;
	unsigned int stop, starts_at, goes_on_at; /* instructions */
	sem_t turn, done;
	pthread_t thread;
};

struct race {
	struct stepper writer; /* first */
	struct reader readers[READERS];
};

static void post(sem_t *sem)
{
	if (sem_post(sem))
		abort();
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem))
		if (errno != EINTR)
			abort();
}

static void stop_reader(struct stepper *stepper)
{
	struct reader *reader = (struct reader *)stepper;

	if (stepper->count < reader->stop)
		return;
	step_no_more();
	post(&reader->done);
	wait_for(&reader->turn);
}

static void *reader_thread(void *arg)
{
	struct reader *reader = arg;

	wait_for(&reader->turn);
	run_stepped(&reader->stepper, do_lookup, &reader->lookup);
	if (reader->stepper.count < reader->stop) {
		post(&reader->done);
		wait_for(&reader->turn);
	}
	post(&reader->done);
	return NULL;
}

static void give_turn(struct reader *reader)
{
	post(&reader->turn);
	wait_for(&reader->done);
}

static void step_writer(struct stepper *stepper)
{
	struct race *race = (struct race *)stepper;

	for (unsigned int i = 0; i < READERS; i++) {
		if (stepper->count == race->readers[i].starts_at)
			give_turn(&race->readers[i]);
		if (stepper->count == race->readers[i].goes_on_at)
			give_turn(&race->readers[i]);
	}
}

static void choose_stops(struct reader *reader, unsigned int *seed, unsigned int reads,
			 unsigned int writes)
{
	unsigned int a = 1 + rand_r(seed) % writes, b = 1 + rand_r(seed) % writes;

	reader->stop = 1 + rand_r(seed) % reads;
	reader->starts_at = rand_r(seed) % 2 ? 1 : a < b ? a : b;
	reader->goes_on_at = a < b ? b : a;
}

static void start_reader(struct reader *reader, struct run *run, unsigned int *seed)
{
	const struct scenario *scenario = run->scenario;

	reader->stepper = (struct stepper){.step = stop_reader};
	reader->lookup = (struct lookup){.map = &run->map};
	reader->lookup.near = scenario->near + rand_r(seed) % (scenario->near_end - scenario->near);
	sem_init(&reader->turn, 0, 0);
	sem_init(&reader->done, 0, 0);
	assert_int_equal(pthread_create(&reader->thread, NULL, reader_thread, reader), 0);
}

/* The writer runs once, all readers beside it. */
static void run_race(struct race *race, struct run *run, unsigned int *seed, unsigned int reads,
		     unsigned int writes)
{
	race->writer = (struct stepper){.step = step_writer};
	for (unsigned int i = 0; i < READERS; i++) {
		choose_stops(&race->readers[i], seed, reads, writes);
		start_reader(&race->readers[i], run, seed);
	}
	run_stepped(&race->writer, do_change, run);
	assert_true(race->writer.count >= writes);
	for (unsigned int i = 0; i < READERS; i++) {
		struct reader *reader = &race->readers[i];

		pthread_join(reader->thread, NULL);
		if (!is_right(run->scenario, &reader->lookup))
			print_error("%s: stopped at %u; the writer at %u and %u\n",
				    run->scenario->name, reader->stop, reader->starts_at,
				    reader->goes_on_at);
		assert_true(is_right(run->scenario, &reader->lookup));
	}
}

static void test_both_stopped(void **state)
{
	unsigned int seed = 5, reads, writes;
	struct race *race;
	struct run run;

	if (!STEP_POSSIBLE)
		skip();
	race = calloc(1, sizeof(*race));
	for (unsigned int i = 0; i < SCENARIOS; i++) {
		start(&run, &scenarios[i]);
		reads = length_of(do_lookup, &(struct lookup){&run.map, scenarios[i].near});
		writes = length_of(do_change, &run);
		imap_done(&run.map);
		for (unsigned int j = 0; j < (scenarios[i].comes ? FILLS : RACES); j++) {
			start(&run, &scenarios[i]);
			run_race(race, &run, &seed, reads, writes);
			imap_done(&run.map);
		}
	}
	free(race);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenarios),
		cmocka_unit_test(test_writer_stopped),
		cmocka_unit_test(test_both_stopped),
	};

	return cmocka_run_group_tests(tests, step_set_handler, NULL);
}
