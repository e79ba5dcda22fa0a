/* SPDX-License-Identifier: MIT */
/* The caller as a client of the core: its memory and its descriptors. */
#include "frontend/launcher/supervisor.h"

#include "base/cleanup.h"
#include "base/inject.h"
#include "frontend/launcher/filter.h"

#include <fcntl.h>
#include <sys/uio.h>

/* Nothing that is copied at once is longer than the kernel makes reads and writes, 2 GiB less a page. */
int call_read(const struct call *call, void *dst, uint64_t src, size_t len)
{
	return call_peek(call, dst, src, len) == (long)len ? 0 : -EFAULT;
}

long call_peek(const struct call *call, void *dst, uint64_t src, size_t len)
{
	struct iovec local = {dst, len}, remote = {(void *)(uintptr_t)src, len};

	return sys_raw(SYS_process_vm_readv, call->notice->call.pid, &local, 1, &remote, 1, 0);
}

/*
 * Nobody else can have the number of a thread that waits. Whether it still does need not be asked in a short call of a process that was known before: its number
 * comes round only after all others were given out, and before it executes another program that says so.
 */
static bool may_be_another(const struct call *call)
{
	return !call->sure || call->fresh || atomic_load(&call->target->execs) ||
	       !workers_turn_kept(&call->supervisor->workers, call->turn);
}

int call_write(const struct call *call, uint64_t dst, const void *src, size_t len)
{
	struct iovec local = {(void *)(uintptr_t)src, len}, remote = {(void *)(uintptr_t)dst, len};

	if (may_be_another(call) && !notice_valid(call->notice))
		return -EFAULT;
	return sys_raw(SYS_process_vm_writev, call->notice->call.pid, &local, 1, &remote, 1, 0) ==
			       (long)len
		       ? 0
		       : -EFAULT;
}

static struct call *of_client(struct client *client)
{
	return (struct call *)client;
}

static int call_fd_native(struct client *client, int fd)
{
	return inject_fail() ? -EMFILE : call_duplicate(of_client(client), fd);
}

static int call_fd_file(struct client *client, int fd, struct file **ret_file)
{
	struct endpoint *endpoint;
	int a, rc = call_endpoint(of_client(client), fd, &endpoint, &a);

	if (rc)
		return rc == -EBADF ? -EBADF : -ENOENT;
	*ret_file = file_get(endpoint->file);
	endpoint_put(endpoint);
	sys_raw(SYS_close, a);
	return 0;
}

/* Where the filter can tell it, if there is room; else anywhere. */
static int hand_out(struct call *call, int a)
{
	int number, taken;

	for (number = FILTER_FIRST_EVENT; number < FILTER_FIRST_EVENT + FILTER_EVENTS; number++) {
		taken = (int)sys_raw(SYS_pidfd_getfd, call->target->pidfd, number, 0);
		if (taken == -EBADF)
			break;
		if (taken >= 0)
			sys_raw(SYS_close, taken);
	}
	if (number < FILTER_FIRST_EVENT + FILTER_EVENTS)
		number = notice_replace(call->notice, a, number);
	else
		number = -EBADF;
	return number < 0 ? notice_install(call->notice, a, O_CLOEXEC) : number;
}

static int call_fd_install(struct client *client, struct file *file)
{
	struct call *call = of_client(client);
	struct endpoint *endpoint;
	int a, number, rc = service_here_install(call->supervisor->service, file, &a, &endpoint);

	if (rc)
		return rc;
	number = inject_fail() ? -EMFILE : hand_out(call, a);
	sys_raw(SYS_close, a);
	if (number < 0) {
		service_here_withdraw(endpoint, true);
		return number;
	}
	atomic_store(&endpoint->hint, number);
	atomic_store(&endpoint->holder, call->target->pid);
	call->installed = endpoint;
	return number;
}

/* Nobody can close a number of another process; what stands there can be put in the place of the file. */
static void call_fd_close(struct client *client, int fd)
{
	struct call *call = of_client(client);
	CLEANUP_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		(void)notice_replace(call->notice, null, fd);
}

static int call_client_read(struct client *client, void *dst, uint64_t src, size_t len)
{
	return call_read(of_client(client), dst, src, len);
}

static int call_client_write(struct client *client, uint64_t dst, const void *src, size_t len)
{
	return call_write(of_client(client), dst, src, len);
}

const struct client_ops call_client_ops = {
	.read = call_client_read,
	.write = call_client_write,
	.fd_file = call_fd_file,
	.fd_native = call_fd_native,
	.fd_install = call_fd_install,
	.fd_close = call_fd_close,
};
