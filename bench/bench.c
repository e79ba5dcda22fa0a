/* SPDX-License-Identifier: MIT */
/* Options, repetition and output of the benchmarks: see bench.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define REPEATS 15
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
	printf("%-28s %8s %10s %10s  %-20s %10s %6s  %s\n", program, "size", "ns", "best",
	       "stand-in", "ns", "ratio", "goal");
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

/* The repetitions of one work. */
struct sample {
	double median, best;
};

static struct sample sample_of(double *values, unsigned int count)
{
	qsort(values, count, sizeof(*values), compare);
	return (struct sample){values[count / 2], values[0]};
}

static void print_name(const char *name, size_t size)
{
	printf("%-28s ", name);
	if (size)
		printf("%8zu", size);
	else
		printf("%8s", "");
}

static const char *verdict(struct sample ns, double goal)
{
	if (ns.median <= goal)
		return "met";
	return ns.best <= goal ? "best only" : "MISS";
}

static void json_start(const char *name, size_t size)
{
	fprintf(bench.json, "{\"program\":\"%s\",\"name\":\"%s\",\"size\":%zu", bench.program, name,
		size);
}

static void json_goal(double goal, const char *result)
{
	if (result)
		fprintf(bench.json, ",\"goal\":%.2f,\"result\":\"%s\"", goal, result);
	fprintf(bench.json, "}\n");
}

/* What a row has measured. */
struct result {
	const char *name;
	size_t size;
	struct sample ours, standin;
	const char *standin_name; /* or NULL */
	double goal;
	const char *verdict; /* or NULL */
};

static void print_row(const struct result *r)
{
	print_name(r->name, r->size);
	printf(" %10.1f %10.1f", r->ours.median, r->ours.best);
	if (r->standin_name)
		printf("  %-20s %10.1f %6.2f", r->standin_name, r->standin.median,
		       r->standin.median / r->ours.median);
	else
		printf("  %-20s %10s %6s", "", "", "");
	if (r->verdict)
		printf("  %.0f %s", r->goal, r->verdict);
	printf("\n");
	fflush(stdout);
}

static void json_row(const struct result *r)
{
	json_start(r->name, r->size);
	fprintf(bench.json, ",\"ns\":%.2f,\"best_ns\":%.2f", r->ours.median, r->ours.best);
	if (r->standin_name)
		fprintf(bench.json, ",\"standin\":\"%s\",\"standin_ns\":%.2f,\"ratio\":%.3f",
			r->standin_name, r->standin.median, r->standin.median / r->ours.median);
	json_goal(r->goal, r->verdict);
}

/* Both in turns: nothing of the machine's drift is in the ratio. */
static void measure(const struct bench_work *ours, const struct bench_work *standin,
		    struct sample *ret_ours, struct sample *ret_standin)
{
	double ns[REPEATS], standin_ns[REPEATS] = {0}, start = bench_now();
	unsigned int repeats = bench.smoke ? 1 : REPEATS;

	for (unsigned int i = 0; i <= repeats; i++) {
		/* The first round warms up. */
		ns[i ? i - 1 : 0] = ours->once(ours->arg);
		if (standin)
			standin_ns[i ? i - 1 : 0] = standin->once(standin->arg);
		if (!i && !bench.smoke && bench_now() - start > LONG_ROW)
			repeats = LONG_REPEAT;
	}
	*ret_ours = sample_of(ns, repeats);
	*ret_standin = sample_of(standin_ns, repeats);
}

void bench_row(const char *name, size_t size, const struct bench_work *ours,
	       const struct bench_work *standin)
{
	struct result r = {
		.name = name, .size = size, .standin_name = standin ? standin->name : NULL};

	if (!is_wanted(name))
		return;
	measure(ours, standin, &r.ours, &r.standin);
	if (ours->goal) {
		r.goal = ours->goal + (ours->over ? r.standin.median : 0);
		r.verdict = verdict(r.ours, r.goal);
	}
	print_row(&r);
	if (bench.json)
		json_row(&r);
}

void bench_scale(const char *name, const struct bench_work *slow, const struct bench_work *fast,
		 double goal)
{
	struct sample slow_ns, fast_ns;
	const char *result;
	double scale;

	if (!is_wanted(name))
		return;
	measure(slow, fast, &slow_ns, &fast_ns);
	scale = slow_ns.median / fast_ns.median;
	result = scale >= goal ? "met" : "MISS";
	print_name(name, 0);
	printf(" %10.2f times %s against %s; goal %.1f %s\n", scale, fast->name, slow->name, goal,
	       result);
	if (!bench.json)
		return;
	json_start(name, 0);
	fprintf(bench.json, ",\"value\":%.3f,\"unit\":\"times\"", scale);
	json_goal(goal, result);
}

void bench_number(const char *name, size_t size, double value, const char *unit, double goal)
{
	const char *result = goal ? value <= goal ? "met" : "MISS" : NULL;

	if (!is_wanted(name))
		return;
	print_name(name, size);
	printf(" %10.1f %s", value, unit);
	if (result)
		printf("; goal %.0f %s", goal, result);
	printf("\n");
	if (!bench.json)
		return;
	json_start(name, size);
	fprintf(bench.json, ",\"value\":%.2f,\"unit\":\"%s\"", value, unit);
	json_goal(goal, result);
}
