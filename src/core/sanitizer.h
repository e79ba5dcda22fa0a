/* SPDX-License-Identifier: MIT */
/*
 * The sanitizer: tells of DMA that a right program would not have led to. A machine has one or none; where there is none it costs one
 * look at a pointer, in places that are slow anyway.
 *
 * What is found:
 *	stale		DMA through a cached translation that the tables of stage 1 no longer back: other memory, fewer rights, or
 *			nothing. An invalidation is missing.
 *	after unmap	DMA that faults at an address that was mapped before: UNMAP, or an invalidation of stage 1, came too early.
 *
 * Who finds something calls sanitizer_found() with the context's lock held and outside of any section.
 */
#ifndef UIOMMUFD_CORE_SANITIZER_H
#define UIOMMUFD_CORE_SANITIZER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"

struct machine;
struct sanitizer;

/* What becomes of a finding: called with its text, some lines that end with a newline. May end the process. */
typedef void (*sanitizer_report_fn)(void *arg, const char *text);

/*
 * Turns it on, before the machine has any context; `report` goes with `arg`. The machine frees it. -ENOMEM.
 */
int machine_sanitize(struct machine *machine, sanitizer_report_fn report, void *arg);
void sanitizer_free(struct sanitizer *sanitizer); /* NULL is nothing */
/* How many findings there were. */
unsigned long sanitizer_count(const struct sanitizer *sanitizer);

/* ---- what is remembered ---- */

/* That [first, last] was taken away: addresses of `space`, an IOAS or a nested domain. */
struct sanitizer_event {
	const void *space;
	uint64_t first, last;
	uint64_t when; /* sanitizer_now(): set by sanitizer_remember() */
};

/* The latest thousands are remembered. */
void sanitizer_remember(struct sanitizer *sanitizer, struct sanitizer_event event);
/* The latest event for an address; false if none is remembered. */
bool sanitizer_recall(struct sanitizer *sanitizer, const void *space, uint64_t at,
		      struct sanitizer_event *ret_event);
/* The space goes: another one may come to its place in memory. */
void sanitizer_forget(struct sanitizer *sanitizer, const void *space);

/* ---- findings ---- */

/* Reports, but once for each `key` (of the latest hundreds). printf's format, each line with its newline. */
void sanitizer_found(struct sanitizer *sanitizer, uint64_t key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Nanoseconds of a clock that only goes on. */
uint64_t sanitizer_now(void);

#endif
