/* SPDX-License-Identifier: MIT */
/* What the files of this folder share. */
#ifndef UIOMMUFD_SERVICE_INTERNAL_H
#define UIOMMUFD_SERVICE_INTERNAL_H

#include "frontend/service/here.h"
#include "frontend/service/service.h"

/* Last closes that are looked at in one go. */
#define CLOSES 16

/* endpoint.c: the table. "locked" means the service's lock is held. */
struct endpoint *endpoint_new(struct service *service, struct file *file);
/* Undoes endpoint_new(); the reference stays the caller's. */
void endpoint_free(struct endpoint *endpoint);
/* In the program: closes what it has of those that are gone. */
void endpoint_collect_stale(struct service *service);
void endpoint_lent_moved(struct service *service, int from, int to);
/* In a service's thread: serves B from now on. -errno: B is still the caller's. */
int endpoint_serve(struct endpoint *endpoint, const uint64_t id[2], int b);
/* Makes a pair and serves its B; A is the caller's. */
int endpoint_install(struct endpoint *endpoint, int *ret_a);
/* Opens and serves the newborn that `a` is; *ret_file with a reference of the caller's. */
int service_adopt(struct service *service, struct client *client, int a, struct file **ret_file);
/*
 * In a service's thread: if the last descriptor is closed, takes the endpoint out of the table. True: the caller goes
 * on with endpoint_release(), in any thread without locks.
 */
bool endpoint_retire(struct service *service, struct endpoint *endpoint);
/* ... or NULL. With `hand` it is the program that goes on, or the service if the program dies before. */
struct endpoint *endpoint_retire_id(struct service *service, const uint64_t id[2], bool hand);
/* All of them, for the program: a chain by `next`, or NULL. */
struct endpoint *endpoint_retire_all(struct service *service);
void endpoint_release(struct endpoint *endpoint);
/* What the program was to release and won't. */
void endpoint_release_handed(struct service *service);
/* In a service's thread: puts the marker in if the file is readable and there is none. */
void endpoint_mark(struct endpoint *endpoint);
void endpoint_changed(struct file_front *front);
bool endpoint_offer(struct file_front *front, const void *message, size_t len);
enum file_offer endpoint_withdraw(struct file_front *front);
/* Where this thread has B: what the two above come down to. */
bool endpoint_put_message(struct endpoint *endpoint, const void *message, size_t len);
bool endpoint_unread(struct endpoint *endpoint);

/* spawn.c: runs service_main() in a process or thread with its own descriptor table. Errors as service_start(). */
int service_spawn(struct service *service);
/* A detached thread in the caller's process, signals blocked. */
int service_thread(void *(*run)(void *), void *arg);

/* Tells service_spawn()'s caller that all is set up, or what failed. */
void service_started(struct service *service, int rc);

/* loop.c: the process. Returns if it is a thread of the program. */
void service_main(struct service *service);
/* Its parts: what it sets up; and the loop, which returns when the program is gone and nothing is served, or -EAGAIN. */
int service_own_epoll(struct service *service);
void service_own_signals(void);
void service_own_limits(void);
int service_loop(struct service *service);

/* link.c: serves the program. */
void *link_run(void *service);
/* The program's side: asks for the marker. Locks of the core may be held. */
void service_ready(struct service *service, struct endpoint *endpoint);
/* ... for a message in A's queue; and whether the one there is still unread. */
bool service_offer(struct service *service, struct endpoint *endpoint, const void *message,
		   size_t len);
bool service_unread(struct service *service, struct endpoint *endpoint);

/* Who has said service_enter() (here.h): the others reach it by the link. */
bool service_inside(struct service *service);
/* Has the program executed another one, or ended? Then hooks->moved() has been called when this returns. */
void service_check_orphaned(struct service *service);

/* host.c: threads for devices, eventfds, memory that programs map. */
extern const struct machine_host_ops service_host_ops;
/* In the link's worker, one of WIRE_THREAD to WIRE_MEMORY_CLOSE. Takes *fd over if it makes it -1. */
int64_t host_serve(struct service *service, struct wire_msg *msg, int *fd);
/* link.c: a request to the service: its result. */
int64_t link_call(struct service *service, struct wire_msg *msg, int fd, int *ret_fd);

/* connection.c: serves another process over `sock`, which it takes over. */
void connection_start(struct service *service, int sock);

#endif
