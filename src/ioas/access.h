/* SPDX-License-Identifier: MIT */
/*
 * In-process access to an IOAS: what software that stands for a device uses (a mediated device, a hardware queue that the
 * IOMMU reads). It pins pages, or reads and writes through IOVAs.
 *
 * Everything here is called with the context's lock held, and holds it on return. The unmap operation is called *without*
 * it: it must give up all pins in the range (access_unpin under the lock) before it returns.
 */
#ifndef UIOMMUFD_IOAS_ACCESS_H
#define UIOMMUFD_IOAS_ACCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/object.h"
#include "mem/page.h"

struct ctx;
struct ioas;
struct mm;
struct pages;

struct access_ops {
	bool pins_pages; /* only whole pages: the IOAS's alignment becomes PAGE_SIZE */
	/* [iova, iova + length) is being unmapped: let go. Empty: the access keeps areas from being unmapped (-EBUSY). */
	void (*unmap)(void *data, uint64_t iova, uint64_t length);
};

struct access {
	struct object object;
	LIST_ENTRY(access) link; /* in the IOAS's list while attached, and while it detaches */
	struct ioas *ioas;	 /* what it works on, or NULL */
	struct ioas
		*ioas_unpin; /* where pins may still be: as `ioas`, but kept while it detaches */
	const struct access_ops *ops;
	void *data;
	uint64_t alignment;
	uint64_t notified;     /* the latest round of access_notify_unmap() that called it */
	unsigned int in_unmap; /* calls of its unmap operation that run without the lock */
};

/* A pinned page. */
struct pinned_page {
	struct pages *pages;
	uint64_t index;
};

enum {
	ACCESS_WRITE = 1, /* the memory will be written */
	ACCESS_SLOW = 2,  /* rw: by pinning, also for the mapper */
};

/* An object with an extra user: DESTROY of its id is refused. Not attached. -ENOMEM. */
int access_new(struct ctx *ctx, const struct access_ops *ops, void *data,
	       struct access **ret_access);
/* Detaches and frees, after calls of its unmap operation have returned. */
void access_free(struct access *access);

/* -EINVAL: attached already; -ENOENT: no such IOAS; -EADDRINUSE: its areas don't fit the alignment; -ENOMEM. */
int access_attach(struct access *access, uint32_t ioas_id);
/* Moves to another IOAS after all pins are given up. -ENOENT (also if not attached), -EADDRINUSE: stays where it was. */
int access_replace(struct access *access, uint32_t ioas_id);
void access_detach(struct access *access);

/*
 * Pins the pages of [iova, iova + length): as many as it touches. -EINVAL: length 0, not page-aligned, or an unmap is
 * waiting; -EOVERFLOW; -ENOENT: not attached or a hole; -EPERM; -EINVAL: a dma-buf; -EFAULT, -ENOMEM: of pinning.
 */
int access_pin(struct access *access, uint64_t iova, uint64_t length, unsigned int flags,
	       struct pinned_page *ret_pages);
/* Undoes an access_pin() of the same range. Without an unmap operation a pin locks its areas against UNMAP. */
void access_unpin(struct access *access, uint64_t iova, uint64_t length);

/*
 * Copies between `buf` and the memory behind an IOVA; on failure part may have been copied. Errors as for access_pin(). Where `caller` is
 * the mapper itself, its memory is used as it is now, like a pointer of its own; else, or with ACCESS_SLOW, the pages are, pinned or to be; but a page alone is again
 * what the mapper has there now. Without a caller (NULL) it is a device's access: to the pages, always.
 */
int access_rw(struct access *access, struct mm *caller, uint64_t iova, void *buf, uint64_t length,
	      unsigned int flags);

/* For ioas_unmap(): tells all accesses of the IOAS; the lock is dropped meanwhile. */
void access_notify_unmap(struct ioas *ioas, uint64_t iova, uint64_t length);

#endif
