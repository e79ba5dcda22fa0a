/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the promise to DMA share: pages that tell whether they may be seen, a scheduler of their own, and ways to break the promise.
 *
 * Each page says in its words which generation it is of: an even one while something may lead to it, an odd one from the moment on that the call
 * which took it away has returned. What a device sees behind a translation must be even, and must stay the same until its section ends.
 *
 * The scheduler: threads yield by chance, from a seed, wherever the code under test crosses a point that matters (promise_points in meson.build:
 * the linker leads the calls of these functions here), and in the middle of a section.
 */
#ifndef UIOMMUFD_TESTS_STRESS_PROMISE_H
#define UIOMMUFD_TESTS_STRESS_PROMISE_H

#include <getopt.h>
#include <string.h>

#include "container/hazard.h"
#include "iommu/iotlb.h"

#include "stress.h"

static struct {
	unsigned long translations;
	unsigned int seed;
	bool without_wait, without_fence, without_invalidation;
} options = {.translations = 400000, .seed = 1};

static inline bool promise_is_broken(void)
{
	return options.without_wait || options.without_fence || options.without_invalidation;
}

/* ---- the scheduler ---- */

static __thread unsigned int scheduler_seed; /* 0: a thread that is not scheduled */

/* At the start of each step. */
static inline void promise_schedule(const struct worker *worker)
{
	if (!scheduler_seed)
		scheduler_seed = worker->seed * 2 + 1;
}

/* By 1 in n. */
static inline void promise_yield(unsigned int n)
{
	if (scheduler_seed && !((unsigned int)rand_r(&scheduler_seed) % n))
		sched_yield();
}

void __real_hazard_wait(struct hazard *hazard, uint64_t first, uint64_t last);
void __wrap_hazard_wait(struct hazard *hazard, uint64_t first, uint64_t last);
void __wrap_hazard_wait(struct hazard *hazard, uint64_t first, uint64_t last)
{
	promise_yield(8);
	if (!options.without_wait)
		__real_hazard_wait(hazard, first, last);
	promise_yield(8);
}

bool __real_inject_fail(void);
bool __wrap_inject_fail(void);
bool __wrap_inject_fail(void)
{
	promise_yield(32);
	return __real_inject_fail();
}

void __real_iotlb_space_change(struct iotlb_space *space);
void __wrap_iotlb_space_change(struct iotlb_space *space);
void __wrap_iotlb_space_change(struct iotlb_space *space)
{
	promise_yield(8);
	__real_iotlb_space_change(space);
	promise_yield(8);
}

void __real_iotlb_insert(struct iotlb *cache, const struct iotlb_space *space, uint64_t epoch,
			 uint64_t va, struct iotlb_hit *hit);
void __wrap_iotlb_insert(struct iotlb *cache, const struct iotlb_space *space, uint64_t epoch,
			 uint64_t va, struct iotlb_hit *hit);
void __wrap_iotlb_insert(struct iotlb *cache, const struct iotlb_space *space, uint64_t epoch,
			 uint64_t va, struct iotlb_hit *hit)
{
	promise_yield(16);
	__real_iotlb_insert(cache, space, epoch, va, hit);
	promise_yield(16);
}

/* ---- pages ---- */

struct promise_pages {
	char *memory;
	unsigned int spare[4096], nspare; /* that nothing leads to; all are odd */
};

static inline volatile uint64_t *page_word(const struct promise_pages *pages, unsigned int page,
					   unsigned int i)
{
	return (volatile uint64_t *)(pages->memory + page * WORLD_PAGE) + i;
}

/* Makes a page one that may be seen, or one that may not. */
static inline void page_turn(const struct promise_pages *pages, unsigned int page)
{
	for (unsigned int i = 0; i < WORLD_PAGE / 8; i += 64)
		*page_word(pages, page, i) += 1;
}

/* Of those that are not used, the one that has waited longest; it may be seen from now on. */
static inline unsigned int page_take(struct promise_pages *pages)
{
	unsigned int page = pages->spare[--pages->nspare];

	page_turn(pages, page);
	return page;
}

/* What led to the page has been taken away: whoever sees it from now on has broken the promise. */
static inline void page_keep(struct promise_pages *pages, unsigned int page)
{
	page_turn(pages, page);
	memmove(&pages->spare[1], &pages->spare[0], pages->nspare++ * sizeof(pages->spare[0]));
	pages->spare[0] = page;
}

static inline void promise_pages_init(struct promise_pages *pages, char *memory, unsigned int n)
{
	*pages = (struct promise_pages){.memory = memory, .nspare = n};
	assert_true(n <= sizeof(pages->spare) / sizeof(pages->spare[0]));
	for (unsigned int page = 0; page < n; page++) {
		for (unsigned int i = 0; i < WORLD_PAGE / 8; i++)
			*page_word(pages, page, i) = 1;
		pages->spare[page] = page;
	}
}

/* Counted by who changes. */
static atomic_ulong promise_changes;

/* Stays in the section while others change things: what nobody waits for is then seen for sure, whatever the timing is. */
static inline void promise_linger(void)
{
	unsigned long until = atomic_load(&promise_changes) + 64;

	while (atomic_load(&promise_changes) < until)
		sched_yield();
}

/* In a section. */
static inline bool page_look(const volatile uint64_t *word)
{
	uint64_t before = *word;

	promise_yield(64);
	if (options.without_wait && !((unsigned int)rand_r(&scheduler_seed) % 256))
		promise_linger();
	return !(before & 1) && *word == before;
}

/* ---- the command line ---- */

static inline int promise_options(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"translations", required_argument, NULL, 't'},
		{"seed", required_argument, NULL, 's'},
		{"without-wait", no_argument, NULL, 'w'},
		{"without-fence", no_argument, NULL, 'f'},
		{"without-invalidation", no_argument, NULL, 'i'},
		{},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case 't':
			options.translations = strtoul(optarg, NULL, 0);
			break;
		case 's':
			options.seed = (unsigned int)strtoul(optarg, NULL, 0);
			break;
		case 'w':
			options.without_wait = true;
			break;
		case 'f':
			options.without_fence = true;
			break;
		case 'i':
			options.without_invalidation = true;
			break;
		default:
			return -1;
		}
	}
	return 0;
}

#endif
