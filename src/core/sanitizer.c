/* SPDX-License-Identifier: MIT */
/* What the sanitizer remembers, and how it tells. */
#include "core/sanitizer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "core/machine_impl.h"

#define REMEMBERED 4096
#define KEYS	   512
#define TEXT_BYTES 2048

struct sanitizer {
	struct lock lock; /* RANK_LOG; guards all below but the count */
	sanitizer_report_fn report;
	void *arg;
	atomic_ulong count;
	unsigned long next; /* events[next % REMEMBERED] is the oldest */
	struct sanitizer_event events[REMEMBERED];
	uint64_t keys[KEYS]; /* of the latest findings; 0: none */
};

int machine_sanitize(struct machine *machine, sanitizer_report_fn report, void *arg)
{
	struct sanitizer *sanitizer = mem_zalloc(sizeof(*sanitizer));

	if (!sanitizer)
		return -ENOMEM;
	lock_init(&sanitizer->lock, RANK_LOG);
	sanitizer->report = report;
	sanitizer->arg = arg;
	machine->sanitizer = sanitizer;
	return 0;
}

void sanitizer_free(struct sanitizer *sanitizer)
{
	if (!sanitizer)
		return;
	lock_done(&sanitizer->lock);
	free(sanitizer);
}

unsigned long sanitizer_count(const struct sanitizer *sanitizer)
{
	return atomic_load(&sanitizer->count);
}

uint64_t sanitizer_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void sanitizer_remember(struct sanitizer *sanitizer, struct sanitizer_event event)
{
	event.when = sanitizer_now();
	LOCK_SCOPED(&sanitizer->lock);
	sanitizer->events[sanitizer->next++ % REMEMBERED] = event;
}

bool sanitizer_recall(struct sanitizer *sanitizer, const void *space, uint64_t at,
		      struct sanitizer_event *ret_event)
{
	LOCK_SCOPED(&sanitizer->lock);
	for (unsigned long i = 1; i <= REMEMBERED && i <= sanitizer->next; i++) {
		const struct sanitizer_event *event =
			&sanitizer->events[(sanitizer->next - i) % REMEMBERED];

		if (event->space != space || at < event->first || at > event->last)
			continue;
		*ret_event = *event;
		return true;
	}
	return false;
}

void sanitizer_forget(struct sanitizer *sanitizer, const void *space)
{
	LOCK_SCOPED(&sanitizer->lock);
	for (unsigned int i = 0; i < REMEMBERED; i++)
		if (sanitizer->events[i].space == space)
			sanitizer->events[i].space = NULL;
}

/* Has a finding with this key been told lately? If not, it has now. */
static bool told(struct sanitizer *sanitizer, uint64_t key)
{
	for (unsigned int i = 0; i < KEYS; i++)
		if (sanitizer->keys[i] == key)
			return true;
	sanitizer->keys[atomic_fetch_add(&sanitizer->count, 1) % KEYS] = key;
	return false;
}

void sanitizer_found(struct sanitizer *sanitizer, uint64_t key, const char *format, ...)
{
	char text[TEXT_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	LOCK_SCOPED(&sanitizer->lock);
	if (!told(sanitizer, key))
		sanitizer->report(sanitizer->arg, text);
}
