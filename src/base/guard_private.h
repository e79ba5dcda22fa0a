/* SPDX-License-Identifier: MIT */
/* What the two halves of the guard share. */
#ifndef UIOMMUFD_BASE_GUARD_PRIVATE_H
#define UIOMMUFD_BASE_GUARD_PRIVATE_H

#include <stddef.h>

#include "base/guard.h"

/* The copying function, [guard_bytes, guard_bytes_end), and where a fault in it continues. */
int guard_bytes(void *dst, const void *src, size_t len) __attribute__((visibility("hidden")));
/* In the same range: a compare-and-exchange. */
int guard_word(void *at, uint64_t *expected, uint64_t word) __attribute__((visibility("hidden")));
extern const char guard_bytes_fault[] __attribute__((visibility("hidden")));
extern const char guard_bytes_end[] __attribute__((visibility("hidden")));

/* What is believed of this thread's mask is forgotten while a program's handler runs, and then
 * believed again. */
int guard_thread_forget(void);
void guard_thread_restore(int state);

#endif
