/* SPDX-License-Identifier: MIT */
/*
 * Keeping pinned memory when programs take it away: which page-sets are concerned, where their pages go, and telling DMA.
 *
 * Nothing here fails: memory that can't be taken over (we are out of memory) is simply lost to devices, whose DMA then faults.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/guard.h"
#include "base/sys.h"
#include "core/machine.h"
#include "core/machine_impl.h"
#include "ioas/ioas.h"
#include "ioas/page_sets.h"
#include "mem/account.h"
#include "mem/custody.h"

/* Calls `visit` for each context, locked. */
static void for_each_context(struct machine *machine, void (*visit)(struct ctx *ctx, void *arg),
			     void *arg)
{
	struct ctx *ctx;

	LOCK_SCOPED(&machine->contexts_lock);
	LIST_FOREACH(ctx, &machine->contexts, link) {
		lock_take(&ctx->lock);
		visit(ctx, arg);
		lock_release(&ctx->lock);
	}
}

/* ---- what DMA uses ---- */

/* Sets what DMA uses of each area whose page-set has been given other places, or, before that, takes it away. */
static void set_hosts(struct ctx *ctx, bool hide)
{
	struct object *object;
	uint32_t id = 0;

	while ((object = idmap_next(&ctx->ids, id, &id))) {
		struct ioas *ioas = (struct ioas *)object;
		struct imap_entry entry;

		if (object->type != &ioas_type || TAILQ_EMPTY(&ioas->tables))
			continue;
		imap_for_each_in(&ioas->areas, 0, UINT64_MAX, &entry) {
			struct area *area = entry.value;
			uint64_t len = entry.last - entry.first + 1;

			ioas_set_host(ioas, &entry,
				      hide ? NULL : pages_host(area->pages, area->offset, len));
		}
		imap_touch(&ioas->areas, 0, UINT64_MAX);
	}
}

static void refresh_hosts(struct ctx *ctx, void *arg)
{
	set_hosts(ctx, false);
}

void ioas_memory_changed(struct machine *machine)
{
	for_each_context(machine, refresh_hosts, NULL);
	hazard_wait(&machine->hazard, 0, UINT64_MAX);
}

/* ---- where the pinned pages of a page-set are in this process ---- */

/* A run of pinned pages that the program still has, at `va`. */
struct place {
	uint64_t first, last; /* page indices */
	uint64_t va;
};

/* The next such run from page `at` on; false if there is none. Its end is its own or that of a custody run. */
static bool next_place(const struct pages *pages, uint64_t at, struct place *ret_place)
{
	const struct custody_run *run;
	uint64_t last;

	while (pages_next_pinned(pages, &at, pages->npages - 1, &last)) {
		run = custody_find(pages_custody(pages), at);
		if (run && run->memory) {
			at = run->last + 1;
			continue;
		}
		if (run && run->last < last)
			last = run->last;
		for (uint64_t i = at + 1; !run && pages_custody(pages) && i <= last; i++)
			if (custody_find(pages_custody(pages), i))
				last = i - 1;
		ret_place->first = at;
		ret_place->last = last;
		ret_place->va = run ? (uintptr_t)run->host + ((at - run->first) << PAGE_SHIFT)
				    : pages->start + (at << PAGE_SHIFT);
		return true;
	}
	return false;
}

/* Cuts a place to what lies in [va, end); false if nothing does. */
static bool cut_place(struct place *place, uint64_t va, uint64_t end)
{
	uint64_t place_end = place->va + ((place->last - place->first + 1) << PAGE_SHIFT);

	if (place->va >= end || place_end <= va)
		return false;
	if (place_end > end)
		place->last -= (place_end - page_ceil(end)) >> PAGE_SHIFT;
	if (place->va < va) {
		uint64_t skip = (page_floor(va) - place->va) >> PAGE_SHIFT;

		place->first += skip;
		place->va += skip << PAGE_SHIFT;
	}
	return true;
}

/* ---- taking memory over ---- */

/* Memory that is taken over: [va, end) of the program's, or of the file, is at `memory` from now on. */
struct taken {
	uint64_t va, end;
	struct custody_memory *memory; /* NULL: it could not be */
};

struct taking {
	uint64_t va, end;		 /* what goes: addresses, or the file's offsets */
	struct mm *mm;			 /* whose; NULL: a file's */
	const struct machine_file *file; /* or NULL */
	struct machine_move move;	 /* its two ranges are what the program's call changes */
	struct taken *v;
	size_t n, room;
};

static bool concerns(const struct taking *taking, const struct pages *pages)
{
	if (taking->file)
		return pages->kind != PAGES_DMABUF;
	return pages->kind == PAGES_USER && pages->mm == taking->mm;
}

/* Is that page one of the file's, whichever? Then *ret_offset is where. */
static bool is_of_file(const struct taking *taking, struct pages *pages, uint64_t page,
		       uint64_t *ret_offset)
{
	const struct page_key *file = &taking->file->first;
	struct page_key key;

	if (pages_key(pages, page, &key) || key.space != file->space || key.inode != file->inode)
		return false;
	*ret_offset = key.page << PAGE_SHIFT;
	return true;
}

/* As next_place(), of pages that are the file's: place->va is its offset. */
static bool next_file_place(const struct taking *taking, struct pages *pages, uint64_t at,
			    struct place *ret_place)
{
	uint64_t last, offset;

	while (pages_next_pinned(pages, &at, pages->npages - 1, &last)) {
		while (at <= last && !is_of_file(taking, pages, at, &ret_place->va))
			at++;
		if (at > last)
			continue;
		ret_place->first = ret_place->last = at;
		while (ret_place->last < last &&
		       is_of_file(taking, pages, ret_place->last + 1, &offset) &&
		       offset == ret_place->va + ((ret_place->last + 1 - at) << PAGE_SHIFT))
			ret_place->last++;
		return true;
	}
	return false;
}

static bool next_taken_place(const struct taking *taking, struct pages *pages, uint64_t at,
			     struct place *ret_place)
{
	return taking->file ? next_file_place(taking, pages, at, ret_place)
			    : next_place(pages, at, ret_place);
}

static void note(struct taking *taking, uint64_t va, uint64_t end)
{
	if (taking->n == taking->room) {
		size_t room = taking->room ? 2 * taking->room : 16;
		struct taken *v = mem_realloc(taking->v, room * sizeof(*v));

		if (!v)
			return;
		taking->v = v;
		taking->room = room;
	}
	taking->v[taking->n++] = (struct taken){va, end, NULL};
}

/* Notes the pinned places of a context's page-sets. */
static void note_places(struct ctx *ctx, void *arg)
{
	struct taking *taking = arg;
	struct page_sets sets;

	if (page_sets_pinned(ctx, &sets))
		return;
	for (size_t i = 0; i < sets.n; i++) {
		struct place place = {0};

		for (uint64_t at = 0;
		     concerns(taking, sets.v[i]) && next_taken_place(taking, sets.v[i], at, &place);
		     at = place.last + 1) {
			struct place part = place;

			if (cut_place(&part, taking->va, taking->end))
				note(taking, part.va,
				     part.va + ((part.last - part.first + 1) << PAGE_SHIFT));
		}
	}
	page_sets_done(&sets);
}

static int by_va(const void *a, const void *b)
{
	const struct taken *x = a, *y = b;

	return (x->va > y->va) - (x->va < y->va);
}

/* Places that page-sets share are taken over once. */
static void merge(struct taking *taking)
{
	size_t kept = 0;

	if (taking->n)
		qsort(taking->v, taking->n, sizeof(taking->v[0]), by_va);
	for (size_t i = 0; i < taking->n; i++) {
		struct taken *last = kept ? &taking->v[kept - 1] : NULL;

		if (last && taking->v[i].va < last->end) {
			if (taking->v[i].end > last->end)
				last->end = taking->v[i].end;
		} else {
			taking->v[kept++] = taking->v[i];
		}
	}
	taking->n = kept;
}

/* What can't be read any more stays zero. */
static void read_file(const struct machine_file *file, uint64_t offset, char *dst, size_t len)
{
	uint64_t skip = offset - (file->first.page << PAGE_SHIFT);
	ssize_t n = 1;

	for (size_t done = 0; file->fd >= 0 && n > 0 && done < len; done += (size_t)n)
		n = pread(file->fd, dst + done, len - done, (off_t)(offset + done));
	for (size_t done = 0; file->fd < 0 && done < len; done += PAGE_SIZE)
		guard_copy(dst + done, (const void *)(uintptr_t)(file->at + skip + done),
			   PAGE_SIZE);
}

static char *copy_out(const struct taking *taking, uint64_t va, uint64_t len)
{
	char *host = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (host == MAP_FAILED)
		return NULL;
	if (taking->file) {
		read_file(taking->file, va, host, len);
		return host;
	}
	/* Page by page: what can't be read any more (the file behind it was cut) stays zero. */
	if (mm_read(taking->mm, host, va, len))
		for (uint64_t at = 0; at < len; at += PAGE_SIZE)
			mm_read(taking->mm, host + at, va + at, PAGE_SIZE);
	return host;
}

static bool meets(uint64_t at, uint64_t len, uint64_t other, uint64_t other_len)
{
	return at < other + other_len && other < at + len;
}

static bool is_outside(const struct machine_move *move, uint64_t at, uint64_t len)
{
	return !meets(at, len, move->from, move->len) && !meets(at, len, move->to, move->len);
}

/* A free place outside of both ranges, or NULL: each meets one at most of three that are as far apart as a range is long. */
static char *place_outside(const struct machine_move *move, uint64_t len)
{
	uint64_t step = move->len + len, whole = 2 * step + len, skip = 0;
	char *room =
		mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		return NULL;
	while (skip < 2 * step && !is_outside(move, (uintptr_t)room + skip, len))
		skip += step;
	if (skip)
		munmap(room, skip);
	if (skip + len < whole)
		munmap(room + skip + len, whole - skip - len);
	return room + skip;
}

/* The program's own call unmaps everything in its range, or moves it: also what has just been put into a hole there. */
static char *keep_away(const struct taking *taking, char *host, uint64_t len)
{
	uintptr_t at = (uintptr_t)host;
	char *place;

	if (taking->file || !taking->mm->self || is_outside(&taking->move, at, len))
		return host;
	place = place_outside(&taking->move, len);
	if (!place || sys_raw(SYS_mremap, at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, place) < 0)
		return host;
	return place;
}

static void take(const struct taking *taking, struct taken *taken)
{
	uint64_t len = taken->end - taken->va;
	char *host = taking->file ? NULL : mm_map_again(taking->mm, taken->va, len);

	if (!host)
		host = copy_out(taking, taken->va, len);
	if (!host)
		return;
	host = keep_away(taking, host, len);
	taken->memory = custody_memory_new(host, len);
	if (!taken->memory)
		munmap(host, len);
}

static const struct taken *find_taken(const struct taking *taking, uint64_t va)
{
	for (size_t i = 0; i < taking->n; i++)
		if (va >= taking->v[i].va && va < taking->v[i].end)
			return &taking->v[i];
	return NULL;
}

static void repoint(const struct taking *taking, struct pages *pages)
{
	struct place place;

	for (uint64_t at = 0; next_taken_place(taking, pages, at, &place); at = place.last + 1) {
		struct place part = place;
		const struct taken *taken;

		if (!cut_place(&part, taking->va, taking->end))
			continue;
		taken = find_taken(taking, part.va);
		/* More may have been pinned since the places were noted: it was not taken over. */
		if (taken && taken->memory && cut_place(&part, taken->va, taken->end))
			pages_set_custody(pages, (struct custody_run){part.first, part.last,
								      taken->memory->host +
									      (part.va - taken->va),
								      taken->memory});
	}
}

static void repoint_all(struct ctx *ctx, void *arg)
{
	struct taking *taking = arg;
	struct page_sets sets;

	if (!page_sets_pinned(ctx, &sets)) {
		for (size_t i = 0; i < sets.n; i++)
			if (concerns(taking, sets.v[i]))
				repoint(taking, sets.v[i]);
		page_sets_done(&sets);
	}
	set_hosts(ctx, false);
}

static void hide_hosts(struct ctx *ctx, void *arg)
{
	set_hosts(ctx, true);
}

static void take_over(struct machine *machine, struct taking *taking)
{
	for_each_context(machine, note_places, taking);
	merge(taking);
	if (taking->n) {
		for_each_context(machine, hide_hosts, NULL);
		hazard_wait(&machine->hazard, 0, UINT64_MAX);
		for (size_t i = 0; i < taking->n; i++)
			take(taking, &taking->v[i]);
		for_each_context(machine, repoint_all, taking);
	}
	for (size_t i = 0; i < taking->n; i++)
		custody_memory_put(taking->v[i].memory);
	free(taking->v);
}

void machine_memory_going(struct machine *machine, uint64_t va, uint64_t len)
{
	uint64_t start = page_floor(va), end = page_ceil(va + len);

	machine_memory_replaced(machine, va, len,
				&(struct machine_move){start, start, end - start});
}

void machine_memory_replaced(struct machine *machine, uint64_t va, uint64_t len,
			     const struct machine_move *move)
{
	struct taking taking = {.va = page_floor(va), .end = page_ceil(va + len), .move = *move};

	if (!pin_filter_may_hold(&machine->pinned, va, len))
		return;
	taking.mm = mm_self();
	if (taking.mm)
		take_over(machine, &taking);
	mm_put(taking.mm);
}

void machine_file_going(struct machine *machine, const struct machine_file *file)
{
	uint64_t start = file->first.page << PAGE_SHIFT;
	struct taking taking = {
		.va = start, .end = start + (file->npages << PAGE_SHIFT), .file = file};

	take_over(machine, &taking);
}

void machine_client_memory_going(struct machine *machine, struct mm *mm, uint64_t va, uint64_t len)
{
	struct taking taking = {.va = page_floor(va), .end = page_ceil(va + len), .mm = mm};

	take_over(machine, &taking); /* the filter knows our own memory alone */
}

void machine_client_leaving(struct machine *machine, struct mm *mm)
{
	struct taking taking = {.va = 0, .end = UINT64_MAX, .mm = mm};

	take_over(machine, &taking);
	atomic_store(&mm->gone, true);
}

/* ---- memory that goes elsewhere ---- */

/* Memory of [va, end) is at the same distance from `to`. */
struct moving {
	uint64_t va, end, to;
	struct mm *mm;
};

static void move_places(const struct moving *moving, struct pages *pages)
{
	struct place place;

	for (uint64_t at = 0; next_place(pages, at, &place); at = place.last + 1) {
		struct place part = place;

		if (cut_place(&part, moving->va, moving->end))
			pages_set_custody(
				pages,
				(struct custody_run){
					part.first, part.last,
					(char *)(uintptr_t)(moving->to + (part.va - moving->va)),
					NULL});
	}
}

static void move_context(struct ctx *ctx, void *arg)
{
	const struct moving *moving = arg;
	struct page_sets sets;

	if (!page_sets_pinned(ctx, &sets)) {
		for (size_t i = 0; i < sets.n; i++)
			if (sets.v[i]->kind == PAGES_USER && sets.v[i]->mm == moving->mm)
				move_places(moving, sets.v[i]);
		page_sets_done(&sets);
	}
	set_hosts(ctx, false);
}

void machine_memory_moved(struct machine *machine, uint64_t from, uint64_t to, uint64_t len)
{
	struct moving moving = {page_floor(from), page_ceil(from + len), to, NULL};

	if (!pin_filter_may_hold(&machine->pinned, from, len))
		return;
	moving.mm = mm_self();
	for_each_context(machine, move_context, &moving);
	mm_put(moving.mm);
	/* The filter knows where memory was mapped, not where it went: from now on it lets everything through. */
	atomic_fetch_add(&machine->pinned.large, 1);
}

/* The memory is still this process's, at the addresses where the program had it. */
static void keep_pinned(struct ctx *ctx, void *arg)
{
	struct moving moving = {0, UINT64_MAX, 0, NULL};
	struct page_sets sets;

	if (!page_sets_pinned(ctx, &sets)) {
		for (size_t i = 0; i < sets.n; i++)
			if (sets.v[i]->kind == PAGES_USER && sets.v[i]->mm->self)
				move_places(&moving, sets.v[i]);
		page_sets_done(&sets);
	}
	set_hosts(ctx, false);
}

void machine_host_moved(struct machine *machine, struct mm *mm)
{
	for_each_context(machine, keep_pinned, NULL);
	atomic_store(&mm->gone, true);
}

/* ---- accounts ---- */

struct account {
	pid_t pid;
	uint64_t pinned, locked;
	bool found;
};

static void add_accounts(struct ctx *ctx, void *arg)
{
	struct account *account = arg;
	struct page_sets sets;

	if (page_sets_pinned(ctx, &sets))
		return;
	for (size_t i = 0; i < sets.n; i++) {
		const struct pages *pages = sets.v[i];

		if (pages->mm->pid != account->pid || pages->kind == PAGES_DMABUF)
			continue;
		account->found = true;
		account->pinned += pages_npinned(pages);
		if (pages->mode == ACCOUNT_MM)
			account->locked += pages_npinned(pages);
	}
	page_sets_done(&sets);
}

bool machine_account(struct machine *machine, pid_t pid, uint64_t *ret_pinned, uint64_t *ret_locked)
{
	struct account account = {.pid = pid};

	for_each_context(machine, add_accounts, &account);
	*ret_pinned = account.pinned;
	*ret_locked = account.locked;
	return account.found;
}
