/* SPDX-License-Identifier: MIT */
/*
 * Eventfds that were handed over: for those who are hosts (core/host.h). Calls that use the descriptors are made where these are.
 */
#ifndef UIOMMUFD_CORE_HOST_EVENT_H
#define UIOMMUFD_CORE_HOST_EVENT_H

struct host_event;
struct machine_host;

/* Is a descriptor of the calling thread an eventfd? 0, -EINVAL, or -EBADF. */
int host_check_event(int fd);

/* Takes the descriptor over on success. -ENOMEM. */
int host_event_new(int fd, struct host_event **ret_event);
void host_event_signal(struct host_event *event);
/* As machine_host_ops.event_watch; the thread is the host's, with the descriptors of the caller. */
int host_event_watch(struct machine_host *host, struct host_event *event, void (*fired)(void *arg),
		     void *arg);
/* Ends the watch, if there is one: says so. */
void host_event_stop(struct host_event *event);
/* ... and, in any process of the same memory, waits until it has ended. */
void host_event_wait(struct host_event *event);
/* It is not watched any more. */
void host_event_free(struct host_event *event);

#endif
