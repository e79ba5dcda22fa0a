/* SPDX-License-Identifier: MIT */
/*
 * The program that is to be run: where it is, and which way in can serve it. A program that none can serve
 * would fail strangely; so the answer is a sentence, before anything runs.
 */
#ifndef UIOMMUFD_TOOLS_PROGRAM_H
#define UIOMMUFD_TOOLS_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

struct program {
	char path[PATH_MAX]; /* what execv() gets */
	bool by_shell;	     /* neither ELF nor #!: /bin/sh runs it, as execvp() would have it */
	bool launch;	     /* nothing can be preloaded into it: the launcher serves it */
	char reason[PATH_MAX + 256]; /* on failure: a sentence without a full stop */
};

/*
 * Looks a name up as execvp() does: in PATH unless it has a slash. 0, -ENOENT (nothing of that
 * name), or -EACCES (not executable).
 */
int program_find(const char *name, struct program *program);
/*
 * Which way in serves it, or the interpreter that runs it: the preload library where the dynamic linker loads one, else the launcher (static
 * programs, those of another C library, Go's, which make their system calls themselves). 0, -ENOEXEC (nothing that this kernel executes),
 * -ENOENT (its interpreter is missing) or -EPERM (can't be served). A file that may be executed but not read is taken on trust.
 */
int program_check(struct program *program);

#endif
