/* SPDX-License-Identifier: MIT */
#include "frontend/service/here.h"

#include "base/inject.h"
#include "frontend/service/internal.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int service_here(struct service *service)
{
	int fds[2], rc;

	if (inject_fail())
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	service->link = fds[0];
	service->link_end = fds[1];
	service->pid = getpid();
	rc = service_own_epoll(service);
	service_own_signals();
	service_own_limits();
	service_enter(service);
	return rc;
}

int service_here_run(struct service *service)
{
	service_enter(service);
	return service_loop(service);
}

void service_here_end(struct service *service)
{
	LOCK_SCOPED(&service->link_lock);
	close(service->link);
	service->link = -1;
}

void service_here_settle(struct service *service)
{
	struct epoll_event events[CLOSES];
	int n;

	do {
		n = epoll_wait(service->closes, events, CLOSES, 0);
		for (int i = 0; i < n; i++) {
			struct endpoint *endpoint = events[i].data.ptr;

			if (endpoint_retire(service, endpoint))
				endpoint_release(endpoint);
		}
	} while (n == CLOSES);
	service_settle(service);
}

int service_here_adopt(struct service *service, struct client *client, int a)
{
	struct file *file;
	int rc = service_adopt(service, client, a, &file);

	if (!rc)
		file_put(file); /* the endpoint has its own */
	return rc;
}

int service_here_open(struct service *service, struct client *client, const char *node, int flags,
		      int *ret_a)
{
	int a, rc = identity_open(node, flags, &a);

	if (rc)
		return rc;
	rc = service_here_adopt(service, client, a);
	if (rc)
		close(a);
	else
		*ret_a = a;
	return rc;
}

int service_here_find(struct service *service, int a, struct endpoint **ret_endpoint)
{
	struct endpoint *endpoint;
	struct identity identity;

	if (identity_of(a, &identity))
		return -ENOENT;
	endpoint = service_find(service, identity.id);
	if (!endpoint)
		return -EIO;
	*ret_endpoint = endpoint;
	return 0;
}

int service_here_install(struct service *service, struct file *file, int *ret_a,
			 struct endpoint **ret_endpoint)
{
	struct endpoint *endpoint = endpoint_new(service, file);
	int rc;

	if (!endpoint)
		return -ENOMEM;
	rc = endpoint_install(endpoint, ret_a);
	if (rc)
		endpoint_free(endpoint);
	else
		*ret_endpoint = endpoint;
	return rc;
}

void service_here_withdraw(struct endpoint *endpoint, bool keep)
{
	struct file *file = endpoint->file;

	if (keep)
		file_get(file);
	if (endpoint_retire(endpoint->service, endpoint))
		endpoint_release(endpoint);
}
