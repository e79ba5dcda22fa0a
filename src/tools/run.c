/* SPDX-License-Identifier: MIT */
/*
 * `uiommufd run`: executes a program with the preload library. It becomes the program (nothing is
 * left to clean up), so exit statuses, signals, job control and the process ID are the program's
 * own.
 */
#include "tools/program.h"
#include "tools/shim.h"
#include "tools/tool.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"Usage: uiommufd run [OPTION...] [--] PROGRAM [ARGUMENT...]\n"
	"\n"
	"Runs PROGRAM, unchanged, on a machine that has /dev/iommu and /dev/vfio/vfio.\n"
	"What it executes sees the same machine.\n"
	"\n"
	"Options:\n"
	"  -h, --help       print this help\n"
	"\n"
	"The exit status is PROGRAM's. 2: bad use, or PROGRAM can't be served (static,\n"
	"set-user-ID, built for another machine), and a sentence says why. 126: PROGRAM\n"
	"can't be executed. 127: it was not found.\n";

/* 0, or an exit status when there is no program to run. */
static int parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{},
	};
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		switch (option) {
		case 'h':
			exit(fputs(help, stdout) < 0);
		default:
			tool_say("option '%s' is not known: 'uiommufd run --help' lists them.",
				 argv[optind - 1]);
			return TOOL_USAGE;
		}
	}
	if (optind == argc) {
		tool_say("give the program to run: 'uiommufd run -- PROGRAM ARGUMENTS'.");
		return TOOL_USAGE;
	}
	return TOOL_OK;
}

static int exit_status(int error)
{
	switch (error) {
	case -ENOENT:
		return TOOL_NOT_FOUND;
	case -EPERM:
		return TOOL_USAGE;
	default:
		return TOOL_NOT_RUNNABLE;
	}
}

/* Returns only if that failed. */
static int execute(const struct program *program, char **argv, int argc)
{
	char **shell;

	if (!program->by_shell) {
		execv(program->path, argv);
		return -errno;
	}
	shell = calloc(argc + 2, sizeof(*shell));
	if (!shell)
		return -ENOMEM;
	shell[0] = (char *)"/bin/sh";
	shell[1] = (char *)program->path;
	memcpy(shell + 2, argv + 1, argc * sizeof(*shell)); /* with the NULL */
	execv(shell[0], shell);
	free(shell);
	return -errno;
}

static int prepare_preload(void)
{
	char path[PATH_MAX];
	int r = shim_find(path);

	if (r) {
		tool_say("the preload library is missing: build or install uiommufd completely.");
		return r;
	}
	r = shim_preload(path);
	if (r == -EINVAL)
		tool_say("the dynamic linker can't preload '%s': move uiommufd to a path without "
			 "blanks and colons.",
			 path);
	else if (r)
		tool_say("out of memory.");
	return r;
}

int tool_run(int argc, char **argv)
{
	struct program program;
	int r = parse(argc, argv);

	if (r)
		return r;
	argv += optind;
	argc -= optind;
	r = program_find(argv[0], &program);
	if (!r)
		r = program_check(&program);
	if (r) {
		tool_say("%s.", program.reason);
		return exit_status(r);
	}
	if (program.own_calls)
		tool_say("'%s' is a Go program, which makes its system calls itself: only the "
			 "programs "
			 "that it executes will see /dev/iommu.",
			 program.path);
	if (prepare_preload())
		return TOOL_USAGE;
	r = execute(&program, argv, argc);
	tool_say("'%s' can't be executed: %s.", program.path, strerror(-r));
	return exit_status(r == -EPERM ? -EACCES : r);
}
