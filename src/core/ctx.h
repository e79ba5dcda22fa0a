/* SPDX-License-Identifier: MIT */
/*
 * A context: one open of /dev/iommu. It owns the objects and the lock that guards all of them.
 *
 * References are held by the open file, and by each further file that works on the context (fault queues, accesses).
 * When the last is gone the objects are torn down, leaves first.
 */
#ifndef UIOMMUFD_CORE_CTX_H
#define UIOMMUFD_CORE_CTX_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "base/lock.h"
#include "base/pool.h"
#include "container/idmap.h"
#include "core/client.h"
#include "core/file.h"
#include "core/object.h"

struct machine;
struct ioas;

/* How pinned memory is charged (IOMMU_OPTION_RLIMIT_MODE). */
enum account_mode {
	ACCOUNT_USER, /* to the user id, against RLIMIT_MEMLOCK */
	ACCOUNT_MM,   /* to the process's locked_vm, against RLIMIT_MEMLOCK */
	ACCOUNT_NONE, /* not at all: the mapper had CAP_IPC_LOCK */
};

struct ctx {
	struct file file; /* the descriptor of /dev/iommu */
	struct machine *machine;
	atomic_uint refs;
	LIST_ENTRY(ctx) link; /* in the machine's list, guarded by its contexts_lock */

	struct lock lock; /* RANK_CONTEXT; guards everything below and every object */
	struct idmap ids;
	enum account_mode account_mode;
	bool maps_registers; /* BARs can be mapped for devices: /dev/vfio/vfio, as VFIO's own container */
	struct ioas *vfio_ioas;		  /* what the VFIO container ioctls work on, or NULL */
	LIST_HEAD(, mmap_region) regions; /* what programs can map */
	uint64_t unmap_rounds;		  /* see access_notify_unmap() */
	pthread_cond_t unmapped;	  /* an access's unmap operation has returned */
	struct pool pages;		  /* struct pages; set up by its first user */
};

/* Takes a reference on the machine. -ENOMEM. */
int ctx_new(struct machine *machine, enum account_mode mode, struct ctx **ret_ctx);
void ctx_get(struct ctx *ctx);
/* Not with the lock held: the last reference tears all objects down. */
void ctx_put(struct ctx *ctx);

/* The context behind a file, if it is one; else NULL. Takes no reference. */
struct ctx *ctx_of_file(struct file *file);

#endif
