/* SPDX-License-Identifier: MIT */
/*
 * One program that measures: groups of rows, one file each. README.md says how it is run and how a row is added.
 *
 * Machines are shared and their speed drifts. So the repetitions of the subject and of its stand-in (an honest other way to do the same work,
 * compiled beside it) are short and take turns, and what counts is the ratio of their medians. Time is that of the thread
 * on a processor (bench_now()), so that what others run there is not in it. What they do to the core and its caches is; so before and
 * after each round the speed of the machine is measured (bench_slowness()), and the rounds in which it was slow are made again.
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

/* The rows of one file, and where they can be measured. */
enum bench_place {
	BENCH_ANYWHERE, /* calls the core itself; best without the shim */
	BENCH_IOMMU,	/* where there is a /dev/iommu, ours or the kernel's */
	BENCH_SHIM,	/* under `uiommufd run` */
	BENCH_LAUNCHER, /* under `uiommufd run --launcher` */
};

struct bench_group {
	const char *name;
	void (*run)(void);
	enum bench_place place;
};

/* Are we only to show that it runs? */
bool bench_smoke(void);
/* The number of rounds: 1 if only to show that it runs. */
size_t bench_count(size_t count);
/* Nanoseconds that this thread has run. */
double bench_now(void);
/* Nanoseconds that have passed: for what several threads or processes do together. */
double bench_wall(void);
/*
 * How much slower than it has been at its best the machine is now: 1 or more. Takes a small piece of work that has nothing to do with what
 * is measured.
 */
double bench_slowness(void);
/* Ends the program. */
_Noreturn void bench_fail(const char *what);
/* The compiler must believe that the value is used. */
static inline void bench_keep(uint64_t value)
{
	__asm__ volatile("" ::"r"(value));
}
/* Pseudo-random, the same in every run. */
uint64_t bench_random(void);

/* Is this program served by a launcher? Then that is its parent. */
bool bench_launched(void);

/* Was this row asked for? The functions below look themselves; what takes long to set up can ask before. */
bool bench_wanted(const char *row);

/*
 * Measures `ours` against `standin` (which may be NULL): warms up, repeats, prints medians and the ratio. `size` is what the cost may
 * depend on; 0 if nothing: rows of one name and several sizes become a curve. Beside a goal: "hit", or "MISS".
 */
void bench_row(const char *name, size_t size, const struct bench_work *ours,
	       const struct bench_work *standin);
/* A row for a number that is not a time. `goal`: no more than that; 0 if there is none. */
void bench_number(const char *name, size_t size, double value, const char *unit, double goal);
/*
 * A row that says how many times faster `fast` is than `slow`, measured in turns. `goal`: at least that. `standin_slow` and `standin_fast`
 * (or NULL) are the same for a stand-in: what the machine could do at best.
 */
struct bench_scale {
	const struct bench_work *slow, *fast, *standin_slow, *standin_fast;
	double goal;
};
void bench_scale(const char *name, size_t size, const struct bench_scale *scale);

/* The groups. */
void bench_dma(void);
void bench_faults(void);
void bench_hazard(void);
void bench_hwpt(void);
void bench_nested(void);
void bench_imap(void);
void bench_ioas(void);
void bench_ioctl(void);
void bench_launcher(void);
void bench_limits(void);
void bench_mmio(void);
void bench_models(void);
void bench_remote(void);
void bench_scales(void);
void bench_shim(void);

#endif
