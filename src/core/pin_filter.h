/* SPDX-License-Identifier: MIT */
/*
 * Might memory at these addresses be pinned? A program's munmap has to ask, and nearly always the answer is no: a table of counters for
 * 2 MiB of addresses each says so without a lock.
 */
#ifndef UIOMMUFD_CORE_PIN_FILTER_H
#define UIOMMUFD_CORE_PIN_FILTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PIN_FILTER_SIZE 4096

struct pin_filter {
	atomic_bool used;		    /* anything was pinned, ever */
	atomic_uint large;		    /* those that would fill the whole table */
	atomic_uint count[PIN_FILTER_SIZE]; /* the others, by chunk */
};

void pin_filter_add(struct pin_filter *filter, uint64_t va, uint64_t len);
void pin_filter_remove(struct pin_filter *filter, uint64_t va, uint64_t len);
bool pin_filter_may_hold(const struct pin_filter *filter, uint64_t va, uint64_t len);

#endif
