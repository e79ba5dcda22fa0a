/* SPDX-License-Identifier: MIT */
#include "base/spin.h"

#include <sched.h>
#include <time.h>

#define LOOKS	   32 /* between two looks at the clock */
#define CREDIT_MAX 4
#define TRY_ANYWAY 32 /* one wait of so many, without credit */

unsigned int spin_here(void)
{
	return (unsigned int)sched_getcpu() + 1;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static bool worth_it(struct spin *spin, unsigned int other)
{
	if (spin->mode != SPIN_ADAPTIVE)
		return spin->mode == SPIN_ALWAYS;
	if (!other || other == spin_here())
		return false;
	return spin->credit || ++spin->skipped >= TRY_ANYWAY;
}

static bool look(uint64_t limit, bool (*done)(void *arg), void *arg)
{
	uint64_t start = now();

	do {
		for (int i = 0; i < LOOKS; i++) {
			if (done(arg))
				return true;
			spin_relax();
		}
	} while (now() - start < limit);
	return false;
}

bool spin_until(struct spin *spin, unsigned int other, bool (*done)(void *arg), void *arg)
{
	if (done(arg))
		return true;
	if (!worth_it(spin, other))
		return false;
	spin->skipped = 0;
	if (!look(spin->limit, done, arg)) {
		spin->credit -= spin->credit > 0;
		return false;
	}
	spin->credit = CREDIT_MAX;
	return true;
}
