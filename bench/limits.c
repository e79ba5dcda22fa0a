/* SPDX-License-Identifier: MIT */
/* What this machine can do at the best: the latency of its caches and memory, copies, a locked instruction, a system call. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define LINE 64

struct setting {
	size_t size;
	size_t count;
	char *from, *to;
};

static char *map(size_t size)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		bench_fail("mmap");
	madvise(at, size, MADV_HUGEPAGE);
	memset(at, 1, size);
	return at;
}

/* A chain through all lines, in an order that no prefetcher guesses: one cycle of a random permutation. */
static void make_chain(struct setting *s)
{
	size_t n = s->size / LINE;
	size_t *order = malloc(n * sizeof(*order));

	if (!order)
		bench_fail("malloc");
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	for (size_t i = n - 1; i > 0; i--) {
		size_t j = bench_random() % i, swap = order[i];

		order[i] = order[j];
		order[j] = swap;
	}
	for (size_t i = 0; i < n; i++)
		*(char **)(s->from + order[i] * LINE) = s->from + order[(i + 1) % n] * LINE;
	free(order);
}

static double chase_once(void *arg)
{
	struct setting *s = arg;
	char *at = s->from;
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++)
		at = *(char **)at;
	bench_keep((uintptr_t)at);
	return (bench_now() - start) / s->count;
}

static double copy_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++) {
		memcpy(s->to, s->from, s->size);
		bench_keep((uintptr_t)s->to);
	}
	return (bench_now() - start) / s->count;
}

static double locked_once(void *arg)
{
	struct setting *s = arg;
	_Atomic uint64_t word = 0;
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++)
		atomic_exchange(&word, i);
	return (bench_now() - start) / s->count;
}

static double syscall_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_now();

	for (size_t i = 0; i < s->count; i++)
		bench_keep(syscall(SYS_getppid));
	return (bench_now() - start) / s->count;
}

static void row_for_latency(size_t size)
{
	struct setting s = {.size = size, .count = bench_count(200000), .from = map(size)};
	struct bench_work work = {"load", chase_once, &s};

	make_chain(&s);
	bench_row("load, dependent, bytes:", size, &work, NULL);
	munmap(s.from, size);
}

static void row_for_copy(size_t size)
{
	struct setting s = {.size = size,
			    .count = bench_count(100000000 / size),
			    .from = map(size),
			    .to = map(size)};
	struct bench_work work = {"memcpy", copy_once, &s};

	bench_row("memcpy, bytes:", size, &work, NULL);
	munmap(s.from, size);
	munmap(s.to, size);
}

void bench_limits(void)
{
	static const size_t sizes[] = {16 << 10, 256 << 10, 4 << 20, 16 << 20, 128 << 20};
	struct setting s = {.count = bench_count(100000)};
	struct bench_work locked = {"xchg", locked_once, &s};
	struct bench_work call = {"getppid", syscall_once, &s};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		row_for_latency(sizes[i]);
	row_for_copy(4 << 10);
	row_for_copy(64 << 10);
	row_for_copy(2 << 20);
	bench_row("locked instruction", 0, &locked, NULL);
	bench_row("system call", 0, &call, NULL);
}
