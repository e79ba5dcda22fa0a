/* SPDX-License-Identifier: MIT */
/*
 * The registers of a thread that a signal interrupted, in the frame that the kernel restores them from when the handler returns.
 * Numbers are those of struct insn.
 */
#ifndef UIOMMUFD_MMIO_REGISTERS_H
#define UIOMMUFD_MMIO_REGISTERS_H

#include <stdint.h>
#include <ucontext.h>

#define VECTOR_BYTES 64

/* Asks the processor where it keeps what in a frame; before any other call here, outside of handlers. */
void registers_init(void);

uint64_t register_read(const ucontext_t *context, uint8_t reg, unsigned int width);
/* 4 bytes clear the rest, 1 and 2 leave it. */
void register_write(ucontext_t *context, uint8_t reg, unsigned int width, uint64_t value);
uint64_t register_flags(const ucontext_t *context);
void register_set_flags(ucontext_t *context, uint64_t flags);
uint64_t register_ip(const ucontext_t *context);
void register_set_ip(ucontext_t *context, uint64_t ip);

/* A vector register; what this machine has not of it reads as zeros and is not written. */
void vector_read(const ucontext_t *context, uint8_t reg, uint8_t ret_bytes[VECTOR_BYTES]);
void vector_write(ucontext_t *context, uint8_t reg, const uint8_t bytes[VECTOR_BYTES]);
uint64_t opmask_read(const ucontext_t *context, uint8_t reg);

#endif
