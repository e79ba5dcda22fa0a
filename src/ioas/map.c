/* SPDX-License-Identifier: MIT */
/* MAP, MAP_FILE and COPY: putting areas into an IOAS. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "core/ioctl.h"
#include "ioas/ioas.h"
#include "mem/dmabuf.h"

#define MAP_FLAGS (IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE)
#define MAP_PERMS (IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE)

/* ---- one area ---- */

static uint64_t piece_last_page(const struct piece *piece)
{
	return (piece->offset + piece->length - 1) >> PAGE_SHIFT;
}

static bool has_tables(const struct ioas *ioas)
{
	return !TAILQ_EMPTY(&ioas->tables);
}

/* What an IOMMU would refuse, after the memory was pinned. Without page tables such an area can exist. */
static int check_mappable(const struct ioas *ioas, const struct piece *piece, uint64_t iova,
			  uint32_t perm)
{
	struct ioas_table *table;

	if (!perm)
		return -EINVAL;
	TAILQ_FOREACH(table, &ioas->tables, link) {
		uint64_t smallest = table->page_sizes & -table->page_sizes;

		if ((iova | piece->length | page_offset(piece->offset)) & (smallest - 1))
			return -EINVAL;
	}
	return 0;
}

/* Pins what a new area will show to the page tables, and says where that is. */
static int show_piece(struct ioas *ioas, const struct piece *piece, uint64_t iova,
		      struct area *area)
{
	struct ctx *ctx = ioas->object.ctx;
	uint64_t first = piece->offset >> PAGE_SHIFT, last = piece_last_page(piece);
	int rc = pages_pin(ctx, piece->pages, first, last);

	if (rc)
		return rc;
	rc = check_mappable(ioas, piece, iova, area->perm);
	if (rc) {
		pages_unpin(ctx, piece->pages, first, last);
		return rc;
	}
	atomic_init(&area->host, pages_host(piece->pages, piece->offset, piece->length));
	return 0;
}

static int insert_area(struct ioas *ioas, const struct piece *piece, uint64_t iova,
		       struct area *area)
{
	const struct imap_entry entry = {iova, iova + piece->length - 1, area};
	bool shown = has_tables(ioas);
	int rc = shown ? show_piece(ioas, piece, iova, area) : 0;

	if (rc)
		return rc;
	rc = imap_insert_free(&ioas->areas, entry.first, entry.last, area);
	if (shown && rc)
		pages_unpin(ioas->object.ctx, piece->pages, piece->offset >> PAGE_SHIFT,
			    piece_last_page(piece));
	else if (shown)
		ioas_show_front(ioas, &entry);
	return rc;
}

static int map_piece(struct ioas *ioas, const struct piece *piece, uint64_t iova, uint32_t perm)
{
	struct area *area;
	int rc;

	if (perm & IOMMU_IOAS_MAP_WRITEABLE && !piece->pages->writable)
		return -EPERM;
	if (page_offset(piece->offset) & (ioas->alignment - 1))
		return -EINVAL;
	area = pool_alloc(&ioas->area_pool);
	if (!area)
		return -ENOMEM;
	*area = (struct area){.pages = piece->pages, .offset = piece->offset, .perm = perm};
	rc = insert_area(ioas, piece, iova, area);
	if (rc)
		pool_free(&ioas->area_pool, area);
	else
		pages_get(piece->pages);
	return rc;
}

/* ---- where ---- */

static int check_fixed(const struct ioas *ioas, uint64_t iova, uint64_t length)
{
	uint64_t last;

	if (iova & (ioas->alignment - 1))
		return -EINVAL;
	if (__builtin_add_overflow(iova, length - 1, &last))
		return -EOVERFLOW;
	if (ranges_overlap(&ioas->reserved, iova, last))
		return -EINVAL;
	return imap_is_free(&ioas->areas, iova, last) ? 0 : -EEXIST;
}

static int choose_iova(struct ioas *ioas, const struct piece *first, uint64_t length, bool fixed,
		       uint64_t *iova)
{
	if (length & (ioas->alignment - 1))
		return -EINVAL;
	if (fixed)
		return check_fixed(ioas, *iova, length);
	return ioas_place(ioas, first->pages->start + first->offset, length, iova);
}

int ioas_map_pieces(struct ioas *ioas, const struct piece *pieces, size_t n, uint32_t flags,
		    uint64_t *iova)
{
	uint64_t length = 0, at = *iova, removed;
	int rc;

	for (size_t i = 0; i < n; i++)
		length += pieces[i].length;
	rc = choose_iova(ioas, &pieces[0], length, flags & IOMMU_IOAS_MAP_FIXED_IOVA, &at);
	if (rc)
		return rc;
	*iova = at;
	for (size_t i = 0; i < n; i++) {
		rc = map_piece(ioas, &pieces[i], at, flags & MAP_PERMS);
		if (rc) {
			if (i)
				ioas_unmap(ioas, *iova, at - 1, &removed);
			return rc;
		}
		at += pieces[i].length;
	}
	return 0;
}

/* Maps a new page-set as one area, or frees it. */
static int map_new(struct ioas *ioas, struct pages *pages, const struct memory_range *range,
		   uint32_t flags, uint64_t *iova)
{
	const struct piece piece = {pages, page_offset(range->start), range->length};
	int rc = choose_iova(ioas, &piece, range->length, flags & IOMMU_IOAS_MAP_FIXED_IOVA, iova);

	if (!rc)
		rc = map_piece(ioas, &piece, *iova, flags & MAP_PERMS);
	if (rc)
		pages_free(ioas->object.ctx, pages);
	return rc;
}

/* What MAP, MAP_FILE and COPY look at before anything else, in this order. */
static int check_request(uint32_t flags, uint64_t length, uint64_t iova)
{
	if (flags & ~MAP_FLAGS)
		return -EOPNOTSUPP;
	if (iova == UINT64_MAX || length == UINT64_MAX)
		return -EOVERFLOW;
	return flags & MAP_PERMS ? 0 : -EINVAL;
}

/* ---- MAP ---- */

int ioas_map_user(struct ioas *ioas, struct client *client, const struct memory_range *range,
		  uint32_t flags, uint64_t *iova)
{
	struct pages *pages;
	uint64_t end;
	int rc;

	if (__builtin_add_overflow(range->start, range->length, &end))
		return -EOVERFLOW;
	rc = pages_new(ioas->object.ctx, client, range, &pages);
	return rc ? rc : map_new(ioas, pages, range, flags, iova);
}

int ioas_map_ioctl(struct ucmd *ucmd)
{
	struct iommu_ioas_map *cmd = ucmd->cmd;
	const struct memory_range range = {cmd->user_va, cmd->length,
					   cmd->flags & IOMMU_IOAS_MAP_WRITEABLE};
	uint64_t iova = cmd->iova;
	struct ioas *ioas;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	rc = check_request(cmd->flags, cmd->length, iova);
	if (rc)
		return rc;
	ioas = ioas_find(ucmd->ctx, cmd->ioas_id);
	if (!ioas)
		return -ENOENT;
	rc = ioas_map_user(ioas, ucmd->client, &range, cmd->flags, &iova);
	if (rc)
		return rc;
	cmd->iova = iova;
	return ucmd_respond(ucmd, sizeof(*cmd));
}

/* ---- MAP_FILE ---- */

static struct memory_range range_of_file(const struct iommu_ioas_map_file *cmd)
{
	return (struct memory_range){cmd->start, cmd->length,
				     cmd->flags & IOMMU_IOAS_MAP_WRITEABLE};
}

static int map_dmabuf(struct ioas *ioas, struct ucmd *ucmd, struct dmabuf *dmabuf, uint64_t *iova)
{
	struct iommu_ioas_map_file *cmd = ucmd->cmd;
	const struct memory_range range = range_of_file(cmd);
	struct pages *pages;
	int rc;

	if (cmd->start > dmabuf->len || cmd->length > dmabuf->len - cmd->start)
		return -EINVAL;
	if (atomic_load(&dmabuf->revoked))
		return -ENODEV;
	rc = pages_new(ucmd->ctx, ucmd->client, &range, &pages);
	if (rc)
		return rc;
	pages_of_dmabuf(pages, dmabuf);
	return map_new(ioas, pages, &range, cmd->flags, iova);
}

/* A descriptor of one of our files: only a dma-buf is memory; the others are files that can't be pinned. */
static int map_our_file(struct ioas *ioas, struct ucmd *ucmd, struct file *file, uint64_t *iova)
{
	struct dmabuf *dmabuf = dmabuf_of_file(file);

	return dmabuf ? map_dmabuf(ioas, ucmd, dmabuf, iova) : -EINVAL;
}

static int map_backing(struct ioas *ioas, struct ucmd *ucmd, struct backing *backing,
		       uint64_t *iova)
{
	struct iommu_ioas_map_file *cmd = ucmd->cmd;
	const struct memory_range range = range_of_file(cmd);
	struct pages *pages;
	int rc;

	rc = pages_new(ucmd->ctx, ucmd->client, &range, &pages);
	if (rc)
		return rc;
	pages_of_file(pages, backing);
	return map_new(ioas, pages, &range, cmd->flags, iova);
}

static int map_native_file(struct ioas *ioas, struct ucmd *ucmd, int fd, uint64_t *iova)
{
	struct iommu_ioas_map_file *cmd = ucmd->cmd;
	struct backing *backing;
	int rc;

	rc = backing_open(ucmd->ctx->machine, fd, cmd->start + cmd->length, &backing);
	if (rc)
		return rc;
	rc = map_backing(ioas, ucmd, backing, iova);
	backing_put(backing);
	return rc;
}

/* What the caller's descriptor is: one of our files, or a native one. */
struct opened {
	struct file *file;
	int fd;
};

/* Asking the client for a descriptor may take long: without the lock. */
static int open_caller_fd(struct ucmd *ucmd, int fd, struct opened *ret_opened)
{
	struct client *client = ucmd->client;
	struct opened opened = {NULL, -1};
	int rc;

	lock_release(&ucmd->ctx->lock);
	rc = client->ops->fd_file(client, fd, &opened.file);
	if (rc == -ENOENT) {
		opened.fd = client->ops->fd_native(client, fd);
		rc = opened.fd < 0 ? opened.fd : 0;
	}
	lock_take(&ucmd->ctx->lock);
	if (!rc)
		*ret_opened = opened;
	return rc;
}

static void close_opened(struct ucmd *ucmd, const struct opened *opened)
{
	lock_release(&ucmd->ctx->lock);
	if (opened->file)
		file_put(opened->file);
	else
		close(opened->fd);
	lock_take(&ucmd->ctx->lock);
}

static int map_file(struct ioas *ioas, struct ucmd *ucmd, uint64_t *iova)
{
	struct iommu_ioas_map_file *cmd = ucmd->cmd;
	struct opened opened;
	int rc;

	if (!cmd->length)
		return -EINVAL;
	if (cmd->start > UINT64_MAX - (cmd->length - 1))
		return -EOVERFLOW;
	rc = open_caller_fd(ucmd, cmd->fd, &opened);
	if (rc)
		return rc;
	rc = opened.file ? map_our_file(ioas, ucmd, opened.file, iova)
			 : map_native_file(ioas, ucmd, opened.fd, iova);
	close_opened(ucmd, &opened);
	return rc;
}

int ioas_map_file_ioctl(struct ucmd *ucmd)
{
	struct iommu_ioas_map_file *cmd = ucmd->cmd;
	struct ioas *ioas;
	uint64_t iova;
	int rc;

	rc = check_request(cmd->flags, cmd->length, cmd->iova);
	if (rc)
		return rc;
	ioas = ioas_find(ucmd->ctx, cmd->ioas_id);
	if (!ioas)
		return -ENOENT;
	iova = cmd->iova;
	object_use(&ioas->object); /* the lock is dropped in between: the IOAS stays */
	rc = map_file(ioas, ucmd, &iova);
	object_unuse(&ioas->object);
	if (rc)
		return rc;
	cmd->iova = iova;
	return ucmd_respond(ucmd, sizeof(*cmd));
}

/* ---- COPY ---- */

/* What lies at [iova, last] in the source, as pieces: -ENOENT unless areas cover all of it. */
static int collect(struct ioas *ioas, uint64_t iova, uint64_t last, struct piece **ret_pieces,
		   size_t *ret_n)
{
	struct imap_entry entry;
	struct piece *pieces = NULL;
	size_t n = 0;

	for (;;) {
		struct piece *grown;
		struct area *area;
		uint64_t end;

		if (!imap_first_in(&ioas->areas, iova, iova, &entry))
			break;
		grown = mem_realloc(pieces, (n + 1) * sizeof(*pieces));
		if (!grown) {
			free(pieces);
			return -ENOMEM;
		}
		pieces = grown;
		area = entry.value;
		end = entry.last < last ? entry.last : last;
		pieces[n++] = (struct piece){
			.pages = area->pages,
			.offset = area->offset + (iova - entry.first),
			.length = end - iova + 1,
		};
		if (end == last) {
			*ret_pieces = pieces;
			*ret_n = n;
			return 0;
		}
		iova = end + 1;
	}
	free(pieces);
	return -ENOENT;
}

static int copy_range(struct ioas *src, uint64_t src_iova, uint64_t length, struct ucmd *ucmd)
{
	struct iommu_ioas_copy *cmd = ucmd->cmd;
	uint64_t last, dst_iova = cmd->dst_iova;
	struct piece *pieces;
	struct ioas *dst;
	size_t n;
	int rc;

	if (!length)
		return -EINVAL;
	if (__builtin_add_overflow(src_iova, length - 1, &last))
		return -EOVERFLOW;
	rc = collect(src, src_iova, last, &pieces, &n);
	if (rc)
		return rc;
	dst = ioas_find(ucmd->ctx, cmd->dst_ioas_id);
	rc = dst ? ioas_map_pieces(dst, pieces, n, cmd->flags, &dst_iova) : -ENOENT;
	cmd->dst_iova = dst_iova;
	free(pieces);
	return rc;
}

int ioas_copy_ioctl(struct ucmd *ucmd)
{
	struct iommu_ioas_copy *cmd = ucmd->cmd;
	struct ioas *src;
	int rc;

	/* The larger of the two IOVAs is the one that can be too large. */
	rc = check_request(cmd->flags, cmd->length,
			   cmd->src_iova > cmd->dst_iova ? cmd->src_iova : cmd->dst_iova);
	if (rc)
		return rc;
	src = ioas_find(ucmd->ctx, cmd->src_ioas_id);
	if (!src)
		return -ENOENT;
	rc = copy_range(src, cmd->src_iova, cmd->length, ucmd);
	if (rc)
		return rc;
	return ucmd_respond(ucmd, sizeof(*cmd));
}
