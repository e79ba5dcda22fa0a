/* SPDX-License-Identifier: MIT */
/* Forms of instructions that touch memory, and a way to execute one with all registers given. */
#ifndef UIOMMUFD_TESTS_FORMS_H
#define UIOMMUFD_TESTS_FORMS_H

#include <stdint.h>

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10 };

struct form_state {
	uint64_t general[16]; /* as in encodings; RSP is left alone */
	uint64_t flags;
	uint8_t vectors[16][32];
};

enum form_needs { NEEDS_NOTHING, NEEDS_AVX2, NEEDS_MOVDIR };

struct form {
	const void *code;
	const char *text;
	uint64_t needs; /* enum form_needs */
};

extern const struct form forms[], forms_end[];

/* Executes it; RDI is where memory is, RSI other memory. */
void form_run(struct form_state *state, const void *code);

#endif
