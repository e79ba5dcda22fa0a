/* SPDX-License-Identifier: MIT */
/*
 * The other side: a process that uses files which live elsewhere. It *attaches* by sending one end of a connection over the descriptor
 * itself, so no name, path or right is needed but the possession of it. Connections to one service are pooled: each
 * thread in a call has one to itself.
 */
#ifndef UIOMMUFD_SERVICE_REMOTE_H
#define UIOMMUFD_SERVICE_REMOTE_H

#include "base/lock.h"
#include "frontend/service/channel.h"
#include "frontend/service/identity.h"
#include "frontend/service/wire.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

/* What a service may ask of the process that calls. Each returns 0 or positive, or -errno. */
struct remote_ops {
	/* Where a connection is kept: moves it to a number that doesn't disturb; and closes it there. */
	int (*place)(int fd);
	void (*unplace)(int fd);
	/* As client_ops. fd_native's result isn't a duplicate: it is sent. */
	int (*fd_file)(int fd, struct identity *ret_identity);
	int (*fd_native)(int fd);
	void (*fd_installed)(int fd);
	void (*fd_close)(int fd);
};

/* A connection of this process. */
struct remote_link {
	struct channel channel;
	LIST_ENTRY(remote_link) entry;
	bool dead; /* its last call had no reply */
};

/* A service that this process is attached to. Lives as long as struct remotes. */
struct remote_host {
	uint64_t id[2];
	pid_t pid;
	SLIST_ENTRY(remote_host) entry;
	struct remote_link *_Atomic idle[8]; /* connections that no thread uses */
	/* One that no call takes: what has to be told is told while all others wait for a call's end. NULL: a thread is telling something. */
	struct remote_link *_Atomic kept;
	atomic_bool mapped; /* it has, or had, mappings of our memory */
};

struct remotes {
	const struct remote_ops *ops;
	uint64_t cookie; /* tells this process from another one that has the same pid later */
	struct lock lock;
	SLIST_HEAD(, remote_host) hosts;
	LIST_HEAD(, remote_link) links; /* all of them */
	enum spin_mode mode;
};

/* guard_init() must have succeeded before a call is made. */
void remotes_init(struct remotes *remotes, const struct remote_ops *ops);
/* Closes all connections. No call is in flight. */
void remotes_done(struct remotes *remotes);

/*
 * Finds the service behind a descriptor of ours that isn't hosted here: 0, or -EIO if it is gone, -ENOMEM, -EMFILE.
 */
int remote_attach(struct remotes *remotes, int fd, struct remote_host **ret_host);
/*
 * Makes a request and serves the callbacks until it is done: its result. fd is a descriptor of the service's, to attach
 * another connection by if all are in use; -1 if there is none: for what the service answers without waiting for anybody. *ret_fd (may be
 * NULL) is -1 or a descriptor that came with the reply. -EIO if the service is gone; with WIRE_NO_FILE in msg->flags, if the file is.
 */
int64_t remote_call(struct remotes *remotes, struct remote_host *host, int fd, struct wire_msg *msg,
		    int *ret_fd);
/* Tells every service WIRE_BYE or WIRE_RIGHTS. */
void remotes_tell(struct remotes *remotes, enum wire_op op);
/* Memory is about to go: tells the services that may have it mapped. */
void remotes_going(struct remotes *remotes, uint64_t va, uint64_t len);
/* A connection has a new number. */
void remotes_moved(struct remotes *remotes, int from, int to);

#endif
