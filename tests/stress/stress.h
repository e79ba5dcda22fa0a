/* SPDX-License-Identifier: MIT */
/*
 * What the stress tests share: threads that run a fixed number of steps from seeds, and counts that have to be right whatever the
 * order was in which they ran.
 */
#ifndef UIOMMUFD_TESTS_STRESS_H
#define UIOMMUFD_TESTS_STRESS_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "world.h"

/* TSan is ten times slower. */
#define STRESS_STEPS(n) (UNIT_TSAN || UNIT_ASAN ? (n) / 8 : (n))

struct race;

struct worker {
	void (*step)(struct worker *worker);
	void *world;
	unsigned int seed, steps; /* steps 0: as long as others have some */
	unsigned long done;	  /* for the step's own use */
	struct bench bench;	  /* a client of its own */
	pthread_t thread;
	struct race *race;
};

struct race {
	pthread_barrier_t start;
	atomic_uint busy; /* workers that have steps left */
};

static inline unsigned int worker_random(struct worker *worker, unsigned int n)
{
	return (unsigned int)rand_r(&worker->seed) % n;
}

static inline void *worker_run(void *arg)
{
	struct worker *worker = arg;

	pthread_barrier_wait(&worker->race->start);
	for (unsigned int i = 0; i < worker->steps; i++) {
		worker->step(worker);
		/* The others' turn, also where there is one processor for all. */
		if (!worker_random(worker, 16))
			sched_yield();
	}
	if (worker->steps)
		atomic_fetch_sub(&worker->race->busy, 1);
	while (!worker->steps && atomic_load(&worker->race->busy))
		worker->step(worker);
	return NULL;
}

/* Runs all workers to their ends. Their benches are clients beside `bench` on its context. */
static inline void workers_run(struct worker *workers, unsigned int n, struct bench *bench)
{
	struct race race = {.busy = 0};

	pthread_barrier_init(&race.start, NULL, n);
	for (unsigned int i = 0; i < n; i++) {
		workers[i].race = &race;
		race.busy += workers[i].steps > 0;
		bench_init_beside(&workers[i].bench, bench);
		workers[i].bench.file = bench->file;
	}
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]),
				 0);
	for (unsigned int i = 0; i < n; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_barrier_destroy(&race.start);
	for (unsigned int i = 0; i < n; i++) {
		workers[i].bench.file = NULL;
		bench_done(&workers[i].bench);
	}
}

#endif
