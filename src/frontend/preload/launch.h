/* SPDX-License-Identifier: MIT */
/*
 * A program that nothing can be preloaded into, executed by one that the library is in: `uiommufd run --launcher` is executed in its place, and
 * serves it. UIOMMUFD_LAUNCHER in its environment says where that command is; without it, or if it is empty, nothing is done. Nothing here needs more
 * than the stack, for children of vfork() execute.
 */
#ifndef UIOMMUFD_PRELOAD_LAUNCH_H
#define UIOMMUFD_PRELOAD_LAUNCH_H

#include <limits.h>

/* What is to be executed, and how: `run` is called once, with the struct or one in its place. */
struct launch {
	const char *
		file; /* NULL, or a name that run() is to look up, instead of the path that it stands for */
	const char *path; /* NULL: the name stands for nothing */
	char *const *argv, *const *envp;
	int (*run)(const struct launch *launch);
	void *arg; /* run's */
};

/* What run() returns. */
int launch_run(const struct launch *launch);

/* Where a name without a slash is found in PATH, as execvp() looks; else the name. NULL: nowhere. */
const char *launch_find(const char *file, char space[static PATH_MAX]);

#endif
