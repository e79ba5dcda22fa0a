/* SPDX-License-Identifier: MIT */
#include "frontend/launcher/workers.h"

#include "frontend/service/internal.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

/* Threads without a turn; more of them end. */
#define SPARES 2
/* A call that lasts longer than one to two of these has lost the turn, in ns. */
#define TICK 1000000

static void *worker_run(void *arg);

/* The turn is taken from a call, unless it is over; where there can be no thread to take it, it goes back. */
void workers_give_turn(struct workers *workers, unsigned long turn)
{
	unsigned long was = turn;

	LOCK_SCOPED(&workers->lock);
	if (!atomic_compare_exchange_strong(&workers->serving, &was, 0))
		return;
	if (workers->spare) {
		workers->spare--;
		workers->turns++;
		pthread_cond_signal(&workers->turn);
	} else if (service_thread(worker_run, workers)) {
		atomic_store(&workers->serving, turn);
	}
}

/* The call is over. True: this thread has the turn, still or again. */
static bool turn_after(struct workers *workers, unsigned long turn)
{
	unsigned long was = turn;

	if (atomic_compare_exchange_strong(&workers->serving, &was, 0))
		return true;
	LOCK_SCOPED(&workers->lock);
	was = turn;
	if (atomic_compare_exchange_strong(&workers->serving, &was, 0))
		return true;
	if (workers->spare >= SPARES)
		return false;
	workers->spare++;
	while (!workers->turns)
		lock_wait(&workers->lock, &workers->turn);
	workers->turns--;
	return true;
}

static void wake_watch(struct workers *workers)
{
	LOCK_SCOPED(&workers->lock);
	pthread_cond_signal(&workers->watch);
}

/* Either the watch sees the call before it sleeps, or the call sees that the watch sleeps. */
static unsigned long begin_call(struct workers *workers)
{
	unsigned long turn = atomic_load(&workers->calls) + 1;

	atomic_store(&workers->calls, turn);
	atomic_store(&workers->serving, turn);
	if (!atomic_load(&workers->watched))
		wake_watch(workers);
	return turn;
}

/* Nobody has the filter any more; newer kernels say of it what they say of a call that was withdrawn. */
static bool listener_ended(const struct workers *workers)
{
	struct pollfd listener = {.fd = workers->listener};

	return poll(&listener, 1, 0) == 1;
}

/* Begins with the turn. */
static void *worker_run(void *arg)
{
	struct workers *workers = arg;
	struct notice notice = {.listener = workers->listener};
	unsigned long turn;
	int rc;

	workers->begin(workers->arg);
	for (bool go_on = true; go_on;) {
		rc = notice_wait(&notice);
		if (!rc) {
			turn = begin_call(workers);
			workers->serve(workers->arg, &notice, turn);
			go_on = turn_after(workers, turn);
		} else {
			go_on = rc == -ENOENT && !listener_ended(workers);
		}
	}
	return NULL;
}

/* Until there is a call in flight again. */
static void watch_sleep(struct workers *workers)
{
	LOCK_SCOPED(&workers->lock);
	atomic_store(&workers->watched, false);
	if (!atomic_load(&workers->serving))
		lock_wait(&workers->lock, &workers->watch);
	atomic_store(&workers->watched, true);
}

static void *watch_run(void *arg)
{
	const struct timespec tick = {.tv_nsec = TICK};
	struct workers *workers = arg;
	unsigned long calls, serving;

	for (;;) {
		calls = atomic_load(&workers->calls);
		serving = atomic_load(&workers->serving);
		nanosleep(&tick, NULL);
		if (serving && atomic_load(&workers->serving) == serving)
			workers_give_turn(workers, serving);
		else if (!serving && atomic_load(&workers->calls) == calls)
			watch_sleep(workers);
	}
	return NULL;
}

int workers_start(struct workers *workers, enum lock_rank rank)
{
	int rc;

	lock_init(&workers->lock, rank);
	pthread_cond_init(&workers->turn, NULL);
	pthread_cond_init(&workers->watch, NULL);
	atomic_store(&workers->watched, true);
	rc = service_thread(watch_run, workers);
	return rc ? rc : service_thread(worker_run, workers);
}
