/* SPDX-License-Identifier: MIT */
/*
 * Translations for DMA: the same page again, inside a section and with entering and leaving it; random over 256 regions of 2 MiB and over
 * maps of 4 KiB (as many as the mock's aperture holds); one thread and two, with a third that maps and unmaps. The stand-in is a lookup in the C library's
 * red-black tree under a mutex.
 */
#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "world.h"

#define BASE 0x1000000ull

struct setting {
	size_t n;      /* mappings */
	uint64_t size; /* of each */
	size_t lookups;
	bool sections; /* each translation in a section of its own */
	bool same;     /* the same page again */
	unsigned int threads;
	bool churn;
	struct world world;
	void *tree;
};

static void set_up(struct setting *s)
{
	world_init(&s->world, s->n * s->size);
	for (size_t i = 0; i < s->n; i++)
		world_map(&s->world, (uintptr_t)s->world.memory + i * s->size, s->size,
			  BASE + i * s->size);
	world_plug(&s->world);
}

static uint64_t random_iova(const struct setting *s, uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return BASE + ((*seed >> 32) * s->n >> 32) * s->size + 8;
}

static double translate(struct setting *s, uint64_t seed)
{
	struct dma_port port;
	double start;

	if (dma_port_init(&port, s->world.device))
		exit(1);
	start = bench_now();
	if (!s->sections)
		dma_enter(&port, 0, UINT64_MAX);
	for (size_t i = 0; i < s->lookups; i++) {
		uint64_t iova = s->same ? BASE + 8 : random_iova(s, &seed);
		size_t len = 64;
		char *host;

		if (s->sections)
			dma_enter(&port, iova, iova + 63);
		host = dma_translate(&port, 0, iova, &len, false);
		if (s->sections)
			dma_leave(&port);
		if (!host)
			exit(1);
		bench_keep((uintptr_t)host);
	}
	if (!s->sections)
		dma_leave(&port);
	start = bench_now() - start;
	dma_port_done(&port);
	return start / s->lookups;
}

static double translate_once(void *arg)
{
	return translate(arg, 1);
}

/* ---- threads ---- */

struct crew {
	struct setting *s;
	uint64_t seed;
	atomic_bool *stop;
	double ns;
};

static void *translator(void *arg)
{
	struct crew *crew = arg;

	crew->ns = translate(crew->s, crew->seed);
	return NULL;
}

static void *churner(void *arg)
{
	struct crew *crew = arg;
	uint64_t iova = BASE + crew->s->n * crew->s->size;

	while (!atomic_load(crew->stop)) {
		world_map(&crew->s->world, (uintptr_t)crew->s->world.memory, 4096, iova);
		world_unmap(&crew->s->world, iova, 4096);
	}
	return NULL;
}

/* Nanoseconds for one translation of all threads together. */
static double crew_once(void *arg)
{
	struct setting *s = arg;
	struct crew crew[8] = {0};
	pthread_t threads[8], third;
	atomic_bool stop = false;
	double start = bench_now();

	crew[7] = (struct crew){s, 0, &stop, 0};
	if (s->churn)
		pthread_create(&third, NULL, churner, &crew[7]);
	for (unsigned int i = 0; i < s->threads; i++) {
		crew[i] = (struct crew){s, i + 1, &stop, 0};
		pthread_create(&threads[i], NULL, translator, &crew[i]);
	}
	for (unsigned int i = 0; i < s->threads; i++)
		pthread_join(threads[i], NULL);
	start = bench_now() - start;
	atomic_store(&stop, true);
	if (s->churn)
		pthread_join(third, NULL);
	return start / s->lookups / s->threads;
}

/* ---- the stand-in ---- */

struct mapping {
	uint64_t first, last;
};

static int compare(const void *a, const void *b)
{
	const struct mapping *x = a, *y = b;

	return x->last < y->first ? -1 : x->first > y->last;
}

static void grow_tree(struct setting *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct mapping *m = malloc(sizeof(*m));

		*m = (struct mapping){BASE + i * s->size, BASE + (i + 1) * s->size - 1};
		tsearch(m, &s->tree, compare);
	}
}

static double tree_once(void *arg)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	struct setting *s = arg;
	uint64_t seed = 1;
	double start = bench_now();

	for (size_t i = 0; i < s->lookups; i++) {
		uint64_t iova = s->same ? BASE + 8 : random_iova(s, &seed);
		struct mapping key = {iova, iova};

		pthread_mutex_lock(&mutex);
		bench_keep((uintptr_t)tfind(&key, &s->tree, compare));
		pthread_mutex_unlock(&mutex);
	}
	return (bench_now() - start) / s->lookups;
}

static void row(const char *name, struct setting s)
{
	struct bench_work ours = {"translate", s.threads ? crew_once : translate_once, &s};
	struct bench_work tree = {"tfind", tree_once, &s};

	s.lookups = bench_smoke() ? 100 : 1000000;
	set_up(&s);
	grow_tree(&s);
	bench_row(name, s.n, &ours, &tree);
	world_done(&s.world);
	tdestroy(s.tree, free);
}

int main(int argc, char **argv)
{
	size_t many = 500000;

	bench_init("dma", argc, argv);
	if (bench_smoke())
		many = 100;
	row("same page, in a section", (struct setting){.n = 256, .size = 2 << 20, .same = true});
	row("same page, section each",
	    (struct setting){.n = 256, .size = 2 << 20, .same = true, .sections = true});
	row("random, in a section", (struct setting){.n = 256, .size = 2 << 20});
	row("random, section each", (struct setting){.n = 256, .size = 2 << 20, .sections = true});
	row("random, in a section", (struct setting){.n = many, .size = 4096});
	row("random, section each", (struct setting){.n = many, .size = 4096, .sections = true});
	row("1 thread",
	    (struct setting){.n = 256, .size = 2 << 20, .sections = true, .threads = 1});
	row("2 threads",
	    (struct setting){.n = 256, .size = 2 << 20, .sections = true, .threads = 2});
	row("1 thread, third maps",
	    (struct setting){
		    .n = 256, .size = 2 << 20, .sections = true, .threads = 1, .churn = true});
	row("2 threads, third maps",
	    (struct setting){
		    .n = 256, .size = 2 << 20, .sections = true, .threads = 2, .churn = true});
	return bench_done();
}
