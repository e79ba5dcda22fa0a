/* SPDX-License-Identifier: MIT */
/* Options, repetition and output of the benchmarks: see bench.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define REPEATS 9
/* A row that takes longer than this, in ns, is repeated only a few times. */
#define LONG_ROW    1e9
#define LONG_REPEAT 3

static struct {
	const char *program;
	bool smoke;
	FILE *json;
	char **names;
	int name_count;
	uint64_t random;
} bench = {.random = 88172645463325252ull};

static void usage(void)
{
	fprintf(stderr, "usage: %s [--smoke] [--json FILE] [NAME...]\n", bench.program);
	exit(2);
}

void bench_init(const char *program, int argc, char **argv)
{
	int i;

	bench.program = program;
	for (i = 1; i < argc && !strncmp(argv[i], "--", 2); i++) {
		if (!strcmp(argv[i], "--smoke")) {
			bench.smoke = true;
		} else if (!strcmp(argv[i], "--json") && i + 1 < argc) {
			bench.json = fopen(argv[++i], "a");
			if (!bench.json) {
				perror(argv[i]);
				exit(1);
			}
		} else {
			usage();
		}
	}
	bench.names = argv + i;
	bench.name_count = argc - i;
	printf("%-28s %9s %11s  %-20s %11s %7s\n", program, "size", "ns", "stand-in", "ns",
	       "ratio");
}

int bench_done(void)
{
	if (bench.json && fclose(bench.json)) {
		perror("json");
		return 1;
	}
	return 0;
}

bool bench_smoke(void)
{
	return bench.smoke;
}

double bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

uint64_t bench_random(void)
{
	bench.random ^= bench.random << 13;
	bench.random ^= bench.random >> 7;
	bench.random ^= bench.random << 17;
	return bench.random;
}

static bool is_wanted(const char *name)
{
	for (int i = 0; i < bench.name_count; i++)
		if (!strcmp(bench.names[i], name))
			return true;
	return !bench.name_count;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, unsigned int count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

static void print_row(const char *name, size_t size, double ns, const char *standin,
		      double standin_ns)
{
	printf("%-28s ", name);
	if (size)
		printf("%9zu", size);
	else
		printf("%9s", "");
	printf(" %11.1f", ns);
	if (standin)
		printf("  %-20s %11.1f %7.2f", standin, standin_ns, standin_ns / ns);
	printf("\n");
	fflush(stdout);
	if (!bench.json)
		return;
	fprintf(bench.json, "{\"program\":\"%s\",\"name\":\"%s\",\"size\":%zu,\"ns\":%.2f",
		bench.program, name, size, ns);
	if (standin)
		fprintf(bench.json, ",\"standin\":\"%s\",\"standin_ns\":%.2f,\"ratio\":%.3f",
			standin, standin_ns, standin_ns / ns);
	fprintf(bench.json, "}\n");
}

void bench_row(const char *name, size_t size, const struct bench_work *ours,
	       const struct bench_work *standin)
{
	double ns[REPEATS], standin_ns[REPEATS], start = bench_now();
	unsigned int repeats = bench.smoke ? 1 : REPEATS;

	if (!is_wanted(name))
		return;
	for (unsigned int i = 0; i <= repeats; i++) {
		/* The first round warms up. */
		ns[i ? i - 1 : 0] = ours->once(ours->arg);
		if (standin)
			standin_ns[i ? i - 1 : 0] = standin->once(standin->arg);
		if (!i && !bench.smoke && bench_now() - start > LONG_ROW)
			repeats = LONG_REPEAT;
	}
	print_row(name, size, median(ns, repeats), standin ? standin->name : NULL,
		  standin ? median(standin_ns, repeats) : 0);
}

void bench_number(const char *name, size_t size, double value, const char *unit)
{
	if (!is_wanted(name))
		return;
	printf("%-28s %9zu %11.1f  %s\n", name, size, value, unit);
	if (bench.json)
		fprintf(bench.json,
			"{\"program\":\"%s\",\"name\":\"%s\",\"size\":%zu,\"value\":%.2f,\"unit\":"
			"\"%s\"}\n",
			bench.program, name, size, value, unit);
}
