/* SPDX-License-Identifier: MIT */
/* The command `uiommufd`: finds the subcommand. */
#include "tools/tool.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
	"Usage: uiommufd COMMAND [ARGUMENT...]\n"
	"\n"
	"IOMMUFD in user space: programs written for /dev/iommu and /dev/vfio run\n"
	"unchanged on a machine without an IOMMU, without root and without kernel support.\n"
	"\n"
	"Commands:\n"
	"  run       run a program on a machine that has /dev/iommu\n"
	"  devices   list what a machine has, or can have\n"
	"  doctor    tell what this computer allows, and what follows from it\n"
	"\n"
	"Options:\n"
	"  -h, --help       print this help\n"
	"  -V, --version    print the version\n"
	"\n"
	"'uiommufd COMMAND --help' tells more about a command. Start with:\n"
	"  uiommufd run -- ls -l /dev/iommu\n";

static const struct command {
	const char *name;
	int (*main)(int argc, char **argv);
} commands[] = {
	{"run", tool_run},
	{"devices", tool_devices},
	{"doctor", tool_doctor},
};

void tool_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("uiommufd: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

static int dispatch(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[0], commands[i].name))
			return commands[i].main(argc, argv);
	tool_say("'%s' is not a command: 'uiommufd --help' lists them.", argv[0]);
	return TOOL_USAGE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{},
	};
	int option;

	opterr = 0;
	option = getopt_long(argc, argv, "+hV", options, NULL);
	if (option == 'h')
		return fputs(help, stdout) < 0;
	if (option == 'V')
		return printf("uiommufd %s\n", UIOMMUFD_VERSION) < 0;
	if (option != -1) {
		tool_say("option '%s' is not known: 'uiommufd --help' lists them.",
			 argv[optind - 1]);
		return TOOL_USAGE;
	}
	if (optind == argc) {
		tool_say("give a command, for example 'uiommufd run -- PROGRAM'; 'uiommufd --help' "
			 "lists them.");
		return TOOL_USAGE;
	}
	return dispatch(argc - optind, argv + optind);
}
