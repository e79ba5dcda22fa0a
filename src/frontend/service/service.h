/* SPDX-License-Identifier: MIT */
/*
 * A service: what stands behind the descriptors of files that live in this process.
 *
 * It has a process of its own that shares this one's memory (clone with CLONE_VM) but neither its descriptors nor its
 * fate. So the program's close_range() can't hit the server ends, the program has no extra thread, descriptor of ours
 * are few, and when it executes another program, exits or is killed, the memory lives on as it was (pinned pages, heap
 * and all) for as long as somebody else has a descriptor. Nothing has to be copied or handed over for that.
 *
 * Who runs where: calls on files run in the program's threads, under no lock of the service. The service's threads
 * hold the server ends, see the last close, and serve the calls of other processes.
 *
 * The program talks to it over one connection, the *link*; its end sits at a high descriptor number that the preload
 * shim keeps out of the program's way. The worker behind the link never runs code of the core, so a call that holds the
 * core's locks can wait for it.
 */
#ifndef UIOMMUFD_SERVICE_SERVICE_H
#define UIOMMUFD_SERVICE_SERVICE_H

#include "base/lock.h"
#include "core/file.h"
#include "core/host.h"
#include "frontend/service/identity.h"
#include "frontend/service/ring.h"
#include "frontend/service/wire.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct client;
struct mm;
struct service;

/* A file that is served. Its memory is never freed before the service is, so a stale pointer can be looked at. */
struct endpoint {
	struct file_front front;
	struct service *service;
	struct file *file; /* a reference, while users > 0 */
	atomic_uint users; /* calls in flight, and 1 until the last close */
	uint64_t id[2];	   /* lock of the service: as the identity's */
	int b; /* lock of the service: server end, a number in the service's table; -1: none */
	/*
	 * A duplicate of B in the program's table, for files whose readiness changes: a device that raises an event must not
	 * wait for the service. -1: none.
	 */
	int lent;
	atomic_bool readable;	    /* as the program's side saw it last */
	atomic_bool offering;	    /* what stands in A's queue is a message of the file's */
	LIST_ENTRY(endpoint) entry; /* in one of the service's lists */
	atomic_int hint;	    /* the owner's: a number that the program may know it by */
	atomic_int holder;	    /* the same: a process that has it by that number */
	bool handed;
	struct endpoint *next; /* of those that endpoint_retire_all() took out */
};

LIST_HEAD(endpoint_list, endpoint);

/*
 * What a service asks of the frontend that it belongs to. Called from any thread, with no lock of the service held.
 */
struct service_hooks {
	/* A file for a node that another process's descriptor stands for: as machine_open(). */
	int (*open)(struct service *service, struct client *client, const char *node,
		    struct file **ret_file);
	/* The endpoint has seen its last close: nothing may refer to it any more. */
	void (*forget)(struct service *service, struct endpoint *endpoint);
	/*
	 * In the program: moves a descriptor of ours to where it doesn't disturb, or -errno and it stays; and closes it there.
	 */
	int (*place)(int fd);
	void (*unplace)(int fd);
	/* A number by which this process may know the endpoint, or -1. */
	int (*descriptor)(struct service *service, struct endpoint *endpoint);
	/*
	 * May be empty. In a service that is a process for itself (here.h): a descriptor A of the endpoint, of whoever has one, for the caller
	 * to close; or -1. Locks of the core may be held.
	 */
	int (*fetch)(struct service *service, struct endpoint *endpoint);
	/* The program has executed another one or is gone; its memory stays. */
	void (*moved)(struct service *service);
	/* Pages pinned on behalf of a process, and charged to it. False: none here. */
	bool (*account)(struct service *service, pid_t pid, uint64_t ret_pages[2]);
	/* A piece of the memory of another process is about to go. */
	void (*going)(struct service *service, struct mm *mm, uint64_t va, uint64_t len);
	/* An address space that used the service's files is about to go. */
	void (*leaving)(struct service *service, struct mm *mm);
};

#define SERVICE_BUCKETS 64

struct service {
	const struct service_hooks *hooks;
	void *owner;		  /* the hooks' */
	struct client *program;	  /* whose memory this is; set by the owner before the start */
	struct machine_host host; /* for the owner's machines */
	enum spin_mode mode;	  /* of connections from now on; for tests */
	uint64_t id[2];
	struct lock lock;
	struct endpoint_list endpoints[SERVICE_BUCKETS]; /* by id */
	struct endpoint_list unused;
	struct endpoint_list
		stale; /* unused, but the program has to close its duplicate of B yet */
	LIST_HEAD(, peer) peers;
	/* Last closes that the program was told of and has not begun to carry out: they may become the service's work. */
	struct endpoint_list handed;
	atomic_uint served;
	unsigned int releasing;	 /* last closes seen and not carried out, but for those */
	unsigned int leaving;	 /* that the program is at: it may die of it */
	pthread_cond_t released; /* releasing fell to 0, or moving ended */
	bool moving;
	bool orphaned; /* the program is gone */

	struct lock link_lock; /* one request at a time */
	int link;	       /* the program's end; -1: not running */
	atomic_bool
		lost; /* it was closed past the shim, or the service was killed: no more calls */
	/* Robust, and held by the thread that started the service: the kernel marks it when that thread ends. */
	pthread_mutex_t starter;
	pid_t pid;	      /* of the service's process */
	atomic_uint messages; /* orders memory as the messages over the link do, in C's terms */
	bool in_program;      /* there is none: a thread of the program's (spawn.c says when) */

	/* Numbers in the service's table. */
	int link_end, epoll, wake;
	int closes; /* a second epoll, in which last closes stay until they have been carried out */
	atomic_int started;
};

/* Allocates; starts nothing. -ENOMEM. */
int service_new(const struct service_hooks *hooks, void *owner, struct service **ret_service);
/* Starts the process if it isn't running. -ENOMEM, -EMFILE, -EAGAIN; -EIO if it was lost. */
int service_start(struct service *service);

/* One of ours has a new number in the program's table. */
void service_moved(struct service *service, int from, int to);

/* The endpoint with this identity, with a use, or NULL. */
struct endpoint *service_find(struct service *service, const uint64_t id[2]);

/*
 * Serves a file under a new descriptor of the program (O_RDWR | O_CLOEXEC), and takes over the reference. Locks of the
 * core may be held. -EMFILE, -ENFILE, -ENOMEM, -EIO if the service was killed.
 */
int service_install(struct service *service, struct file *file, int *ret_fd,
		    struct endpoint **ret_endpoint);
/*
 * Serves `file` as the newborn that descriptor `a` is, and takes over the reference. -EAGAIN if somebody else has
 * claimed it, or as service_install().
 */
int service_claim(struct service *service, int a, const struct identity *identity,
		  struct file *file);
/* After a close: if it was the last, the file is released when this returns. No lock is held. */
void service_closed(struct service *service, const uint64_t id[2]);

/*
 * Every last close before this one, also by another process's exit, has had its effect when this returns. No lock of the
 * core is held.
 */
void service_catch_up(struct service *service);
/*
 * As file_ioctl(). What is in use may be so by a process that has died, and been waited for: before EBUSY is the answer, last closes have had their effect, and it is
 * asked once more.
 */
long service_ioctl(struct service *service, struct file *file, struct client *client,
		   unsigned int cmd, uint64_t arg);
/* Waits until every last close that was seen so far has had its effect. */
void service_settle(struct service *service);

/* How many files it serves. */
unsigned int service_served(struct service *service);
/* Waits until no call is in flight, a second at most: the caller itself may be in one (a signal handler that exits). */
void service_quiesce(struct service *service);

/* A use of the endpoint keeps its file. False: it has seen its last close. */
bool endpoint_get(struct endpoint *endpoint);
void endpoint_put(struct endpoint *endpoint);

#endif
