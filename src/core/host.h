/* SPDX-License-Identifier: MIT */
/*
 * What a machine needs of the process that it is in: threads for its devices, the program's eventfds, and descriptors of what the program maps.
 *
 * Descriptors of the program are in its table, and a frontend may run threads where they are not (frontend/service). So an eventfd is handed
 * over once, and named by what the host makes of it from then on; and a memfd is made where no program closes it.
 */
#ifndef UIOMMUFD_CORE_HOST_H
#define UIOMMUFD_CORE_HOST_H

#include <stdbool.h>

struct client;
struct shared_memory;
struct machine;
struct machine_host;
/* An eventfd that was handed over. */
struct host_event;

struct machine_host_ops {
	/*
	 * Runs `run` in a thread of its own, which blocks all signals but those of a fault, and which nobody waits for. -EAGAIN, -ENOMEM.
	 * RANK_WORK may be held.
	 */
	int (*thread)(struct machine_host *host, void (*run)(void *arg), void *arg);
	/*
	 * The eventfd behind a number of the client's, which may close it afterwards. -EBADF: closed; -EINVAL: no eventfd; -ENOMEM,
	 * -EMFILE. The client is asked, and may take its time (it can be stopped), so no lock is held.
	 */
	int (*event_take)(struct machine_host *host, struct client *client, int fd,
			  struct host_event **ret_event);
	/* Adds 1 to it, and waits for nobody: a full one stays full. Any thread, RANK_WORK may be held. */
	void (*event_signal)(struct machine_host *host, struct host_event *event);
	/*
	 * From now on calls `fired` for each time that somebody else adds to it (several at once may count as one), in a thread of the host's
	 * without locks; what was added is taken out. Once for each event. -ENOMEM, -EAGAIN.
	 */
	int (*event_watch)(struct machine_host *host, struct host_event *event,
			   void (*fired)(void *arg), void *arg);
	/* Gives it back, when no call of `fired` is running. The caller holds no lock that `fired` takes. NULL is nothing. */
	void (*event_put)(struct machine_host *host, struct host_event *event);
	/*
	 * shared_memory_make_fd(), _dup_fd() and _close_fd() (core/shared_memory.h) where the host keeps descriptors; the duplicate is one of
	 * the caller's. Any lock up to RANK_WORK may be held. -ENOMEM, -EMFILE, -EAGAIN: there is no such place; -EIO: it is gone.
	 */
	int (*memory_share)(struct machine_host *host, struct shared_memory *memory);
	int (*memory_open)(struct machine_host *host, const struct shared_memory *memory);
	void (*memory_close)(struct machine_host *host, const struct shared_memory *memory);
};

struct machine_host {
	const struct machine_host_ops *ops;
	/* Programs can't map files here (the launcher): regions are offered for pread and pwrite alone. Constant once there are devices. */
	bool no_mmap;
};

/* Threads and descriptors of this process itself: for machines that no frontend has given another. */
extern struct machine_host machine_own_host;

#endif
