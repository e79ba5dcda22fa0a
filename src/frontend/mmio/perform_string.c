/* SPDX-License-Identifier: MIT */
/*
 * String instructions, element by element: registers say after each how far it has come, so that one which stops, at a page that is not there or after
 * a while to let signals come, is continued by executing it again.
 */
#include "frontend/mmio/perform.h"

#if defined(__x86_64__)

#include <stdbool.h>

#include "frontend/mmio/access.h"
#include "frontend/mmio/alu.h"
#include "frontend/mmio/insn.h"
#include "frontend/mmio/registers.h"

#define RAX 0
#define RCX 1
#define RSI 6
#define RDI 7

#define DIRECTION ((uint64_t)1 << 10)
#define ZERO	  ((uint64_t)1 << 6)

/* Elements at a time: signals wait meanwhile. */
#define MOST 4096

static uint64_t pointer(const struct insn *insn, const ucontext_t *context, uint8_t reg)
{
	return register_read(context, reg, insn->address_size);
}

static void advance(const struct insn *insn, ucontext_t *context, uint8_t reg)
{
	uint64_t step = insn->size;

	if (register_flags(context) & DIRECTION)
		step = -step;
	register_write(context, reg, insn->address_size, pointer(insn, context, reg) + step);
}

static bool uses_source(const struct insn *insn)
{
	return insn->op == INSN_MOVS || insn->op == INSN_CMPS || insn->op == INSN_LODS;
}

static bool uses_destination(const struct insn *insn)
{
	return insn->op != INSN_LODS;
}

static bool compares(const struct insn *insn)
{
	return insn->op == INSN_CMPS || insn->op == INSN_SCAS;
}

/* Of the destination, the source or the accumulator. */
static int finish(const struct insn *insn, ucontext_t *context, uint64_t source)
{
	uint64_t at = pointer(insn, context, RDI), other = 0, flags = register_flags(context);
	int rc = 0;

	switch (insn->op) {
	case INSN_LODS:
		register_write(context, RAX, insn->size, source);
		return 0;
	case INSN_MOVS:
	case INSN_STOS:
		return access_store(NULL, at, &source, insn->size);
	default:
		rc = access_load(NULL, at, &other, insn->size);
		if (rc)
			return rc;
		alu_two(7, insn->size, source, other, &flags);
		register_set_flags(context, flags);
		return 0;
	}
}

static int element(const struct insn *insn, ucontext_t *context)
{
	uint64_t source = register_read(context, RAX, insn->size);
	int rc = 0;

	/* A segment is added to the source only. */
	if (uses_source(insn)) {
		source = 0;
		rc = access_load(NULL, pointer(insn, context, RSI) + insn_segment_base(insn),
				 &source, insn->size);
	}
	if (!rc)
		rc = finish(insn, context, source);
	if (rc)
		return rc;
	if (uses_source(insn))
		advance(insn, context, RSI);
	if (uses_destination(insn))
		advance(insn, context, RDI);
	return 0;
}

/* Has a repeated comparison found what it looks for? */
static bool found(const struct insn *insn, const ucontext_t *context)
{
	bool equal = register_flags(context) & ZERO;

	return compares(insn) && equal != (insn->repeat == 0xf3);
}

int perform_string(const struct insn *insn, ucontext_t *context)
{
	uint64_t left = insn->repeat ? pointer(insn, context, RCX) : 1;
	unsigned int done = 0;
	bool over = false;
	int rc = 0;

	while (left && !over && done < MOST) {
		rc = element(insn, context);
		if (rc)
			break;
		left--;
		done++;
		if (insn->repeat) {
			register_write(context, RCX, insn->address_size, left);
			over = found(insn, context);
		}
	}
	if (rc && !done)
		return rc;
	if (!rc && (!left || over))
		perform_next(insn, context);
	return 0;
}

#endif
