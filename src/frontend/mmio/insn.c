/* SPDX-License-Identifier: MIT */
/* See insn.h. Intel SDM volume 2, chapter 2: 2.1 (prefixes, ModRM, SIB), 2.2 (REX), 2.3 (VEX), 2.7 (EVEX). */
#include "frontend/mmio/insn.h"

#include <string.h>

/* What prefixes and the like say, before the opcode's meaning is known. */
struct state {
	const uint8_t *at, *end;
	bool short_of; /* more bytes were wanted than there are */
	bool p66, p67, lock, rex_any;
	uint8_t repeat, segment;
	bool w, r, x, b;
	uint8_t r2; /* EVEX: bit 4 of reg */
	enum insn_encoding encoding;
	unsigned int map, prefix; /* prefix: 0 none, 1 66, 2 F3, 3 F2 */
	uint8_t vvvv, vector;	  /* vector: bytes */
	uint8_t mask;
	bool zeroing;
	uint8_t opcode, modrm;
};

static uint8_t next(struct state *state)
{
	if (state->at < state->end)
		return *state->at++;
	state->short_of = true;
	return 0;
}

/* `len` bytes, sign-extended. */
static int64_t next_value(struct state *state, unsigned int len)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < len; i++)
		value |= (uint64_t)next(state) << 8 * i;
	if (len == 8)
		return (int64_t)value;
	return (int64_t)(value << (64 - 8 * len)) >> (64 - 8 * len);
}

static bool take_prefix(struct state *state, uint8_t byte)
{
	switch (byte) {
	case 0x66:
		state->p66 = true;
		return true;
	case 0x67:
		state->p67 = true;
		return true;
	case 0xf0:
		state->lock = true;
		return true;
	case 0xf2:
	case 0xf3:
		state->repeat = byte;
		return true;
	case 0x64:
		state->segment = INSN_FS;
		return true;
	case 0x65:
		state->segment = INSN_GS;
		return true;
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		return true;
	default:
		return false;
	}
}

/* The fields of REX, which VEX and EVEX keep inverted. */
static void take_rex(struct state *state, uint8_t bits)
{
	state->r = bits & 4;
	state->x = bits & 2;
	state->b = bits & 1;
}

static void take_vex_last(struct state *state, uint8_t byte)
{
	state->encoding = INSN_VEX;
	state->vvvv = ~byte >> 3 & 15;
	state->vector = byte & 4 ? 32 : 16;
	state->prefix = byte & 3;
}

static void take_vex(struct state *state, bool three)
{
	uint8_t first = next(state), last = first;

	take_rex(state, ~first >> 5 & (three ? 7 : 4));
	state->map = 1;
	if (three) {
		state->map = first & 31;
		last = next(state);
		state->w = last & 0x80;
	}
	take_vex_last(state, last);
}

static void take_evex(struct state *state)
{
	uint8_t p0 = next(state), p1 = next(state), p2 = next(state);

	take_vex_last(state, p1);
	state->encoding = INSN_EVEX;
	take_rex(state, ~p0 >> 5 & 7);
	state->r2 = p0 & 0x10 ? 0 : 16;
	state->map = p0 & 7;
	state->w = p1 & 0x80;
	state->vector = (uint8_t)(16 << (p2 >> 5 & 3));
	state->mask = p2 & 7;
	state->zeroing = p2 & 0x80;
}

/* Legacy encodings: the map's escape bytes; and the prefix that is part of an opcode. */
static void take_escape(struct state *state, uint8_t byte)
{
	state->encoding = INSN_LEGACY;
	state->vector = 16;
	state->prefix = state->repeat == 0xf2 ? 3 : state->repeat == 0xf3 ? 2 : state->p66;
	if (byte == 0x0f) {
		state->map = 1;
		byte = next(state);
		if (byte == 0x38 || byte == 0x3a) {
			state->map = byte == 0x38 ? 2 : 3;
			byte = next(state);
		}
	}
	state->opcode = byte;
}

static bool is_rex(uint8_t byte)
{
	return (byte & 0xf0) == 0x40;
}

/* Returns the byte behind the prefixes. A REX counts right before the opcode alone; elsewhere processors ignore it. */
static uint8_t take_prefixes(struct state *state)
{
	uint8_t byte = next(state), rex = 0;

	while (!state->short_of && (is_rex(byte) || take_prefix(state, byte))) {
		rex = is_rex(byte) ? byte : 0;
		byte = next(state);
	}
	if (rex) {
		state->rex_any = true;
		state->w = rex & 8;
		take_rex(state, rex & 7);
	}
	return byte;
}

static void take_opcode(struct state *state)
{
	uint8_t byte = take_prefixes(state);

	if (byte == 0xc4 || byte == 0xc5)
		take_vex(state, byte == 0xc4);
	else if (byte == 0x62)
		take_evex(state);
	else
		take_escape(state, byte);
	if (state->encoding != INSN_LEGACY)
		state->opcode = next(state);
}

static uint8_t operand_size(const struct state *state)
{
	return state->w ? 8 : state->p66 ? 2 : 4;
}

static uint8_t size_of(const struct state *state, uint8_t size)
{
	switch (size) {
	case INSN_BY_OPERAND:
		return operand_size(state);
	case INSN_BY_BIT0:
		return state->opcode & 1 ? operand_size(state) : 1;
	case INSN_BY_W:
		return state->w ? 8 : 4;
	case INSN_BY_W_PAIR:
		return state->w ? 16 : 8;
	case INSN_BY_VECTOR:
		return state->vector;
	case INSN_BY_STACK:
		return state->p66 && !state->w ? 2 : 8;
	default:
		return size;
	}
}

/* Byte registers 4 to 7 are the second bytes of 0 to 3, unless there is a REX. */
static uint8_t register_of(const struct state *state, const struct insn *insn)
{
	uint8_t reg = state->modrm >> 3 & 7;

	if (insn->op == INSN_VECTOR_LOAD || insn->op == INSN_VECTOR_STORE)
		return (uint8_t)(reg | state->r << 3 | state->r2);
	if (insn->width == 1 && !state->rex_any && reg >= 4)
		return (uint8_t)(INSN_HIGH + reg - 4);
	return (uint8_t)(reg | state->r << 3);
}

/* EVEX counts a displacement of one byte in operands. */
static void take_displacement(struct state *state, struct insn *insn, unsigned int mod)
{
	if (mod == 1)
		insn->disp = next_value(state, 1) * (state->encoding == INSN_EVEX ? insn->size : 1);
	else if (mod == 2)
		insn->disp = next_value(state, 4);
}

static void take_sib(struct state *state, struct insn *insn, unsigned int mod)
{
	uint8_t sib = next(state);

	insn->scale = (uint8_t)(1 << (sib >> 6));
	insn->index = (uint8_t)((sib >> 3 & 7) | state->x << 3);
	if (insn->index == 4)
		insn->index = INSN_NO_REG;
	insn->base = (uint8_t)((sib & 7) | state->b << 3);
	if ((sib & 7) == 5 && mod == 0) {
		insn->base = INSN_NO_REG;
		insn->disp = next_value(state, 4);
	}
}

static bool take_memory(struct state *state, struct insn *insn)
{
	unsigned int mod = state->modrm >> 6, rm = state->modrm & 7;

	if (mod == 3)
		return false;
	insn->base = (uint8_t)(rm | state->b << 3);
	if (rm == 4) {
		take_sib(state, insn, mod);
	} else if (rm == 5 && mod == 0) {
		insn->base = INSN_RIP;
		insn->disp = next_value(state, 4);
	}
	take_displacement(state, insn, mod);
	return true;
}

static void take_immediate(struct state *state, const struct insn_row *row, struct insn *insn)
{
	uint8_t size = insn->size > 4 ? 4 : insn->size;

	if (row->imm != INSN_IMM_NONE && row->imm != INSN_IMM_MOFFS)
		insn->src = INSN_SRC_IMM;
	switch (row->imm) {
	case INSN_IMM_8:
		insn->imm = next_value(state, 1);
		break;
	case INSN_IMM_SIZE:
		insn->imm = next_value(state, size);
		break;
	case INSN_IMM_LANE:
		insn->imm = next(state);
		size = insn->size >= 16 ? state->vector : 16;
		insn->lane = (uint8_t)((insn->imm & (size / insn->size - 1)) * insn->size);
		break;
	case INSN_IMM_ONE:
		insn->imm = 1;
		break;
	case INSN_IMM_CL:
		insn->src = INSN_SRC_REG;
		insn->reg = 1;
		break;
	case INSN_IMM_MOFFS:
		insn->reg = 0;
		insn->disp = next_value(state, insn->address_size);
		break;
	}
}

static uint8_t kind_of(const struct state *state, uint8_t kind)
{
	switch (kind) {
	case INSN_KIND_OPCODE:
	case INSN_KIND_EXTENSION:
		return (kind == INSN_KIND_OPCODE ? state->opcode : state->modrm) >> 3 & 7;
	case INSN_KIND_CONDITION:
		return state->opcode & 15;
	default:
		return kind;
	}
}

static uint8_t element_of(const struct state *state, uint8_t element)
{
	if (element == INSN_ELEMENT_BW)
		return state->w ? 2 : 1;
	if (element == INSN_ELEMENT_W)
		return state->w ? 8 : 4;
	return element;
}

static void describe_vector(const struct state *state, const struct insn_row *row,
			    struct insn *insn)
{
	bool masked = state->encoding == INSN_VEX && state->map == 2 && row->opcode != 0x2a;

	insn->lane = row->lane;
	insn->element = element_of(state, row->element);
	insn->clears = state->encoding == INSN_LEGACY ? row->clears : INSN_CLEARS_ALL;
	insn->mask = state->mask;
	insn->zeroing = state->zeroing || masked;
	if (masked)
		insn->mask_vector = state->vvvv;
}

static void describe(const struct state *state, const struct insn_row *row, struct insn *insn)
{
	*insn = (struct insn){
		.op = row->op,
		.kind = kind_of(state, row->kind),
		.size = size_of(state, row->size),
		.width = size_of(state, row->width),
		.src = INSN_SRC_REG,
		.repeat = state->repeat,
		.lock = state->lock,
		.base = INSN_NO_REG,
		.index = INSN_NO_REG,
		.scale = 1,
		.segment = state->segment,
		.address_size = state->p67 ? 4 : 8,
		.mask_vector = INSN_NO_REG,
	};
	insn->reg = register_of(state, insn);
	if (row->op == INSN_VECTOR_LOAD || row->op == INSN_VECTOR_STORE)
		describe_vector(state, row, insn);
}

bool insn_decode(const uint8_t *code, size_t len, struct insn *ret_insn)
{
	struct state state = {.at = code, .end = code + (len < INSN_LONGEST ? len : INSN_LONGEST)};
	const struct insn_row *row;

	take_opcode(&state);
	state.modrm = state.at < state.end ? *state.at : 0;
	row = insn_find(state.map, state.opcode, state.prefix, state.encoding,
			state.modrm >> 3 & 7);
	if (!row || state.short_of)
		return false;
	describe(&state, row, ret_insn);
	if (insn_row_has_modrm(row)) {
		next(&state);
		if (!take_memory(&state, ret_insn))
			return false;
	}
	take_immediate(&state, row, ret_insn);
	ret_insn->length = (uint8_t)(state.at - code);
	return !state.short_of;
}
