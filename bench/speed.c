/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define ROUNDS	 100
#define FIRST	 10000 /* some 300 ms: what the machine can do */
#define MAX_SIZE 256

/*
 * What a neighbour on the same core takes is the way to the instructions, the memory of branches, the nearest caches; not the clock. So a loop of
 * arithmetic does not feel it, while code that is long and has many branches does: the C library's.
 */
static double take(void)
{
	double start = bench_now();

	for (unsigned int i = 0; i < ROUNDS; i++) {
		char text[MAX_SIZE], *copy;

		snprintf(text, sizeof(text), "%u %s %x", i * 7919, "bench", i);
		copy = strdup(text);
		if (!copy)
			bench_fail("strdup");
		bench_keep(strtoul(copy, NULL, 10));
		free(copy);
	}
	return bench_now() - start;
}

double bench_slowness(void)
{
	static double best;
	double now;

	take(); /* into the caches */
	now = take();
	for (int i = best ? 0 : bench_count(FIRST); i > 0; i--) {
		double again = take();

		if (again < now)
			now = again;
	}
	if (!best || now < best)
		best = now;
	return now / best;
}
