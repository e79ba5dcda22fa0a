/* SPDX-License-Identifier: MIT */
/*
 * What the shim knows of the program's descriptors. It is a cache and nothing else: everything can be found again from the
 * descriptor itself, so whoever is unsure of a number makes it unknown (a vfork child, which shares this memory but not
 * the descriptors, does it to its parent's, and writes nothing else there). All of it is zero in a child after fork, by MADV_WIPEONFORK.
 */
#ifndef UIOMMUFD_PRELOAD_DESCRIPTOR_H
#define UIOMMUFD_PRELOAD_DESCRIPTOR_H

#include "core/client.h"
#include "frontend/service/remote.h"
#include "frontend/service/service.h"

#include <stdatomic.h>
#include <stdbool.h>

/* Numbers above are always looked at. */
#define DESCRIPTOR_SLOTS (1 << 20)

/*
 * A slot: 0 unknown, SLOT_FOREIGN, SLOT_RESERVED (the shim's own), a struct endpoint * hosted here, or the struct
 * remote_host * that has it, + SLOT_REMOTE.
 */
#define SLOT_FOREIGN  ((uintptr_t)1)
#define SLOT_REMOTE   ((uintptr_t)2)
#define SLOT_RESERVED ((uintptr_t)4)
#define SLOT_TAGS     ((uintptr_t)7)

struct process;

/* What file a number stands for that another process hosts. Written while `version` is odd. */
struct descriptor_known {
	atomic_uint version;
	atomic_int fd;
	_Atomic uint64_t id[2];
};

#define DESCRIPTOR_KNOWN 256

struct descriptors {
	struct process *_Atomic process; /* NULL: this process has no state yet */
	/* The process whose descriptors these are; 0: not known yet. */
	atomic_int owner;
	/* The thread that is about to end the process: no other may start a call. */
	atomic_int leaving;
	struct descriptor_known
		known[DESCRIPTOR_KNOWN]; /* by number, the last ones of each remainder */
	_Atomic uintptr_t slots[DESCRIPTOR_SLOTS];
};

/* NULL before the constructor has run. */
extern struct descriptors *descriptors;

static inline uintptr_t descriptor_slot(int fd)
{
	if (!descriptors || (unsigned int)fd >= DESCRIPTOR_SLOTS)
		return 0;
	return atomic_load_explicit(&descriptors->slots[fd], memory_order_acquire);
}

static inline void descriptor_set(int fd, uintptr_t slot)
{
	if (descriptors && (unsigned int)fd < DESCRIPTOR_SLOTS)
		atomic_store_explicit(&descriptors->slots[fd], slot, memory_order_release);
}

/* One more than the highest number of which something is or was known. */
unsigned int descriptor_end(void);

/* From now on a number of which nothing is known may be ours. */
void descriptor_seen(void);

/* The number now means something else, or nothing. */
static inline void descriptor_forget(int fd)
{
	if (descriptor_slot(fd))
		descriptor_set(fd, 0);
}

/* The endpoint if the slot says that it is hosted here, with a use; else NULL. */
static inline struct endpoint *descriptor_local(int fd, uintptr_t slot)
{
	struct endpoint *endpoint = (struct endpoint *)slot;

	if (!slot || slot & SLOT_TAGS || !endpoint_get(endpoint))
		return NULL;
	/* The use may be one of the file that the endpoint was given to next. */
	if (descriptor_slot(fd) == slot && !__builtin_expect(atomic_load(&descriptors->leaving), 0))
		return endpoint;
	endpoint_put(endpoint);
	return NULL;
}

/*
 * Before the process exits or executes another program: when this returns no other thread is in a call on a file that
 * lives here, and none starts one. A thread that is killed in the middle of one would leave its locks to those who use
 * the file from elsewhere. For an exec that failed, descriptors_stay() undoes it.
 */
void descriptors_leave(void);
void descriptors_stay(void);

/* One of ours, ready for a call. */
struct descriptor {
	struct endpoint *local;	  /* with a use; or NULL: it is hosted elsewhere, and there are */
	struct remote_host *host; /* by whom, */
	struct identity identity; /* and what it is there */
};

/*
 * What the slot says of a file that is hosted elsewhere, without a look at the descriptor: false if that isn't known any more. As with
 * those that are hosted here, it may be out of date: a call then finds no such file (WIRE_NO_FILE).
 */
bool descriptor_remote(int fd, uintptr_t slot, struct descriptor *ret_descriptor);

/*
 * What is fd? 0 and *ret (descriptor_done() gives it back), -ENOENT if not ours, -EBADF. A newborn is claimed; -ENOMEM, -EAGAIN, ...
 * if that failed, -EIO if it is ours but whoever hosted it is gone.
 */
int descriptor_find(int fd, struct descriptor *ret_descriptor);
void descriptor_done(struct descriptor *descriptor);

/*
 * A reserved number that a mapping of the file keeps, so that it stays open as long as in Linux, where a mapping holds its file. A child after fork has it too;
 * exec closes it.
 */
struct descriptor_kept {
	atomic_int fd;
	struct identity identity;
	/* What was found last, and for which process that holds: see descriptor_slot(). */
	_Atomic uintptr_t slot;
	struct process *_Atomic process;
};

/* A duplicate of fd at such a number, or -EMFILE. descriptor_release() closes it. */
int descriptor_keep(int fd);
/* As descriptor_find(). Allowed in handlers of faults. */
int descriptor_find_kept(struct descriptor_kept *keep, struct descriptor *ret_descriptor);

/* A request about it to where it is hosted: the call's result. */
int64_t descriptor_ask(int fd, const struct descriptor *descriptor, struct wire_msg *msg,
		       int *ret_fd);

/* Before and after a call that closes fd: is it one of ours? Then its last close has had its effect when this is over. */
bool descriptor_closing(int fd, struct descriptor *ret_closing);
void descriptor_closed(struct descriptor *closing);
/* close_range() as the program makes it: elsewhere in the library that name is the real one (real.h). */
int descriptor_close_range(unsigned int first, unsigned int last, int flags);

/* Numbers that the shim keeps for itself: the program sees them as closed. */
static inline bool descriptor_reserved(int fd)
{
	return descriptor_slot(fd) == SLOT_RESERVED;
}
/* The lowest of them from `first`, or UINT_MAX. */
unsigned int descriptor_next_reserved(unsigned int first);
/* Moves it to a high number and reserves that: the number, or -EMFILE and fd stays. */
int descriptor_reserve(int fd);
/* Closes a reserved number. */
void descriptor_release(int fd);
/* The program wants the number for itself: moves what we have there. */
void descriptor_yield(int fd);

/* What of this program the core sees. NULL: out of memory. */
struct process *process_get(void);
struct client *process_client(struct process *process);

#endif
