/* SPDX-License-Identifier: MIT */
/*
 * Injection points: places that can be made to fail on purpose. Every acquisition of a resource
 * asks here first, so that a sweep can make each of them fail in turn, and the kernel's `fail-nth`
 * files are served from the same counter.
 */
#ifndef UIOMMUFD_BASE_INJECT_H
#define UIOMMUFD_BASE_INJECT_H

#include <stdbool.h>

/* Makes this thread's nth point from now fail, once (1 is the next); 0 disarms. */
void inject_arm(unsigned int nth);
/* How many points are left before the failure; 0 when it has happened or nothing is armed. */
unsigned int inject_left(void);
/* True if this acquisition has to fail. */
bool inject_fail(void);

#endif
