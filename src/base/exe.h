/* SPDX-License-Identifier: MIT */
/* The few facts of an ELF executable that decide whether a preload library is loaded into it. */
#ifndef UIOMMUFD_BASE_EXE_H
#define UIOMMUFD_BASE_EXE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct exe_facts {
	uint8_t class, data;	    /* EI_CLASS, EI_DATA */
	uint16_t machine;	    /* EM_* */
	char interpreter[PATH_MAX]; /* the dynamic linker; "" for a static program */
	bool go; /* made by the Go compiler, which makes its system calls itself */
};

/* All of these take no lock and no memory but the stack's: a child of vfork() may call them. */

/* 0, -ENOEXEC (not an executable in ELF, or damaged), or what open() and read() say. */
int exe_read(const char *path, struct exe_facts *ret_facts);
/* "x86-64 (64 bit)"; static storage, or "another machine". */
const char *exe_machine_name(const struct exe_facts *facts);
/*
 * Does the dynamic linker load preload libraries of ours into it, whose own facts are `own`? Not into static programs, those of another C library, and
 * Go's, which make their system calls themselves.
 */
bool exe_preloads(const char *path, const struct exe_facts *facts, const struct exe_facts *own);
bool exe_same_file(const char *a, const char *b);

#endif
