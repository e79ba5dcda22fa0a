/* SPDX-License-Identifier: MIT */
/*
 * A page fault by the real way: a device's DMA finds a page of stage 1 absent, raises a page request and waits; the program reads it, maps the page, and answers; the
 * access goes on. Two threads, so time is the wall's. Stand-ins do nothing but pass a message to the other thread and an answer back: by what
 * others use, a pipe and a condition; and, in a row of its own, by words in memory that both look at all the time, which no program can beat.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "device/stall.h"
#include "guest.h"

#define PAGES  512u /* faults in a row */
#define LEAVES (4 * 4096ull)

struct setting {
	struct guest guest; /* first */
	struct file *queue;
	uint32_t hwpt;
	size_t rounds;
	int pipe[2];
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool answered;
	atomic_size_t raised, done;
};

/* ---- ours ---- */

static int install(struct client *client, struct file *file)
{
	struct world *world = (struct world *)((char *)client - offsetof(struct world, client));

	((struct setting *)world)->queue = file;
	return 0;
}

static const struct client_ops queue_client = {.fd_install = install};

static void set_up(struct setting *s)
{
	static const struct vtd_device_options asks = {.ats = true, .pri = true};
	struct iommu_fault_alloc queue = {.size = sizeof(queue)};
	struct world *w = &s->guest.world;
	uint64_t(*tables)[512];

	guest_init(&s->guest, NULL, &asks);
	w->client.ops = &queue_client;
	tables = (void *)w->memory;
	for (unsigned int i = 1; i < 4; i++)
		tables[i][0] = (i + 1) * 4096 | GUEST_LEAF;
	world_call(w, IOMMU_FAULT_QUEUE_ALLOC, &queue);
	s->hwpt = guest_enter(&s->guest, queue.out_fault_id);
}

static void tear_down(struct setting *s)
{
	file_put(s->queue);
	guest_done(&s->guest);
}

static _Atomic uint64_t *leaf(const struct setting *s, uint64_t page)
{
	return (_Atomic uint64_t *)(s->guest.world.memory + LEAVES) + page;
}

/* No page is there, nor in a cache. */
static void clear(struct setting *s)
{
	struct iommu_hwpt_vtd_s1_invalidate all = {.npages = UINT64_MAX};
	struct iommu_hwpt_invalidate cmd = {.size = sizeof(cmd),
					    .hwpt_id = s->hwpt,
					    .data_uptr = (uintptr_t)&all,
					    .entry_len = sizeof(all),
					    .entry_num = 1};

	memset(s->guest.world.memory + LEAVES, 0, 4096);
	world_call(&s->guest.world, IOMMU_HWPT_INVALIDATE, &cmd);
}

static void *do_dma(void *arg)
{
	struct setting *s = arg;
	uint64_t word;

	for (size_t i = 0; i < s->rounds; i++) {
		const struct dma_access access = {0, PT_READ, i * 4096, &word, sizeof(word)};

		if (dma_copy_stalling(&s->guest.port, &access, NULL))
			bench_fail("DMA");
	}
	return NULL;
}

static void handle(struct setting *s, const struct iommu_hwpt_pgfault *fault)
{
	struct iommu_hwpt_page_response response = {.cookie = fault->cookie};

	atomic_store(leaf(s, fault->addr / 4096), (GUEST_DATA + fault->addr) | GUEST_LEAF);
	if (file_write(s->queue, &s->guest.world.client, (uintptr_t)&response, sizeof(response),
		       -1) != sizeof(response))
		bench_fail("answer");
}

static double fault_once(void *arg)
{
	struct setting *s = arg;
	struct iommu_hwpt_pgfault fault;
	pthread_t device;
	double start;

	clear(s);
	start = bench_wall();
	if (pthread_create(&device, NULL, do_dma, s))
		bench_fail("a thread");
	for (size_t i = 0; i < s->rounds;) {
		ssize_t got = 0;

		/* As poll() would tell: what is empty need not be read. */
		if (file_poll(s->queue) & 1)
			got = file_read(s->queue, &s->guest.world.client, (uintptr_t)&fault,
					sizeof(fault), -1);
		if (got < 0)
			bench_fail("read");
		if (got)
			handle(s, &fault);
		else
			sched_yield();
		i += got > 0;
	}
	pthread_join(device, NULL);
	return (bench_wall() - start) / s->rounds;
}

/* ---- stand-ins ---- */

static void *ask_by_pipe(void *arg)
{
	struct iommu_hwpt_pgfault fault = {0};
	struct setting *s = arg;

	for (size_t i = 0; i < s->rounds; i++) {
		if (write(s->pipe[1], &fault, sizeof(fault)) != sizeof(fault))
			bench_fail("write");
		pthread_mutex_lock(&s->lock);
		while (!s->answered)
			pthread_cond_wait(&s->wake, &s->lock);
		s->answered = false;
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

static double pipe_once(void *arg)
{
	struct iommu_hwpt_pgfault fault;
	struct setting *s = arg;
	double start = bench_wall();
	pthread_t device;

	if (pthread_create(&device, NULL, ask_by_pipe, s))
		bench_fail("a thread");
	for (size_t i = 0; i < s->rounds; i++) {
		if (read(s->pipe[0], &fault, sizeof(fault)) != sizeof(fault))
			bench_fail("read");
		pthread_mutex_lock(&s->lock);
		s->answered = true;
		pthread_cond_signal(&s->wake);
		pthread_mutex_unlock(&s->lock);
	}
	pthread_join(device, NULL);
	return (bench_wall() - start) / s->rounds;
}

static void *ask_by_words(void *arg)
{
	struct setting *s = arg;

	for (size_t i = 1; i <= s->rounds; i++) {
		atomic_store(&s->raised, i);
		while (atomic_load(&s->done) != i)
			sched_yield();
	}
	return NULL;
}

static double words_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_wall();
	pthread_t device;

	atomic_store(&s->raised, 0);
	atomic_store(&s->done, 0);
	if (pthread_create(&device, NULL, ask_by_words, s))
		bench_fail("a thread");
	for (size_t i = 1; i <= s->rounds; i++) {
		while (atomic_load(&s->raised) != i)
			sched_yield();
		atomic_store(&s->done, i);
	}
	pthread_join(device, NULL);
	return (bench_wall() - start) / s->rounds;
}

void bench_faults(void)
{
	static struct setting s = {.lock = PTHREAD_MUTEX_INITIALIZER,
				   .wake = PTHREAD_COND_INITIALIZER};
	struct bench_work ours = {"DMA that stalls", fault_once, &s, .goal = 2000};
	struct bench_work pipes = {"a pipe and a condition", pipe_once, &s};
	struct bench_work words = {"words in memory", words_once, &s};

	s.rounds = bench_count(PAGES);
	set_up(&s);
	if (pipe(s.pipe))
		bench_fail("pipe");
	bench_row("fault: DMA waits, read, map, answer, retry", 0, &ours, &pipes);
	bench_row("fault: the same, over spinning threads", 0, &ours, &words);
	close(s.pipe[0]);
	close(s.pipe[1]);
	tear_down(&s);
}
