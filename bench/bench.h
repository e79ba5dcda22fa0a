/* SPDX-License-Identifier: MIT */
/*
 * Measuring, for programs that are run by hand. Machines are shared and their speed drifts, so the repetitions of the
 * subject and of its stand-in (an honest other way to do the same work, compiled beside it) take turns, and what counts is the
 * ratio of their medians. The best repetition is shown as well: on a machine that is busy with other things it is nearer to what the code takes.
 *
 *	PROGRAM [--smoke] [--json FILE] [NAME...]
 *
 * --smoke runs everything once with tiny counts: that is what CI does, which measures nothing. --json adds a line for each
 * row to FILE. With NAMEs only those rows are measured.
 */
#ifndef UIOMMUFD_BENCH_H
#define UIOMMUFD_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One repetition: sets up, measures with bench_now(), cleans up, and returns nanoseconds for one operation. */
struct bench_work {
	const char *name;
	double (*once)(void *arg);
	void *arg;
	double goal; /* ours: what we want, in ns; 0 if there is no goal */
	bool over;   /* the goal is for what it takes more than the stand-in */
};

/* Reads the options; prints the table's head. */
void bench_init(const char *program, int argc, char **argv);
/* The status for main() to return. */
int bench_done(void);

/* Are we only to show that it runs? */
bool bench_smoke(void);
/* Nanoseconds. */
double bench_now(void);
/* The compiler must believe that the value is used. */
static inline void bench_keep(uint64_t value)
{
	__asm__ volatile("" ::"r"(value));
}
/* Pseudo-random, the same in every run. */
uint64_t bench_random(void);

/*
 * Measures `ours` against `standin` (which may be NULL): warms up, repeats, prints medians and the ratio. `size` is what the cost may
 * depend on; 0 if nothing. Beside a goal: "met", "best only" if only the best repetition met it, or "MISS".
 */
void bench_row(const char *name, size_t size, const struct bench_work *ours,
	       const struct bench_work *standin);
/* A row for a number that is not a time. `goal`: no more than that; 0 if there is none. */
void bench_number(const char *name, size_t size, double value, const char *unit, double goal);
/* A row that says how many times faster `fast` is than `slow`, measured in turns. `goal`: at least that. */
void bench_scale(const char *name, const struct bench_work *slow, const struct bench_work *fast,
		 double goal);

#endif
