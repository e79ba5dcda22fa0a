/* SPDX-License-Identifier: MIT */
/* See space.h: a sorted array. Mappings of devices are few, and change rarely. */
#include "frontend/mmio/space.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "base/inject.h"
#include "base/sys.h"

atomic_size_t mmio_areas;
/* Where the first starts and the last ends. */
atomic_uintptr_t mmio_low, mmio_high;

/* Guarded by `busy`. */
static struct {
	struct mmio_area *areas;
	size_t room;
} space;

static atomic_flag busy = ATOMIC_FLAG_INIT;

static uint64_t space_take(void)
{
	uint64_t all = UINT64_MAX, mask = 0;

	sys_raw(SYS_rt_sigprocmask, SIG_BLOCK, &all, &mask, sizeof(mask));
	while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
		sys_raw(SYS_sched_yield);
	return mask;
}

static void space_release(uint64_t mask)
{
	atomic_flag_clear_explicit(&busy, memory_order_release);
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

/* For a look that can't meet a handler of the same thread: in one, or without one that comes here. */
static void space_look(void)
{
	while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
		sys_raw(SYS_sched_yield);
}

static void space_seen(void)
{
	atomic_flag_clear_explicit(&busy, memory_order_release);
}

static size_t count(void)
{
	return atomic_load_explicit(&mmio_areas, memory_order_relaxed);
}

/* ---- targets ---- */

void mmio_target_init(struct mmio_target *target, const struct mmio_target_ops *ops)
{
	target->ops = ops;
	atomic_init(&target->refs, 1);
	lock_init(&target->lock, RANK_MMIO);
}

void mmio_target_get(struct mmio_target *target)
{
	atomic_fetch_add_explicit(&target->refs, 1, memory_order_relaxed);
}

bool mmio_target_try(struct mmio_target *target)
{
	unsigned int refs = atomic_load_explicit(&target->refs, memory_order_relaxed);

	while (refs && !atomic_compare_exchange_weak(&target->refs, &refs, refs + 1))
		;
	return refs;
}

void mmio_target_put(struct mmio_target *target)
{
	if (atomic_fetch_sub_explicit(&target->refs, 1, memory_order_acq_rel) != 1)
		return;
	lock_done(&target->lock);
	target->ops->release(target);
}

/* ---- fork: the child's copy must not be one that somebody is changing ---- */

static uint64_t mask_at_fork;

static void before_fork(void)
{
	uint64_t mask = space_take();

	mask_at_fork = mask;
}

static void after_fork(void)
{
	space_release(mask_at_fork);
}

/* Locks of targets may have been held by threads that the child doesn't have. */
static void after_fork_in_child(void)
{
	for (size_t i = 0; i < count(); i++)
		lock_renew(&space.areas[i].target->lock);
	after_fork();
}

static int watch_forks(void)
{
	static atomic_bool watched;

	if (atomic_exchange(&watched, true))
		return 0;
	if (!pthread_atfork(before_fork, after_fork, after_fork_in_child))
		return 0;
	atomic_store(&watched, false);
	return -ENOMEM;
}

/* ---- the array: the lock is held ---- */

/* The first area that ends after `at`. */
static size_t index_after(uintptr_t at)
{
	size_t low = 0, high = count();

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (space.areas[middle].end > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* The first with part of [start, end), or NULL. */
static struct mmio_area *overlap(uintptr_t start, uintptr_t end)
{
	size_t i = index_after(start);

	return i < count() && space.areas[i].start < end ? &space.areas[i] : NULL;
}

static int make_room(void)
{
	size_t old = space.room * sizeof(*space.areas), new = old ? 2 * old : 4096;
	long at;

	if (count() < space.room)
		return 0;
	if (inject_fail())
		return -ENOMEM;
	at = sys_raw(SYS_mmap, NULL, new, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	if (at < 0)
		return -ENOMEM;
	if (old) {
		memcpy((void *)at, space.areas, old);
		sys_raw(SYS_munmap, space.areas, old);
	}
	space.areas = (struct mmio_area *)at;
	space.room = new / sizeof(*space.areas);
	return 0;
}

/* There are n of them now. */
static void set_count(size_t n)
{
	if (n) {
		atomic_store_explicit(&mmio_low, space.areas[0].start, memory_order_relaxed);
		atomic_store_explicit(&mmio_high, space.areas[n - 1].end, memory_order_relaxed);
	}
	atomic_store_explicit(&mmio_areas, n, memory_order_release);
}

static int insert(const struct mmio_area *area)
{
	size_t i = index_after(area->start), n = count();

	if (make_room())
		return -ENOMEM;
	memmove(&space.areas[i + 1], &space.areas[i], (n - i) * sizeof(*area));
	space.areas[i] = *area;
	set_count(n + 1);
	return 0;
}

static void erase(struct mmio_area *area)
{
	size_t i = (size_t)(area - space.areas), n = count();

	memmove(area, area + 1, (n - i - 1) * sizeof(*area));
	set_count(n - 1);
}

/* Makes `at`, inside of an area or not, an edge. */
static int split(uintptr_t at)
{
	struct mmio_area *area = overlap(at, at + 1), upper;

	if (!area || area->start == at)
		return 0;
	upper = *area;
	upper.offset += at - upper.start;
	upper.start = at;
	if (make_room())
		return -ENOMEM;
	overlap(at, at + 1)->end = at;
	mmio_target_get(upper.target);
	return insert(&upper);
}

/* Takes the first piece of the range out; its reference becomes the caller's. 1: there was one. */
static int cut(uintptr_t start, uintptr_t end, struct mmio_area *ret_area)
{
	struct mmio_area *area;
	int rc = split(start);

	if (!rc)
		rc = split(end);
	area = rc ? NULL : overlap(start, end);
	if (!area)
		return rc;
	*ret_area = *area;
	erase(area);
	return 1;
}

/* ---- what others call ---- */

static uintptr_t end_of(uintptr_t start, size_t len)
{
	/* As the kernel rounds. */
	return len > UINTPTR_MAX - start - 4095 ? UINTPTR_MAX : (start + len + 4095) & ~4095ul;
}

int mmio_add(const struct mmio_area *area)
{
	int rc = watch_forks();
	uint64_t mask;

	/* Of a call that nobody saw. */
	if (!rc)
		rc = mmio_remove(area->start, area->end - area->start);
	if (rc)
		return rc;
	mask = space_take();
	rc = insert(area);
	if (!rc)
		mmio_target_get(area->target);
	space_release(mask);
	return rc;
}

static int take_out(uintptr_t start, uintptr_t end, struct mmio_area *ret_area)
{
	uint64_t mask = space_take();
	int rc = cut(start, end, ret_area);

	space_release(mask);
	return rc;
}

int mmio_remove(uintptr_t start, size_t len)
{
	struct mmio_area area;
	int rc = 0;

	if (!mmio_any())
		return 0;
	while ((rc = take_out(start, end_of(start, len), &area)) > 0)
		mmio_target_put(area.target);
	return rc;
}

void mmio_move(uintptr_t from, uintptr_t to, size_t len)
{
	struct mmio_area area;

	if (!mmio_any())
		return;
	while (take_out(from, end_of(from, len), &area) > 0) {
		area.end += to - from;
		area.start += to - from;
		mmio_add(&area);
		mmio_target_put(area.target);
	}
}

bool mmio_find(uintptr_t at, struct mmio_area *ret_area)
{
	struct mmio_area *area;

	space_look();
	area = overlap(at, at + 1);
	if (area) {
		*ret_area = *area;
		mmio_target_get(area->target);
	}
	space_seen();
	return area;
}

bool mmio_first(uintptr_t start, size_t len, struct mmio_area *ret_area)
{
	struct mmio_area *area;
	uint64_t mask;

	if (!mmio_any() || !len)
		return false;
	mask = space_take();
	area = overlap(start, end_of(start, len));
	if (area)
		*ret_area = *area;
	space_release(mask);
	return area;
}

bool mmio_traps(uintptr_t start, size_t len, bool write)
{
	int need = write ? PROT_WRITE : PROT_READ;
	uintptr_t end = len > UINTPTR_MAX - start ? UINTPTR_MAX : start + len;
	struct mmio_area area;

	while (start < end && mmio_first(start, end - start, &area) && area.start < end) {
		if (!(mmio_prot(area.trap, area.prot) & need) &&
		    mmio_prot(FILE_TRAP_NONE, area.prot) & need)
			return true;
		start = area.end;
	}
	return false;
}

/* On x86 what can be written can be read. */
int mmio_prot(enum file_trap trap, int prot)
{
	if (prot & PROT_WRITE)
		prot |= PROT_READ;
	switch (trap) {
	case FILE_TRAP_STORES:
		return prot & ~PROT_WRITE;
	case FILE_TRAP_ALL:
		return PROT_NONE;
	default:
		return prot;
	}
}

int mmio_protect(uintptr_t start, size_t len, int prot)
{
	uintptr_t end = end_of(start, len);
	uint64_t mask = space_take();
	int rc = split(start);

	if (!rc)
		rc = split(end);
	for (size_t i = index_after(start); !rc && i < count() && space.areas[i].start < end; i++)
		space.areas[i].prot = prot;
	space_release(mask);
	return rc;
}
