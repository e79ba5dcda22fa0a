/* SPDX-License-Identifier: MIT */
/* Address spaces: their life, and access to their memory. */
#include "base/mm.h"
#include "base/alloc.h"
#include "base/guard.h"
#include "base/inject.h"
#include "base/mm_private.h"
#include "base/sys.h"
#include "base/tls.h"

#include <assert.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>

/* Half of 64 bits is the kernel's own, whatever the number of page-table levels. */
#define USER_END ((uint64_t)1 << 63)

static atomic_ulong serials; /* of this process */
static TLS const void *thread_files;

pid_t mm_pid(const struct mm *mm)
{
	return mm->self ? (pid_t)sys_raw(SYS_getpid) : mm->pid;
}

static struct mm_full *mm_new(pid_t pid, bool self)
{
	struct mm_full *full = mem_zalloc(sizeof(*full));

	if (!full)
		return NULL;
	atomic_init(&full->mm.refs, 1);
	full->mm.serial = atomic_fetch_add(&serials, 1) + 1;
	full->mm.pid = pid;
	full->mm.self = self;
	lock_init(&full->lock, RANK_MM);
	vma_view_init(&full->view, self ? 0 : pid);
	full->files = self ? NULL : thread_files;
	return full;
}

struct mm *mm_get(struct mm *mm)
{
	atomic_fetch_add_explicit(&mm->refs, 1, memory_order_relaxed);
	return mm;
}

void mm_put(struct mm *mm)
{
	struct mm_full *full = mm_full(mm);

	if (!mm || atomic_fetch_sub_explicit(&mm->refs, 1, memory_order_acq_rel) != 1)
		return;
	vma_view_done(&full->view);
	free(full->pretended);
	lock_done(&full->lock);
	free(full);
}

/*
 * The process's own object. Which process that is says a page that the kernel wipes in the child of
 * any fork, made by libc or not, and leaves alone in a vfork's, which has this very memory. The
 * page is never given back, nor is the last object.
 */
enum {
	OWN_NONE = 0, /* what a wiped page says */
	OWN_BUSY,
	OWN_VALID,
};

struct own_page {
	atomic_int state;
	bool wiped; /* the kernel does wipe it; before Linux 4.14 the pid is compared */
	pid_t pid;
};

static struct own_page *_Atomic own_page;
static struct mm *_Atomic own_mm;

static struct own_page *own_page_get(void)
{
	struct own_page *page = atomic_load_explicit(&own_page, memory_order_acquire),
			*other = NULL;
	bool wiped;

	if (page)
		return page;
	if (inject_fail())
		return NULL;
	page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return NULL;
	wiped = madvise(page, PAGE_BYTES, MADV_WIPEONFORK) == 0;
	page->wiped = wiped;
	if (atomic_compare_exchange_strong(&own_page, &other, page))
		return page;
	munmap(page, PAGE_BYTES);
	return other;
}

/* An object for this process; the one from before the fork loses its place, and lives on in its users. */
static bool own_renew(struct own_page *page)
{
	pid_t pid = (pid_t)sys_raw(SYS_getpid);
	struct mm_full *full = guard_init(NULL) == 0 ? mm_new(pid, true) : NULL;

	if (!full)
		return false;
	mm_refresh_creds(&full->mm);
	mm_put(atomic_exchange(&own_mm, &full->mm));
	page->pid = pid;
	return true;
}

static bool own_valid(const struct own_page *page, int state)
{
	return state == OWN_VALID && (page->wiped || page->pid == (pid_t)sys_raw(SYS_getpid));
}

struct mm *mm_self(void)
{
	struct own_page *page = own_page_get();

	while (page) {
		int state = atomic_load_explicit(&page->state, memory_order_acquire);

		if (own_valid(page, state))
			return mm_get(atomic_load_explicit(&own_mm, memory_order_acquire));
		if (state == OWN_BUSY) {
			sched_yield();
		} else if (atomic_compare_exchange_strong(&page->state, &state, OWN_BUSY)) {
			bool renewed = own_renew(page);

			atomic_store_explicit(&page->state, renewed ? OWN_VALID : OWN_NONE,
					      memory_order_release);
			if (!renewed)
				return NULL;
		}
	}
	return NULL;
}

bool mm_current(const struct mm *mm)
{
	struct own_page *page = atomic_load(&own_page);

	return mm == atomic_load(&own_mm) && page && own_valid(page, atomic_load(&page->state));
}

void mm_thread_files(const void *table)
{
	thread_files = table;
}

static bool view_usable(const struct mm_full *full)
{
	return full->files == thread_files && (!full->mm.self || mm_current(&full->mm));
}

int mm_view(struct mm_full *full, struct vma_view *temp, struct vma_view **ret_view)
{
	struct vma_view *view = temp;
	int ret;

	vma_view_init(temp, full->view.pid);
	temp->text = full->view.text;
	if (view_usable(full))
		view = &full->view;
	ret = vma_begin(view);
	if (ret == 0)
		*ret_view = view;
	return ret;
}

int mm_new_remote(pid_t pid, struct mm **ret_mm)
{
	struct mm_full *full = mm_new(pid, false);
	int ret;

	if (!full)
		return -ENOMEM;
	lock_take(&full->lock);
	ret = vma_begin(&full->view);
	if (ret == 0 && !mm_alive(full))
		ret = -ESRCH;
	lock_release(&full->lock);
	if (ret < 0) {
		mm_put(&full->mm);
		return ret;
	}
	mm_refresh_creds(&full->mm);
	*ret_mm = &full->mm;
	return 0;
}

bool mm_alive(struct mm_full *full)
{
	struct vma vma;

	if (full->mm.self)
		return true;
	if (view_usable(full) &&
	    (vma_begin(&full->view) == -ESRCH || vma_find(&full->view, 0, &vma) == -ESRCH))
		atomic_store(&full->mm.gone, true);
	return !atomic_load(&full->mm.gone);
}

static bool range_ok(uint64_t va, size_t len)
{
	return va < USER_END && len <= USER_END - va;
}

/*
 * Another process's memory is asked for by its pid, which by then may be another program's: so the
 * look at whether the address space is still there, each time.
 */
static __attribute__((noinline)) int copy_remote(struct mm *mm, long nr, uint64_t va, void *buf,
						 size_t len)
{
	static const size_t most = (size_t)1 << 30; /* the kernel takes 2 GiB less a page */
	struct mm_full *full = mm_full(mm);

	LOCK_SCOPED(&full->lock);
	if (atomic_load(&mm->gone) || !mm_alive(full))
		return -EFAULT;
	for (size_t done = 0; done < len;) {
		size_t now = len - done < most ? len - done : most;
		struct iovec local = {(char *)buf + done, now};
		struct iovec remote = {(void *)(uintptr_t)(va + done), now};

		if (sys_raw(nr, mm->pid, &local, 1, &remote, 1, 0) != (long)now)
			return -EFAULT;
		done += now;
	}
	return 0;
}

int mm_read(struct mm *mm, void *dst, uint64_t src, size_t len)
{
	if (!range_ok(src, len) ||
	    (mm->self && atomic_load_explicit(&mm->gone, memory_order_relaxed)))
		return -EFAULT;
	if (mm->self)
		return guard_copy(dst, (const void *)(uintptr_t)src, len);
	return copy_remote(mm, SYS_process_vm_readv, src, dst, len);
}

int mm_write(struct mm *mm, uint64_t dst, const void *src, size_t len)
{
	if (!range_ok(dst, len) ||
	    (mm->self && atomic_load_explicit(&mm->gone, memory_order_relaxed)))
		return -EFAULT;
	if (mm->self)
		return guard_copy((void *)(uintptr_t)dst, src, len);
	return copy_remote(mm, SYS_process_vm_writev, dst, (void *)(uintptr_t)src, len);
}

/* Permissions don't bind /proc/self/mem, as they don't bind a device that has the pages. */
static int copy_forced(struct mm *mm, uint64_t va, void *buf, size_t len, bool write)
{
	long done, fd;

	if (!mm->self || !range_ok(va, len) || inject_fail())
		return -EFAULT;
	fd = sys_raw(SYS_openat, AT_FDCWD, "/proc/thread-self/mem", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -EFAULT;
	done = sys_raw(write ? SYS_pwrite64 : SYS_pread64, fd, buf, len, va);
	sys_raw(SYS_close, fd);
	return done == (long)len ? 0 : -EFAULT;
}

int mm_force_read(struct mm *mm, void *dst, uint64_t src, size_t len)
{
	return copy_forced(mm, src, dst, len, false);
}

int mm_force_write(struct mm *mm, uint64_t dst, const void *src, size_t len)
{
	return copy_forced(mm, dst, (void *)(uintptr_t)src, len, true);
}
