/* SPDX-License-Identifier: MIT */
/*
 * What a descriptor stands for: the open /dev/iommu, a fault queue, an in-process access, a VFIO device.
 *
 * The core makes files and a frontend hands them out as descriptors: it holds one reference for as long as any process
 * has a descriptor of it open, and drops it on the last close. Files never know their descriptor numbers.
 */
#ifndef UIOMMUFD_CORE_FILE_H
#define UIOMMUFD_CORE_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct client;
struct file;

/* What a frontend does of a program's accesses to what it maps, so that none passes the file by. */
enum file_trap {
	FILE_TRAP_NONE,	  /* nothing: it is memory */
	FILE_TRAP_STORES, /* maps it read-only, and performs each store by file_write() */
	FILE_TRAP_ALL,	  /* maps it without access, and performs loads by file_read() too */
};

/* Can frontends do that on this architecture? Where they can't, only FILE_TRAP_NONE may be asked for. */
#if defined(__x86_64__)
#define FILE_TRAPS 1
#else
#define FILE_TRAPS 0
#endif

/*
 * What mmap of a file gives. A frontend maps `piece` bytes of fd from fd_offset, and if that is not all it asks again for the rest, with offset and
 * length moved on; so the first answer refuses what is wrong anywhere in the range. While the mapping stands it keeps the file open.
 *
 * Trapped accesses are performed as reads and writes of 1 to 8 bytes at the file's offset, in the thread that made them, perhaps on a
 * small signal stack.
 */
struct file_mapping {
	uint64_t offset, length; /* in: as the program asked; length is rounded up to pages */
	int prot, flags;	 /* in: PROT_*, MAP_* */
	int fd;			 /* out: a native descriptor, the caller's to close */
	uint64_t fd_offset;	 /* out */
	uint64_t piece;		 /* out: whole pages; left 0 by a file that gives all at once */
	enum file_trap trap;	 /* out: of this piece */
};

/* An empty slot means what Linux answers for a file without the operation: given at each. */
struct file_ops {
	/* Text of the /proc/self/fd link: "/dev/iommu", "anon_inode:[iommufd-pgfault]". */
	const char *link;
	/* 0 or positive, or -errno. Empty: -ENOTTY. */
	long (*ioctl)(struct file *file, struct client *client, unsigned int cmd, uint64_t arg);
	/* Bytes, or -errno; pos is -1 for read()/write(), the offset for pread()/pwrite(). Empty: -EINVAL. */
	ssize_t (*read)(struct file *file, struct client *client, uint64_t buf, size_t count,
			int64_t pos);
	ssize_t (*write)(struct file *file, struct client *client, uint64_t buf, size_t count,
			 int64_t pos);
	/* EPOLL* bits that hold now; may be called with the context locked. Empty: always readable and writable. */
	unsigned int (*poll)(struct file *file);
	/* 0 or -errno. Empty: -ENODEV. */
	int (*mmap)(struct file *file, struct client *client, struct file_mapping *mapping);
	/* A message that was offered may have been read by now. No lock is held. Empty: nothing is ever offered. */
	void (*taken)(struct file *file);
	/* The last reference is gone: frees the file. No lock is held. */
	void (*release)(struct file *file);
};

/* What has become of a message that was offered. */
enum file_offer {
	FILE_WITHDRAWN, /* it is taken back: nobody will see it */
	FILE_READ,	/* somebody has read it */
	FILE_STUCK,	/* nobody has read it yet, and it is out of reach */
};

/*
 * A frontend's part of a file. All is called with the context's lock held, and takes only RANK_ENDPOINT.
 *
 * A program may read a descriptor in ways that its frontend doesn't see (io_uring). For these a file offers the message that a read would
 * give next; at most one at a time. Until it is withdrawn it may be read at any time, of which `taken` tells afterwards.
 */
struct file_front {
	/* What poll answers may have changed. */
	void (*changed)(struct file_front *front);
	/* False: it can't be offered, or something stands there. Empty: never. */
	bool (*offer)(struct file_front *front, const void *message, size_t len);
	/* Of the message that was offered last. */
	enum file_offer (*withdraw)(struct file_front *front);
};

struct file {
	const struct file_ops *ops;
	atomic_uint refs;
	struct file_front *_Atomic front; /* set by the frontend that serves it, or NULL */
};

void file_init(struct file *file, const struct file_ops *ops); /* with one reference */
struct file *file_get(struct file *file);
void file_put(struct file *file);
void file_changed(struct file *file);
bool file_offer(struct file *file, const void *message, size_t len);
enum file_offer file_withdraw(struct file *file);
void file_taken(struct file *file);

long file_ioctl(struct file *file, struct client *client, unsigned int cmd, uint64_t arg);
ssize_t file_read(struct file *file, struct client *client, uint64_t buf, size_t count,
		  int64_t pos);
ssize_t file_write(struct file *file, struct client *client, uint64_t buf, size_t count,
		   int64_t pos);
unsigned int file_poll(struct file *file);
/* The out-fields need not be set before; afterwards piece is not 0. */
int file_mmap(struct file *file, struct client *client, struct file_mapping *mapping);

#endif
