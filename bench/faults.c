/* SPDX-License-Identifier: MIT */
/*
 * A page fault by the real way: a device's DMA finds a page of stage 1 absent, raises a page request and waits; the program reads it, maps the page, and answers; the
 * access goes on. Two threads, so time is the wall's. Stand-ins do nothing but pass the same message to the other thread and an answer back.
 *
 * Two ways. A handler that looks at the queue all the time, as an embedder that has a processor for it, without a descriptor; beside words in memory that both threads
 * look at, which nothing can beat. And a handler that sleeps in poll() on the queue's descriptor, as programs do; beside one that polls a pipe and answers by a condition.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/spin.h"
#include "bench.h"
#include "device/stall.h"
#include "frontend/service/service.h"
#include "guest.h"

#define PAGES  512u /* faults in a row */
#define LEAVES (4 * 4096ull)

struct setting {
	struct guest guest; /* first */
	struct file *queue;
	struct service *service; /* serves the queue's descriptor */
	int queue_fd;
	uint32_t hwpt;
	size_t rounds;
	int pipe[2];
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool answered;
	/* Words in memory, each in a line of its own. */
	_Alignas(64) struct iommu_hwpt_pgfault message;
	_Alignas(64) atomic_size_t raised;
	_Alignas(64) atomic_size_t done;
};

/* ---- ours ---- */

static void forget(struct service *service, struct endpoint *endpoint)
{
}

static int place(int fd)
{
	return fd;
}

static void unplace(int fd)
{
	close(fd);
}

static int descriptor(struct service *service, struct endpoint *endpoint)
{
	return ((const struct setting *)service->owner)->queue_fd;
}

static const struct service_hooks hooks = {
	.place = place, .unplace = unplace, .forget = forget, .descriptor = descriptor};

static void start_service(struct setting *s)
{
	if (service_new(&hooks, s, &s->service))
		bench_fail("service");
	s->service->program = &s->guest.world.client;
	if (service_start(s->service))
		bench_fail("service");
}

/* The queue gets a descriptor of its own if there is a service. */
static int install(struct client *client, struct file *file)
{
	struct world *world = (struct world *)((char *)client - offsetof(struct world, client));
	struct setting *s = (struct setting *)world;
	struct endpoint *endpoint;

	s->queue = file;
	return !s->service ? 0 : service_install(s->service, file, &s->queue_fd, &endpoint);
}

static const struct client_ops queue_client = {.fd_install = install};

static void set_up(struct setting *s, bool with_service)
{
	static const struct vtd_device_options asks = {.ats = true, .pri = true};
	struct iommu_fault_alloc queue = {.size = sizeof(queue)};
	struct world *w = &s->guest.world;
	uint64_t(*tables)[512];

	guest_init(&s->guest, NULL, &asks);
	w->client.ops = &queue_client;
	if (with_service)
		start_service(s);
	tables = (void *)w->memory;
	for (unsigned int i = 1; i < 4; i++)
		tables[i][0] = (i + 1) * 4096 | GUEST_LEAF;
	world_call(w, IOMMU_FAULT_QUEUE_ALLOC, &queue);
	s->hwpt = guest_enter(&s->guest, queue.out_fault_id);
}

static void tear_down(struct setting *s)
{
	if (s->service) {
		close(s->queue_fd);
		service_catch_up(s->service);
	} else {
		file_put(s->queue);
	}
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

/* Between two looks at what another thread will change. Where that has no processor of its own it must get this one. */
static void look_again(unsigned int looks)
{
	if (looks % 1024)
		spin_relax();
	else
		sched_yield();
}

static void wait_looking(const struct setting *s)
{
	for (unsigned int i = 1; !(file_poll(s->queue) & POLLIN); i++)
		look_again(i);
}

static void wait_asleep(const struct setting *s)
{
	struct pollfd queue = {.fd = s->queue_fd, .events = POLLIN};

	if (poll(&queue, 1, -1) != 1)
		bench_fail("poll");
}

static double fault_once(struct setting *s, void (*wait)(const struct setting *s))
{
	struct iommu_hwpt_pgfault fault;
	pthread_t device;
	double start;

	clear(s);
	start = bench_wall();
	if (pthread_create(&device, NULL, do_dma, s))
		bench_fail("a thread");
	for (size_t i = 0; i < s->rounds; i++) {
		wait(s);
		if (file_read(s->queue, &s->guest.world.client, (uintptr_t)&fault, sizeof(fault),
			      -1) != sizeof(fault))
			bench_fail("read");
		handle(s, &fault);
	}
	pthread_join(device, NULL);
	return (bench_wall() - start) / s->rounds;
}

static double looking_once(void *arg)
{
	return fault_once(arg, wait_looking);
}

static double asleep_once(void *arg)
{
	return fault_once(arg, wait_asleep);
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
	struct pollfd queue = {.fd = ((struct setting *)arg)->pipe[0], .events = POLLIN};
	struct iommu_hwpt_pgfault fault;
	struct setting *s = arg;
	double start = bench_wall();
	pthread_t device;

	if (pthread_create(&device, NULL, ask_by_pipe, s))
		bench_fail("a thread");
	for (size_t i = 0; i < s->rounds; i++) {
		if (poll(&queue, 1, -1) != 1 ||
		    read(s->pipe[0], &fault, sizeof(fault)) != sizeof(fault))
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
		s->message.addr = i;
		atomic_store(&s->raised, i);
		for (unsigned int j = 1; atomic_load(&s->done) != i; j++)
			look_again(j);
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
		for (unsigned int j = 1; atomic_load(&s->raised) != i; j++)
			look_again(j);
		if (s->message.addr != i)
			bench_fail("the message");
		atomic_store(&s->done, i);
	}
	pthread_join(device, NULL);
	return (bench_wall() - start) / s->rounds;
}

void bench_faults(void)
{
	static struct setting s = {.lock = PTHREAD_MUTEX_INITIALIZER,
				   .wake = PTHREAD_COND_INITIALIZER};
	struct bench_work looking = {"DMA that stalls", looking_once, &s, .goal = 2000};
	struct bench_work asleep = {"DMA that stalls", asleep_once, &s};
	struct bench_work words = {"words in memory", words_once, &s};
	struct bench_work pipes = {"a pipe and a condition", pipe_once, &s};

	s.rounds = bench_count(PAGES);
	set_up(&s, false);
	bench_row("fault, handler looks: raise, read, map, answer, retry", 0, &looking, &words);
	tear_down(&s);

	set_up(&s, true);
	if (pipe(s.pipe))
		bench_fail("pipe");
	bench_row("fault, handler polls a descriptor: the same", 0, &asleep, &pipes);
	close(s.pipe[0]);
	close(s.pipe[1]);
	tear_down(&s);
}
