/* SPDX-License-Identifier: MIT */
/* Reads, writes and closes with the kernel's rules, on descriptors whose own calls have a socket's. */
#include "frontend/library/descriptor.h"

#include <errno.h>
#include <unistd.h>

#include "frontend/library/library.h"
#include "frontend/service/quiet.h"
#include "frontend/service/service.h"

int descriptor_get(int fd, struct endpoint **ret_endpoint)
{
	struct library *library = library_get();
	struct identity identity;
	int rc = identity_of(fd, &identity);

	if (rc)
		return rc == -EBADF ? -EBADF : -ENOTTY;
	if (library)
		*ret_endpoint = service_find(library->service, identity.id);
	if (library && *ret_endpoint)
		return 0;
	return library_generation() ? -ECHILD : -ENOTTY;
}

void descriptor_remember(struct endpoint *endpoint, int fd)
{
	atomic_store_explicit(&endpoint->hint, fd, memory_order_relaxed);
}

int library_descriptor(struct service *service, struct endpoint *endpoint)
{
	return atomic_load_explicit(&endpoint->hint, memory_order_relaxed);
}

ssize_t uiommufd_read(int fd, void *buf, size_t count)
{
	struct endpoint *endpoint;
	ssize_t rc = descriptor_get(fd, &endpoint);

	if (rc)
		return rc;
	descriptor_remember(endpoint, fd);
	rc = file_read(endpoint->file, &library_get()->client, (uintptr_t)buf, count, -1);
	endpoint_put(endpoint);
	return rc;
}

ssize_t uiommufd_write(int fd, const void *buf, size_t count)
{
	struct endpoint *endpoint;
	ssize_t rc = descriptor_get(fd, &endpoint);

	if (rc)
		return rc;
	rc = file_write(endpoint->file, &library_get()->client, (uintptr_t)buf, count, -1);
	endpoint_put(endpoint);
	return rc;
}

int uiommufd_close_fd(int fd)
{
	struct endpoint *endpoint;
	struct identity identity;
	int rc = descriptor_get(fd, &endpoint);
	QUIET;

	if (rc)
		return rc;
	identity_of(fd, &identity);
	endpoint_put(endpoint);
	close(fd);
	service_closed(library_get()->service, identity.id);
	return 0;
}
