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
	struct lock lock;
	/* The lock guards these. */
	LIST_HEAD(, target) targets[TARGET_BUCKETS]; /* by pid */
	struct target *recent[TARGET_BUCKETS]; /* by the number of a thread that called: a guess */
	struct listing listings[LISTINGS];
	atomic_int idle; /* workers that wait for a call */
};

/* One call of a program's thread, in a worker. */
struct call {
	struct client client; /* first: client_ops get it */
	struct supervisor *supervisor;
	struct target *target; /* with a use */
	struct notice *notice;
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
/* ... if it is known already, else NULL. Quick. */
struct target *target_known(struct supervisor *supervisor, const struct notice *notice);
void target_put(struct supervisor *supervisor, struct target *target);
/* Its address space as of now, with a reference. */
struct mm *target_mm(struct supervisor *supervisor, struct target *target);
/* Forgets processes that have ended. */
void targets_collect(struct supervisor *supervisor);
extern const struct client_ops call_client_ops;

/* ---- call.c ---- */

/* Serves a call that a notice has, and answers it. */
void call_serve(struct supervisor *supervisor, struct notice *notice);
/* The file behind a number of the caller's, with a use; *ret_a is a descriptor of it. 0, -ENOENT (not ours), -EBADF, -EIO. */
int call_endpoint(struct call *call, int number, struct endpoint **ret_endpoint, int *ret_a);

/* The caller becomes a client: before its memory or its descriptors are needed. As target_get(). */
int call_enter(struct call *call);
/* False is certain. */
bool call_may_be_ours(struct call *call, int number);

/* ---- path.c: calls that name a path ---- */

int64_t call_openat(struct call *call, int dirfd, uint64_t path, int flags);
int64_t call_openat2(struct call *call);
int64_t call_stat(struct call *call, int dirfd, uint64_t path, int flags, uint64_t buf);
int64_t call_statx(struct call *call);
int64_t call_access(struct call *call, int dirfd, uint64_t path, int mode, int flags);
int64_t call_getdents(struct call *call);
/* The folder of the tree that a path below /proc of an open one leads to, or NULL; *ret_virtual: there is no real one. */
const struct vnode *call_folder(const struct call *call, int number, bool *ret_virtual);
/* To the caller's memory, if it still waits: 0, -EFAULT. */
int64_t call_poke(struct call *call, uint64_t dst, const void *src, size_t len);
int64_t call_readlink(struct call *call, int dirfd, uint64_t path, uint64_t buf, uint64_t size);

#endif
