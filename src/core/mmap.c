/* SPDX-License-Identifier: MIT */
/* Regions of a context that programs map. */
#include "core/mmap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/inject.h"
#include "core/ctx.h"

#define PAGE ((uint64_t)4096)

/* Programs close the low descriptors in bulk; ours are kept above. */
#define HIGH_FD 800

/* The lowest offset, from a page on, where the region does not meet another. */
static uint64_t choose_offset(struct ctx *ctx, uint64_t length)
{
	struct mmap_region *other;
	uint64_t offset = PAGE;

again:
	LIST_FOREACH(other, &ctx->regions, link) {
		if (other->offset < offset + length && offset < other->offset + other->length) {
			offset = other->offset + other->length;
			goto again;
		}
	}
	return offset;
}

static int make_memory(struct mmap_region *region)
{
	int fd = inject_fail() ? -1 : memfd_create("uiommufd region", MFD_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -ENOMEM;
	region->fd = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
	if (region->fd < 0)
		region->fd = fd;
	else
		close(fd);
	region->host = MAP_FAILED;
	if (!ftruncate(region->fd, region->length) && !fstat(region->fd, &st))
		region->host = mmap(NULL, region->length, PROT_READ | PROT_WRITE, MAP_SHARED,
				    region->fd, 0);
	if (region->host == MAP_FAILED) {
		close(region->fd);
		return -ENOMEM;
	}
	region->dev = st.st_dev;
	region->ino = st.st_ino;
	region->pid = getpid();
	region->tid = gettid();
	return 0;
}

static bool is_memory(const struct mmap_region *region, int fd)
{
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && st.st_dev == region->dev && st.st_ino == region->ino;
}

/* By a way to the descriptor, which may be another file's by now. */
static int open_by(const struct mmap_region *region, const char *way)
{
	int fd = open(way, O_RDWR | O_CLOEXEC);

	if (is_memory(region, fd))
		return fd;
	if (fd >= 0)
		close(fd);
	return -ENOMEM;
}

/*
 * A descriptor of the memory, the caller's to close. The one that we keep is in the table of the process or thread that made the region, and the
 * caller may have another one (frontend/service/): /proc leads there, for the process is ours.
 */
static int open_memory(const struct mmap_region *region)
{
	const pid_t owners[] = {region->pid, region->tid};
	char way[48];
	int fd;

	if (inject_fail())
		return -ENOMEM;
	if (is_memory(region, region->fd)) {
		fd = fcntl(region->fd, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -EMFILE : fd;
	}
	for (size_t i = 0; i < 2; i++) {
		snprintf(way, sizeof(way), "/proc/%d/fd/%d", (int)owners[i], region->fd);
		fd = open_by(region, way);
		if (fd >= 0)
			return fd;
	}
	return -ENOMEM;
}

int mmap_region_new(struct ctx *ctx, uint64_t length, struct mmap_region **ret_region)
{
	struct mmap_region *region = mem_zalloc(sizeof(*region));
	int rc;

	if (!region)
		return -ENOMEM;
	region->length = length;
	region->offset = choose_offset(ctx, length);
	rc = make_memory(region);
	if (rc) {
		free(region);
		return rc;
	}
	LIST_INSERT_HEAD(&ctx->regions, region, link);
	*ret_region = region;
	return 0;
}

void mmap_region_free(struct mmap_region *region)
{
	if (!region)
		return;
	LIST_REMOVE(region, link);
	munmap(region->host, region->length);
	if (is_memory(region, region->fd))
		close(region->fd);
	free(region);
}

bool mmap_region_busy(struct ctx *ctx, const struct mmap_region *region)
{
	/* Our own view is one mapping of this process. */
	return mm_count_maps(region->dev, region->ino) > 1;
}

int ctx_mmap(struct file *file, struct client *client, struct file_mapping *mapping)
{
	struct ctx *ctx = ctx_of_file(file);
	struct mmap_region *region;

	if (mapping->length & (PAGE - 1))
		mapping->length = (mapping->length + PAGE - 1) & ~(PAGE - 1);
	if ((mapping->flags & MAP_TYPE) == MAP_PRIVATE)
		return -EINVAL;
	if (mapping->prot & PROT_EXEC)
		return -EPERM;
	LOCK_SCOPED(&ctx->lock);
	LIST_FOREACH(region, &ctx->regions, link)
		if (region->offset == mapping->offset && region->length == mapping->length)
			break;
	if (!region)
		return -ENXIO;
	mapping->fd_offset = 0;
	mapping->fd = open_memory(region);
	return mapping->fd < 0 ? mapping->fd : 0;
}
