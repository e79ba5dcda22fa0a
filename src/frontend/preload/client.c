/* SPDX-License-Identifier: MIT */
/* The process itself as a client of its own files. */
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"
#include "frontend/service/quiet.h"

#include "base/sys.h"
#include "base/tls.h"

#include <string.h>

static struct process *of_client(struct client *client)
{
	return (struct process *)((char *)client - offsetof(struct process, client));
}

static int own_fd_file(struct client *client, int fd, struct file **ret_file)
{
	struct descriptor descriptor;
	int rc = descriptor_find(fd, &descriptor);

	(void)client;
	if (rc)
		return rc == -EBADF ? -EBADF : -ENOENT;
	if (!descriptor.local)
		return -ENOENT;
	*ret_file = file_get(descriptor.local->file);
	descriptor_done(&descriptor);
	return 0;
}

static int own_fd_native(struct client *client, int fd)
{
	int native;

	(void)client;
	if (descriptor_reserved(fd))
		return -EBADF;
	native = REAL(fcntl)(fd, F_DUPFD_CLOEXEC, 0);
	return native < 0 ? -errno : native;
}

static int own_fd_install(struct client *client, struct file *file)
{
	struct endpoint *endpoint;
	int fd, rc;
	QUIET;

	rc = service_install(of_client(client)->service, file, &fd, &endpoint);
	if (rc)
		return rc;
	descriptor_remember(fd, (uintptr_t)endpoint);
	return fd;
}

/* The caller may hold a lock that the file's release wants: that comes after the call. */
static TLS struct descriptor withdrawn;

static void own_fd_close(struct client *client, int fd)
{
	(void)client;
	if (descriptor_closing(fd, &withdrawn))
		endpoint_put(withdrawn.local);
	sys_raw(SYS_close, fd);
}

void process_settle_withdrawn(struct process *process)
{
	if (!withdrawn.local)
		return;
	QUIET;
	withdrawn.local = NULL;
	service_closed(process->service, withdrawn.identity.id);
}

const struct client_ops process_client_ops = {
	.fd_file = own_fd_file,
	.fd_native = own_fd_native,
	.fd_install = own_fd_install,
	.fd_close = own_fd_close,
};

/* The same for a service elsewhere, which asks over its connection. */

static int asked_fd_file(int fd, struct identity *ret_identity)
{
	return descriptor_reserved(fd) ? -EBADF : identity_of(fd, ret_identity);
}

static int asked_fd_native(int fd)
{
	if (descriptor_reserved(fd) || REAL(fcntl)(fd, F_GETFD) < 0)
		return -EBADF;
	return fd;
}

static void asked_fd_close(int fd)
{
	descriptor_forget(fd);
	sys_raw(SYS_close, fd);
}

const struct remote_ops process_remote_ops = {
	.place = descriptor_reserve,
	.unplace = descriptor_release,
	.fd_file = asked_fd_file,
	.fd_native = asked_fd_native,
	.fd_installed = descriptor_forget,
	.fd_close = asked_fd_close,
};
