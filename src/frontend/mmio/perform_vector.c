/* SPDX-License-Identifier: MIT */
/* Moves between memory and vector registers, with and without masks. */
#include "frontend/mmio/perform.h"

#if defined(__x86_64__)

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "frontend/mmio/access.h"
#include "frontend/mmio/insn.h"
#include "frontend/mmio/registers.h"

/* A bit for each element that takes part. */
static uint64_t elements(const struct insn *insn, const ucontext_t *context)
{
	uint8_t signs[VECTOR_BYTES];
	uint64_t bits = 0;

	if (insn->mask)
		return opmask_read(context, insn->mask);
	if (insn->mask_vector == INSN_NO_REG)
		return UINT64_MAX;
	vector_read(context, insn->mask_vector, signs);
	for (unsigned int i = 0; (i + 1) * insn->element <= insn->size; i++)
		bits |= (uint64_t)(signs[(i + 1) * insn->element - 1] >> 7) << i;
	return bits;
}

static bool masked(const struct insn *insn)
{
	return insn->mask || insn->mask_vector != INSN_NO_REG;
}

static int move(uintptr_t at, uint8_t *bytes, size_t len, bool is_store)
{
	return is_store ? access_store(NULL, at, bytes, len) : access_load(NULL, at, bytes, len);
}

/* Of `bytes`, those of elements that take part, to or from memory. What is left out is not touched in memory. */
static int move_elements(const struct insn *insn, uint64_t bits, uintptr_t at, uint8_t *bytes)
{
	bool is_store = insn->op == INSN_VECTOR_STORE;
	unsigned int step = insn->element;
	int rc = 0;

	for (unsigned int i = 0; i * step < insn->size && !rc; i++) {
		if (bits >> i & 1)
			rc = move(at + i * step, bytes + i * step, step, is_store);
		else if (!is_store && insn->zeroing)
			memset(bytes + i * step, 0, step);
	}
	return rc;
}

int perform_vector(const struct insn *insn, ucontext_t *context)
{
	uintptr_t at = insn_address(insn, context);
	uint8_t bytes[VECTOR_BYTES];
	unsigned int end = insn->lane + insn->size;
	int rc;

	vector_read(context, insn->reg, bytes);
	if (masked(insn))
		rc = move_elements(insn, elements(insn, context), at, bytes + insn->lane);
	else
		rc = move(at, bytes + insn->lane, insn->size, insn->op == INSN_VECTOR_STORE);
	if (rc)
		return rc;
	if (insn->op == INSN_VECTOR_LOAD) {
		if (insn->clears > end)
			memset(bytes + end, 0, insn->clears - end);
		vector_write(context, insn->reg, bytes);
	}
	perform_next(insn, context);
	return 0;
}

/* The register has the address of the destination. */
int perform_movdir64b(const struct insn *insn, ucontext_t *context)
{
	uint8_t bytes[64];
	int rc = access_load(NULL, insn_address(insn, context), bytes, sizeof(bytes));

	if (!rc)
		rc = access_store(NULL, register_read(context, insn->reg, insn->address_size),
				  bytes, sizeof(bytes));
	if (!rc)
		perform_next(insn, context);
	return rc;
}

#endif
