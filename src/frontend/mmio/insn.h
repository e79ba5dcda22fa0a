/* SPDX-License-Identifier: MIT */
/*
 * x86-64 instructions that load from memory or store to it: what one does, as far as it takes to do it in the processor's place.
 *
 * Only an instruction that has just faulted on its memory is decoded, so the processor has found it well formed: nothing is checked here that
 * it checks before. Known are those that programs use on device memory, and those that compilers and C libraries make of copies; a table of
 * them is insn_table.c. Encodings are those of Intel's Software Developer's Manual, volume 2: chapter 2 (formats), appendix A (opcodes).
 */
#ifndef UIOMMUFD_MMIO_INSN_H
#define UIOMMUFD_MMIO_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSN_LONGEST 15

/* In order of their kind; "mem" is the memory operand, "src" the register or immediate. */
enum insn_op {
	INSN_STORE = 1,	 /* mem = src */
	INSN_LOAD,	 /* reg = mem, zeros above */
	INSN_LOAD_SIGN,	 /* reg = mem, its sign above */
	INSN_STORE_SWAP, /* mem = src, bytes reversed */
	INSN_LOAD_SWAP,
	INSN_SETCC, /* mem = condition `kind` */
	INSN_CMOV,  /* reg = mem if condition `kind`; mem is loaded anyway */
	/* kind: 0 add, 1 or, 2 adc, 3 sbb, 4 and, 5 sub, 6 xor, 7 cmp */
	INSN_ALU_MEM, /* mem = mem op src */
	INSN_ALU_REG, /* reg = reg op mem */
	INSN_TEST,
	INSN_INC,
	INSN_DEC,
	INSN_NOT,
	INSN_NEG,
	INSN_SHIFT, /* kind: 0 rol, 1 ror, 2 rcl, 3 rcr, 4 shl, 5 shr, 6 shl, 7 sar; src: the count */
	INSN_XCHG,
	INSN_XADD,
	INSN_CMPXCHG,
	INSN_CMPXCHG_PAIR, /* cmpxchg8b, cmpxchg16b: size is the pair's */
	INSN_BIT, /* kind: 0 bt, 1 bts, 2 btr, 3 btc; src: the bit's number, from mem on if it is a register */
	INSN_PUSH,
	INSN_POP,
	/* Strings: RSI, RDI, RCX; size is an element's. */
	INSN_MOVS,
	INSN_CMPS,
	INSN_STOS,
	INSN_LODS,
	INSN_SCAS,
	/* Vector registers: bytes [lane, lane + size) of reg. */
	INSN_VECTOR_STORE,
	INSN_VECTOR_LOAD,
	INSN_MOVDIR64B, /* 64 bytes from mem to where reg points */
	INSN_FLUSH,	/* of a cache line: nothing to do */
};

/* Register numbers are the encoding's; these are others. */
enum {
	INSN_HIGH = 0x20, /* + 0 to 3: AH, CH, DH, BH */
	INSN_NO_REG = 0xff,
	INSN_RIP = 0xfe, /* as a base: the next instruction */
};

enum { INSN_FS = 1, INSN_GS };

/* Where a source operand comes from. */
enum insn_src { INSN_SRC_REG, INSN_SRC_IMM };

struct insn {
	uint8_t op; /* enum insn_op */
	uint8_t length;
	uint8_t kind;
	uint8_t size;  /* of mem, bytes */
	uint8_t width; /* of the register operand */
	uint8_t reg, src;
	uint8_t repeat; /* 0, 0xf2 or 0xf3 */
	/* Vectors. */
	uint8_t lane;
	uint8_t element;     /* of a mask; bytes */
	uint8_t mask;	     /* a mask register, 0: none */
	uint8_t mask_vector; /* a vector whose elements' signs mask, or INSN_NO_REG */
	uint8_t clears;	     /* a load clears the register from lane + size to here */
	bool zeroing;	     /* elements that the mask leaves out are cleared */
	bool lock;
	/* The memory operand: base + index * scale + disp. */
	uint8_t base, index, scale, segment;
	uint8_t address_size; /* 4 or 8 */
	int64_t disp;
	int64_t imm;
};

/* Decodes the instruction at code, of which len bytes can be read. False: it is none that is known, or not all there. */
bool insn_decode(const uint8_t *code, size_t len, struct insn *ret_insn);

/* ---- the table, for insn.c and tests ---- */

enum insn_encoding { INSN_LEGACY = 1, INSN_VEX = 2, INSN_EVEX = 4 };

/* Bits of insn_row.prefixes. */
enum { INSN_P_NONE = 1, INSN_P_66 = 2, INSN_P_F3 = 4, INSN_P_F2 = 8, INSN_P_ANY = 15 };

/* A size that the instruction decides, below the fixed ones. */
enum insn_size {
	INSN_BY_OPERAND = 100, /* 2, 4 or 8: prefix 66 and W */
	INSN_BY_BIT0,	       /* 1 if bit 0 of the opcode is clear, else as above */
	INSN_BY_W,	       /* 4 or 8 */
	INSN_BY_W_PAIR,	       /* 8 or 16 */
	INSN_BY_VECTOR,	       /* the vector's */
	INSN_BY_STACK,	       /* 8, or 2 with prefix 66 */
};

enum insn_immediate {
	INSN_IMM_NONE,
	INSN_IMM_8,	/* a byte, sign-extended: the source */
	INSN_IMM_SIZE,	/* as long as the operand, four bytes at most: the source */
	INSN_IMM_LANE,	/* a byte: the number of the lane */
	INSN_IMM_ONE,	/* the source is 1, and takes no byte */
	INSN_IMM_CL,	/* the source is CL */
	INSN_IMM_MOFFS, /* no ModRM: the address; the register is RAX */
};

struct insn_row {
	uint8_t opcode, opcode_mask;
	int8_t extension; /* ModRM.reg, or -1 */
	uint8_t prefixes, encodings;
	uint8_t op;   /* enum insn_op */
	uint8_t kind; /* INSN_KIND_*, or the number */
	uint8_t size, width;
	uint8_t imm; /* enum insn_immediate */
	uint8_t lane, clears, element;
};

/* Where kind comes from, if not from the row. */
enum {
	INSN_KIND_OPCODE = 100, /* bits 3 to 5 of the opcode */
	INSN_KIND_EXTENSION,	/* ModRM.reg */
	INSN_KIND_CONDITION,	/* bits 0 to 3 of the opcode */
};

/* A load's `clears`: with VEX and EVEX all that is above, with legacy encodings to here. */
enum { INSN_KEEPS = 0, INSN_CLEARS_XMM = 16, INSN_CLEARS_ALL = 64 };

/* An element size that W decides: 4 or 8. Others are fixed; 1 stands for 1 or 2 by W where encodings have it so. */
#define INSN_ELEMENT_W	0
#define INSN_ELEMENT_BW 1

/* Opcode maps: 0 one byte, 1 0F, 2 0F38, 3 0F3A. NULL: no such row. */
const struct insn_row *insn_find(unsigned int map, uint8_t opcode, unsigned int prefix,
				 enum insn_encoding encoding, unsigned int extension);
bool insn_row_has_modrm(const struct insn_row *row);

#endif
