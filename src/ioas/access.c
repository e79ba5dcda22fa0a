/* SPDX-License-Identifier: MIT */
/* Accesses: attaching, pins, reads and writes. */
#include "ioas/access.h"

#include <errno.h>
#include <stdlib.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "base/inject.h"
#include "core/ctx.h"
#include "ioas/ioas.h"

/* ---- life ---- */

static void access_destroy(struct object *object)
{
	free(object);
}

static const struct object_type access_type = {
	.name = "access",
	.destroy = access_destroy,
};

int access_new(struct ctx *ctx, const struct access_ops *ops, void *data,
	       struct access **ret_access)
{
	struct access *access = mem_zalloc(sizeof(*access));
	int rc;

	if (!access)
		return -ENOMEM;
	rc = object_init(&access->object, ctx, &access_type);
	if (rc) {
		free(access);
		return rc;
	}
	access->ops = ops;
	access->data = data;
	access->alignment = ops->pins_pages ? PAGE_SIZE : 1;
	object_use(&access->object); /* the owner's: programs can't destroy it */
	object_publish(&access->object);
	*ret_access = access;
	return 0;
}

void access_free(struct access *access)
{
	struct ctx *ctx = access->object.ctx;

	if (access->ioas)
		access_detach(access);
	while (access->in_unmap)
		lock_wait(&ctx->lock, &ctx->unmapped);
	object_unuse(&access->object);
	object_destroy(&access->object);
}

/* ---- attaching ---- */

static int join(struct access *access, struct ioas *ioas)
{
	int rc = ioas_update_alignment(ioas, access->alignment);

	if (rc)
		return rc;
	LIST_INSERT_HEAD(&ioas->accesses, access, link);
	object_use(&ioas->object);
	access->ioas = ioas;
	access->ioas_unpin = ioas;
	return 0;
}

/* The lock is dropped meanwhile; the access stays. */
static void call_unmap(struct access *access, uint64_t iova, uint64_t length)
{
	struct ctx *ctx = access->object.ctx;

	access->in_unmap++;
	lock_release(&ctx->lock);
	access->ops->unmap(access->data, iova, length);
	lock_take(&ctx->lock);
	if (!--access->in_unmap)
		pthread_cond_broadcast(&ctx->unmapped);
}

/* Gives up all pins, then leaves the IOAS. New pins are refused from the start. */
static void leave(struct access *access)
{
	struct ioas *ioas = access->ioas;

	access->ioas = NULL;
	if (access->ops->unmap)
		call_unmap(access, 0, UINT64_MAX);
	access->ioas_unpin = NULL;
	LIST_REMOVE(access, link);
	ioas_update_alignment(ioas, 1);
	object_unuse(&ioas->object);
}

int access_attach(struct access *access, uint32_t ioas_id)
{
	struct ioas *ioas = ioas_find(access->object.ctx, ioas_id);

	if (access->ioas || access->ioas_unpin)
		return -EINVAL;
	return ioas ? join(access, ioas) : -ENOENT;
}

int access_replace(struct access *access, uint32_t ioas_id)
{
	struct ioas *ioas, *old = access->ioas;
	int rc;

	if (!old)
		return -ENOENT;
	ioas = ioas_find(access->object.ctx, ioas_id);
	if (!ioas)
		return -ENOENT;
	if (ioas == old)
		return 0;
	/* Refuse before anything is given up. */
	rc = ioas_update_alignment(ioas, access->alignment);
	if (rc)
		return rc;
	object_use(&ioas->object); /* the lock is dropped while pins are given up: the IOAS stays */
	leave(access);
	rc = join(access, ioas);
	object_unuse(&ioas->object);
	return rc;
}

void access_detach(struct access *access)
{
	leave(access);
}

/* The list may have changed since the last one was called: looked at from the start. */
static struct access *next_to_notify(struct ioas *ioas, uint64_t round)
{
	struct access *access;

	LIST_FOREACH(access, &ioas->accesses, link)
		if (access->ops->unmap && access->notified != round)
			return access;
	return NULL;
}

void access_notify_unmap(struct ioas *ioas, uint64_t iova, uint64_t length)
{
	uint64_t round = ++ioas->object.ctx->unmap_rounds;
	struct access *access;

	while ((access = next_to_notify(ioas, round))) {
		access->notified = round;
		call_unmap(access, iova, length);
	}
}

/* ---- walking areas ---- */

/* The part of a range that lies in one area. */
struct part {
	struct area *area;
	uint64_t first, last; /* bytes from the area's first byte */
};

static int check_range(const struct access *access, uint64_t iova, uint64_t length,
		       uint64_t *ret_last)
{
	if (!length)
		return -EINVAL;
	if (__builtin_add_overflow(iova, length - 1, ret_last))
		return -EOVERFLOW;
	return access->ioas ? 0 : -ENOENT;
}

/* The part of [iova, last] at iova. -ENOENT: a hole. */
static int next_part(struct ioas *ioas, uint64_t iova, uint64_t last, struct part *ret_part)
{
	struct imap_entry entry;

	if (!imap_first_in(&ioas->areas, iova, iova, &entry))
		return -ENOENT;
	ret_part->area = entry.value;
	ret_part->first = iova - entry.first;
	ret_part->last = (entry.last < last ? entry.last : last) - entry.first;
	return 0;
}

static int check_perm(const struct area *area, unsigned int flags)
{
	uint32_t need = flags & ACCESS_WRITE ? IOMMU_IOAS_MAP_WRITEABLE : IOMMU_IOAS_MAP_READABLE;

	return area->perm & need ? 0 : -EPERM;
}

/* ---- pins ---- */

/* Undoes the pins of [iova, iova + length), which may end with the last IOVA of all. */
static void unpin_parts(struct ioas *ioas, uint64_t iova, uint64_t length, bool lock)
{
	struct part part;

	while (length && !next_part(ioas, iova, iova + length - 1, &part)) {
		uint64_t n = part.last - part.first + 1;
		struct area *area = part.area;

		pages_unpin(ioas->object.ctx, area->pages, area_page(area, part.first),
			    area_page(area, part.last));
		if (lock)
			area->locks--;
		else
			area->pins--;
		iova += n;
		length -= n;
	}
}

/* A pin begins with a page; only the last part may end inside one. */
static int check_pinnable(const struct part *part, bool is_last, unsigned int flags)
{
	const struct area *area = part->area;
	uint64_t end = area->offset + part->last + 1;

	if (area->closing || page_offset(area->offset + part->first) ||
	    (!is_last && page_offset(end)))
		return -EINVAL;
	if (check_perm(area, flags))
		return -EPERM;
	return area->pages->kind == PAGES_DMABUF ? -EINVAL : 0;
}

static int pin_part(struct ctx *ctx, const struct part *part, bool lock, struct pinned_page **out)
{
	struct area *area = part->area;
	uint64_t first = area_page(area, part->first), last = area_page(area, part->last);
	int rc = pages_pin(ctx, area->pages, first, last);

	if (rc)
		return rc;
	if (lock)
		area->locks++;
	else
		area->pins++;
	for (uint64_t i = first; i <= last; i++)
		*(*out)++ = (struct pinned_page){area->pages, i};
	return 0;
}

int access_pin(struct access *access, uint64_t iova, uint64_t length, unsigned int flags,
	       struct pinned_page *ret_pages)
{
	struct ctx *ctx = access->object.ctx;
	uint64_t last, at = iova;
	int rc = check_range(access, iova, length, &last);

	if (rc)
		return rc;
	while (at <= last) {
		struct part part;

		rc = next_part(access->ioas, at, last, &part);
		if (!rc)
			rc = check_pinnable(&part, last - at == part.last - part.first, flags);
		if (!rc)
			rc = pin_part(ctx, &part, !access->ops->unmap, &ret_pages);
		if (rc) {
			unpin_parts(access->ioas, iova, at - iova, !access->ops->unmap);
			return rc;
		}
		at += part.last - part.first + 1;
		if (!at)
			break;
	}
	return 0;
}

void access_unpin(struct access *access, uint64_t iova, uint64_t length)
{
	if (access->ioas_unpin)
		unpin_parts(access->ioas_unpin, iova, length, !access->ops->unmap);
}

/* ---- reads and writes ---- */

/* Several pages are pinned with the mapping's permission; those that are pinned already are what they were. */
static int probe_slow(struct pages *pages, uint64_t first, uint64_t last)
{
	if (inject_fail())
		return -ENOMEM;
	for (uint64_t i = first; i <= last; i++) {
		int rc = pages_pinned(pages, i) ? 0 : pages_probe(pages, i, i, pages->writable);

		if (rc)
			return rc;
	}
	return 0;
}

/* What a copy does, part by part. */
struct copy {
	struct mm *caller;
	char *buf;
	unsigned int flags;
};

static int rw_by_address(struct pages *pages, uint64_t va, uint64_t len, const struct copy *copy)
{
	return copy->flags & ACCESS_WRITE ? mm_write(pages->mm, va, copy->buf, len)
					  : mm_read(pages->mm, copy->buf, va, len);
}

/*
 * Recorded: a process's access to a single page pins it anew, by its address and with the permission that is asked, whatever is pinned there; as long as the
 * mapper lives.
 */
static bool is_single(const struct pages *pages, uint64_t offset, uint64_t len,
		      const struct copy *copy)
{
	return copy->caller && pages->kind == PAGES_USER &&
	       offset >> PAGE_SHIFT == (offset + len - 1) >> PAGE_SHIFT &&
	       !atomic_load(&pages->mm->gone);
}

static int rw_single(struct pages *pages, uint64_t offset, uint64_t len, const struct copy *copy)
{
	uint64_t page = offset >> PAGE_SHIFT;
	int rc = inject_fail() ? -ENOMEM
			       : pages_probe(pages, page, page, copy->flags & ACCESS_WRITE);

	return rc ? rc : rw_by_address(pages, pages->start + offset, len, copy);
}

/* The way of a caller that is not the mapper. */
static int rw_by_pages(struct pages *pages, uint64_t offset, uint64_t len, const struct copy *copy)
{
	bool write = copy->flags & ACCESS_WRITE;
	int rc;

	if (is_single(pages, offset, len, copy))
		return rw_single(pages, offset, len, copy);
	rc = probe_slow(pages, offset >> PAGE_SHIFT, (offset + len - 1) >> PAGE_SHIFT);
	if (rc)
		return rc;
	return write ? pages_write(pages, offset, copy->buf, len)
		     : pages_read(pages, offset, copy->buf, len);
}

static int rw_part(const struct part *part, const struct copy *copy)
{
	const struct area *area = part->area;
	uint64_t offset = area->offset + part->first, len = part->last - part->first + 1;
	struct pages *pages = area->pages;
	uint64_t va = pages->start + offset;
	int rc = check_perm(area, copy->flags);

	if (!rc && copy->flags & ACCESS_WRITE && !pages->writable)
		rc = -EPERM;
	if (!rc && pages->kind == PAGES_DMABUF)
		rc = -EINVAL;
	if (rc)
		return rc;
	if (pages->kind != PAGES_USER || pages->mm != copy->caller || copy->flags & ACCESS_SLOW)
		return rw_by_pages(pages, offset, len, copy);
	return rw_by_address(pages, va, len, copy);
}

int access_rw(struct access *access, struct mm *caller, uint64_t iova, void *buf, uint64_t length,
	      unsigned int flags)
{
	struct copy copy = {caller, buf, flags};
	uint64_t last;
	int rc = check_range(access, iova, length, &last);

	if (rc)
		return rc;
	for (;;) {
		struct part part;
		uint64_t n;

		rc = next_part(access->ioas, iova, last, &part);
		if (!rc)
			rc = rw_part(&part, &copy);
		if (rc)
			return rc;
		n = part.last - part.first + 1;
		if (last - iova < n)
			return 0;
		iova += n;
		copy.buf += n;
	}
}
