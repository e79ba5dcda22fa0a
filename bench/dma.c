/* SPDX-License-Identifier: MIT */
/*
 * Translations for DMA: the same page again, inside a section and with entering and leaving it; random over 256 regions of 2 MiB and over
 * 10 to a million maps of 4 KiB; several threads against one, also while another maps and unmaps; UNMAP while two threads do
 * DMA elsewhere. Stand-ins: a lookup in the C library's red-black tree under a mutex; for UNMAP, the one way for a reader to pay nothing at all, which
 * is that the writer interrupts it (membarrier).
 */
#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

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
	double goal;
	unsigned int rounds;				  /* of unmapping */
	double (*work)(struct setting *s, uint64_t seed); /* of threads */
	struct world world;
	void *tree;
};

static void set_up(struct setting *s)
{
	world_init(&s->world, s->n * s->size);
	world_plug_wide(&s->world);
	for (size_t i = 0; i < s->n; i++)
		world_map(&s->world, (uintptr_t)s->world.memory + i * s->size, s->size,
			  BASE + i * s->size);
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

#define MAX_CREW 4
#define BATCH	 64

struct crew {
	struct setting *s;
	uint64_t seed;
	double ns; /* for one */
	atomic_bool *stop;
};

static void *translator(void *arg)
{
	struct crew *crew = arg;

	crew->ns = crew->s->work(crew->s, crew->seed);
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

/*
 * Nanoseconds for one translation of all threads together, if each has a processor: a thread's time is what it has run. So that
 * others on the machine are not in the number.
 */
static double crew_once(void *arg)
{
	struct setting *s = arg;
	struct crew crew[MAX_CREW] = {0}, third = {.s = s};
	pthread_t threads[MAX_CREW], churn;
	atomic_bool stop = false;
	double per_ns = 0;

	third.stop = &stop;
	if (s->churn)
		pthread_create(&churn, NULL, churner, &third);
	for (unsigned int i = 0; i < s->threads; i++) {
		crew[i] = (struct crew){.s = s, .seed = i + 1};
		pthread_create(&threads[i], NULL, translator, &crew[i]);
	}
	for (unsigned int i = 0; i < s->threads; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&stop, true);
	if (s->churn)
		pthread_join(churn, NULL);
	for (unsigned int i = 0; i < s->threads; i++)
		per_ns += 1 / crew[i].ns;
	return 1 / per_ns;
}

/* ---- UNMAP while others do DMA ---- */

static void *busy(void *arg)
{
	struct crew *crew = arg;

	while (!atomic_load(crew->stop))
		translate(crew->s, crew->seed);
	return NULL;
}

/* Above what the threads touch: their translations are not in the way. */
static double unmap_batch(struct setting *s)
{
	uint64_t base = BASE + s->n * s->size;
	double total = 0, start;

	for (unsigned int round = 0; round < s->rounds; round++) {
		for (unsigned int i = 0; i < BATCH; i++)
			world_map(&s->world, (uintptr_t)s->world.memory, 4096, base + i * 4096ull);
		start = bench_now();
		for (unsigned int i = 0; i < BATCH; i++)
			world_unmap(&s->world, base + i * 4096ull, 4096);
		total += bench_now() - start;
	}
	return total / s->rounds / BATCH;
}

static double membarrier_batch(struct setting *s)
{
	double start = bench_now();

	for (unsigned int i = 0; i < BATCH; i++)
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	return (bench_now() - start) / BATCH;
}

static double among_busy(struct setting *s, double (*batch)(struct setting *))
{
	struct crew crew[MAX_CREW];
	pthread_t threads[MAX_CREW];
	atomic_bool stop = false;
	double ns;

	for (unsigned int i = 0; i < s->threads; i++) {
		crew[i] = (struct crew){.s = s, .seed = i + 1, .stop = &stop};
		pthread_create(&threads[i], NULL, busy, &crew[i]);
	}
	ns = batch(s);
	atomic_store(&stop, true);
	for (unsigned int i = 0; i < s->threads; i++)
		pthread_join(threads[i], NULL);
	return ns;
}

static double unmap_once(void *arg)
{
	return among_busy(arg, unmap_batch);
}

static double membarrier_once(void *arg)
{
	return among_busy(arg, membarrier_batch);
}

static void row_for_unmap(unsigned int threads)
{
	struct setting s = {
		.n = 256, .size = 2 << 20, .sections = true, .threads = threads, .lookups = 1000};
	struct bench_work ours = {"IOAS_UNMAP", unmap_once, &s, .goal = 300};
	struct bench_work membarrier = {"membarrier", membarrier_once, &s};

	s.rounds = bench_smoke() ? 1 : 1000;
	syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
	set_up(&s);
	bench_row("unmap beside DMA, threads:", threads, &ours, &membarrier);
	world_done(&s.world);
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
	struct bench_work ours = {"translate", translate_once, &s, .goal = s.goal};
	struct bench_work tree = {"tfind", tree_once, &s};

	if (!bench_wanted(name))
		return;
	s.lookups = bench_smoke() ? 100 : 200000;
	set_up(&s);
	grow_tree(&s);
	bench_row(name, s.n, &ours, &tree);
	world_done(&s.world);
	tdestroy(s.tree, free);
}

/* A read lock, as others take it. */
static double tree_shared(struct setting *s, uint64_t seed)
{
	static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
	double start = bench_now();

	for (size_t i = 0; i < s->lookups; i++) {
		uint64_t iova = random_iova(s, &seed);
		struct mapping key = {iova, iova};

		pthread_rwlock_rdlock(&lock);
		bench_keep((uintptr_t)tfind(&key, &s->tree, compare));
		pthread_rwlock_unlock(&lock);
	}
	return (bench_now() - start) / s->lookups;
}

/* `threads` against one. */
static void row_for_threads(const char *name, unsigned int threads, bool churn, double goal)
{
	struct setting one = {.n = 256,
			      .size = 2 << 20,
			      .sections = true,
			      .threads = 1,
			      .churn = churn,
			      .work = translate};
	struct setting many, tree_one, tree_many;
	struct bench_work works[] = {
		{"one thread", crew_once, &one},
		{"threads", crew_once, &many},
		{"one thread", crew_once, &tree_one},
		{"rwlock and tfind", crew_once, &tree_many},
	};
	struct bench_scale scale = {&works[0], &works[1], &works[2], &works[3], goal};

	one.lookups = bench_smoke() ? 100 : 200000;
	set_up(&one);
	grow_tree(&one);
	many = tree_one = tree_many = one;
	tree_one.work = tree_many.work = tree_shared;
	many.threads = tree_many.threads = threads;
	bench_scale(name, threads, &scale);
	world_done(&one.world);
	tdestroy(one.tree, free);
}

void bench_dma(void)
{
	const struct setting large = {.n = 256, .size = 2 << 20}, small = {.size = 4096};
	static const size_t sizes[] = {10, 100, 1000, 10000, 100000, 1000000};
	struct setting s = large;

	s.same = true;
	s.goal = 4;
	row("translate, same page, in a section", s);
	s.sections = true;
	s.goal = 10;
	row("translate, same page, section each", s);
	s = large;
	s.goal = 15;
	row("translate, random 2 MiB, in a section", s);
	s.sections = true;
	row("translate, random 2 MiB, section each", s);
	for (size_t i = 0; i < (bench_smoke() ? 2 : 6); i++) {
		s = small;
		s.n = sizes[i];
		s.goal = 40;
		row("translate, random 4 KiB, in a section", s);
		s.sections = true;
		s.goal = 0;
		row("translate, random 4 KiB, section each", s);
	}
	for (unsigned int n = 1; n <= (bench_smoke() ? 2 : MAX_CREW); n++)
		row_for_threads("translate, threads against one", n, false, n == 2 ? 1.8 : 0);
	row_for_threads("translate, threads against one, another maps", 2, true, 1.8);
	row_for_unmap(0);
	row_for_unmap(2);
}
