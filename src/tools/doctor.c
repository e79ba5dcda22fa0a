/* SPDX-License-Identifier: MIT */
/* `uiommufd doctor`: prints what the probes found. */
#include "tools/probe.h"
#include "tools/tool.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char help[] =
	"Usage: uiommufd doctor\n"
	"\n"
	"Tries out what this computer and this user are allowed, and tells what follows\n"
	"from it for programs under 'uiommufd run'. Changes nothing.\n"
	"\n"
	"Options:\n"
	"  -h, --help    print this help\n"
	"\n"
	"Exit status: 0 if programs can be run, 1 if not, 2 for bad use.\n";

static const struct check {
	const char *name;
	void (*probe)(struct finding *ret_finding);
} checks[] = {
	{"preload library", probe_preload},
	{"user namespaces", probe_namespaces},
	{"other processes' memory", probe_memory},
	{"other processes' descriptors", probe_descriptors},
	{"memory areas", probe_areas},
	{"huge pages", probe_hugepages},
	{"locked memory", probe_memlock},
	{"open files", probe_files},
	{"seccomp notifications", probe_seccomp},
	{"FUSE", probe_fuse},
	{"a real IOMMU", probe_real_device},
};

static const char *const verdicts[] = {
	[VERDICT_GOOD] = "yes",
	[VERDICT_LIMITED] = "in part",
	[VERDICT_BAD] = "no",
};

/* Words up to the 78th column, later lines indented. */
static void print_wrapped(const char *text)
{
	static const int indent = 10, width = 78;
	int column = indent;

	printf("%*s", indent, "");
	while (*text) {
		size_t length = strcspn(text, " ");

		if (column > indent && column + 1 + (int)length > width) {
			printf("\n%*s", indent, "");
			column = indent;
		}
		column += printf("%s%.*s", column > indent ? " " : "", (int)length, text);
		text += length;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static enum verdict report(const struct check *check)
{
	struct finding finding = {};

	check->probe(&finding);
	printf("%-8s  %s: %s\n", verdicts[finding.verdict], check->name, finding.text);
	print_wrapped(finding.follows);
	fflush(stdout);
	return finding.verdict;
}

static int parse(int argc, char **argv)
{
	static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {}};
	int option;

	optind = 0;
	option = getopt_long(argc, argv, "+h", options, NULL);
	if (option == 'h')
		return fputs(help, stdout) < 0 ? 1 : -1;
	if (option != -1 || optind != argc) {
		tool_say("doctor takes no arguments: 'uiommufd doctor --help' tells more.");
		return TOOL_USAGE;
	}
	return 0;
}

int tool_doctor(int argc, char **argv)
{
	int r = parse(argc, argv);
	struct utsname system;

	if (r)
		return r < 0 ? 0 : r;
	if (!uname(&system))
		printf("uiommufd %s on %s %s, %s, user %u\n\n", UIOMMUFD_VERSION, system.sysname,
		       system.release, system.machine, geteuid());
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		/* Without the library nothing runs; all else is about comfort. */
		if (report(&checks[i]) == VERDICT_BAD && checks[i].probe == probe_preload)
			r = 1;
	}
	return r;
}
