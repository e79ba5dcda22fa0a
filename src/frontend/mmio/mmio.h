/* SPDX-License-Identifier: MIT */
/*
 * Device memory that programs map and that is exact: each store of the program's reaches the device's model before the thread's next
 * instruction, and none is lost, whatever other threads do meanwhile.
 *
 * How: the pages are never opened. A store faults; the handler decodes it, performs it as a write of the file, which is the way that
 * pwrite() takes, moves the thread's registers to where the instruction leaves them, and returns. Where loads have effects
 * they are performed as reads of the file in the same way.
 *
 * A frontend that maps a file puts what it mapped into the space (space.h) and keeps that true.
 */
#ifndef UIOMMUFD_MMIO_MMIO_H
#define UIOMMUFD_MMIO_MMIO_H

#include <signal.h>
#include <stdbool.h>

#include "frontend/mmio/space.h"

/* Before the first area is put in. The guard's handlers stand (base/guard.h). */
void mmio_init(void);

/* The handler's work: true if the access was trapped and is done. errno is kept. */
bool mmio_fault(int sig, siginfo_t *info, void *ucontext);

#endif
