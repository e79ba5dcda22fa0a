/* SPDX-License-Identifier: MIT */
/* The process as a client of the core: its descriptors are looked up by what they are, and handed out by the service. */
#include "frontend/library/library.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/tls.h"
#include "frontend/library/descriptor.h"
#include "frontend/service/quiet.h"
#include "frontend/service/service.h"

/* Where the service's link goes: out of the way of programs that count on low numbers. */
#define LINK_FROM 1000

static int own_fd_file(struct client *client, int fd, struct file **ret_file)
{
	struct endpoint *endpoint;
	int rc = descriptor_get(fd, &endpoint);

	if (rc)
		return rc == -EBADF ? -EBADF : -ENOENT;
	*ret_file = file_get(endpoint->file);
	endpoint_put(endpoint);
	return 0;
}

static int own_fd_native(struct client *client, int fd)
{
	int native = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return native < 0 ? -errno : native;
}

int library_place(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, LINK_FROM);

	if (high < 0 && errno == EINVAL) /* RLIMIT_NOFILE is below: it stays where it is */
		return fd;
	if (high < 0)
		return -errno;
	close(fd);
	return high;
}

static int own_fd_install(struct client *client, struct file *file)
{
	struct library *library = (struct library *)client;
	struct endpoint *endpoint;
	int fd, rc;
	QUIET;

	rc = service_start(library->service);
	if (!rc)
		rc = service_install(library->service, file, &fd, &endpoint);
	if (rc)
		return rc;
	descriptor_remember(endpoint, fd);
	return fd;
}

/* The caller may hold a lock that the file's release wants: that comes after the call. */
static TLS bool withdrawn;
static TLS struct identity withdrawn_identity;

static void own_fd_close(struct client *client, int fd)
{
	withdrawn = !identity_of(fd, &withdrawn_identity);
	close(fd);
}

void library_settle_withdrawn(struct library *library)
{
	if (!withdrawn)
		return;
	QUIET;
	withdrawn = false;
	service_closed(library->service, withdrawn_identity.id);
}

const struct client_ops library_client_ops = {
	.fd_file = own_fd_file,
	.fd_native = own_fd_native,
	.fd_install = own_fd_install,
	.fd_close = own_fd_close,
};
