/* SPDX-License-Identifier: MIT */
/* Page-sets: life, pins, and reaching the bytes. */
#include "mem/pages.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/guard.h"
#include "base/inject.h"
#include "base/registers.h"
#include "core/machine_impl.h"
#include "mem/account.h"
#include "mem/custody.h"
#include "mem/dmabuf.h"

static enum account_mode mode_of(const struct ctx *ctx, const struct client *client)
{
	return client_capable(client, CAP_IPC_LOCK) ? ACCOUNT_NONE : ctx->account_mode;
}

int pages_new(struct ctx *ctx, struct client *client, const struct memory_range *range,
	      struct pages **ret_pages)
{
	struct pages *pages;

	/* More than this can't be counted in pages. */
	if (!range->length || range->length > UINT64_MAX - PAGE_SIZE)
		return -EINVAL;
	if (!ctx->pages.size)
		pool_init(&ctx->pages, sizeof(*pages));
	pages = pool_alloc(&ctx->pages);
	if (!pages)
		return -ENOMEM;
	*pages = (struct pages){
		.kind = PAGES_USER,
		.mode = mode_of(ctx, client),
		.writable = range->writable,
		.uid = client->mm->creds.uid,
		.start = page_floor(range->start),
		.npages = ((range->length - 1 + page_offset(range->start)) >> PAGE_SHIFT) + 1,
		.mm = mm_get(client->mm),
	};
	*ret_pages = pages;
	return 0;
}

void pages_of_file(struct pages *pages, struct backing *backing)
{
	backing_get(backing);
	pages->kind = PAGES_FILE;
	pages->backing = backing;
}

void pages_of_dmabuf(struct pages *pages, struct dmabuf *dmabuf)
{
	file_get(&dmabuf->file);
	pages->kind = PAGES_DMABUF;
	pages->dmabuf = dmabuf;
	pages->seen = atomic_load(&dmabuf->revocations);
}

/* ---- custody ---- */

static struct custody *custody_of(const struct pages *pages)
{
	return pages->kind == PAGES_USER || pages->kept ? pages->custody : NULL;
}

const struct custody *pages_custody(const struct pages *pages)
{
	return custody_of(pages);
}

static struct backing *backing_of(const struct pages *pages)
{
	const struct custody *custody = custody_of(pages);

	return custody ? custody->backing : pages->backing;
}

int pages_set_custody(struct pages *pages, struct custody_run run)
{
	struct custody *custody = custody_of(pages);
	int rc = custody_set(&custody, run);

	if (rc)
		return rc;
	if (pages->kind == PAGES_FILE && !pages->kept) {
		custody->backing = pages->backing;
		pages->kept = true;
	}
	pages->custody = custody;
	return 0;
}

static void drop_custody(struct pages *pages)
{
	struct custody *custody = custody_of(pages);

	if (!custody)
		return;
	if (pages->kept)
		pages->backing = custody->backing;
	else
		pages->custody = NULL;
	pages->kept = false;
	custody_free(custody);
}

/* What only some page-sets have. */
static __attribute__((noinline)) void free_rest(struct pages *pages)
{
	drop_custody(pages);
	if (pages->kind == PAGES_FILE)
		backing_put(pages->backing);
	else if (pages->kind == PAGES_DMABUF)
		file_put(&pages->dmabuf->file);
	if (pages->partial) {
		pinmap_done(pages->partial);
		free(pages->partial);
	}
}

void pages_free(struct ctx *ctx, struct pages *pages)
{
	if (pages->kind != PAGES_USER || pages->custody || pages->partial)
		free_rest(pages);
	mm_put(pages->mm);
	pool_free(&ctx->pages, pages);
}

/* ---- pins ---- */

bool pages_pinned(const struct pages *pages, uint64_t page)
{
	return pages->full_pins || (pages->partial && pinmap_has(pages->partial, page));
}

uint64_t pages_npinned(const struct pages *pages)
{
	if (pages->full_pins)
		return pages->npages;
	return pages->partial ? pages->partial->npages : 0;
}

bool pages_next_pinned(const struct pages *pages, uint64_t *first, uint64_t last,
		       uint64_t *ret_run_last)
{
	*ret_run_last = last;
	if (pages->full_pins)
		return *first <= last;
	return pages->partial && pinmap_next_run(pages->partial, first, last, ret_run_last);
}

static uint64_t missing_pages(const struct pages *pages, uint64_t first, uint64_t last)
{
	if (pages->full_pins)
		return 0;
	if (!pages->partial)
		return last - first + 1;
	return pinmap_missing(pages->partial, first, last);
}

int pages_probe(struct pages *pages, uint64_t first, uint64_t last, bool write)
{
	uint64_t start = pages->start + (first << PAGE_SHIFT);
	uint64_t len = (last - first + 1) << PAGE_SHIFT;

	if (pages->kind == PAGES_USER)
		return mm_probe(pages->mm, start, len, write);
	if (pages->kind == PAGES_FILE)
		return backing_probe(backing_of(pages), start, len);
	return 0;
}

/* Only what is not pinned yet has to be there: pages in custody are pinned. */
static int probe_missing(struct pages *pages, uint64_t first, uint64_t last)
{
	if (!pages->partial)
		return pages_probe(pages, first, last, pages->writable);
	while (first <= last) {
		uint64_t run_last;
		int rc;

		if (!pinmap_next_missing(pages->partial, &first, last, &run_last))
			return 0;
		rc = pages_probe(pages, first, run_last, pages->writable);
		if (rc)
			return rc;
		first = run_last + 1;
	}
	return 0;
}

static bool is_all(const struct pages *pages, uint64_t first, uint64_t last)
{
	return first == 0 && last == pages->npages - 1;
}

static int prepare_partial(struct pages *pages)
{
	if (!pages->partial) {
		pages->partial = mem_zalloc(sizeof(*pages->partial));
		if (!pages->partial)
			return -ENOMEM;
	}
	return pinmap_prepare(pages->partial);
}

static struct account_owner owner_of(const struct pages *pages)
{
	return (struct account_owner){pages->mm, pages->uid, pages->mode};
}

/* Nobody's limit counts the pages of a dma-buf, nor those of who may lock memory. */
static bool is_charged(const struct pages *pages)
{
	return pages->mode != ACCOUNT_NONE && pages->kind != PAGES_DMABUF;
}

static int charge(struct ctx *ctx, struct pages *pages, uint64_t npages)
{
	return is_charged(pages) ? account_charge(ctx->machine, owner_of(pages), npages) : 0;
}

static void uncharge(struct ctx *ctx, struct pages *pages, uint64_t npages)
{
	if (npages && is_charged(pages))
		account_uncharge(ctx->machine, owner_of(pages), npages);
}

/* Only this process's memory can be taken away under our hands. */
static bool is_own(const struct pages *pages)
{
	return pages->kind == PAGES_USER && pages->mm->self;
}

static void filter_in(struct ctx *ctx, const struct pages *pages)
{
	if (is_own(pages))
		pin_filter_add(&ctx->machine->pinned, pages->start, pages->npages << PAGE_SHIFT);
}

static void filter_out(struct ctx *ctx, const struct pages *pages)
{
	if (is_own(pages))
		pin_filter_remove(&ctx->machine->pinned, pages->start, pages->npages << PAGE_SHIFT);
}

/* VFIO's own container takes registers too, for devices that reach each other. */
static int probe_for(struct ctx *ctx, struct pages *pages, uint64_t first, uint64_t last)
{
	int rc = inject_fail() ? -ENOMEM : probe_missing(pages, first, last);

	if (rc == -EFAULT && ctx->maps_registers && pages->kind == PAGES_USER &&
	    mm_is_registers(pages->mm, pages->start + (first << PAGE_SHIFT),
			    (last - first + 1) << PAGE_SHIFT))
		rc = 0;
	return rc;
}

/* Makes sure of these pages, of which `missing` are not pinned, and charges them. */
static int acquire(struct ctx *ctx, struct pages *pages, uint64_t first, uint64_t last,
		   uint64_t missing)
{
	int rc = probe_for(ctx, pages, first, last);

	return rc ? rc : charge(ctx, pages, missing);
}

/* Some of it is pinned by parts, or will be. */
static int pin_parts(struct ctx *ctx, struct pages *pages, uint64_t first, uint64_t last)
{
	bool all = is_all(pages, first, last), any = pages_npinned(pages);
	uint64_t missing = missing_pages(pages, first, last);
	int rc = 0;

	if (!all)
		rc = prepare_partial(pages);
	if (!rc && missing)
		rc = acquire(ctx, pages, first, last, missing);
	if (rc)
		return rc;
	if (all)
		pages->full_pins++;
	else
		pinmap_add(pages->partial, first, last);
	if (!any)
		filter_in(ctx, pages);
	return 0;
}

int pages_pin(struct ctx *ctx, struct pages *pages, uint64_t first, uint64_t last)
{
	if (pages->partial || !is_all(pages, first, last))
		return pin_parts(ctx, pages, first, last);
	if (!pages->full_pins) {
		int rc = acquire(ctx, pages, first, last, pages->npages);

		if (rc)
			return rc;
		filter_in(ctx, pages);
	}
	pages->full_pins++;
	return 0;
}

/* Pages that nobody pins any more are again what the program has at their addresses, or the file. */
static void drop_unpinned(struct pages *pages, uint64_t first, uint64_t last)
{
	while (first <= last) {
		uint64_t run = first, run_last = last;

		if (!pages_next_pinned(pages, &run, last, &run_last)) {
			custody_drop(pages->custody, first, last);
			return;
		}
		if (run > first)
			custody_drop(pages->custody, first, run - 1);
		first = run_last + 1;
	}
}

static void unpin_parts(struct ctx *ctx, struct pages *pages, uint64_t first, uint64_t last)
{
	uint64_t before = pages_npinned(pages), now;

	if (is_all(pages, first, last))
		pages->full_pins--;
	else
		pinmap_remove(pages->partial, first, last);
	now = pages_npinned(pages);
	uncharge(ctx, pages, before - now);
	if (before && !now)
		filter_out(ctx, pages);
	if (custody_of(pages) && now)
		drop_unpinned(pages, first, last);
	else if (!now)
		drop_custody(pages);
}

void pages_unpin(struct ctx *ctx, struct pages *pages, uint64_t first, uint64_t last)
{
	if (pages->partial) {
		unpin_parts(ctx, pages, first, last);
		return;
	}
	if (--pages->full_pins)
		return;
	uncharge(ctx, pages, pages->npages);
	filter_out(ctx, pages);
	drop_custody(pages);
}

static void give_to(struct pages *pages, struct account_owner owner)
{
	mm_get(owner.mm);
	mm_put(pages->mm);
	pages->mm = owner.mm;
	if (pages->kind != PAGES_DMABUF)
		pages->uid = owner.uid;
}

int pages_charge_to(struct ctx *ctx, struct pages *pages, struct mm *mm)
{
	struct account_owner owner = {mm, mm->creds.uid, pages->mode};
	uint64_t npinned = pages_npinned(pages);

	if (npinned && is_charged(pages)) {
		int rc = account_charge(ctx->machine, owner, npinned);

		if (rc)
			return rc;
		uncharge(ctx, pages, npinned);
	}
	give_to(pages, owner);
	return 0;
}

void pages_charge_back(struct ctx *ctx, struct pages *pages, struct mm *mm, uid_t uid)
{
	struct account_owner owner = {mm, uid, pages->mode};
	uint64_t npinned = pages_npinned(pages);

	uncharge(ctx, pages, npinned);
	if (npinned)
		account_recharge(ctx->machine, owner, npinned);
	give_to(pages, owner);
}

/* ---- bytes ---- */

static char *custody_host(const struct pages *pages, uint64_t offset, uint64_t len)
{
	const struct custody_run *run = custody_find(custody_of(pages), offset >> PAGE_SHIFT);

	if (!run || (offset + len - 1) >> PAGE_SHIFT > run->last)
		return NULL;
	return run->host + (offset - (run->first << PAGE_SHIFT));
}

static char *user_host(const struct pages *pages, uint64_t offset, uint64_t len)
{
	if (pages->custody)
		return custody_host(pages, offset, len);
	if (!pages->mm->self || atomic_load_explicit(&pages->mm->gone, memory_order_relaxed))
		return NULL;
	return (char *)(uintptr_t)(pages->start + offset);
}

static char *file_host(const struct pages *pages, uint64_t offset, uint64_t len)
{
	if (custody_meets(custody_of(pages), offset >> PAGE_SHIFT,
			  (offset + len - 1) >> PAGE_SHIFT))
		return custody_host(pages, offset, len);
	return backing_host(backing_of(pages), pages->start + offset);
}

char *pages_host(struct pages *pages, uint64_t offset, uint64_t len)
{
	if (pages->kind == PAGES_USER)
		return user_host(pages, offset, len);
	if (pages->kind == PAGES_FILE)
		return file_host(pages, offset, len);
	return dmabuf_host(pages->dmabuf, pages->seen, pages->start + offset);
}

static int copy_user(struct pages *pages, uint64_t va, void *buf, size_t len, bool write)
{
	struct mm *mm = pages->mm;

	if (!(write ? mm_write(mm, va, buf, len) : mm_read(mm, buf, va, len)))
		return 0;
	/* Pinned pages can be reached although the program has forbidden itself to (mprotect). */
	if (!pages_pinned(pages, (va - pages->start) >> PAGE_SHIFT) ||
	    !pages_pinned(pages, (va + len - 1 - pages->start) >> PAGE_SHIFT))
		return -EFAULT;
	return write ? mm_force_write(mm, va, buf, len) : mm_force_read(mm, buf, va, len);
}

/* One piece that lies in one place. */
static int copy_piece(struct pages *pages, uint64_t offset, void *buf, size_t len, bool write)
{
	char *host = pages->kind == PAGES_USER ? custody_host(pages, offset, len)
					       : pages_host(pages, offset, len);

	if (host)
		return write ? guard_copy(host, buf, len) : guard_copy(buf, host, len);
	if (pages->kind != PAGES_USER)
		return -EFAULT;
	return copy_user(pages, pages->start + offset, buf, len, write);
}

/* Pieces that custody may have scattered are copied page by page; everything else in one go. */
static int copy(struct pages *pages, uint64_t offset, char *buf, size_t len, bool write)
{
	if (!custody_of(pages))
		return copy_piece(pages, offset, buf, len, write);
	while (len) {
		size_t n = PAGE_SIZE - page_offset(offset);
		int rc;

		if (n > len)
			n = len;
		rc = copy_piece(pages, offset, buf, n, write);
		if (rc)
			return rc;
		offset += n;
		buf += n;
		len -= n;
	}
	return 0;
}

int pages_read(struct pages *pages, uint64_t offset, void *dst, size_t len)
{
	return copy(pages, offset, dst, len, false);
}

int pages_write(struct pages *pages, uint64_t offset, const void *src, size_t len)
{
	return copy(pages, offset, (char *)src, len, true);
}

uint64_t pages_page_size(struct pages *pages, uint64_t page)
{
	if (pages->kind != PAGES_USER || pages->custody)
		return PAGE_SIZE;
	return mm_page_size(pages->mm, pages->start + (page << PAGE_SHIFT));
}

/* Memory of our own that stands for the pages. */
static int self_key(char *host, struct page_key *ret_key)
{
	struct mm *self = mm_self();
	int rc = mm_key(self, (uintptr_t)host, ret_key);

	mm_put(self);
	return rc;
}

int pages_key(struct pages *pages, uint64_t page, struct page_key *ret_key)
{
	uint64_t at = pages->start + (page << PAGE_SHIFT);
	char *host;

	if (pages->kind == PAGES_FILE && !custody_find(custody_of(pages), page)) {
		backing_key(backing_of(pages), at, ret_key);
		return 0;
	}
	host = pages->kind == PAGES_DMABUF || custody_of(pages)
		       ? pages_host(pages, page << PAGE_SHIFT, PAGE_SIZE)
		       : NULL;
	if (host)
		return self_key(host, ret_key);
	return pages->kind == PAGES_USER ? mm_key(pages->mm, at, ret_key) : -EFAULT;
}
