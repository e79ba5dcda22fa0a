/* SPDX-License-Identifier: MIT */
/*
 * The machine's view: the paths that a program under the shim sees and the kernel doesn't have.
 * This header is the seam between the two halves of the shim: the descriptor calls (open, ioctl,
 * mmap, ...), which ask the view, and the path calls (stat, access, readdir, fopen, ...), which are
 * built on the descriptor calls.
 */
#ifndef UIOMMUFD_PRELOAD_VIEW_H
#define UIOMMUFD_PRELOAD_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/file.h"

struct share;

/*
 * What the descriptor calls ask.
 */

/*
 * open() and its kin ask before the real call. True: the path is the view's, and *ret_fd is the new
 * descriptor or -errno. False: not ours, *ret_fd is untouched. Nanoseconds for a path that cannot
 * be ours; NULL and pointers into the kernel's half are not ours. Keeps errno.
 */
bool view_open(int dirfd, const char *path, int flags, int *ret_fd);
/*
 * ... and once more when the real call failed, whatever errno says: that is where a symbolic link
 * to a node or a spelling like /usr/../dev/iommu ends (ENOENT, ENOTDIR, or ENXIO and ENODEV in a
 * private /dev), too rare to be looked for first. Keeps errno.
 */
bool view_open_late(int dirfd, const char *path, int flags, int *ret_fd);

/* The arguments of mmap(). */
struct mmap_call {
	void *addr;
	size_t length;
	int prot, flags, fd;
	off_t offset;
};

/*
 * mmap() asks when flags have MAP_HUGETLB or fd is not -1. True: --pretend-hugepages is on, the
 * mapping is done with ordinary pages at an address aligned as huge pages would be, and *ret_addr
 * is the answer (MAP_FAILED: errno says why).
 */
bool hugepages_mmap(const struct mmap_call *call, void **ret_addr);
/* After munmap(), and an mmap() over other mappings: the range holds no pretended pages any more. Keeps errno. */
void hugepages_gone(const void *addr, size_t length);

/*
 * What the path calls ask; the descriptor calls' side provides it.
 */

/* Opens a node by its path below /dev ("iommu", "vfio/vfio"), or a thread's fail-nth by its whole path, as open() would: the
 * descriptor, or -errno. */
int preload_open_node(const char *node, int flags);
/* Is this descriptor one of ours? Then *ret_file, if ret_file is not NULL, is the file without a
 * reference, or NULL when it is hosted elsewhere. */
bool preload_is_ours(int fd, struct file **ret_file);
/* The text of its /proc/self/fd link ("/dev/iommu"), or NULL if the descriptor isn't ours. Static
 * storage. */
const char *preload_fd_link(int fd);
/*
 * Pages pinned and locked on behalf of a process, over all contexts that this process hosts or
 * uses. False: none of them knows that process.
 */
bool preload_account(pid_t pid, uint64_t *ret_pinned_pages, uint64_t *ret_locked_pages);

/* Keeps a number that programs of this one's inherit out of its way; it is neither moved nor closed at exec. */
void preload_keep_fd(int fd);
/* Asks the user of a device, if it is a program of this process's machine, to give it back. */
void preload_ask(struct share *share);

#endif
