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

/* What a page of memory is, whoever looks: two addresses name the same memory if their keys are
 * equal. */
struct page_key {
	uint64_t space; /* the struct mm's serial for private memory, else the device number | 1 <<
			   63 */
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
	uint64_t serial; /* never reused in this process */
	pid_t pid;	 /* the process whose memory it is */
	bool self; /* this process's own: addresses can be used as pointers under guard_copy() */
	atomic_bool gone; /* the process has exited or executed another program: all access is
			     -EFAULT */
	struct mm_creds creds;
	atomic_ulong pinned_vm; /* pages pinned on its behalf (VmPin) */
	atomic_ulong locked_vm; /* pages charged to it (VmLck), accounting mode MM */
};

/* This process's own address space; a new object after fork. Takes a reference. */
struct mm *mm_self(void);
/* Another process's. -ENOMEM, -ESRCH. */
int mm_new_remote(pid_t pid, struct mm **ret_mm);
struct mm *mm_get(struct mm *mm);
void mm_put(struct mm *mm);
/* Re-reads uid, capabilities and limits: after the program changed them. */
void mm_refresh_creds(struct mm *mm);

/* 0 or -EFAULT; on failure part may have been copied. */
int mm_read(struct mm *mm, void *dst, uint64_t src, size_t len);
int mm_write(struct mm *mm, uint64_t dst, const void *src, size_t len);

/*
 * Could [va, va + len) be pinned, for writing if `write`? Looks at the process's areas, touches no
 * page but the last of a file's. 0, or -EFAULT for a hole, a missing permission or memory past the
 * end of a file. Ranges that were found good are remembered until mm_forget().
 */
int mm_probe(struct mm *mm, uint64_t va, uint64_t len, bool write);
/* The areas of [va, va + len) have changed (munmap, mprotect, mmap over them, ...). */
void mm_forget(struct mm *mm, uint64_t va, uint64_t len);
/* What memory is behind va now? 0 or -EFAULT. */
int mm_key(struct mm *mm, uint64_t va, struct page_key *ret_key);

#endif
