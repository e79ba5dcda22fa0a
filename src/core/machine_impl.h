/* SPDX-License-Identifier: MIT */
/* What a machine consists of, for the folders that serve it. Frontends see core/machine.h alone. */
#ifndef UIOMMUFD_CORE_MACHINE_IMPL_H
#define UIOMMUFD_CORE_MACHINE_IMPL_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "base/lock.h"
#include "core/ctx.h"
#include "core/host.h"
#include "core/machine.h"
#include "container/hazard.h"
#include "core/pin_filter.h"

struct ucmd;

/* Pages charged to a user id by all of the machine's contexts (accounting mode USER). Lives as long as the machine. */
struct user_account {
	struct user_account *next;
	uid_t uid;
	atomic_ulong locked; /* pages */
};

/* What a layer above the core keeps for a machine; found by the address of its `key`. */
struct machine_part {
	LIST_ENTRY(machine_part) link;
	const void *key;
	void (*free)(struct machine_part *part);
};

/* A node that the machine shows beside those that every machine has. In the machine for its life. */
struct machine_node {
	LIST_ENTRY(machine_node) link;
	const char *path; /* below /dev */
	/* As machine_open(). The machine outlives the file if that takes a reference. */
	int (*open)(struct machine *machine, struct machine_node *node, struct client *client,
		    struct file **ret_file);
};

#define MACHINE_NODE_CHAINS 1024

struct machine {
	atomic_uint refs;
	/*
	 * A machine for tests may change calls before they are handled, with the context locked; NULL in others. It exists for
	 * fuzzers, which know numbers of areas but no IOVAs (see include/uiommufd/mock.h).
	 */
	void (*rewrite)(struct ucmd *ucmd, unsigned int cmd);

	struct machine_host *host; /* set before there are devices */
	/* core/share.h, of its devices; set before there are any, and outlives the machine. NULL: it makes them itself */
	struct share *shares;

	struct sanitizer
		*sanitizer;   /* core/sanitizer.h; NULL: none. Constant once there are contexts */
	struct hazard hazard; /* DMA that is running */
	atomic_ulong spaces;  /* address spaces of stage 1 that IOMMUs have numbered */
	struct pin_filter pinned;  /* this process's memory that is pinned */
	struct lock contexts_lock; /* RANK_CONTEXTS; guards contexts */
	LIST_HEAD(, ctx) contexts;

	struct lock lock; /* RANK_MACHINE; guards users' growth, parts, and devices and groups */
	struct user_account *_Atomic users; /* only ever grows: read without the lock */
	LIST_HEAD(, machine_part) parts;
	LIST_HEAD(, machine_node) nodes[MACHINE_NODE_CHAINS]; /* by a hash of the path */
};

struct machine *machine_get(struct machine *machine);
/* The account of a user id, made on first use; NULL when out of memory. */
struct user_account *machine_user(struct machine *machine, uid_t uid);
/* Shows a node from now on. */
void machine_add_node(struct machine *machine, struct machine_node *node);
/* The part of this key, or NULL. With machine->lock held. Parts are freed in the opposite order of their coming. */
struct machine_part *machine_find_part(struct machine *machine, const void *key);

#endif
