/* SPDX-License-Identifier: MIT */
/*
 * What the processor makes of numbers, flags included: it is asked itself. `width` is 1, 2, 4 or 8 bytes; bits above are not looked at, and what they are in
 * a result is not said. *flags is RFLAGS: the arithmetic ones are taken from it and put into it as the instruction does.
 */
#ifndef UIOMMUFD_MMIO_ALU_H
#define UIOMMUFD_MMIO_ALU_H

#include <stdbool.h>
#include <stdint.h>

/* kind as INSN_ALU_MEM: for 7, cmp, the result is a. */
uint64_t alu_two(unsigned int kind, unsigned int width, uint64_t a, uint64_t b, uint64_t *flags);
void alu_test(unsigned int width, uint64_t a, uint64_t b, uint64_t *flags);
enum alu_one { ALU_INC, ALU_DEC, ALU_NOT, ALU_NEG };
uint64_t alu_one(enum alu_one kind, unsigned int width, uint64_t a, uint64_t *flags);
/* kind as INSN_SHIFT. */
uint64_t alu_shift(unsigned int kind, unsigned int width, uint64_t a, uint8_t count,
		   uint64_t *flags);
/* kind as INSN_BIT; width 2, 4 or 8; the bit is taken modulo the width. */
uint64_t alu_bit(unsigned int kind, unsigned int width, uint64_t a, uint64_t bit, uint64_t *flags);
/* Condition 0 to 15, as in jcc. Intel SDM volume 1, appendix B. */
bool alu_condition(unsigned int condition, uint64_t flags);

#endif
