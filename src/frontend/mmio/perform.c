/* SPDX-License-Identifier: MIT */
/* Instructions on general registers. What each does is told in Intel SDM volume 2, at its name. */
#include "frontend/mmio/perform.h"

#if defined(__x86_64__)

#include <asm/prctl.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/sys.h"
#include "frontend/mmio/access.h"
#include "frontend/mmio/alu.h"
#include "frontend/mmio/insn.h"
#include "frontend/mmio/registers.h"

#define RAX 0
#define RCX 1
#define RDX 2
#define RBX 3
#define RSP 4

/* One that is being done. */
struct work {
	const struct insn *insn;
	ucontext_t *context;
	uintptr_t at;		    /* memory operand */
	struct mmio_target *locked; /* while a load and a store belong together */
	uint64_t mem;		    /* what was loaded */
	uint64_t flags;		    /* what they become */
};

uint64_t insn_segment_base(const struct insn *insn)
{
	uint64_t base = 0;

	if (insn->segment)
		sys_raw(SYS_arch_prctl, insn->segment == INSN_FS ? ARCH_GET_FS : ARCH_GET_GS,
			&base);
	return base;
}

uintptr_t insn_address(const struct insn *insn, const ucontext_t *context)
{
	uint64_t at = (uint64_t)insn->disp;

	if (insn->base == INSN_RIP)
		at += register_ip(context) + insn->length;
	else if (insn->base != INSN_NO_REG)
		at += register_read(context, insn->base, 8);
	if (insn->index != INSN_NO_REG)
		at += register_read(context, insn->index, 8) * insn->scale;
	if (insn->address_size == 4)
		at &= UINT32_MAX;
	return at + insn_segment_base(insn);
}

static int load(struct work *work)
{
	work->mem = 0;
	return access_load(work->locked, work->at, &work->mem, work->insn->size);
}

static int store(struct work *work, uint64_t value)
{
	return access_store(work->locked, work->at, &value, work->insn->size);
}

static uint64_t source(const struct work *work)
{
	const struct insn *insn = work->insn;

	if (insn->src == INSN_SRC_IMM)
		return (uint64_t)insn->imm;
	return register_read(work->context, insn->reg, insn->width);
}

static void set_register(struct work *work, uint64_t value)
{
	register_write(work->context, work->insn->reg, work->insn->width, value);
}

static uint64_t sign_extended(uint64_t value, unsigned int size)
{
	unsigned int shift = 64 - 8 * size;

	return (uint64_t)((int64_t)(value << shift) >> shift);
}

static uint64_t swapped(uint64_t value, unsigned int size)
{
	return __builtin_bswap64(value) >> (64 - 8 * size);
}

static int perform_load(struct work *work)
{
	const struct insn *insn = work->insn;
	uint64_t old = register_read(work->context, insn->reg, insn->width);
	int rc = load(work);

	if (rc)
		return rc;
	switch (insn->op) {
	case INSN_LOAD_SIGN:
		work->mem = sign_extended(work->mem, insn->size);
		break;
	case INSN_LOAD_SWAP:
		work->mem = swapped(work->mem, insn->size);
		break;
	case INSN_CMOV:
		/* Without its condition too it clears the upper half. */
		if (!alu_condition(insn->kind, work->flags))
			work->mem = old;
		break;
	}
	set_register(work, work->mem);
	return 0;
}

static int perform_store(struct work *work)
{
	const struct insn *insn = work->insn;
	uint64_t value =
		insn->op == INSN_SETCC ? alu_condition(insn->kind, work->flags) : source(work);

	return store(work, insn->op == INSN_STORE_SWAP ? swapped(value, insn->size) : value);
}

/* A load, and flags that it makes; what stays of it goes to a register. */
static int perform_test(struct work *work)
{
	const struct insn *insn = work->insn;
	uint64_t value;
	int rc = load(work);

	if (rc)
		return rc;
	if (insn->op == INSN_TEST) {
		alu_test(insn->width, work->mem, source(work), &work->flags);
	} else if (insn->op == INSN_ALU_MEM) { /* cmp */
		alu_two(insn->kind, insn->width, work->mem, source(work), &work->flags);
	} else if (insn->op == INSN_BIT) { /* bt */
		alu_bit(0, insn->width, work->mem, source(work), &work->flags);
	} else {
		value = alu_two(insn->kind, insn->width, source(work), work->mem, &work->flags);
		if (insn->kind != 7)
			set_register(work, value);
	}
	return 0;
}

/* What is stored back, of those that load, change and store. */
static uint64_t changed(struct work *work)
{
	const struct insn *insn = work->insn;
	uint64_t *flags = &work->flags;

	switch (insn->op) {
	case INSN_ALU_MEM:
		return alu_two(insn->kind, insn->width, work->mem, source(work), flags);
	case INSN_XADD:
		return alu_two(0, insn->width, work->mem, source(work), flags);
	case INSN_INC:
		return alu_one(ALU_INC, insn->width, work->mem, flags);
	case INSN_DEC:
		return alu_one(ALU_DEC, insn->width, work->mem, flags);
	case INSN_NOT:
		return alu_one(ALU_NOT, insn->width, work->mem, flags);
	case INSN_NEG:
		return alu_one(ALU_NEG, insn->width, work->mem, flags);
	case INSN_SHIFT:
		return alu_shift(insn->kind, insn->width, work->mem, (uint8_t)source(work), flags);
	case INSN_BIT:
		return alu_bit(insn->kind, insn->width, work->mem, source(work), flags);
	default: /* INSN_XCHG */
		return source(work);
	}
}

static int perform_change(struct work *work)
{
	int rc = load(work);

	if (!rc)
		rc = store(work, changed(work));
	if (!rc && (work->insn->op == INSN_XCHG || work->insn->op == INSN_XADD))
		set_register(work, work->mem);
	return rc;
}

/* It stores in any case: what was there, if that was not the accumulator. */
static int perform_cmpxchg(struct work *work)
{
	const struct insn *insn = work->insn;
	uint64_t had = register_read(work->context, RAX, insn->width);
	int rc = load(work);
	bool equal = work->mem == had;

	if (rc)
		return rc;
	alu_two(7, insn->width, had, work->mem, &work->flags);
	rc = store(work, equal ? source(work) : work->mem);
	if (!rc && !equal)
		register_write(work->context, RAX, insn->width, work->mem);
	return rc;
}

static int perform_cmpxchg_pair(struct work *work)
{
	const uint64_t zero_flag = 1 << 6;
	unsigned int half = work->insn->size / 2;
	ucontext_t *context = work->context;
	uint64_t mem[2] = {}, had[2], new[2];
	bool equal;
	int rc = access_load(work->locked, work->at, &mem[0], half);

	if (!rc)
		rc = access_load(work->locked, work->at + half, &mem[1], half);
	if (rc)
		return rc;
	had[0] = register_read(context, RAX, half);
	had[1] = register_read(context, RDX, half);
	equal = mem[0] == had[0] && mem[1] == had[1];
	new[0] = equal ? register_read(context, RBX, half) : mem[0];
	new[1] = equal ? register_read(context, RCX, half) : mem[1];
	rc = access_store(work->locked, work->at, &new[0], half);
	if (!rc)
		rc = access_store(work->locked, work->at + half, &new[1], half);
	if (rc)
		return rc;
	work->flags = equal ? work->flags | zero_flag : work->flags & ~zero_flag;
	if (!equal) {
		register_write(context, RAX, half, mem[0]);
		register_write(context, RDX, half, mem[1]);
	}
	return 0;
}

/* A bit's number in a register reaches beyond the operand, in both directions. */
static void find_bit(struct work *work)
{
	const struct insn *insn = work->insn;
	int64_t bit;

	if (insn->src == INSN_SRC_IMM)
		return;
	bit = (int64_t)sign_extended(source(work), insn->width);
	work->at += (uint64_t)(bit >> (insn->width == 8	  ? 6
				       : insn->width == 4 ? 5
							  : 4)) *
		    insn->width;
}

static int perform_push(struct work *work)
{
	uint64_t top = register_read(work->context, RSP, 8) - work->insn->size;
	int rc = load(work);

	if (!rc)
		rc = access_store(NULL, top, &work->mem, work->insn->size);
	if (!rc)
		register_write(work->context, RSP, 8, top);
	return rc;
}

/* An address by RSP is that after the increment. */
static int perform_pop(struct work *work)
{
	uint64_t top = register_read(work->context, RSP, 8), value = 0;
	int rc = access_load(NULL, top, &value, work->insn->size);

	if (rc)
		return rc;
	if (work->insn->base == RSP)
		work->at += work->insn->size;
	rc = store(work, value);
	if (!rc)
		register_write(work->context, RSP, 8, top + work->insn->size);
	return rc;
}

static bool only_loads(const struct insn *insn)
{
	return insn->op == INSN_TEST || insn->op == INSN_ALU_REG ||
	       (insn->op == INSN_ALU_MEM && insn->kind == 7) ||
	       (insn->op == INSN_BIT && insn->kind == 0);
}

static int perform_on_memory(struct work *work)
{
	int rc;

	if (work->insn->op == INSN_BIT)
		find_bit(work);
	if (only_loads(work->insn))
		return perform_test(work);
	/* Atomic for all threads, as it is with a lock prefix: that is no less than without. */
	work->locked = access_lock(work->at);
	if (work->insn->op == INSN_CMPXCHG)
		rc = perform_cmpxchg(work);
	else if (work->insn->op == INSN_CMPXCHG_PAIR)
		rc = perform_cmpxchg_pair(work);
	else
		rc = perform_change(work);
	access_unlock(work->locked);
	return rc;
}

static int perform(struct work *work)
{
	switch (work->insn->op) {
	case INSN_STORE:
	case INSN_STORE_SWAP:
	case INSN_SETCC:
		return perform_store(work);
	case INSN_LOAD:
	case INSN_LOAD_SIGN:
	case INSN_LOAD_SWAP:
	case INSN_CMOV:
		return perform_load(work);
	case INSN_PUSH:
		return perform_push(work);
	case INSN_POP:
		return perform_pop(work);
	case INSN_FLUSH:
		return 0;
	default:
		return perform_on_memory(work);
	}
}

void perform_next(const struct insn *insn, ucontext_t *context)
{
	register_set_ip(context, register_ip(context) + insn->length);
}

static int perform_general(const struct insn *insn, ucontext_t *context)
{
	struct work work = {
		.insn = insn,
		.context = context,
		.at = insn_address(insn, context),
		.flags = register_flags(context),
	};
	int rc = perform(&work);

	if (rc)
		return rc;
	register_set_flags(context, work.flags);
	perform_next(insn, context);
	return 0;
}

int insn_perform(const struct insn *insn, ucontext_t *context)
{
	switch (insn->op) {
	case INSN_MOVS:
	case INSN_CMPS:
	case INSN_STOS:
	case INSN_LODS:
	case INSN_SCAS:
		return perform_string(insn, context);
	case INSN_VECTOR_STORE:
	case INSN_VECTOR_LOAD:
		return perform_vector(insn, context);
	case INSN_MOVDIR64B:
		return perform_movdir64b(insn, context);
	default:
		return perform_general(insn, context);
	}
}

#endif
