/* SPDX-License-Identifier: MIT */
/* In-process accesses: ioas/access.h for those who don't see the core, with its lock taken for them. */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/ctx.h"
#include "frontend/library/library.h"
#include "ioas/access.h"
#include "mem/page.h"
#include "mem/pages.h"

/* What the first version of the struct had. */
#define ACCESS_OPTIONS_FIRST (offsetof(struct uiommufd_access_options, data) + sizeof(void *))

struct uiommufd_access {
	unsigned int generation;
	struct ctx *ctx; /* a reference */
	struct access *access;
	struct uiommufd_access_options options;
};

/* ---- life ---- */

static void on_unmap(void *data, uint64_t iova, uint64_t length)
{
	struct uiommufd_access *access = data;
	/* All addresses are said as length UINT64_MAX from 0. */
	uint64_t last = length == UINT64_MAX ? UINT64_MAX : iova + length - 1;

	access->options.unmap(access->options.data, iova, last);
}

/* By whether it pins, and whether it hears of unmaps. */
static const struct access_ops access_ops[2][2] = {
	{{.unmap = NULL}, {.unmap = on_unmap}},
	{{.pins_pages = true}, {.pins_pages = true, .unmap = on_unmap}},
};

static int access_make(struct ctx *ctx, const struct uiommufd_access_options *options,
		       struct uiommufd_access **ret_access)
{
	struct uiommufd_access *access = mem_zalloc(sizeof(*access));
	bool pins = options->flags & UIOMMUFD_ACCESS_PINS;
	int rc;

	if (!access)
		return -ENOMEM;
	access->options = *options;
	access->ctx = ctx;
	lock_take(&ctx->lock);
	rc = access_new(ctx, &access_ops[pins][!!options->unmap], access, &access->access);
	lock_release(&ctx->lock);
	if (rc) {
		free(access);
		return rc;
	}
	ctx_get(ctx);
	*ret_access = access;
	return 0;
}

int uiommufd_access_new(struct uiommufd_file *file, const struct uiommufd_access_options *given,
			struct uiommufd_access **ret_access)
{
	struct uiommufd_access_options options = {};
	int rc = library_check(file->generation);
	struct ctx *ctx = ctx_of_file(file->file);

	if (!rc)
		rc = library_options(&options, sizeof(options), ACCESS_OPTIONS_FIRST, given);
	if (!rc && (!ctx || options.flags & ~UIOMMUFD_ACCESS_PINS))
		rc = -EINVAL;
	if (!rc)
		rc = access_make(ctx, &options, ret_access);
	if (!rc)
		(*ret_access)->generation = file->generation;
	return rc;
}

void uiommufd_access_free(struct uiommufd_access *access)
{
	struct ctx *ctx;

	if (!access || library_check(access->generation))
		return;
	ctx = access->ctx;
	lock_take(&ctx->lock);
	access_free(access->access);
	lock_release(&ctx->lock);
	free(access);
	ctx_put(ctx);
}

int uiommufd_access_attach(struct uiommufd_access *access, uint32_t ioas_id)
{
	int rc = library_check(access->generation);

	if (rc)
		return rc;
	LOCK_SCOPED(&access->ctx->lock);
	return (access->access->ioas ? access_replace : access_attach)(access->access, ioas_id);
}

int uiommufd_access_detach(struct uiommufd_access *access)
{
	int rc = library_check(access->generation);

	if (rc)
		return rc;
	LOCK_SCOPED(&access->ctx->lock);
	if (!access->access->ioas)
		return -ENOENT;
	access_detach(access->access);
	return 0;
}

/* ---- use ---- */

/* By its pages, not by the program's addresses: what it has mapped may have moved. */
static int rw(struct uiommufd_access *access, uint64_t iova, void *buf, size_t length,
	      unsigned int flags)
{
	int rc = library_check(access->generation);

	if (rc)
		return rc;
	LOCK_SCOPED(&access->ctx->lock);
	return access_rw(access->access, NULL, iova, buf, length, flags);
}

int uiommufd_access_read(struct uiommufd_access *access, uint64_t iova, void *buf, size_t length)
{
	return rw(access, iova, buf, length, 0);
}

int uiommufd_access_write(struct uiommufd_access *access, uint64_t iova, const void *buf,
			  size_t length)
{
	return rw(access, iova, (void *)buf, length, ACCESS_WRITE);
}

static int pin(struct uiommufd_access *access, uint64_t iova, uint64_t length, unsigned int flags,
	       void **ret_pages)
{
	uint64_t last = iova + length - 1, n = (last >> PAGE_SHIFT) - (iova >> PAGE_SHIFT) + 1;
	struct pinned_page *pages = mem_calloc(n, sizeof(*pages));
	int rc;

	if (!pages)
		return -ENOMEM;
	LOCK_SCOPED(&access->ctx->lock);
	rc = access_pin(access->access, iova, length, flags, pages);
	for (uint64_t i = 0; !rc && ret_pages && i < n; i++)
		ret_pages[i] = pages_host(pages[i].pages, pages[i].index << PAGE_SHIFT, PAGE_SIZE);
	free(pages);
	return rc;
}

int uiommufd_access_pin(struct uiommufd_access *access, uint64_t iova, uint64_t length,
			unsigned int flags, void **ret_pages)
{
	int rc = library_check(access->generation);
	uint64_t last;

	if (rc)
		return rc;
	if (!length || flags & ~UIOMMUFD_ACCESS_WRITE)
		return -EINVAL;
	if (__builtin_add_overflow(iova, length - 1, &last))
		return -EOVERFLOW;
	return pin(access, iova, length, flags & UIOMMUFD_ACCESS_WRITE ? ACCESS_WRITE : 0,
		   ret_pages);
}

int uiommufd_access_unpin(struct uiommufd_access *access, uint64_t iova, uint64_t length)
{
	int rc = library_check(access->generation);

	if (rc)
		return rc;
	LOCK_SCOPED(&access->ctx->lock);
	access_unpin(access->access, iova, length);
	return 0;
}
