/* SPDX-License-Identifier: MIT */
/*
 * Code as it is in its file. A debugger that is told of a fault, and to step over it, puts a breakpoint at the instruction that has
 * faulted before our handler can look at it.
 */
#ifndef UIOMMUFD_MMIO_ORIGINAL_H
#define UIOMMUFD_MMIO_ORIGINAL_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKPOINT 0xcc /* int3 */

/* The byte at ip in the file that is mapped there. False: none is, or it can't be read. For signal handlers; some 10 KiB of stack. */
bool original_byte(uintptr_t ip, uint8_t *ret_byte);

#endif
