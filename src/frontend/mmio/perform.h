/* SPDX-License-Identifier: MIT */
/* Does a decoded instruction in the place of an interrupted thread. For handlers. */
#ifndef UIOMMUFD_MMIO_PERFORM_H
#define UIOMMUFD_MMIO_PERFORM_H

#include <stdint.h>
#include <ucontext.h>

struct insn;

/*
 * 0: done, and the context is that after the instruction, or in the middle of a string instruction, to be continued.
 * -EFAULT, -EIO as access_load(): the context is that before it.
 */
int insn_perform(const struct insn *insn, ucontext_t *context);
/* Address of the memory operand, for those that are not strings. */
uintptr_t insn_address(const struct insn *insn, const ucontext_t *context);
/* What the instruction's segment adds to an address. */
uint64_t insn_segment_base(const struct insn *insn);

/* perform_string.c, perform_vector.c: the same for some kinds. */
int perform_string(const struct insn *insn, ucontext_t *context);
int perform_vector(const struct insn *insn, ucontext_t *context);
int perform_movdir64b(const struct insn *insn, ucontext_t *context);
void perform_next(const struct insn *insn, ucontext_t *context);

#endif
