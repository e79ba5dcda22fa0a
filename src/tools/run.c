/* SPDX-License-Identifier: MIT */
/*
 * `uiommufd run`: executes a program with the preload library. It becomes the program (nothing is
 * left to clean up), so exit statuses, signals, job control and the process ID are the program's
 * own. A program that the library can't be loaded into is executed by the launcher, and stays a child.
 */
#include "frontend/launcher/launcher.h"
#include "tools/machine.h"
#include "tools/namespace.h"
#include "tools/program.h"
#include "tools/shim.h"
#include "tools/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"Usage: uiommufd run [OPTION...] [--] PROGRAM [ARGUMENT...]\n"
	"\n"
	"Runs PROGRAM, unchanged, on a machine that has /dev/iommu and /dev/vfio/vfio, and\n"
	"the devices that it is given. What it executes sees the same machine.\n"
	"\n"
	"Options:\n" MACHINE_HELP
	"      --trace[=FILE]       print each call on the machine's descriptors, in words,\n"
	"                           on standard error or to FILE\n"
	"      --sanitize[=HOW]     tell of DMA through stale translations and after unmap;\n"
	"                           HOW: report (the default), exit (status 66) or abort at\n"
	"                           the first\n"
	"      --pretend-hugepages  give ordinary pages to who asks for huge pages\n"
	"      --launcher           serve PROGRAM by its system calls, not by a preload library:\n"
	"                           as it is done anyway for static programs, Go programs\n"
	"                           and those of another C library. --launcher=try: where that\n"
	"                           can't be, PROGRAM runs without the machine\n"
	"      --argv0 NAME         PROGRAM is told that this is its name\n"
	"      --namespace          give PROGRAM a /dev of its own with real nodes in it,\n"
	"                           for what looks at paths past the preload library\n"
	"      --no-namespace       leave /dev alone (this is the default)\n"
	"  -h, --help               print this help\n"
	"\n"
	"The exit status is PROGRAM's. 2: bad use, or PROGRAM can't be served (set-user-ID,\n"
	"built for another machine), and a sentence says why. 126: PROGRAM can't be\n"
	"executed. 127: it was not found.\n";

struct options {
	struct config *config;	/* NULL: the machine that there is */
	const char *trace_file; /* NULL: standard error */
	const char *sanitize;	/* how; NULL: not */
	const char *argv0;
	bool trace, hugepages, namespace, launcher, try;
};

enum option_value {
	OPTION_TRACE = 256,
	OPTION_SANITIZE,
	OPTION_HUGEPAGES,
	OPTION_LAUNCHER,
	OPTION_ARGV0,
	OPTION_NAMESPACE,
	OPTION_NO_NAMESPACE
};

static const struct option long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{"trace", optional_argument, NULL, OPTION_TRACE},
	{"sanitize", optional_argument, NULL, OPTION_SANITIZE},
	{"pretend-hugepages", no_argument, NULL, OPTION_HUGEPAGES},
	{"launcher", optional_argument, NULL, OPTION_LAUNCHER},
	{"argv0", required_argument, NULL, OPTION_ARGV0},
	{"namespace", no_argument, NULL, OPTION_NAMESPACE},
	{"no-namespace", no_argument, NULL, OPTION_NO_NAMESPACE},
	MACHINE_LONG_OPTIONS,
	{},
};

static int take_launcher(const char *how, struct options *options)
{
	options->launcher = true;
	options->try = how && !strcmp(how, "try");
	if (!how || options->try)
		return TOOL_OK;
	tool_say("--launcher=%s: say try, or nothing.", how);
	return TOOL_USAGE;
}

/* One option: 0, or the status to exit with. */
static int take_option(int option, const char *word, struct options *options)
{
	switch (option) {
	case 'h':
		exit(fputs(help, stdout) < 0);
	case OPTION_TRACE:
		options->trace = true;
		options->trace_file = optarg;
		break;
	case OPTION_SANITIZE:
		options->sanitize = optarg ? optarg : "report";
		break;
	case OPTION_HUGEPAGES:
		options->hugepages = true;
		break;
	case OPTION_LAUNCHER:
		return take_launcher(optarg, options);
	case OPTION_ARGV0:
		options->argv0 = optarg;
		break;
	case OPTION_NAMESPACE:
		options->namespace = true;
		break;
	case OPTION_NO_NAMESPACE:
		options->namespace = false;
		break;
	case MACHINE_OPTION_FILE:
	case MACHINE_OPTION_DEVICE:
	case MACHINE_OPTION_IOMMU:
		return machine_take(&options->config, option, optarg) ? TOOL_USAGE : TOOL_OK;
	case ':':
		tool_say("option '%s' needs a value: 'uiommufd run --help' tells which.", word);
		return TOOL_USAGE;
	default:
		tool_say("option '%s' is not known: 'uiommufd run --help' lists them.", word);
		return TOOL_USAGE;
	}
	return TOOL_OK;
}

/* 0, or an exit status when there is no program to run. */
static int parse(int argc, char **argv, struct options *options)
{
	int option, r = TOOL_OK;

	optind = 0;
	while (!r && (option = getopt_long(argc, argv, "+:h", long_options, NULL)) != -1)
		r = take_option(option, argv[optind - 1], options);
	if (!r && optind == argc) {
		tool_say("give the program to run: 'uiommufd run -- PROGRAM ARGUMENTS'.");
		r = TOOL_USAGE;
	}
	return r;
}

/* The shim's options travel in the environment: whatever the program executes gets them too. */
static int prepare_trace(const char *file)
{
	char path[PATH_MAX] = "";
	int fd, r;

	if (file && !*file) {
		tool_say("--trace= needs the name of a file, or leave out the '='.");
		return -EINVAL;
	}
	if (file) {
		fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		r = fd < 0 || !realpath(file, path) ? -errno : 0;
		if (fd >= 0)
			close(fd);
		if (r) {
			tool_say("'%s' can't be written: %s.", file, strerror(-r));
			return r;
		}
	}
	return setenv("UIOMMUFD_TRACE", path, 1) ? -ENOMEM : 0;
}

static int prepare_sanitize(const char *how)
{
	if (strcmp(how, "report") && strcmp(how, "exit") && strcmp(how, "abort")) {
		tool_say("--sanitize=%s: say report, exit or abort.", how);
		return -EINVAL;
	}
	return setenv("UIOMMUFD_SANITIZE", how, 1) ? -ENOMEM : 0;
}

/* A variable has 32 pages (execve(2)): what is longer is refused when the program is executed, with words that say nothing of the machine. */
static int tell_machine(const char *text)
{
	const size_t most = 32 * (size_t)sysconf(_SC_PAGESIZE) - sizeof(MACHINE_VARIABLE "=");

	if (strlen(text) > most) {
		tool_say("the machine is too large: its description has %zu bytes, and %zu can be "
			 "handed "
			 "to a program. Devices that are alike, one behind the other, take little.",
			 strlen(text), most);
		return -E2BIG;
	}
	if (!setenv(MACHINE_VARIABLE, text, 1))
		return 0;
	tool_say("memory is out.");
	return -ENOMEM;
}

static int prepare_machine(struct config *config)
{
	int r = machine_complete(config);
	char *text;

	if (r)
		return r;
	r = config_write(config, &text);
	if (r) {
		tool_say("memory is out.");
		return r;
	}
	r = tell_machine(text);
	free(text);
	return r ? r : machine_share(config);
}

static int prepare_namespace(void)
{
	const char *step;
	int r = namespace_enter(&step);

	if (r)
		tool_say("%s here (%s): run without --namespace.", step, strerror(-r));
	return r;
}

/* Appends `setting` to options of another tool's in the environment, if they don't speak of `name` already. */
static int add_option(const char *variable, const char *name, const char *setting, char between)
{
	const char *old = getenv(variable);
	char *both;
	int r = 0;

	if (old && strstr(old, name))
		return 0;
	if (asprintf(&both, "%s%.*s%s", old ? old : "", !!old, &between, setting) < 0)
		return -ENOMEM;
	if (setenv(variable, both, 1))
		r = -ENOMEM;
	free(both);
	return r;
}

/*
 * A program that gcc has built with AddressSanitizer refuses to start when anything is preloaded in front of the run-time library. The
 * preload library does no harm there. Valgrind's registers are not up to date at a store, unless it is told so, and
 * whoever performs a trapped one needs them. Some of its tools have another default for code from files.
 */
static int prepare_checkers(void)
{
	int r = add_option("ASAN_OPTIONS", "verify_asan_link_order=", "verify_asan_link_order=0",
			   ':');

	if (r)
		return r;
	return add_option(
		"VALGRIND_OPTS", "--px-",
		"--px-default=allregs-at-mem-access --px-file-backed=allregs-at-mem-access", ' ');
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

/* What the program executes and nothing can be preloaded into: the library hands it to this command. Who has emptied the variable wants that not. */
static int prepare_launches(void)
{
	const char *old = getenv("UIOMMUFD_LAUNCHER");
	char path[PATH_MAX];

	if (old && !*old)
		return 0;
	if (!realpath("/proc/self/exe", path))
		return 0;
	return setenv("UIOMMUFD_LAUNCHER", path, 1) ? -ENOMEM : 0;
}

/* 0 in the process that is to execute the program. */
static int prepare_launcher(struct options *options)
{
	const char *step;
	int r;

	if (options->trace || options->hugepages) {
		tool_say("%s needs the preload library, and the program runs without it.",
			 options->trace ? "--trace" : "--pretend-hugepages");
		return -EINVAL;
	}
	r = options->config ? 0 : machine_inherit(&options->config);
	if (r)
		return r;
	r = launcher_enter(options->config, &step);
	if (r)
		tool_say("the program can't be served%s: %s (%s).",
			 options->try ? ", and runs without the machine" : "", step, strerror(-r));
	return options->try ? 0 : r;
}

static int prepare(struct options *options)
{
	int r = 0;

	if (options->config)
		r = prepare_machine(options->config);
	if (!r && options->trace)
		r = prepare_trace(options->trace_file);
	if (!r && options->sanitize)
		r = prepare_sanitize(options->sanitize);
	if (!r && options->hugepages)
		r = setenv("UIOMMUFD_PRETEND_HUGEPAGES", "1", 1) ? -ENOMEM : 0;
	if (!r && options->namespace)
		r = prepare_namespace();
	if (r)
		return r;
	if (options->launcher)
		return prepare_launcher(options);
	r = prepare_checkers();
	if (!r)
		r = prepare_launches();
	return r ? r : prepare_preload();
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

int tool_run(int argc, char **argv)
{
	struct options options = {};
	struct program program;
	int r = parse(argc, argv, &options);

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
	options.launcher |= program.launch;
	if (options.argv0)
		argv[0] = (char *)options.argv0;
	if (prepare(&options))
		return TOOL_USAGE;
	r = execute(&program, argv, argc);
	tool_say("'%s' can't be executed: %s.", program.path, strerror(-r));
	return exit_status(r == -EPERM ? -EACCES : r);
}
