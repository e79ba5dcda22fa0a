/* SPDX-License-Identifier: MIT */
/* The test command: an in-process access behind a descriptor. */
#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "hw/mock/mock.h"
#include "ioas/access.h"

/* Pages that were pinned by ACCESS_PAGES. */
struct item {
	LIST_ENTRY(item) link;
	uint32_t id;
	uint64_t iova, length;
};

struct mock_access {
	struct file file;
	struct ctx *ctx;
	struct access *access;
	LIST_HEAD(, item) items; /* guarded by the context's lock, like all below */
	uint32_t next_id;
	uint32_t flags;
};

/* ---- letting go ---- */

static void free_item(struct mock_access *mock, struct item *item)
{
	access_unpin(mock->access, item->iova, item->length);
	LIST_REMOVE(item, link);
	free(item);
}

/* Called without the lock: gives up what touches the range. */
static void on_unmap(void *data, uint64_t iova, uint64_t length)
{
	struct mock_access *mock = data;
	uint64_t last = iova + length - 1;
	struct item *item, *next;

	if (length == UINT64_MAX)
		last = UINT64_MAX;
	LOCK_SCOPED(&mock->ctx->lock);
	for (item = LIST_FIRST(&mock->items); item; item = next) {
		next = LIST_NEXT(item, link);
		if (item->iova <= last && iova <= item->iova + item->length - 1)
			free_item(mock, item);
	}
}

static const struct access_ops access_ops = {.unmap = on_unmap};
static const struct access_ops access_ops_pinning = {.pins_pages = true, .unmap = on_unmap};

static void mock_access_release(struct file *file)
{
	struct mock_access *mock = (struct mock_access *)file;
	struct ctx *ctx = mock->ctx;

	lock_take(&ctx->lock);
	if (mock->access)
		access_free(mock->access);
	lock_release(&ctx->lock);
	free(mock);
	ctx_put(ctx);
}

static const struct file_ops mock_access_ops = {
	.link = "anon_inode:[iommufd_test_staccess]",
	.release = mock_access_release,
};

/* ---- making one ---- */

static int mock_access_new(struct ctx *ctx, uint32_t flags, uint32_t ioas_id,
			   struct mock_access **ret_mock)
{
	bool pins = flags & MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES;
	struct mock_access *mock = mem_zalloc(sizeof(*mock));
	int rc;

	if (!mock)
		return -ENOMEM;
	file_init(&mock->file, &mock_access_ops);
	mock->ctx = ctx;
	mock->flags = flags;
	rc = access_new(ctx, pins ? &access_ops_pinning : &access_ops, mock, &mock->access);
	if (rc) {
		free(mock);
		return rc;
	}
	ctx_get(ctx);
	rc = access_attach(mock->access, ioas_id);
	if (rc) {
		lock_release(&ctx->lock);
		file_put(&mock->file);
		lock_take(&ctx->lock);
		return rc;
	}
	*ret_mock = mock;
	return 0;
}

int mock_op_create_access(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct client *client = ucmd->client;
	struct ctx *ctx = ucmd->ctx;
	struct mock_access *mock;
	int rc, fd;

	if (cmd->create_access.flags & ~MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES)
		return -EOPNOTSUPP;
	rc = mock_access_new(ctx, cmd->create_access.flags, cmd->id, &mock);
	if (rc)
		return rc;
	lock_release(&ctx->lock);
	fd = client->ops->fd_install(client, &mock->file);
	if (fd < 0) {
		file_put(&mock->file);
		rc = -ENOMEM;
	} else {
		cmd->create_access.out_access_fd = fd;
		rc = ucmd_respond(ucmd, sizeof(*cmd));
		if (rc)
			client->ops->fd_close(client, fd);
	}
	lock_take(&ctx->lock);
	return rc;
}

/* ---- using one ---- */

/* The access behind the caller's descriptor, with a reference; to be given back without the lock. */
static int get_access(struct ucmd *ucmd, int fd, struct mock_access **ret_mock)
{
	struct client *client = ucmd->client;
	struct file *file;
	int rc;

	lock_release(&ucmd->ctx->lock);
	rc = client->ops->fd_file(client, fd, &file);
	if (!rc && file->ops != &mock_access_ops) {
		file_put(file);
		rc = -EINVAL;
	}
	lock_take(&ucmd->ctx->lock);
	if (rc)
		return -EBADFD;
	*ret_mock = (struct mock_access *)file;
	return 0;
}

static int with_access(struct ucmd *ucmd, struct iommu_test_cmd *cmd,
		       int (*run)(struct mock_access *mock, struct ucmd *ucmd,
				  struct iommu_test_cmd *cmd))
{
	struct mock_access *mock;
	int rc = get_access(ucmd, cmd->id, &mock);

	if (rc)
		return rc;
	/* It may be another context's. */
	lock_release(&ucmd->ctx->lock);
	lock_take(&mock->ctx->lock);
	rc = run(mock, ucmd, cmd);
	lock_release(&mock->ctx->lock);
	file_put(&mock->file);
	lock_take(&ucmd->ctx->lock);
	return rc;
}

static int unpin(struct mock_access *mock, struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct item *item;

	LIST_FOREACH(item, &mock->items, link) {
		if (item->id != cmd->destroy_access_pages.access_pages_id)
			continue;
		free_item(mock, item);
		return 0;
	}
	return -ENOENT;
}

int mock_op_destroy_access_pages(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	return with_access(ucmd, cmd, unpin);
}

/* The pages that were pinned must be those that the caller has at uptr. */
static int compare_pages(struct client *client, const struct pinned_page *pages, uint64_t n,
			 uint64_t uptr)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t va = uptr + (i << PAGE_SHIFT);
		struct page_key pinned, own;
		int rc = mm_probe(client->mm, page_floor(va), PAGE_SIZE, false);

		if (!rc)
			rc = mm_key(client->mm, va, &own);
		if (rc)
			return rc;
		if (pages_key(pages[i].pages, pages[i].index, &pinned) ||
		    pinned.space != own.space || pinned.inode != own.inode ||
		    pinned.page != own.page)
			return -EBADE;
	}
	return 0;
}

static int pin_item(struct mock_access *mock, struct ucmd *ucmd, struct iommu_test_cmd *cmd,
		    struct item *item)
{
	uint64_t npages =
		(page_ceil(item->iova + item->length) - page_floor(item->iova)) >> PAGE_SHIFT;
	unsigned int flags = cmd->access_pages.flags & MOCK_FLAGS_ACCESS_WRITE ? ACCESS_WRITE : 0;
	struct pinned_page *pages = mem_calloc(npages, sizeof(*pages));
	int rc;

	if (!pages)
		return -ENOMEM;
	rc = access_pin(mock->access, item->iova, item->length, flags, pages);
	if (!rc) {
		rc = compare_pages(ucmd->client, pages, npages, cmd->access_pages.uptr);
		if (rc)
			access_unpin(mock->access, item->iova, item->length);
	}
	free(pages);
	return rc;
}

static int pin(struct mock_access *mock, struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct item *item;
	int rc;

	if (!(mock->flags & MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES))
		return -EOPNOTSUPP;
	item = mem_zalloc(sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->iova = cmd->access_pages.iova;
	if (cmd->access_pages.flags & MOCK_FLAGS_ACCESS_SYZ)
		item->iova = mock_iova_of_area(mock->access->ioas, item->iova);
	item->length = cmd->access_pages.length;
	rc = pin_item(mock, ucmd, cmd, item);
	if (rc) {
		free(item);
		return rc;
	}
	item->id = mock->next_id++;
	LIST_INSERT_HEAD(&mock->items, item, link);
	cmd->access_pages.out_access_pages_id = item->id;
	rc = ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		free_item(mock, item);
	return rc;
}

/* More than this is not pinned at once. */
#define MAX_PIN (16 * 1024 * 1024)

int mock_op_access_pages(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	if (cmd->access_pages.length > MAX_PIN)
		return -ENOMEM;
	if (cmd->access_pages.flags & ~(MOCK_FLAGS_ACCESS_WRITE | MOCK_FLAGS_ACCESS_SYZ))
		return -EOPNOTSUPP;
	return with_access(ucmd, cmd, pin);
}

static int rw(struct mock_access *mock, struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	uint64_t length = cmd->access_rw.length;
	bool write = cmd->access_rw.flags & MOCK_ACCESS_RW_WRITE;
	unsigned int flags = (write ? ACCESS_WRITE : 0) |
			     (cmd->access_rw.flags & MOCK_ACCESS_RW_SLOW_PATH ? ACCESS_SLOW : 0);
	void *buf = mem_zalloc(length ? length : 1);
	int rc = 0;

	if (!buf)
		return -ENOMEM;
	if (write)
		rc = client_read(ucmd->client, buf, cmd->access_rw.uptr, length);
	if (!rc)
		rc = access_rw(mock->access, ucmd->client->mm, cmd->access_rw.iova, buf, length,
			       flags);
	if (!rc && !write)
		rc = client_write(ucmd->client, cmd->access_rw.uptr, buf, length);
	free(buf);
	return rc;
}

int mock_op_access_rw(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	if (cmd->access_rw.length > MAX_PIN)
		return -ENOMEM;
	if (cmd->access_rw.flags & ~(MOCK_ACCESS_RW_WRITE | MOCK_ACCESS_RW_SLOW_PATH))
		return -EOPNOTSUPP;
	return with_access(ucmd, cmd, rw);
}

static int replace(struct mock_access *mock, struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	return access_replace(mock->access, cmd->access_replace_ioas.ioas_id);
}

int mock_op_access_replace(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	return with_access(ucmd, cmd, replace);
}
