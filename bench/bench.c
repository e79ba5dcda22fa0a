/* SPDX-License-Identifier: MIT */
/* The program: options, repetition and output. See bench.h and README.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "groups.h"

#define REPEATS 25
/* Rounds in which the machine was this much slower than at its best are made again, until this many for each repetition were tried. */
#define STEADY 1.15
#define TRIES  4
/* A row whose repetition takes longer than this, in ns, is repeated only a few times. */
#define LONG_ROW    5e8
#define LONG_REPEAT 3

static struct {
	const char *group;
	const char *by; /* who answers: us, or a kernel */
	bool smoke, list;
	FILE *json;
	char **names;
	int name_count;
	int missed;
	uint64_t random;
} bench = {.random = 88172645463325252ull};

static _Noreturn void usage(const char *program)
{
	fprintf(stderr, "usage: %s [--smoke] [--list] [--json FILE] [GROUP]... [ROW]...\n",
		program);
	exit(2);
}

static void parse(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && !strncmp(argv[i], "--", 2); i++) {
		if (!strcmp(argv[i], "--smoke"))
			bench.smoke = true;
		else if (!strcmp(argv[i], "--list"))
			bench.list = true;
		else if (!strcmp(argv[i], "--json") && i + 1 < argc)
			bench.json = fopen(argv[++i], "a");
		else
			usage(argv[0]);
		if (!strcmp(argv[i - 1], "--json") && !bench.json)
			bench_fail(argv[i]);
	}
	bench.names = argv + i;
	bench.name_count = argc - i;
}

_Noreturn void bench_fail(const char *what)
{
	perror(what);
	exit(1);
}

bool bench_smoke(void)
{
	return bench.smoke;
}

size_t bench_count(size_t count)
{
	return bench.smoke ? 1 : count;
}

static double now(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

double bench_now(void)
{
	return now(CLOCK_THREAD_CPUTIME_ID);
}

double bench_wall(void)
{
	return now(CLOCK_MONOTONIC);
}

uint64_t bench_random(void)
{
	bench.random ^= bench.random << 13;
	bench.random ^= bench.random >> 7;
	bench.random ^= bench.random << 17;
	return bench.random;
}

/* ---- what was asked for ---- */

static bool is_named(const char *name)
{
	for (int i = 0; i < bench.name_count; i++)
		if (!strcmp(bench.names[i], name))
			return true;
	return false;
}

static bool is_group(const char *name)
{
	for (const struct bench_group *group = bench_groups; group->name; group++)
		if (!strcmp(group->name, name))
			return true;
	return false;
}

/* Have groups been named, or rows? */
static bool any_named(bool groups)
{
	for (int i = 0; i < bench.name_count; i++)
		if (is_group(bench.names[i]) == groups)
			return true;
	return false;
}

bool bench_wanted(const char *row)
{
	return !any_named(false) || is_named(row);
}

/* ---- repetitions ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The repetitions of one work. */
struct sample {
	double median, best;
};

#define MAX_WORKS 4

/* All works once, and how slow the machine was then: its worst before, between and after them. */
struct round {
	double slowness, values[MAX_WORKS];
};

/* Works may be NULL. */
static struct round one_round(const struct bench_work *const *works, unsigned int n)
{
	struct round round = {.slowness = bench_slowness()};

	for (unsigned int w = 0; w < n; w++) {
		double slowness;

		if (!works[w])
			continue;
		round.values[w] = works[w]->once(works[w]->arg);
		slowness = bench_slowness();
		if (slowness > round.slowness)
			round.slowness = slowness;
	}
	return round;
}

static struct sample sample_of(const struct round *rounds, unsigned int count, unsigned int work)
{
	double values[REPEATS];

	for (unsigned int i = 0; i < count; i++)
		values[i] = rounds[i].values[work];
	qsort(values, count, sizeof(*values), compare);
	return (struct sample){values[count / 2], values[0]};
}

/*
 * All works in turns: little of the machine's drift is in their ratios. What counts are the rounds in which it was fastest: a choice that does
 * not look at what they took. Returns the median of its slowness in them.
 */
static double measure(const struct bench_work *const *works, unsigned int n, struct sample *ret)
{
	struct round rounds[REPEATS * TRIES];
	unsigned int repeats = bench.smoke ? 1 : REPEATS, made = 0, steady = 0;
	double start = bench_wall();

	one_round(works, n); /* warms up */
	if (!bench.smoke && bench_wall() - start > LONG_ROW)
		repeats = LONG_REPEAT;
	while (steady < repeats && made < repeats * (bench.smoke ? 1 : TRIES)) {
		rounds[made] = one_round(works, n);
		steady += rounds[made++].slowness <= STEADY;
	}
	/* The slowness comes first in a round. */
	qsort(rounds, made, sizeof(*rounds), compare);
	for (unsigned int w = 0; w < n; w++)
		ret[w] = sample_of(rounds, repeats, w);
	return rounds[repeats / 2].slowness;
}

/* ---- output ---- */

/* What a row has measured. */
struct result {
	const char *name;
	size_t size;
	const char *unit;
	struct sample ours, standin;
	const char *standin_name; /* or NULL */
	double slowness;	  /* of the machine; 0 if there is no time in the row */
	double goal;
	bool at_least; /* the goal is a lower bound */
};

static const char *verdict(const struct result *r)
{
	if (!r->goal)
		return NULL;
	if (r->at_least)
		return r->ours.median >= r->goal ? "hit" : "MISS";
	return r->ours.median <= r->goal ? "hit" : "MISS";
}

/* How often ours fits into the stand-in; for a factor, how near we are to it. */
static double ratio_of(const struct result *r)
{
	return r->at_least ? r->ours.median / r->standin.median
			   : r->standin.median / r->ours.median;
}

static void print_head(void)
{
	printf("%-40s %8s %10s %10s %-6s %-26s %10s %6s %6s  %s\n", "row", "size", "median", "best",
	       "", "stand-in", "", "ratio", "slow", "goal");
}

static void print_row(const struct result *r)
{
	char size[24] = "";

	if (r->size)
		snprintf(size, sizeof(size), "%zu", r->size);
	printf("%-40s %8s %10.1f %10.1f %-6s", r->name, size, r->ours.median, r->ours.best,
	       r->unit);
	if (r->standin_name)
		printf(" %-26s %10.1f %6.2f", r->standin_name, r->standin.median, ratio_of(r));
	else
		printf(" %-26s %10s %6s", "", "", "");
	printf(" %6.2f", r->slowness);
	if (r->goal)
		printf("  %.*f %s", r->goal < 10 ? 1 : 0, r->goal, verdict(r));
	printf("\n");
	fflush(stdout);
}

static void json_row(const struct result *r)
{
	fprintf(bench.json,
		"{\"group\":\"%s\",\"row\":\"%s\",\"size\":%zu,\"unit\":\"%s\",\"by\":\"%s\"",
		bench.group, r->name, r->size, r->unit, bench.by);
	fprintf(bench.json, ",\"median\":%.2f,\"best\":%.2f", r->ours.median, r->ours.best);
	if (r->standin_name)
		fprintf(bench.json, ",\"standin\":\"%s\",\"standin_median\":%.2f,\"ratio\":%.3f",
			r->standin_name, r->standin.median, ratio_of(r));
	if (r->slowness)
		fprintf(bench.json, ",\"slowness\":%.2f", r->slowness);
	if (r->goal)
		fprintf(bench.json, ",\"goal\":%.2f,\"result\":\"%s\"", r->goal, verdict(r));
	fprintf(bench.json, "}\n");
	fflush(bench.json);
}

static void show(const struct result *r)
{
	print_row(r);
	if (bench.json)
		json_row(r);
	bench.missed += r->goal && !strcmp(verdict(r), "MISS");
}

void bench_row(const char *name, size_t size, const struct bench_work *ours,
	       const struct bench_work *standin)
{
	const struct bench_work *works[] = {ours, standin};
	struct sample samples[2];
	struct result r = {.name = name, .size = size, .unit = "ns", .goal = ours->goal};

	if (!bench_wanted(name))
		return;
	r.slowness = measure(works, 2, samples);
	r.ours = samples[0];
	r.standin = samples[1];
	if (standin)
		r.standin_name = standin->name;
	if (ours->over)
		r.goal += r.standin.median;
	show(&r);
}

static struct sample quotient(struct sample slow, struct sample fast)
{
	return (struct sample){slow.median / fast.median, slow.best / fast.best};
}

void bench_scale(const char *name, size_t size, const struct bench_scale *scale)
{
	const struct bench_work *works[] = {scale->slow, scale->fast, scale->standin_slow,
					    scale->standin_fast};
	struct sample samples[4];
	struct result r = {
		.name = name, .size = size, .unit = "times", .goal = scale->goal, .at_least = true};

	if (!bench_wanted(name))
		return;
	r.slowness = measure(works, 4, samples);
	r.ours = quotient(samples[0], samples[1]);
	if (scale->standin_fast) {
		r.standin = quotient(samples[2], samples[3]);
		r.standin_name = scale->standin_fast->name;
	}
	show(&r);
}

void bench_number(const char *name, size_t size, double value, const char *unit, double goal)
{
	struct result r = {
		.name = name, .size = size, .unit = unit, .ours = {value, value}, .goal = goal};

	if (bench_wanted(name))
		show(&r);
}

/* ---- groups ---- */

static bool under_shim(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "uiommufd");
}

/* What this group needs and is not there; NULL if nothing. */
static const char *missing(const struct bench_group *group)
{
	if (group->place == BENCH_SHIM && !under_shim())
		return "only under `uiommufd run`";
	if (group->place == BENCH_LAUNCHER && !bench_launched())
		return "only under `uiommufd run --launcher`";
	if (group->place == BENCH_IOMMU && !under_shim() && access("/dev/iommu", R_OK | W_OK))
		return "no /dev/iommu; try `uiommufd run`";
	return NULL;
}

static void run_group(const struct bench_group *group)
{
	const char *why_not = missing(group);

	if (any_named(true) && !is_named(group->name))
		return;
	bench.group = group->name;
	bench.by = group->place == BENCH_IOMMU && !under_shim() ? "kernel" : "uiommufd";
	if (bench.list)
		printf("%s%s%s\n", group->name, why_not ? ": " : "", why_not ? why_not : "");
	else if (why_not)
		printf("-- %s: %s\n", group->name, why_not);
	else
		group->run();
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	if (!bench.list)
		print_head();
	for (const struct bench_group *group = bench_groups; group->name; group++)
		run_group(group);
	if (bench.missed && !bench.smoke)
		printf("%d missed\n", bench.missed);
	if (bench.json && fclose(bench.json))
		bench_fail("json");
	return 0;
}
