/* SPDX-License-Identifier: MIT */
/*
 * The interval map, from 10 to a million mappings of 4 KiB, filled in ascending and in random order. The stand-in is the C library's
 * red-black tree (tsearch) with one allocation for each mapping: what a program would write first. It has neither readers
 * without a lock nor the search for a gap.
 */
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "container/imap.h"

#define PAGE 4096ull

struct setting {
	size_t n;
	uint64_t *order; /* the pages, in order of insertion and of removal */
	size_t rounds;	 /* of fill and drain in a repetition: many if n is small */
	size_t lookups;
	double bytes;
	struct imap map;
	void *tree;
};

static void fail(const char *what)
{
	fprintf(stderr, "%s failed\n", what);
	exit(1);
}

static void map_insert(struct setting *s, uint64_t page)
{
	if (imap_insert(&s->map, page * PAGE, page * PAGE + PAGE - 1, (void *)(page + 1)))
		fail("imap_insert");
}

static int tree_compare(const void *a, const void *b)
{
	const struct imap_entry *x = a, *y = b;

	return x->last < y->first ? -1 : x->first > y->last;
}

static void tree_insert(struct setting *s, uint64_t page)
{
	struct imap_entry *entry = malloc(sizeof(*entry)), **found;

	if (!entry)
		fail("malloc");
	*entry = (struct imap_entry){page * PAGE, page * PAGE + PAGE - 1, (void *)(page + 1)};
	found = tsearch(entry, &s->tree, tree_compare);
	if (!found || *found != entry)
		fail("tsearch");
}

static void tree_remove(struct setting *s, uint64_t page)
{
	struct imap_entry key = {page * PAGE, page * PAGE, NULL}, **found, *entry;

	found = tfind(&key, &s->tree, tree_compare);
	if (!found)
		fail("tfind");
	entry = *found;
	tdelete(entry, &s->tree, tree_compare);
	free(entry);
}

static void map_remove(struct setting *s, uint64_t page)
{
	imap_remove(&s->map, page * PAGE);
}

typedef void step(struct setting *s, uint64_t page);

/* Fills and drains; the time of one of the two. */
static double fill_and_drain(struct setting *s, step *insert, step *drain, bool time_insert)
{
	double total = 0, start;

	for (size_t round = 0; round < s->rounds; round++) {
		start = bench_now();
		for (size_t i = 0; i < s->n; i++)
			insert(s, s->order[i]);
		if (time_insert)
			total += bench_now() - start;
		start = bench_now();
		for (size_t i = 0; i < s->n; i++)
			drain(s, s->order[i]);
		if (!time_insert)
			total += bench_now() - start;
	}
	return total / s->rounds / s->n;
}

static double map_insert_once(void *arg)
{
	return fill_and_drain(arg, map_insert, map_remove, true);
}

static double map_remove_once(void *arg)
{
	return fill_and_drain(arg, map_insert, map_remove, false);
}

static double tree_insert_once(void *arg)
{
	return fill_and_drain(arg, tree_insert, tree_remove, true);
}

static double tree_remove_once(void *arg)
{
	return fill_and_drain(arg, tree_insert, tree_remove, false);
}

static uint64_t random_address(const struct setting *s)
{
	return ((uint64_t)(uint32_t)bench_random() * s->n >> 32) * PAGE + 8;
}

static double map_lookup_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_now();
	struct imap_entry entry;

	for (size_t i = 0; i < s->lookups; i++) {
		if (!imap_lookup(&s->map, random_address(s), &entry))
			fail("imap_lookup");
		bench_keep((uint64_t)entry.value);
	}
	return (bench_now() - start) / s->lookups;
}

static double tree_lookup_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_now();

	for (size_t i = 0; i < s->lookups; i++) {
		uint64_t at = random_address(s);
		struct imap_entry key = {at, at, NULL},
				  **found = tfind(&key, &s->tree, tree_compare);

		if (!found)
			fail("tfind");
		bench_keep((uint64_t)(*found)->value);
	}
	return (bench_now() - start) / s->lookups;
}

/* A gap is made at a random place, found by its size, and filled. */
static double map_gap_once(void *arg)
{
	struct setting *s = arg;
	double start = bench_now();
	size_t count = s->lookups / 10;
	uint64_t first, last;

	for (size_t i = 0; i < count; i++) {
		imap_remove(&s->map, random_address(s) & -PAGE);
		if (!imap_next_gap(&s->map, 0, PAGE, &first, &last))
			fail("imap_next_gap");
		map_insert(s, first / PAGE);
	}
	return (bench_now() - start) / count;
}

static void shuffle(uint64_t *order, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = bench_random() % i;
		uint64_t swap = order[i - 1];

		order[i - 1] = order[j];
		order[j] = swap;
	}
}

static void row(struct setting *s, const char *order, const char *what, double (*ours)(void *),
		double (*standin)(void *))
{
	struct bench_work map = {"imap", ours, s}, tree = {"tsearch", standin, s};
	char name[64];

	snprintf(name, sizeof(name), "%s-%s", what, order);
	bench_row(name, s->n, &map, standin ? &tree : NULL);
}

static void measure(size_t n, bool is_random)
{
	const char *order = is_random ? "random" : "ascending";
	struct setting s = {.n = n, .order = calloc(n, sizeof(*s.order))};
	char name[64];

	if (!s.order)
		fail("calloc");
	for (size_t i = 0; i < n; i++)
		s.order[i] = i;
	if (is_random)
		shuffle(s.order, n);
	s.rounds = bench_smoke() || n > 50000 ? 1 : 50000 / n;
	s.lookups = bench_smoke() ? 100 : 200000;
	imap_init(&s.map);
	row(&s, order, "insert", map_insert_once, tree_insert_once);
	row(&s, order, "remove", map_remove_once, tree_remove_once);
	for (size_t i = 0; i < n; i++) {
		map_insert(&s, s.order[i]);
		tree_insert(&s, s.order[i]);
	}
	snprintf(name, sizeof(name), "memory-%s", order);
	bench_number(name, n, (double)s.map.store.bytes / n, "bytes an entry", 0);
	row(&s, order, "lookup", map_lookup_once, tree_lookup_once);
	row(&s, order, "remove+find gap+insert", map_gap_once, NULL);
	for (size_t i = 0; i < n; i++)
		tree_remove(&s, s.order[i]);
	imap_done(&s.map);
	free(s.order);
}

void bench_imap(void)
{
	static const size_t sizes[] = {10, 256, 1000, 100000, 1000000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		if (bench_smoke() && sizes[i] > 1000)
			break;
		measure(sizes[i], false);
		measure(sizes[i], true);
	}
}
