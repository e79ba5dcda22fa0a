/* SPDX-License-Identifier: MIT */
/*
 * Tables of x86-64 for tests: a builder, and a walker that is slow and obvious, both written from the specification (VT-d 3.6, 9.8) and with
 * nothing in common with src/pt/.
 */
#ifndef UIOMMUFD_TESTS_SPEC_X86_TABLES_H
#define UIOMMUFD_TESTS_SPEC_X86_TABLES_H

#include <stdbool.h>
#include <stdint.h>

/* Bits of an entry. */
enum x86_bits {
	X86_P = 1 << 0,
	X86_RW = 1 << 1,
	X86_US = 1 << 2,
	X86_A = 1 << 5,
	X86_D = 1 << 6,
	X86_PS = 1 << 7,
	X86_EA = 1 << 10,
};
#define X86_XD ((uint64_t)1 << 63)

/* Guest memory with tables in it; new ones are taken from [next, end). */
struct x86_tables {
	char *memory;
	uint64_t size;
	uint64_t next, end;
	uint64_t root;
	unsigned int levels;
};

/* Tables come from [start, end) of the memory, which is zero there. */
void x86_init(struct x86_tables *t, char *memory, uint64_t size, uint64_t start, uint64_t end,
	      unsigned int levels);
/* The entry of `level` (1: of a page of 4 KiB, up to `levels`) for va; the tables above it are made with all rights where they are missing. */
uint64_t *x86_entry(struct x86_tables *t, uint64_t va, unsigned int level);
/* Maps a page by an entry of `level` (1 to 3), with these bits beside P. */
void x86_map(struct x86_tables *t, uint64_t va, uint64_t gpa, unsigned int level, uint64_t bits);

/* How tables are to be understood. */
struct x86_rules {
	bool sre, wpe, eafe;
	unsigned int address_bits; /* of guest-physical addresses */
};

struct x86_access {
	bool write, exec, priv;
	bool look; /* sets nothing */
};

enum x86_outcome {
	X86_OK,
	X86_NON_CANONICAL,
	X86_NOT_PRESENT,
	X86_FORBIDDEN,
	X86_RESERVED,
	X86_BAD_TABLE, /* it lies outside of the memory */
};

/* Walks, and on success sets what hardware sets. *ret_gpa: of the byte. */
enum x86_outcome x86_walk(const struct x86_tables *t, const struct x86_rules *rules, uint64_t va,
			  struct x86_access access, uint64_t *ret_gpa);

#endif
