/* SPDX-License-Identifier: MIT */
/* Telling of the sanitizer's findings. */
#include "frontend/sanitize.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/guard.h"
#include "base/sys.h"
#include "core/sanitizer.h"

enum how { REPORT, EXIT, ABORT };

static const char *const ways[] = {
	[REPORT] = SANITIZE_REPORT, [EXIT] = SANITIZE_EXIT, [ABORT] = SANITIZE_ABORT};

/* The service's process has the same memory. */
static pid_t program;

static void end_now(void)
{
	sys_raw(SYS_exit_group, SANITIZE_STATUS);
}

/*
 * The process that this is. It may be the program's service, in which devices work: then the program, its parent, is to end in the same way, and the service after
 * it. A program that has ended or executed another one by now goes its own way.
 */
static void end(void (*now)(void))
{
	const struct timespec moment = {.tv_nsec = 1000000};

	if (getpid() != program && getppid() == program && !guard_ask(program, now))
		for (int i = 0; i < 5000 && getppid() == program; i++)
			nanosleep(&moment, NULL);
	now();
}

/* One write, past the program's own buffers and whatever it has put in the place of write(). */
static void report(void *how, const char *text)
{
	sys_raw(SYS_write, STDERR_FILENO, text, strlen(text));
	if ((uintptr_t)how == ABORT)
		end(abort);
	if ((uintptr_t)how == EXIT)
		end(end_now);
}

int sanitize_machine(struct machine *machine, void *unused)
{
	const char *wanted = getenv("UIOMMUFD_SANITIZE");

	program = getpid();
	for (uintptr_t how = REPORT; wanted && how <= ABORT; how++)
		if (!strcmp(wanted, ways[how]))
			return machine_sanitize(machine, report, (void *)how);
	return 0;
}
