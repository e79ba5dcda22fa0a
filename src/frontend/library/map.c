/* SPDX-License-Identifier: MIT */
/* Mappings of open nodes. A mapping keeps the core's file, not the program's pointer. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "frontend/library/library.h"
#include "frontend/mmio/mmio.h"

struct mapped {
	struct mmio_target target; /* first */
	unsigned int generation;
	struct file *file; /* a reference */
};

static ssize_t transfer(struct mmio_target *target, uint64_t buf, size_t len, uint64_t offset,
			bool write)
{
	struct mapped *mapped = (struct mapped *)target;
	struct client *client;
	int rc = library_check(mapped->generation);

	if (rc)
		return rc;
	client = &library_get()->client;
	return (write ? file_write : file_read)(mapped->file, client, buf, len, (int64_t)offset);
}

static ssize_t mapped_read(struct mmio_target *target, void *buf, size_t len, uint64_t offset)
{
	return transfer(target, (uintptr_t)buf, len, offset, false);
}

static ssize_t mapped_write(struct mmio_target *target, const void *buf, size_t len,
			    uint64_t offset)
{
	return transfer(target, (uintptr_t)buf, len, offset, true);
}

static void mapped_release(struct mmio_target *target)
{
	struct mapped *mapped = (struct mapped *)target;

	if (!library_check(mapped->generation))
		file_put(mapped->file);
	free(mapped);
}

static const struct mmio_target_ops mapped_ops = {
	.read = mapped_read,
	.write = mapped_write,
	.release = mapped_release,
};

static int ask(void *arg, struct file_mapping *mapping)
{
	struct uiommufd_file *file = arg;

	return file_mmap(file->file, &library_get()->client, mapping);
}

static int target(void *arg, struct mmio_target **ret_target)
{
	struct uiommufd_file *file = arg;
	struct mapped *mapped = mem_zalloc(sizeof(*mapped));

	if (!mapped)
		return -ENOMEM;
	mmio_target_init(&mapped->target, &mapped_ops);
	mapped->generation = file->generation;
	mapped->file = file_get(file->file);
	*ret_target = &mapped->target;
	return 0;
}

int uiommufd_mmap(struct uiommufd_file *file, size_t length, int prot, int flags, off_t offset,
		  void **ret_address)
{
	struct mmio_map map = {
		.ask = ask,
		.target = target,
		.arg = file,
		.map = mmap,
		.unmap = munmap,
		.offset = (uint64_t)offset,
		.length = length,
		.prot = prot,
		.flags = flags & ~(MAP_FIXED | MAP_FIXED_NOREPLACE),
	};
	int rc = library_check(file->generation);

	return rc ? rc : mmio_map(&map, ret_address);
}

int uiommufd_munmap(void *address, size_t length)
{
	int rc = (uintptr_t)address % 4096 ? -EINVAL : mmio_remove((uintptr_t)address, length);

	if (rc)
		return rc;
	return munmap(address, length) ? -errno : 0;
}
