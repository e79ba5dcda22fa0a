/* SPDX-License-Identifier: MIT */
/* Counters by chunk of addresses. */
#include "core/pin_filter.h"

#define CHUNK_SHIFT 21

/* The chunks of a range; false if they are more than the table has places. */
static bool chunks(uint64_t va, uint64_t len, uint64_t *ret_first, uint64_t *ret_last)
{
	*ret_first = va >> CHUNK_SHIFT;
	*ret_last = (va + len - 1) >> CHUNK_SHIFT;
	return *ret_last - *ret_first < PIN_FILTER_SIZE;
}

static void change(struct pin_filter *filter, uint64_t va, uint64_t len, unsigned int by)
{
	uint64_t first, last;

	if (!chunks(va, len, &first, &last)) {
		atomic_fetch_add(&filter->large, by);
		return;
	}
	for (uint64_t i = first; i <= last; i++)
		atomic_fetch_add_explicit(&filter->count[i % PIN_FILTER_SIZE], by,
					  memory_order_relaxed);
}

void pin_filter_add(struct pin_filter *filter, uint64_t va, uint64_t len)
{
	if (!atomic_load_explicit(&filter->used, memory_order_relaxed))
		atomic_store_explicit(&filter->used, true, memory_order_relaxed);
	change(filter, va, len, 1);
}

void pin_filter_remove(struct pin_filter *filter, uint64_t va, uint64_t len)
{
	change(filter, va, len, -1u);
}

bool pin_filter_may_hold(const struct pin_filter *filter, uint64_t va, uint64_t len)
{
	uint64_t first, last;

	if (!len || !atomic_load_explicit(&filter->used, memory_order_relaxed))
		return false;
	if (atomic_load_explicit(&filter->large, memory_order_relaxed) ||
	    !chunks(va, len, &first, &last))
		return true;
	for (uint64_t i = first; i <= last; i++)
		if (atomic_load_explicit(&filter->count[i % PIN_FILTER_SIZE], memory_order_relaxed))
			return true;
	return false;
}
