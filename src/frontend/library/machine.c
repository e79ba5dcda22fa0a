/* SPDX-License-Identifier: MIT */
/* Machines, and what is told of the process that they are in. */
#include "frontend/library/library.h"
#include "frontend/mmio/mmio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/guard.h"
#include "core/sanitizer.h"
#include "frontend/service/service.h"
#include "machine/machine.h"
#include "frontend/sanitize.h"

/* What the first version of the struct had. */
#define MACHINE_OPTIONS_FIRST (offsetof(struct uiommufd_machine_options, flags) + sizeof(uint64_t))

/* The caller's way of hearing of findings, or the environment's. */
static int sanitize(struct machine *machine, void *arg)
{
	const struct uiommufd_machine_options *options = arg;

	if (options->finding)
		return machine_sanitize(machine, options->finding, options->finding_data);
	return sanitize_machine(machine, NULL);
}

/* Empty texts describe the default machine too. */
static int build(const struct uiommufd_machine_options *options, struct config_error *ret_error,
		 struct machine **ret_machine)
{
	const char *description = options->description ?: "";
	struct config *config;
	int rc = config_new(&config);

	if (rc)
		return rc;
	rc = config_read(config, description, ret_error);
	rc = rc ? rc : config_complete(config, NULL, ret_error);
	rc = rc ? rc : machine_learn(config, ret_error);
	rc = rc ? rc : machine_build(config, sanitize, (void *)options, ret_error, ret_machine);
	config_free(config);
	return rc;
}

static void tell(const struct uiommufd_machine_options *options, const struct config_error *error)
{
	char where[32] = "";

	if (!options->why || !options->why_size)
		return;
	if (error->line)
		snprintf(where, sizeof(where), "line %u: ", error->line);
	snprintf(options->why, options->why_size, "%s%s", where, error->text);
}

static int machine_make(struct library *library, const struct uiommufd_machine_options *options,
			struct uiommufd_machine **ret_machine)
{
	struct uiommufd_machine *machine = mem_zalloc(sizeof(*machine));
	struct config_error error = {};
	int rc;

	if (!machine)
		return -ENOMEM;
	rc = build(options, &error, &machine->machine);
	if (rc) {
		tell(options, &error);
		free(machine);
		return rc;
	}
	machine_set_host(machine->machine, &library->service->host);
	machine->generation = library_generation();
	lock_take(&library->lock);
	LIST_INSERT_HEAD(&library->machines, machine, link);
	lock_release(&library->lock);
	*ret_machine = machine;
	return 0;
}

int uiommufd_machine_new(const struct uiommufd_machine_options *given,
			 struct uiommufd_machine **ret_machine)
{
	struct uiommufd_machine_options options = {};
	struct library *library;
	int rc = library_options(&options, sizeof(options), MACHINE_OPTIONS_FIRST, given);

	if (rc)
		return rc;
	if (options.flags)
		return -EINVAL;
	rc = library_init(&library);
	return rc ? rc : machine_make(library, &options, ret_machine);
}

void uiommufd_machine_unref(struct uiommufd_machine *machine)
{
	struct library *library = library_get();

	/* A parent's is the parent's to end: the child has a copy of its memory, and no more. */
	if (!machine || library_check(machine->generation))
		return;
	lock_take(&library->lock);
	LIST_REMOVE(machine, link);
	lock_release(&library->lock);
	machine_put(machine->machine);
	free(machine);
}

int uiommufd_memory_going(struct uiommufd_machine *machine, const void *va, size_t length)
{
	int rc = library_check(machine->generation);

	if (!rc)
		machine_memory_going(machine->machine, (uintptr_t)va, length);
	return rc;
}

int uiommufd_memory_moved(struct uiommufd_machine *machine, const void *from, const void *to,
			  size_t length)
{
	int rc = library_check(machine->generation);

	if (!rc)
		machine_memory_moved(machine->machine, (uintptr_t)from, (uintptr_t)to, length);
	return rc;
}

int uiommufd_creds_changed(void)
{
	struct library *library = library_get();

	if (!library)
		return -ESRCH;
	mm_refresh_creds(library->client.mm);
	return 0;
}

bool uiommufd_handle_fault(int sig, siginfo_t *info, void *ucontext)
{
	return guard_handle(sig, info, ucontext) || mmio_fault(sig, info, ucontext);
}

void uiommufd_blocks_faults(bool blocks)
{
	guard_thread_blocks(blocks);
}
