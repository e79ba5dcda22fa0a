/* SPDX-License-Identifier: MIT */
/*
 * container/hazard: a reader is stopped after each instruction of its section in turn, while a writer removes what the reader
 * may have found, waits, and poisons it. If the reader is inside its section the writer must not get through; if it is
 * not, the writer must. Memory orders are out of reach here: between the steps everything is visible.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "container/hazard.h"
#include "container/imap.h"
#include "step.h"

#define BYTES 64

struct race {
	struct stepper reader; /* first */
	struct hazard hazard;
	struct hazard_slot *slot;
	struct imap map;
	unsigned char page[BYTES], copy[BYTES];
	uint64_t first, last; /* as announced */
	bool found, was_stopped;
	unsigned int stop;
	sem_t stopped, go_on;
	atomic_bool poisoned;
};

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem))
		if (errno != EINTR)
			abort();
}

static void dma(void *arg)
{
	struct race *race = arg;
	struct imap_entry entry;

	hazard_enter(race->slot, race->first, race->last);
	race->found = imap_lookup(&race->map, 0, &entry);
	if (race->found)
		memcpy(race->copy, entry.value, BYTES);
	hazard_leave(race->slot);
}

static void stop_reader(struct stepper *stepper)
{
	struct race *race = (struct race *)stepper;

	if (stepper->count < race->stop)
		return;
	race->was_stopped = true;
	step_no_more();
	sem_post(&race->stopped);
	wait_for(&race->go_on);
}

static void *reader_thread(void *arg)
{
	struct race *race = arg;

	run_stepped(&race->reader, dma, race);
	if (!race->was_stopped)
		sem_post(&race->stopped);
	return NULL;
}

static void *writer_thread(void *arg)
{
	struct race *race = arg;

	imap_remove(&race->map, 0);
	hazard_wait(&race->hazard, 0, BYTES - 1);
	memset(race->page, 0xdb, BYTES);
	atomic_store(&race->poisoned, true);
	return NULL;
}

static void set_up(struct race *race, unsigned int stop, uint64_t first, uint64_t last)
{
	*race = (struct race){
		.reader = {.step = stop_reader}, .stop = stop, .first = first, .last = last};
	memset(race->page, 0xaa, BYTES);
	imap_init(&race->map);
	hazard_init(&race->hazard);
	sem_init(&race->stopped, 0, 0);
	sem_init(&race->go_on, 0, 0);
	assert_int_equal(hazard_register(&race->hazard, &race->slot), 0);
	assert_int_equal(imap_insert(&race->map, 0, BYTES - 1, race->page), 0);
}

static void tear_down(struct race *race)
{
	hazard_unregister(race->slot);
	hazard_done(&race->hazard);
	imap_done(&race->map);
}

/* False if the reader's end came before the instruction to stop at. */
static bool race_once(struct race *race, unsigned int *inside)
{
	pthread_t reader, writer;
	bool is_inside;

	assert_int_equal(pthread_create(&reader, NULL, reader_thread, race), 0);
	wait_for(&race->stopped);
	is_inside = atomic_load(&race->slot->section) & 1;
	*inside += is_inside;
	assert_int_equal(pthread_create(&writer, NULL, writer_thread, race), 0);
	if (is_inside) {
		for (unsigned int i = 0; i < 20; i++)
			sched_yield(); /* gives a wrong writer the time to be wrong */
		assert_false(atomic_load(&race->poisoned));
	} else {
		pthread_join(writer, NULL);
	}
	sem_post(&race->go_on);
	pthread_join(reader, NULL);
	if (is_inside)
		pthread_join(writer, NULL);
	for (unsigned int i = 0; race->found && i < BYTES; i++)
		assert_int_equal(race->copy[i], 0xaa);
	return race->was_stopped;
}

static void stop_everywhere(uint64_t first, uint64_t last)
{
	struct race *race = malloc(sizeof(*race));
	unsigned int inside = 0, stop = 0;
	bool stopped;

	do {
		set_up(race, ++stop, first, last);
		stopped = race_once(race, &inside);
		tear_down(race);
	} while (stopped);
	assert_in_range(inside, 20, stop - 5);
	free(race);
}

static void test_range(void **state)
{
	if (!STEP_POSSIBLE)
		skip();
	stop_everywhere(0, BYTES - 1);
}

static void test_everything(void **state)
{
	if (!STEP_POSSIBLE)
		skip();
	stop_everywhere(0, UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_everything),
	};

	return cmocka_run_group_tests(tests, step_set_handler, NULL);
}
