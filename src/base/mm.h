/* SPDX-License-Identifier: MIT */
/*
 * An address space of a client: memory that an ioctl's pointers name and that page-sets map.
 *
 * There are two kinds: this process's own, where access is a guarded copy (a bad pointer gives
 * -EFAULT, never a signal), and another process's, reached by process_vm_readv/writev. A page-set
 * keeps a reference to the address space that it was made from, so a struct mm can outlive its
 * process: it is then *gone*.
 */
#ifndef UIOMMUFD_BASE_MM_H
#define UIOMMUFD_BASE_MM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What a page of memory is, whoever looks: two addresses name the same memory if their keys are
 * equal.
 */
struct page_key {
	uint64_t space; /* the struct mm's serial for private memory, else page_key_space() */
	uint64_t inode; /* 0 for private memory */
	uint64_t page;	/* virtual page number, or page number within the file */
};

/* The limits and rights that pinning is charged against; read anew by mm_refresh_creds(). */
struct mm_creds {
	uid_t uid;
	uint64_t caps;	  /* effective capabilities: bit n is capability n */
	uint64_t memlock; /* RLIMIT_MEMLOCK, bytes; UINT64_MAX is no limit */
};

struct mm {
	atomic_uint refs;
	uint64_t serial;  /* never reused in this process */
	pid_t pid;	  /* the process whose memory it is */
	bool self;	  /* this process's own: addresses are pointers for guard_copy() */
	atomic_bool gone; /* its process has exited or executed another program: all is -EFAULT */
	struct mm_creds creds;
	atomic_ulong locked_vm; /* pages charged to it (VmLck), accounting mode MM */
};

/*
 * This process's own address space, with a reference, or NULL when out of memory (or when
 * sigaction is forbidden): it installs the guard (base/guard.h). After a fork it is another object; objects from before then stand for the
 * parent's memory of which this process has a copy, and stay usable as pointers.
 */
struct mm *mm_self(void);
/*
 * Another process's. -ENOMEM, -EMFILE, -ENFILE; -ESRCH: there is no such process; -EACCES: it is not
 * ours to look at.
 */
int mm_new_remote(pid_t pid, struct mm **ret_mm);
struct mm *mm_get(struct mm *mm);
void mm_put(struct mm *mm); /* NULL is nothing */
/*
 * This thread has a descriptor table that isn't the program's (unshare, or clone without CLONE_FILES);
 * all threads that share it name it by the same address. What is kept open for an object is in the
 * table of the thread that made it, or in the program's for our own; threads of other tables open what
 * they need each time, and for another process's memory can't tell whether `gone` is to be set: who
 * hears of its end should set it.
 */
void mm_thread_files(const void *table);
/* Re-reads uid, capabilities and limits: after the program changed them. */
void mm_refresh_creds(struct mm *mm);

/*
 * 0 or -EFAULT; on failure part may have been copied. Our own memory is copied without a lock, in
 * signal handlers too (base/guard.h); another process's takes RANK_MM.
 */
int mm_read(struct mm *mm, void *dst, uint64_t src, size_t len);
int mm_write(struct mm *mm, uint64_t dst, const void *src, size_t len);

/*
 * As mm_read() and mm_write(), whatever the areas' permissions are by now: for pages that were pinned before the program took them away.
 * Only our own memory, and slow (a few system calls). 0 or -EFAULT.
 */
int mm_force_read(struct mm *mm, void *dst, uint64_t src, size_t len);
int mm_force_write(struct mm *mm, uint64_t dst, const void *src, size_t len);

/*
 * Could [va, va + len) be pinned for long, for writing if `write`, for reading otherwise? As Linux
 * answers: writing doesn't need VM_READ, and a shared mapping of a file that is written back to a
 * disk can't be pinned for writing; registers (base/registers.h) can't at all. Looks at the process's areas (300 ns each), touches no page but
 * the last of a file's (1 us). 0; -EFAULT for a hole, a missing permission, memory past the end of a
 * file or that isn't memory; -ENOMEM if there is no descriptor left to look with. Takes RANK_MM.
 *
 * Of an address space that is tracked, what was found good is remembered until mm_forget(), and
 * found again in 10 ns.
 */
int mm_probe(struct mm *mm, uint64_t va, uint64_t len, bool write);
/*
 * A frontend that sees the program's munmap, mmap, mremap, mprotect, shmdt, madvise and ftruncate
 * promises to call mm_forget() after each of these. No address space is tracked at first.
 */
void mm_track(struct mm *mm, bool tracked);
/*
 * The areas of [va, va + len) have changed: to be called after the change. Cheap (10 ns), takes no
 * lock, allowed in signal handlers. What isn't known by address: va 0, len UINT64_MAX.
 */
void mm_forget(struct mm *mm, uint64_t va, uint64_t len);
/*
 * What memory is behind va now? A private mapping's is the process's own even where it still shows a
 * file. 0, -EFAULT or -ENOMEM, as above. Takes RANK_MM.
 */
int mm_key(struct mm *mm, uint64_t va, struct page_key *ret_key);

/* struct page_key's `space` for files of a device, which is what struct stat's st_dev is made of. */
static inline uint64_t page_key_space(unsigned int major, unsigned int minor)
{
	return (uint64_t)1 << 63 | (uint64_t)major << 32 | minor;
}

/*
 * The size of the memory's own pages at va: 4096, or a hugepage's, also where the program was only told that it has hugepages.
 * Takes RANK_MM.
 */
uint64_t mm_page_size(struct mm *mm, uint64_t va);
/* [va, va + len) passes for hugepages of this size from now on; 4096: no longer. -ENOMEM. Takes RANK_MM. */
int mm_pretend_pages(struct mm *mm, uint64_t va, uint64_t len, uint64_t page_size);
/*
 * Maps the shared memory behind [va, va + len) once more, into this process. NULL: it is not one shared mapping, or another process's
 * that is out of our reach. Takes RANK_MM.
 */
void *mm_map_again(struct mm *mm, uint64_t va, uint64_t len);
/* How many areas of this process show a file, by stat's st_dev and st_ino. */
unsigned int mm_count_maps(dev_t dev, ino_t ino);

#endif
