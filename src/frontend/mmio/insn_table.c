/* SPDX-License-Identifier: MIT */
/* The instructions that are known. Intel SDM volume 2, appendix A; sizes and lanes from each instruction's page. */
#include "frontend/mmio/insn.h"

#define GENERAL INSN_P_ANY, INSN_LEGACY
#define PS	(INSN_P_NONE | INSN_P_66)
#define SSE	INSN_LEGACY
#define AVX	(INSN_LEGACY | INSN_VEX)
#define ALL	(INSN_LEGACY | INSN_VEX | INSN_EVEX)
#define OPERAND INSN_BY_OPERAND
#define BIT0	INSN_BY_BIT0
#define VECTOR	INSN_BY_VECTOR

/* One byte. */
static const struct insn_row map0[] = {
	/* mov is what there is most of */
	{0x88, 0xfe, -1, GENERAL, INSN_STORE, 0, BIT0, BIT0},
	{0x8a, 0xfe, -1, GENERAL, INSN_LOAD, 0, BIT0, BIT0},
	{0xc6, 0xfe, 0, GENERAL, INSN_STORE, 0, BIT0, BIT0, INSN_IMM_SIZE},
	{0xa0, 0xfe, -1, GENERAL, INSN_LOAD, 0, BIT0, BIT0, INSN_IMM_MOFFS},
	{0xa2, 0xfe, -1, GENERAL, INSN_STORE, 0, BIT0, BIT0, INSN_IMM_MOFFS},
	{0x00, 0xc6, -1, GENERAL, INSN_ALU_MEM, INSN_KIND_OPCODE, BIT0, BIT0},
	{0x02, 0xc6, -1, GENERAL, INSN_ALU_REG, INSN_KIND_OPCODE, BIT0, BIT0},
	{0x80, 0xfe, -1, GENERAL, INSN_ALU_MEM, INSN_KIND_EXTENSION, BIT0, BIT0, INSN_IMM_SIZE},
	{0x83, 0xff, -1, GENERAL, INSN_ALU_MEM, INSN_KIND_EXTENSION, OPERAND, OPERAND, INSN_IMM_8},
	{0x84, 0xfe, -1, GENERAL, INSN_TEST, 0, BIT0, BIT0},
	{0xf6, 0xfe, 0, GENERAL, INSN_TEST, 0, BIT0, BIT0, INSN_IMM_SIZE},
	{0xf6, 0xfe, 1, GENERAL, INSN_TEST, 0, BIT0, BIT0, INSN_IMM_SIZE},
	{0xf6, 0xfe, 2, GENERAL, INSN_NOT, 0, BIT0, BIT0},
	{0xf6, 0xfe, 3, GENERAL, INSN_NEG, 0, BIT0, BIT0},
	{0xfe, 0xfe, 0, GENERAL, INSN_INC, 0, BIT0, BIT0},
	{0xfe, 0xfe, 1, GENERAL, INSN_DEC, 0, BIT0, BIT0},
	{0x86, 0xfe, -1, GENERAL, INSN_XCHG, 0, BIT0, BIT0},
	{0x63, 0xff, -1, GENERAL, INSN_LOAD_SIGN, 0, 4, OPERAND},
	{0xc0, 0xfe, -1, GENERAL, INSN_SHIFT, INSN_KIND_EXTENSION, BIT0, BIT0, INSN_IMM_8},
	{0xd0, 0xfe, -1, GENERAL, INSN_SHIFT, INSN_KIND_EXTENSION, BIT0, BIT0, INSN_IMM_ONE},
	{0xd2, 0xfe, -1, GENERAL, INSN_SHIFT, INSN_KIND_EXTENSION, BIT0, BIT0, INSN_IMM_CL},
	{0xa4, 0xfe, -1, GENERAL, INSN_MOVS, 0, BIT0, BIT0},
	{0xa6, 0xfe, -1, GENERAL, INSN_CMPS, 0, BIT0, BIT0},
	{0xaa, 0xfe, -1, GENERAL, INSN_STOS, 0, BIT0, BIT0},
	{0xac, 0xfe, -1, GENERAL, INSN_LODS, 0, BIT0, BIT0},
	{0xae, 0xfe, -1, GENERAL, INSN_SCAS, 0, BIT0, BIT0},
	{0xff, 0xff, 6, GENERAL, INSN_PUSH, 0, INSN_BY_STACK, INSN_BY_STACK},
	{0x8f, 0xff, 0, GENERAL, INSN_POP, 0, INSN_BY_STACK, INSN_BY_STACK},
};

/* 0F */
static const struct insn_row map1[] = {
	{0x40, 0xf0, -1, GENERAL, INSN_CMOV, INSN_KIND_CONDITION, OPERAND, OPERAND},
	{0x90, 0xf0, -1, GENERAL, INSN_SETCC, INSN_KIND_CONDITION, 1, 1},
	{0xb6, 0xff, -1, GENERAL, INSN_LOAD, 0, 1, OPERAND},
	{0xb7, 0xff, -1, GENERAL, INSN_LOAD, 0, 2, OPERAND},
	{0xbe, 0xff, -1, GENERAL, INSN_LOAD_SIGN, 0, 1, OPERAND},
	{0xbf, 0xff, -1, GENERAL, INSN_LOAD_SIGN, 0, 2, OPERAND},
	{0xc3, 0xff, -1, INSN_P_NONE, INSN_LEGACY, INSN_STORE, 0, OPERAND, OPERAND},
	{0xb0, 0xfe, -1, GENERAL, INSN_CMPXCHG, 0, BIT0, BIT0},
	{0xc0, 0xfe, -1, GENERAL, INSN_XADD, 0, BIT0, BIT0},
	{0xc7, 0xff, 1, GENERAL, INSN_CMPXCHG_PAIR, 0, INSN_BY_W_PAIR, INSN_BY_W_PAIR},
	{0xa3, 0xff, -1, GENERAL, INSN_BIT, 0, OPERAND, OPERAND},
	{0xab, 0xff, -1, GENERAL, INSN_BIT, 1, OPERAND, OPERAND},
	{0xb3, 0xff, -1, GENERAL, INSN_BIT, 2, OPERAND, OPERAND},
	{0xbb, 0xff, -1, GENERAL, INSN_BIT, 3, OPERAND, OPERAND},
	{0xba, 0xff, 4, GENERAL, INSN_BIT, 0, OPERAND, OPERAND, INSN_IMM_8},
	{0xba, 0xff, 5, GENERAL, INSN_BIT, 1, OPERAND, OPERAND, INSN_IMM_8},
	{0xba, 0xff, 6, GENERAL, INSN_BIT, 2, OPERAND, OPERAND, INSN_IMM_8},
	{0xba, 0xff, 7, GENERAL, INSN_BIT, 3, OPERAND, OPERAND, INSN_IMM_8},
	/* clflush, clflushopt; clwb */
	{0xae, 0xff, 7, PS, SSE, INSN_FLUSH, 0, 1, 1},
	{0xae, 0xff, 6, INSN_P_66, SSE, INSN_FLUSH, 0, 1, 1},
	/* movups, movupd; movss, movsd */
	{0x10, 0xff, -1, PS, ALL, INSN_VECTOR_LOAD, 0, VECTOR, 0, 0, 0, INSN_KEEPS, INSN_ELEMENT_W},
	{0x11, 0xff, -1, PS, ALL, INSN_VECTOR_STORE, 0, VECTOR, 0, 0, 0, 0, INSN_ELEMENT_W},
	{0x10, 0xff, -1, INSN_P_F3, ALL, INSN_VECTOR_LOAD, 0, 4, 0, 0, 0, INSN_CLEARS_XMM, 4},
	{0x11, 0xff, -1, INSN_P_F3, ALL, INSN_VECTOR_STORE, 0, 4, 0, 0, 0, 0, 4},
	{0x10, 0xff, -1, INSN_P_F2, ALL, INSN_VECTOR_LOAD, 0, 8, 0, 0, 0, INSN_CLEARS_XMM, 8},
	{0x11, 0xff, -1, INSN_P_F2, ALL, INSN_VECTOR_STORE, 0, 8, 0, 0, 0, 0, 8},
	/* movlps, movlpd, movhps, movhpd; loads by VEX take a third operand */
	{0x12, 0xff, -1, PS, SSE, INSN_VECTOR_LOAD, 0, 8, 0, 0, 0, INSN_KEEPS, 8},
	{0x13, 0xff, -1, PS, ALL, INSN_VECTOR_STORE, 0, 8, 0, 0, 0, 0, 8},
	{0x16, 0xff, -1, PS, SSE, INSN_VECTOR_LOAD, 0, 8, 0, 0, 8, INSN_KEEPS, 8},
	{0x17, 0xff, -1, PS, ALL, INSN_VECTOR_STORE, 0, 8, 0, 0, 8, 0, 8},
	/* movaps, movapd; movntps, movntpd */
	{0x28, 0xff, -1, PS, ALL, INSN_VECTOR_LOAD, 0, VECTOR, 0, 0, 0, INSN_KEEPS, INSN_ELEMENT_W},
	{0x29, 0xff, -1, PS, ALL, INSN_VECTOR_STORE, 0, VECTOR, 0, 0, 0, 0, INSN_ELEMENT_W},
	{0x2b, 0xff, -1, PS, ALL, INSN_VECTOR_STORE, 0, VECTOR, 0, 0, 0, 0, INSN_ELEMENT_W},
	/* movd, movq */
	{0x6e, 0xff, -1, INSN_P_66, ALL, INSN_VECTOR_LOAD, 0, INSN_BY_W, 0, 0, 0, INSN_CLEARS_XMM,
	 8},
	{0x7e, 0xff, -1, INSN_P_66, ALL, INSN_VECTOR_STORE, 0, INSN_BY_W, 0, 0, 0, 0, 8},
	{0x7e, 0xff, -1, INSN_P_F3, ALL, INSN_VECTOR_LOAD, 0, 8, 0, 0, 0, INSN_CLEARS_XMM, 8},
	{0xd6, 0xff, -1, INSN_P_66, ALL, INSN_VECTOR_STORE, 0, 8, 0, 0, 0, 0, 8},
	/* movdqa, movdqu, vmovdqa32/64, vmovdqu32/64; vmovdqu8/16 */
	{0x6f, 0xff, -1, INSN_P_66 | INSN_P_F3, ALL, INSN_VECTOR_LOAD, 0, VECTOR, 0, 0, 0,
	 INSN_KEEPS, INSN_ELEMENT_W},
	{0x7f, 0xff, -1, INSN_P_66 | INSN_P_F3, ALL, INSN_VECTOR_STORE, 0, VECTOR, 0, 0, 0, 0,
	 INSN_ELEMENT_W},
	{0x6f, 0xff, -1, INSN_P_F2, INSN_EVEX, INSN_VECTOR_LOAD, 0, VECTOR, 0, 0, 0, INSN_KEEPS,
	 INSN_ELEMENT_BW},
	{0x7f, 0xff, -1, INSN_P_F2, INSN_EVEX, INSN_VECTOR_STORE, 0, VECTOR, 0, 0, 0, 0,
	 INSN_ELEMENT_BW},
	/* movntdq; lddqu */
	{0xe7, 0xff, -1, INSN_P_66, ALL, INSN_VECTOR_STORE, 0, VECTOR, 0, 0, 0, 0, 8},
	{0xf0, 0xff, -1, INSN_P_F2, AVX, INSN_VECTOR_LOAD, 0, VECTOR, 0, 0, 0, INSN_KEEPS, 8},
};

/* 0F 38 */
static const struct insn_row map2[] = {
	/* movbe */
	{0xf0, 0xff, -1, PS, SSE, INSN_LOAD_SWAP, 0, OPERAND, OPERAND},
	{0xf1, 0xff, -1, PS, SSE, INSN_STORE_SWAP, 0, OPERAND, OPERAND},
	/* movdiri, movdir64b */
	{0xf9, 0xff, -1, INSN_P_NONE, SSE, INSN_STORE, 0, INSN_BY_W, INSN_BY_W},
	{0xf8, 0xff, -1, INSN_P_66, SSE, INSN_MOVDIR64B, 0, 64, 8},
	/* movntdqa */
	{0x2a, 0xff, -1, INSN_P_66, ALL, INSN_VECTOR_LOAD, 0, VECTOR, 0, 0, 0, INSN_KEEPS, 8},
	/* vmaskmovps, vmaskmovpd, vpmaskmovd, vpmaskmovq */
	{0x2c, 0xff, -1, INSN_P_66, INSN_VEX, INSN_VECTOR_LOAD, 0, VECTOR, 0, 0, 0, INSN_KEEPS, 4},
	{0x2d, 0xff, -1, INSN_P_66, INSN_VEX, INSN_VECTOR_LOAD, 0, VECTOR, 0, 0, 0, INSN_KEEPS, 8},
	{0x2e, 0xff, -1, INSN_P_66, INSN_VEX, INSN_VECTOR_STORE, 0, VECTOR, 0, 0, 0, 0, 4},
	{0x2f, 0xff, -1, INSN_P_66, INSN_VEX, INSN_VECTOR_STORE, 0, VECTOR, 0, 0, 0, 0, 8},
	{0x8c, 0xff, -1, INSN_P_66, INSN_VEX, INSN_VECTOR_LOAD, 0, VECTOR, 0, 0, 0, INSN_KEEPS,
	 INSN_ELEMENT_W},
	{0x8e, 0xff, -1, INSN_P_66, INSN_VEX, INSN_VECTOR_STORE, 0, VECTOR, 0, 0, 0, 0,
	 INSN_ELEMENT_W},
};

/* 0F 3A */
static const struct insn_row map3[] = {
	/* pextrb, pextrw, pextrd, pextrq, extractps */
	{0x14, 0xff, -1, INSN_P_66, ALL, INSN_VECTOR_STORE, 0, 1, 0, INSN_IMM_LANE, 0, 0, 8},
	{0x15, 0xff, -1, INSN_P_66, ALL, INSN_VECTOR_STORE, 0, 2, 0, INSN_IMM_LANE, 0, 0, 8},
	{0x16, 0xff, -1, INSN_P_66, ALL, INSN_VECTOR_STORE, 0, INSN_BY_W, 0, INSN_IMM_LANE, 0, 0,
	 8},
	{0x17, 0xff, -1, INSN_P_66, ALL, INSN_VECTOR_STORE, 0, 4, 0, INSN_IMM_LANE, 0, 0, 8},
	/* vextractf128, vextractf32x4, vextractf64x2, their integer twins; the halves of 64 bytes */
	{0x19, 0xff, -1, INSN_P_66, INSN_VEX | INSN_EVEX, INSN_VECTOR_STORE, 0, 16, 0,
	 INSN_IMM_LANE, 0, 0, INSN_ELEMENT_W},
	{0x39, 0xff, -1, INSN_P_66, INSN_VEX | INSN_EVEX, INSN_VECTOR_STORE, 0, 16, 0,
	 INSN_IMM_LANE, 0, 0, INSN_ELEMENT_W},
	{0x1b, 0xff, -1, INSN_P_66, INSN_EVEX, INSN_VECTOR_STORE, 0, 32, 0, INSN_IMM_LANE, 0, 0,
	 INSN_ELEMENT_W},
	{0x3b, 0xff, -1, INSN_P_66, INSN_EVEX, INSN_VECTOR_STORE, 0, 32, 0, INSN_IMM_LANE, 0, 0,
	 INSN_ELEMENT_W},
};

#define ROWS(map)                                                                                  \
	{                                                                                          \
		map, sizeof(map) / sizeof((map)[0])                                                \
	}

static const struct {
	const struct insn_row *rows;
	size_t n;
} maps[] = {ROWS(map0), ROWS(map1), ROWS(map2), ROWS(map3)};

static bool row_is(const struct insn_row *row, uint8_t opcode, unsigned int prefix,
		   enum insn_encoding encoding)
{
	return (opcode & row->opcode_mask) == row->opcode && row->encodings & encoding &&
	       row->prefixes >> prefix & 1;
}

const struct insn_row *insn_find(unsigned int map, uint8_t opcode, unsigned int prefix,
				 enum insn_encoding encoding, unsigned int extension)
{
	if (map >= sizeof(maps) / sizeof(maps[0]))
		return NULL;
	for (size_t i = 0; i < maps[map].n; i++) {
		const struct insn_row *row = &maps[map].rows[i];

		if (row_is(row, opcode, prefix, encoding) &&
		    (row->extension < 0 || (unsigned int)row->extension == extension))
			return row;
	}
	return NULL;
}

bool insn_row_has_modrm(const struct insn_row *row)
{
	return row->imm != INSN_IMM_MOFFS && !(row->op >= INSN_MOVS && row->op <= INSN_SCAS);
}
