/* SPDX-License-Identifier: MIT */
/* Telling of the sanitizer's findings. */
#include "frontend/sanitize.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sys.h"
#include "core/sanitizer.h"

enum how { REPORT, EXIT, ABORT };

static const char *const ways[] = {
	[REPORT] = SANITIZE_REPORT, [EXIT] = SANITIZE_EXIT, [ABORT] = SANITIZE_ABORT};

/* One write, past the program's own buffers and whatever it has put in the place of write(). */
static void report(void *how, const char *text)
{
	sys_raw(SYS_write, STDERR_FILENO, text, strlen(text));
	if ((uintptr_t)how == ABORT)
		abort();
	if ((uintptr_t)how == EXIT)
		sys_raw(SYS_exit_group, SANITIZE_STATUS);
}

int sanitize_machine(struct machine *machine)
{
	const char *wanted = getenv("UIOMMUFD_SANITIZE");

	for (uintptr_t how = REPORT; wanted && how <= ABORT; how++)
		if (!strcmp(wanted, ways[how]))
			return machine_sanitize(machine, report, (void *)how);
	return 0;
}
