/* SPDX-License-Identifier: MIT */
/* Open nodes. They have no descriptor: the program names them by pointer, and calls go straight to the core. */
#include "frontend/library/library.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"

int uiommufd_open(struct uiommufd_machine *machine, const char *node, unsigned int flags,
		  struct uiommufd_file **ret_file)
{
	struct uiommufd_file *file;
	int rc = library_check(machine->generation);

	if (rc)
		return rc;
	if (flags)
		return -EINVAL;
	file = mem_zalloc(sizeof(*file));
	if (!file)
		return -ENOMEM;
	file->generation = machine->generation;
	rc = machine_open(machine->machine, &library_get()->client, node, &file->file);
	if (rc) {
		free(file);
		return rc;
	}
	*ret_file = file;
	return 0;
}

long uiommufd_ioctl(struct uiommufd_file *file, unsigned long cmd, void *arg)
{
	struct library *library = library_get();
	long rc = library_check(file->generation);

	if (rc)
		return rc;
	rc = file_ioctl(file->file, &library->client, (unsigned int)cmd, (uintptr_t)arg);
	if (rc < 0)
		library_settle_withdrawn(library);
	return rc;
}

void uiommufd_close(struct uiommufd_file *file)
{
	if (!file || library_check(file->generation))
		return;
	file_put(file->file);
	free(file);
}
