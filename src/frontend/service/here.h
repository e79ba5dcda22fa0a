/* SPDX-License-Identifier: MIT */
/*
 * A service that is a process for itself: no program shares its memory, all that it serves are other processes. Its threads make calls on
 * files directly, as those of a connection do, and all of them have said service_enter().
 *
 * Nobody tells it of a close(): it sees hang-ups. Whoever is about to make a call for a program looks first (service_here_settle()), so
 * that all that the program closed before has had its effect.
 */
#ifndef UIOMMUFD_SERVICE_HERE_H
#define UIOMMUFD_SERVICE_HERE_H

#include "frontend/service/service.h"

/* Makes this process the service, instead of service_start(). -ENOMEM, -EMFILE. */
int service_here(struct service *service);
/* The loop that sees last closes and attaching clients: returns after service_here_end() when nothing is served any more, or -EAGAIN. */
int service_here_run(struct service *service);
/* No program of the owner's is left. */
void service_here_end(struct service *service);
/* This thread is one of the service's. */
void service_enter(struct service *service);

/* Every last close before this has had its effect when it returns. No lock is held. */
void service_here_settle(struct service *service);

/* Opens a node: a descriptor A for the program, already served. As machine_open(), -EMFILE. */
int service_here_open(struct service *service, struct client *client, const char *node, int flags,
		      int *ret_a);
/* Serves what another process opened, if nobody does yet: 0, -EAGAIN (somebody does), as service_here_open(). */
int service_here_adopt(struct service *service, struct client *client, int a);
/* The endpoint behind a descriptor A, with a use: 0, -ENOENT (not ours), -EIO (of another service's). */
int service_here_find(struct service *service, int a, struct endpoint **ret_endpoint);
/* For this thread: the A of the endpoint that it works on, or -1. */
void endpoint_callers(int a);

/*
 * Serves a file that a call hands out, and takes over the reference; *ret_a is for the program. -ENOMEM, -EMFILE, and then the reference
 * stays the caller's.
 */
int service_here_install(struct service *service, struct file *file, int *ret_a,
			 struct endpoint **ret_endpoint);
/*
 * After every A of it was closed: it is released without waiting for the loop. `keep`: it never was the program's, the reference is the caller's
 * again.
 */
void service_here_withdraw(struct endpoint *endpoint, bool keep);

#endif
