/* SPDX-License-Identifier: MIT */
/*
 * The blocks: anonymous memory, or a file that is mapped. Workers may be in a process that shares our memory and not our descriptors, so the
 * file is reached by its mapping alone: what msync() flushes, and MADV_REMOVE gives back. System calls are made directly, for calls of the C library
 * may be somebody's who looks at what the program does with its memory.
 */
#include "model/nvme/nvme.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE	     UINT64_C(4096)
#define DEFAULT_SIZE (UINT64_C(64) << 20)

static int backend_map(struct nvme_backend *backend, int flags, int fd)
{
	int prot = backend->readonly ? PROT_READ : PROT_READ | PROT_WRITE;
	/* The last argument is on the stack, where an int would be half of it. */
	void *at = (void *)syscall(SYS_mmap, NULL, backend->size, prot, flags, fd, 0L);

	if (at == MAP_FAILED)
		return -errno;
	backend->base = at;
	return 0;
}

static int open_memory(struct nvme_backend *backend, struct uiommufd_device *device)
{
	if (!backend->size || backend->size % PAGE)
		return uiommufd_complain(device, "size is a multiple of 4K");
	return backend_map(backend, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1);
}

/* `size` can make a file longer, or a new one; without it the file's size counts. */
static int size_file(struct nvme_backend *backend, struct uiommufd_device *device, int fd,
		     bool sized)
{
	off_t end = lseek(fd, 0, SEEK_END);

	if (end < 0)
		return uiommufd_complain(device, "the file can't be seeked in: %s",
					 strerror(errno));
	if (!sized)
		backend->size = end & ~(PAGE - 1);
	if (!backend->size || backend->size % PAGE)
		return uiommufd_complain(
			device, "the file is shorter than 4K, and size gives no multiple of that");
	if ((uint64_t)end >= backend->size)
		return 0;
	if (backend->readonly || syscall(SYS_ftruncate, fd, backend->size))
		return uiommufd_complain(device,
					 "the file is shorter than size, and can't be made longer");
	return 0;
}

static int open_file(struct nvme_backend *backend, struct uiommufd_device *device, const char *path,
		     bool sized)
{
	int flags = O_CLOEXEC | (backend->readonly ? O_RDONLY : sized ? O_RDWR | O_CREAT : O_RDWR);
	int fd = syscall(SYS_openat, AT_FDCWD, path, flags, 0644), rc;

	if (fd < 0)
		return uiommufd_complain(device, "can't open %s: %s", path, strerror(errno));
	backend->file = true;
	rc = size_file(backend, device, fd, sized);
	if (!rc)
		rc = backend_map(backend, MAP_SHARED | MAP_NORESERVE, fd);
	syscall(SYS_close, fd);
	return rc;
}

static int parse_ro(struct nvme_backend *backend, struct uiommufd_device *device)
{
	const char *ro = uiommufd_option(device, "ro");

	if (ro && strcmp(ro, "on") && strcmp(ro, "off") && strcmp(ro, ""))
		return uiommufd_complain(device, "ro is on or off");
	backend->readonly = ro && strcmp(ro, "off");
	return 0;
}

int nvme_backend_init(struct nvme_backend *backend, struct uiommufd_device *device)
{
	const char *path = uiommufd_option(device, "file");
	bool sized = uiommufd_option(device, "size");
	int rc = parse_ro(backend, device);

	if (rc)
		return rc;
	backend->size = DEFAULT_SIZE;
	rc = uiommufd_option_number(device, "size", &backend->size);
	if (rc)
		return rc;
	rc = path ? open_file(backend, device, path, sized) : open_memory(backend, device);
	if (rc)
		return rc;
	pthread_rwlock_init(&backend->lock, NULL);
	return 0;
}

void nvme_backend_done(struct nvme_backend *backend)
{
	if (!backend->base)
		return;
	syscall(SYS_munmap, backend->base, backend->size);
	pthread_rwlock_destroy(&backend->lock);
}

int nvme_backend_flush_range(struct nvme_backend *backend, uint64_t offset, uint64_t len)
{
	uint64_t start = offset & ~(PAGE - 1);

	if (!backend->file || backend->readonly)
		return NVME_OK;
	return syscall(SYS_msync, backend->base + start, offset + len - start, MS_SYNC)
		       ? NVME_WRITE_FAULT
		       : NVME_OK;
}

int nvme_backend_flush(struct nvme_backend *backend)
{
	return nvme_backend_flush_range(backend, 0, backend->size);
}

static int zero_bytes(struct nvme_backend *backend, uint64_t offset, uint64_t len)
{
	static const char zeroes[PAGE];

	for (uint64_t n; len; offset += n, len -= n) {
		n = len < PAGE ? len : PAGE;
		if (uiommufd_copy(backend->base + offset, zeroes, n))
			return NVME_WRITE_FAULT;
	}
	return NVME_OK;
}

void nvme_backend_discard(struct nvme_backend *backend, uint64_t offset, uint64_t len)
{
	uint64_t start = (offset + PAGE - 1) & ~(PAGE - 1), end = (offset + len) & ~(PAGE - 1);

	if (start < end)
		syscall(SYS_madvise, backend->base + start, end - start, MADV_REMOVE);
}

int nvme_backend_zero(struct nvme_backend *backend, uint64_t offset, uint64_t len)
{
	uint64_t start = (offset + PAGE - 1) & ~(PAGE - 1), end = (offset + len) & ~(PAGE - 1);
	int status;

	if (start >= end || syscall(SYS_madvise, backend->base + start, end - start, MADV_REMOVE))
		return zero_bytes(backend, offset, len);
	status = zero_bytes(backend, offset, start - offset);
	return status ? status : zero_bytes(backend, end, offset + len - end);
}

bool nvme_backend_good(struct nvme_backend *backend, uint64_t offset, uint64_t len)
{
	char byte;

	if (!backend->file)
		return true;
	for (uint64_t at = offset; at < offset + len; at = (at / PAGE + 1) * PAGE)
		if (uiommufd_copy(&byte, backend->base + at, 1))
			return false;
	return true;
}
