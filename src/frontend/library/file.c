/* SPDX-License-Identifier: MIT */
/* Open nodes. They have no descriptor: the program names them by pointer, and calls go straight to the core. */
#include "frontend/library/library.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "frontend/service/service.h"

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
	rc = service_ioctl(library->service, file->file, &library->client, (unsigned int)cmd,
			   (uintptr_t)arg);
	if (rc < 0)
		library_settle_withdrawn(library);
	return rc;
}

ssize_t uiommufd_pread(struct uiommufd_file *file, void *buf, size_t count, off_t offset)
{
	int rc = library_check(file->generation);

	if (!rc && offset < 0)
		rc = -EINVAL;
	return rc ? rc
		  : file_read(file->file, &library_get()->client, (uintptr_t)buf, count, offset);
}

ssize_t uiommufd_pwrite(struct uiommufd_file *file, const void *buf, size_t count, off_t offset)
{
	int rc = library_check(file->generation);

	if (!rc && offset < 0)
		rc = -EINVAL;
	return rc ? rc
		  : file_write(file->file, &library_get()->client, (uintptr_t)buf, count, offset);
}

int uiommufd_file_fd(struct uiommufd_file *file)
{
	int rc = library_check(file->generation);

	if (rc)
		return rc;
	file_get(file->file);
	rc = library_client_ops.fd_install(&library_get()->client, file->file);
	if (rc < 0)
		file_put(file->file);
	return rc;
}

void uiommufd_close(struct uiommufd_file *file)
{
	if (!file || library_check(file->generation))
		return;
	file_put(file->file);
	free(file);
}
