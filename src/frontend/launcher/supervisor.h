/* SPDX-License-Identifier: MIT */
/*
 * The supervisor: the process in which the files of a launched program live. One for the program and all that comes of it, so they have one
 * machine. For the files of this folder.
 */
#ifndef UIOMMUFD_LAUNCHER_SUPERVISOR_H
#define UIOMMUFD_LAUNCHER_SUPERVISOR_H

#include "config/config.h"
#include "core/client.h"
#include "core/machine.h"
#include "frontend/launcher/notify.h"
#include "frontend/launcher/workers.h"
#include "frontend/preload/machine_view.h"
#include "frontend/service/here.h"

#include <stdatomic.h>
#include <sys/queue.h>

/* A process of the program's. */
struct target {
	LIST_ENTRY(target) entry; /* supervisor's lock */
	unsigned int users;	  /* the same: 1 while it is in the list, and calls in flight */
	pid_t pid;
	int pidfd;
	struct mm *mm; /* the same */
	atomic_bool
		execs; /* it has begun to execute another program: its memory is another one now, or was taken over for nothing */
	atomic_bool rights; /* they may have changed */
};

#define TARGET_BUCKETS 64

/* A listing of a folder that the machine has entries in, which come after the real ones. */
struct listing {
	pid_t pid;  /* 0: none */
	int number; /* its descriptor */
	const struct vnode *folder;
	const struct vnode *next; /* the entry that is next, NULL: all were given */
};

#define LISTINGS 32

struct supervisor {
	struct machine *machine;
	struct service *service;
	struct client self; /* its own memory, for what the service has in hand */
	struct sysfs_machine shown;
	struct vtree tree; /* what the machine adds to paths; constant */
	int listener;
	struct workers workers;
	struct lock lock;
	/* The lock guards these. */
	LIST_HEAD(, target) targets[TARGET_BUCKETS]; /* by pid */
	struct target *recent[TARGET_BUCKETS]; /* by the number of a thread that called: a guess */
	struct listing listings[LISTINGS];
};

/* One call of a program's thread, in a worker. */
struct call {
	struct client client; /* first: client_ops get it */
	struct supervisor *supervisor;
	struct target *target; /* with a use */
	struct notice *notice;
	unsigned long turn; /* its number (workers.h) */
	bool sure; /* the target is who calls: what is guessed by a thread's number may be its predecessor */
	bool fresh; /* ... and wasn't known before */
	struct client_window window;
	const uint64_t *args; /* the six of the system call */
	/* A descriptor was handed out during this call: its file goes if the call fails. */
	struct endpoint *installed;
};

/* What is no result: the kernel makes the call. */
#define CALL_LET_GO INT64_MIN

/* ---- supervisor.c ---- */

/* The machine and what serves it; starts no thread. -errno, and *ret_step says of what. */
int supervisor_init(struct supervisor *supervisor, const struct config *config,
		    const char **ret_step);
/* From now on the calls of the listener are served. -EAGAIN, -ENOMEM, -EMFILE. */
int supervisor_start(struct supervisor *supervisor, int listener);
/* No process is left: this one ends as soon as nobody else uses its files. */
void supervisor_end(struct supervisor *supervisor);

/* ---- target.c ---- */

/* The process that a thread belongs to, with a use: 0, -ESRCH, -EACCES, -EMFILE, -ENOMEM. */
int target_get(struct supervisor *supervisor, const struct notice *notice,
	       struct target **ret_target);
/* Has it ended? Then its number may be another's. */
bool target_ended(const struct target *target);
/* A guess, or NULL: whom the thread's number meant last, with a use. If that process lives, it is the one. Quick. */
struct target *target_guess(struct supervisor *supervisor, const struct notice *notice);
void target_put(struct supervisor *supervisor, struct target *target);
/* Its address space as of now, with a reference. */
struct mm *target_mm(struct supervisor *supervisor, struct target *target);
/* Forgets processes that have ended. */
void targets_collect(struct supervisor *supervisor);

/* ---- call.c ---- */

/* Serves a call that a notice has, and answers it. */
void call_serve(struct supervisor *supervisor, struct notice *notice, unsigned long turn);
/* A duplicate of a descriptor of the caller's: -EBADF, -EMFILE, or as target_get(). */
int call_duplicate(struct call *call, int number);
/* The file behind a number of the caller's, with a use; *ret_a is a descriptor of it. 0, -ENOENT (not ours), -EIO, or as call_duplicate(). */
int call_endpoint(struct call *call, int number, struct endpoint **ret_endpoint, int *ret_a);
/* The caller becomes a client: before it is served. As target_get(). */
int call_enter(struct call *call);
/* False is certain. */
bool call_may_be_ours(struct call *call, int number);

/* ---- client.c ---- */

extern const struct client_ops call_client_ops;
/*
 * The memory of the thread that waits: 0, or -EFAULT. What is read counts only if it still waits afterwards; what is written goes to nobody else.
 * No process need be looked up for it.
 */
int call_read(const struct call *call, void *dst, uint64_t src, size_t len);
int call_write(const struct call *call, uint64_t dst, const void *src, size_t len);
/* How much could be read, from the beginning; -EFAULT: nothing. */
long call_peek(const struct call *call, void *dst, uint64_t src, size_t len);

/* ---- path.c: calls that name a path ---- */

int64_t call_openat(struct call *call, int dirfd, uint64_t path, int flags);
int64_t call_openat2(struct call *call);
int64_t call_stat(struct call *call, int dirfd, uint64_t path, int flags, uint64_t buf);
int64_t call_statx(struct call *call);
int64_t call_access(struct call *call, int dirfd, uint64_t path, int mode, int flags);
int64_t call_getdents(struct call *call);
/* The folder of the tree that a path below /proc of an open one leads to, or NULL; *ret_virtual: there is no real one. */
const struct vnode *call_folder(const struct call *call, int number, bool *ret_virtual);
int64_t call_readlink(struct call *call, int dirfd, uint64_t path, uint64_t buf, uint64_t size);

#endif
