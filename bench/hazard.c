/* SPDX-License-Identifier: MIT */
/*
 * The promise to DMA: what it costs a reader to enter and leave, and a writer to wait when nobody is inside. Stand-ins: a
 * read lock held by the reader, a write lock taken by the writer, which is what most emulators do.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "container/imap.h"
#include "container/hazard.h"

#define SLOTS 16
#define PAGES 256
#define PAGE  4096ull

struct setting {
	struct hazard hazard;
	struct hazard_slot *slots[SLOTS];
	pthread_rwlock_t lock;
	struct imap map;
	char *memory;
	size_t count;
};

static double section_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++) {
		hazard_enter(s->slots[0], i, i + 63);
		hazard_leave(s->slots[0]);
	}
	return (bench_now() - start) / s->count;
}

static double read_lock_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++) {
		pthread_rwlock_rdlock(&s->lock);
		pthread_rwlock_unlock(&s->lock);
	}
	return (bench_now() - start) / s->count;
}

static double wait_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++)
		hazard_wait(&s->hazard, i, i + 63);
	return (bench_now() - start) / s->count;
}

static double write_lock_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++) {
		pthread_rwlock_wrlock(&s->lock);
		pthread_rwlock_unlock(&s->lock);
	}
	return (bench_now() - start) / s->count;
}

/* 64 bytes from a random page. */
static void copy(struct setting *s, uint64_t at)
{
	struct imap_entry entry;
	uint64_t words[8];

	if (!imap_lookup(&s->map, at, &entry))
		abort();
	memcpy(words, (char *)entry.value + (at - entry.first), sizeof(words));
	bench_keep(words[0] + words[7]);
}

static double dma_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++) {
		uint64_t at = bench_random() % PAGES * PAGE;

		hazard_enter(s->slots[0], at, at + 63);
		copy(s, at);
		hazard_leave(s->slots[0]);
	}
	return (bench_now() - start) / s->count;
}

static double dma_locked_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++) {
		uint64_t at = bench_random() % PAGES * PAGE;

		pthread_rwlock_rdlock(&s->lock);
		copy(s, at);
		pthread_rwlock_unlock(&s->lock);
	}
	return (bench_now() - start) / s->count;
}

static void set_up(struct setting *s)
{
	s->count = bench_smoke() ? 100 : 1000000;
	s->memory = calloc(PAGES, PAGE);
	hazard_init(&s->hazard);
	imap_init(&s->map);
	pthread_rwlock_init(&s->lock, NULL);
	if (!s->memory)
		abort();
	for (unsigned int i = 0; i < SLOTS; i++)
		if (hazard_register(&s->hazard, &s->slots[i]))
			abort();
	for (uint64_t at = 0; at < PAGES * PAGE; at += PAGE)
		if (imap_insert(&s->map, at, at + PAGE - 1, s->memory + at))
			abort();
}

static void tear_down(struct setting *s)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		hazard_unregister(s->slots[i]);
	hazard_done(&s->hazard);
	imap_done(&s->map);
	pthread_rwlock_destroy(&s->lock);
	free(s->memory);
}

void bench_hazard(void)
{
	struct setting s;
	struct bench_work section = {"hazard", section_once, &s};
	struct bench_work read_lock = {"pthread read lock", read_lock_once, &s};
	struct bench_work wait = {"hazard", wait_once, &s};
	struct bench_work write_lock = {"pthread write lock", write_lock_once, &s};
	struct bench_work dma = {"hazard", dma_once, &s};
	struct bench_work dma_locked = {"pthread read lock", dma_locked_once, &s};

	set_up(&s);
	bench_row("enter+leave", 0, &section, &read_lock);
	bench_row("wait, idle slots", SLOTS, &wait, &write_lock);
	bench_row("lookup+copy 64, pages", PAGES, &dma, &dma_locked);
	tear_down(&s);
}
