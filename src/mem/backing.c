/* SPDX-License-Identifier: MIT */
/* One mapping for each file. */
#include "mem/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/alloc.h"
#include "base/inject.h"
#include "mem/page.h"

/* A file that grew got a larger mapping; the older ones stay, for translations point into them. */
struct window {
	struct window *next;
	char *host;
	uint64_t size;
};

struct backing {
	atomic_uint refs;
	struct backings *owner;
	LIST_ENTRY(backing) link; /* guarded by owner->lock, like `windows` */
	dev_t dev;
	ino_t ino;
	bool pinnable;		/* memfd, shmem or hugetlbfs */
	struct window *windows; /* the largest first */
};

/* All backings of a machine. */
struct backings {
	struct machine_part part;
	struct lock lock; /* RANK_FILES */
	LIST_HEAD(, backing) list;
};

static const char backings_key;

static void free_backings(struct machine_part *part)
{
	struct backings *all = (struct backings *)part;

	lock_done(&all->lock);
	free(all);
}

static struct backings *get_backings(struct machine *machine)
{
	LOCK_SCOPED(&machine->lock);
	struct backings *all = (struct backings *)machine_find_part(machine, &backings_key);

	if (all)
		return all;
	all = mem_zalloc(sizeof(*all));
	if (!all)
		return NULL;
	all->part.key = &backings_key;
	all->part.free = free_backings;
	lock_init(&all->lock, RANK_FILES);
	LIST_INSERT_HEAD(&machine->parts, &all->part, link);
	return all;
}

static bool is_memory_file(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && (fs.f_type == TMPFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC);
}

/* The mode in which the caller opened the file does not matter for its pages: ask for writing by a new open. */
static char *map_file(int fd, uint64_t size)
{
	char path[32];
	int own;
	char *host = MAP_FAILED;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_RDWR | O_CLOEXEC);
	if (own >= 0) {
		host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, own, 0);
		close(own);
	}
	if (host == MAP_FAILED)
		host = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, 0);
	return host == MAP_FAILED ? NULL : host;
}

/* A file that can't be mapped is no error here: it will be one when it is pinned. */
static int add_window(struct backing *backing, int fd, uint64_t end)
{
	struct window *window;
	struct stat st;

	if (!backing->pinnable || (backing->windows && backing->windows->size >= end))
		return 0;
	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size > end)
		end = st.st_size;
	end = (end + PAGE_SIZE_PMD - 1) & ~(PAGE_SIZE_PMD - 1);
	window = mem_alloc(sizeof(*window));
	if (!window)
		return -ENOMEM;
	window->size = end;
	window->host = end ? map_file(fd, end) : NULL;
	if (!window->host) {
		free(window);
		return 0;
	}
	window->next = backing->windows;
	backing->windows = window;
	return 0;
}

static struct backing *find_backing(struct backings *all, const struct stat *st)
{
	struct backing *backing;

	LIST_FOREACH(backing, &all->list, link)
		if (backing->dev == st->st_dev && backing->ino == st->st_ino)
			return backing;
	return NULL;
}

static struct backing *new_backing(struct backings *all, int fd, const struct stat *st)
{
	struct backing *backing = mem_zalloc(sizeof(*backing));

	if (!backing)
		return NULL;
	atomic_init(&backing->refs, 0);
	backing->owner = all;
	backing->dev = st->st_dev;
	backing->ino = st->st_ino;
	backing->pinnable = is_memory_file(fd);
	LIST_INSERT_HEAD(&all->list, backing, link);
	return backing;
}

static void free_backing(struct backing *backing)
{
	struct window *window;

	LIST_REMOVE(backing, link);
	while ((window = backing->windows)) {
		backing->windows = window->next;
		munmap(window->host, window->size);
		free(window);
	}
	free(backing);
}

int backing_open(struct machine *machine, int fd, uint64_t end, struct backing **ret_backing)
{
	struct backings *all = get_backings(machine);
	struct backing *backing;
	struct stat st;
	int rc, flags = fcntl(fd, F_GETFL);

	if (!all)
		return -ENOMEM;
	if (flags < 0 || flags & O_PATH || fstat(fd, &st))
		return -EBADF;
	LOCK_SCOPED(&all->lock);
	backing = find_backing(all, &st);
	if (!backing)
		backing = new_backing(all, fd, &st);
	if (!backing)
		return -ENOMEM;
	rc = add_window(backing, fd, end);
	if (rc) {
		if (!atomic_load(&backing->refs))
			free_backing(backing);
		return rc;
	}
	backing_get(backing);
	*ret_backing = backing;
	return 0;
}

void backing_get(struct backing *backing)
{
	atomic_fetch_add_explicit(&backing->refs, 1, memory_order_relaxed);
}

void backing_put(struct backing *backing)
{
	LOCK_SCOPED(&backing->owner->lock);
	if (atomic_fetch_sub_explicit(&backing->refs, 1, memory_order_acq_rel) == 1)
		free_backing(backing);
}

char *backing_host(struct backing *backing, uint64_t offset)
{
	LOCK_SCOPED(&backing->owner->lock);
	if (!backing->windows || offset >= backing->windows->size)
		return NULL;
	return backing->windows->host + offset;
}

/* All pages of a file up to its end can be had, so the last one answers for all: reading it in fails past the end. */
int backing_probe(struct backing *backing, uint64_t start, uint64_t len)
{
	char *last = backing_host(backing, page_floor(start + len - 1));

	if (inject_fail())
		return -ENOMEM;
	if (!last || madvise(last, PAGE_SIZE, MADV_POPULATE_READ))
		return -EINVAL;
	return 0;
}

void backing_key(struct backing *backing, uint64_t offset, struct page_key *ret_key)
{
	*ret_key =
		(struct page_key){.space = page_key_space(major(backing->dev), minor(backing->dev)),
				  .inode = backing->ino,
				  .page = offset >> PAGE_SHIFT};
}
