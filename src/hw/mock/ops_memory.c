/* SPDX-License-Identifier: MIT */
/* The test command: looking at what is mapped and pinned from outside. */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/machine_impl.h"
#include "hw/mock/mock.h"
#include "hwpt/dirty.h"
#include "ioas/page_sets.h"
#include "mem/dmabuf.h"

/* The owner of ranges that the test reserved: they stay as long as the IOAS. */
static const char the_test;

int mock_op_add_reserved(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct ioas *ioas = ioas_find(ucmd->ctx, cmd->id);
	uint64_t last;

	if (!cmd->add_reserved.length)
		return -EINVAL;
	if (__builtin_add_overflow(cmd->add_reserved.start, cmd->add_reserved.length - 1, &last))
		return -EOVERFLOW;
	if (!ioas)
		return -ENOENT;
	return ioas_reserve(ioas, cmd->add_reserved.start, last, &the_test);
}

int mock_op_memory_limit(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	/* We use no temporary memory in steps, so there is nothing that a limit could change. */
	return cmd->memory_limit.limit < 12 ? -EINVAL : 0;
}

/* ---- CHECK_MAP ---- */

static bool same_page(const struct page_key *a, const struct page_key *b)
{
	return a->space == b->space && a->inode == b->inode && a->page == b->page;
}

/* Is the byte at `iova` the caller's byte at `uptr`? -EFAULT: there is no such byte; -EINVAL: no. */
static int check_byte(struct ioas *ioas, struct client *client, uint64_t iova, uint64_t uptr)
{
	struct page_key own, mapped;
	struct imap_entry entry;
	struct area *area;
	uint64_t offset;

	if (mm_probe(client->mm, page_floor(uptr), PAGE_SIZE, false) ||
	    mm_key(client->mm, uptr, &own))
		return -EFAULT;
	if (!imap_first_in(&ioas->areas, iova, iova, &entry))
		return -EINVAL;
	area = entry.value;
	offset = area->offset + (iova - entry.first);
	if (page_offset(offset) != page_offset(uptr))
		return -EINVAL;
	if (pages_key(area->pages, offset >> PAGE_SHIFT, &mapped) || !same_page(&own, &mapped))
		return -EINVAL;
	return 0;
}

int mock_op_check_map(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	uint64_t iova = cmd->check_map.iova, length = cmd->check_map.length;
	uint64_t uptr = cmd->check_map.uptr, end;
	struct hwpt_paging *paging;
	uint64_t page;

	paging = hwpt_find_paging(ucmd->ctx, cmd->id);
	if (!paging)
		return -ENOENT;
	/* By the table's own smallest page. */
	page = paging->table.page_sizes & -paging->table.page_sizes;
	if ((iova | length | uptr) & (page - 1) || __builtin_add_overflow(uptr, length, &end))
		return -EINVAL;
	for (uint64_t at = 0; at < length; at += page) {
		int rc = check_byte(paging->ioas, ucmd->client, iova + at, uptr + at);

		if (rc)
			return rc;
	}
	return 0;
}

/* ---- CHECK_REFS ---- */

/* The caller's pages, and how often each is pinned by all contexts of the machine. */
struct refs {
	struct page_key *keys;
	uint32_t *counts;
	uint64_t n;
};

static void count_page(struct refs *refs, const struct page_key *key)
{
	for (uint64_t i = 0; i < refs->n; i++)
		if (same_page(&refs->keys[i], key))
			refs->counts[i]++;
}

static void count_pages(struct refs *refs, struct pages *pages)
{
	for (uint64_t i = 0; i < pages->npages; i++) {
		struct page_key key;

		if (pages_pinned(pages, i) && !pages_key(pages, i, &key))
			count_page(refs, &key);
	}
}

static int count_context(struct refs *refs, struct ctx *ctx)
{
	struct page_sets sets;
	int rc = page_sets_pinned(ctx, &sets);

	if (rc)
		return rc;
	for (size_t i = 0; i < sets.n; i++)
		count_pages(refs, sets.v[i]);
	page_sets_done(&sets);
	return 0;
}

static int count_machine(struct refs *refs, struct machine *machine)
{
	struct ctx *ctx;
	int rc = 0;

	LOCK_SCOPED(&machine->contexts_lock);
	LIST_FOREACH(ctx, &machine->contexts, link) {
		lock_take(&ctx->lock);
		rc = count_context(refs, ctx);
		lock_release(&ctx->lock);
		if (rc)
			break;
	}
	return rc;
}

/* The caller's pages up to the first that is not there: -EFAULT then, and refs->n says how many there were. */
static int find_keys(struct refs *refs, struct mm *mm, uint64_t uptr)
{
	for (uint64_t i = 0; i < refs->n; i++) {
		uint64_t at = uptr + (i << PAGE_SHIFT);

		if (mm_probe(mm, at, PAGE_SIZE, false) || mm_key(mm, at, &refs->keys[i])) {
			refs->n = i;
			return -EFAULT;
		}
	}
	return 0;
}

static int compare_refs(struct refs *refs, struct ucmd *ucmd, uint64_t uptr, uint32_t want)
{
	int missing = find_keys(refs, ucmd->client->mm, uptr);
	int rc = count_machine(refs, ucmd->ctx->machine);

	for (uint64_t i = 0; !rc && i < refs->n; i++)
		if (refs->counts[i] != want)
			rc = -EIO;
	return rc ? rc : missing;
}

int mock_op_check_refs(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	uint64_t uptr = cmd->check_refs.uptr, length = cmd->check_refs.length, end;
	struct refs refs = {.n = length >> PAGE_SHIFT};
	int rc;

	if ((uptr | length) & (PAGE_SIZE - 1) || __builtin_add_overflow(uptr, length, &end))
		return -EINVAL;
	refs.keys = mem_calloc(refs.n + 1, sizeof(*refs.keys));
	refs.counts = mem_calloc(refs.n + 1, sizeof(*refs.counts));
	/* The list of contexts comes before a context among the locks. */
	lock_release(&ucmd->ctx->lock);
	rc = refs.keys && refs.counts ? compare_refs(&refs, ucmd, uptr, cmd->check_refs.refs)
				      : -ENOMEM;
	lock_take(&ucmd->ctx->lock);
	free(refs.keys);
	free(refs.counts);
	return rc;
}

/* ---- dma-bufs ---- */

#define DMABUF_MAX (512 * PAGE_SIZE)

int mock_op_dmabuf_get(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct client *client = ucmd->client;
	struct dmabuf *dmabuf;
	int rc, fd;

	if (!cmd->dmabuf_get.length || cmd->dmabuf_get.length > DMABUF_MAX)
		return -EINVAL;
	rc = dmabuf_new(cmd->dmabuf_get.length, &dmabuf);
	if (rc)
		return rc;
	lock_release(&ucmd->ctx->lock);
	fd = client->ops->fd_install(client, &dmabuf->file);
	if (fd < 0)
		file_put(&dmabuf->file);
	lock_take(&ucmd->ctx->lock);
	return fd;
}

int mock_op_dmabuf_revoke(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct client *client = ucmd->client;
	struct dmabuf *dmabuf;
	struct file *file;
	int rc;

	lock_release(&ucmd->ctx->lock);
	rc = client->ops->fd_file(client, cmd->dmabuf_revoke.dmabuf_fd, &file);
	if (!rc) {
		dmabuf = dmabuf_of_file(file);
		if (dmabuf) {
			dmabuf_revoke(dmabuf, cmd->dmabuf_revoke.revoked);
			ioas_memory_changed(ucmd->ctx->machine);
		}
		file_put(file);
		rc = dmabuf ? 0 : -EINVAL;
	} else if (rc == -ENOENT) {
		rc = -EINVAL;
	}
	lock_take(&ucmd->ctx->lock);
	return rc;
}

/* ---- DIRTY ---- */

/* Plays a device that writes: each set bit of the caller's bitmap is a page that becomes dirty. */
static int mark(struct hwpt_paging *paging, const struct iommu_test_cmd *cmd,
		const unsigned char *bits, uint64_t *ret_n)
{
	uint64_t page_size = cmd->dirty.page_size, n = cmd->dirty.length / page_size;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t iova = cmd->dirty.iova + i * page_size;
		int rc;

		if (!(bits[i / 8] >> (i % 8) & 1))
			continue;
		rc = dirty_mark(paging, iova, iova + page_size - 1);
		if (rc)
			return rc;
		++*ret_n;
	}
	return 0;
}

int mock_op_dirty(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	uint64_t page_size = cmd->dirty.page_size, length = cmd->dirty.length, n = 0, bytes;
	struct hwpt_paging *paging;
	unsigned char *bits;
	int rc;

	if (!page_size || !length || cmd->dirty.iova % page_size || length % page_size ||
	    !cmd->dirty.uptr)
		return -EINVAL;
	paging = hwpt_find_paging(ucmd->ctx, cmd->id);
	if (!paging)
		return -ENOENT;
	if (!paging->tracking)
		return -EINVAL;
	bytes = (length / page_size + 7) / 8;
	bits = mem_alloc(bytes);
	if (!bits)
		return -ENOMEM;
	rc = client_read(ucmd->client, bits, cmd->dirty.uptr, bytes);
	if (!rc)
		rc = mark(paging, cmd, bits, &n);
	free(bits);
	if (rc)
		return rc;
	cmd->dirty.out_nr_dirty = n;
	return ucmd_respond(ucmd, sizeof(*cmd));
}
