/* SPDX-License-Identifier: MIT */
/*
 * The program that is to be run: where it is, and whether the preload library can serve it. A
 * program that it can't serve would fail strangely; so the answer is a sentence, before anything
 * runs.
 */
#ifndef UIOMMUFD_TOOLS_PROGRAM_H
#define UIOMMUFD_TOOLS_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

struct program {
	char path[PATH_MAX]; /* what execv() gets */
	bool by_shell;	     /* neither ELF nor #!: /bin/sh runs it, as execvp() would have it */
	bool own_calls; /* makes its system calls itself (Go): only what it executes is served */
	char reason[PATH_MAX + 256]; /* on failure: a sentence without a full stop */
};

/*
 * Looks a name up as execvp() does: in PATH unless it has a slash. 0, -ENOENT (nothing of that
 * name), or -EACCES (not executable).
 */
int program_find(const char *name, struct program *program);
/*
 * Will the dynamic linker load a preload library into it, or into the interpreter that runs it? 0,
 * -ENOEXEC (nothing that this kernel executes), -ENOENT (its interpreter is missing) or -EPERM
 * (can't be served). A file that may be executed but not read is taken on trust.
 */
int program_check(struct program *program);

#endif
