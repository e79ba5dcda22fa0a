/* SPDX-License-Identifier: MIT */
/* What the commands of `uiommufd` share. */
#ifndef UIOMMUFD_TOOLS_TOOL_H
#define UIOMMUFD_TOOLS_TOOL_H

/* The tool's own exit statuses; `run` otherwise ends as its program ends. */
enum tool_exit {
	TOOL_OK = 0,
	TOOL_USAGE = 2,		 /* bad use, or a program that can't be served */
	TOOL_NOT_RUNNABLE = 126, /* found, but it can't be executed */
	TOOL_NOT_FOUND = 127,
};

/* Prints "uiommufd: " and one sentence on standard error. */
void tool_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* argv[0] is the command's name; the exit status. */
int tool_run(int argc, char **argv);
int tool_devices(int argc, char **argv);
int tool_doctor(int argc, char **argv);

#endif
