/* SPDX-License-Identifier: MIT */
/*
 * The areas of a process's address space, as the kernel lists them in /proc/PID/maps. Asked one at a
 * time by the PROCMAP_QUERY ioctl (Linux 6.11; 250 ns), before that by reading the list.
 *
 * A view keeps the list open between questions, since opening it costs ten times the question. Its
 * descriptor lives in the program's table, where the program may close it (closefrom()) or put
 * something else: so it has a high number, and is opened anew when it turns out not to be ours. (Only
 * another process's list, opened by the program at just that number after it closed ours, would be
 * taken for it.)
 *
 * The list that is open belongs to the address space, not to the pid: when the process has exited or
 * executed another program, it is empty for ever, whoever has the pid then.
 *
 * Not locked: a lock of the owner's guards a view.
 */
#ifndef UIOMMUFD_BASE_VMA_H
#define UIOMMUFD_BASE_VMA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	VMA_READ = 1,
	VMA_WRITE = 2,
	VMA_EXEC = 4,
	VMA_SHARED = 8,
};

struct vma {
	uint64_t start, end;
	uint64_t offset; /* of start within the file */
	uint64_t inode;	 /* 0: not a file's */
	uint32_t major, minor;
	uint32_t page_size; /* of the memory's own pages; 0: the kernel doesn't tell */
	unsigned int flags; /* VMA_* */
};

struct vma_view {
	pid_t pid; /* 0: the calling process */
	int fd;	   /* -1: not open */
	bool text; /* the kernel has no PROCMAP_QUERY */
	dev_t dev; /* which file fd is */
	ino_t ino;
};

void vma_view_init(struct vma_view *view, pid_t pid);
void vma_view_done(struct vma_view *view);

/*
 * To be called before a few vma_find()s. 0, or one of these, which vma_find() can return too if the
 * descriptor was taken away in between: -ESRCH: no such process; -EACCES: it is not ours to look
 * at; -EMFILE, -ENFILE, -ENOMEM; -ENOENT: no /proc.
 */
int vma_begin(struct vma_view *view);
/*
 * The area that has addr, or else the next one above. 0; -ENOENT: there is none; -ESRCH: the address
 * space is gone.
 */
int vma_find(struct vma_view *view, uint64_t addr, struct vma *ret_vma);

#endif
