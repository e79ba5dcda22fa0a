/* SPDX-License-Identifier: MIT */
/* Memfds, and the ways to them. */
#include "core/shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/inject.h"
#include "base/sys.h"
#include "core/host.h"

#define PAGE 4096L

/* Of /proc/self/pagemap: pages that are looked up at once, and the bits of an entry that say that there is something. */
#define ENTRIES 512
#define PRESENT ((uint64_t)3 << 62)

/* Programs close the low descriptors in bulk; ours are kept above, where it is in a program's table at all. */
#define HIGH_FD 800

int shared_memory_init(struct shared_memory *memory, uint64_t length)
{
	void *host = MAP_FAILED;

	if (!inject_fail())
		host = mmap(NULL, length, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (host == MAP_FAILED)
		return -ENOMEM;
	*memory = (struct shared_memory){.host = host, .length = length, .fd = -1};
	return 0;
}

int shared_memory_share(struct shared_memory *memory, struct machine_host *host)
{
	int rc;

	if (memory->keeper)
		return 0;
	rc = inject_fail() ? -ENOMEM : host->ops->memory_share(host, memory);
	if (!rc)
		memory->keeper = host;
	return rc;
}

int shared_memory_open(const struct shared_memory *memory)
{
	struct machine_host *host = memory->keeper;

	return inject_fail() ? -ENOMEM : host->ops->memory_open(host, memory);
}

void shared_memory_done(struct shared_memory *memory)
{
	munmap(memory->host, memory->length);
	if (memory->keeper)
		memory->keeper->ops->memory_close(memory->keeper, memory);
}

/* ---- where the descriptor is ---- */

static void copy_page(char *to, const char *from)
{
	static const char zero[PAGE];

	if (memcmp(from, zero, PAGE))
		memcpy(to, from, PAGE);
}

/* Most of a large one was never touched: that is not read. Without /proc all is. */
static void copy_touched(char *to, const char *from, uint64_t length)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entries[ENTRIES];

	for (uint64_t at = 0; at < length; at += PAGE) {
		size_t i = at / PAGE % ENTRIES;
		off_t where = (off_t)((uintptr_t)(from + at) / PAGE * sizeof(entries[0]));

		if (!i && pread(pagemap, entries, sizeof(entries), where) != sizeof(entries))
			memset(entries, 0xff, sizeof(entries));
		if (entries[i] & PRESENT)
			copy_page(to + at, from + at);
	}
	if (pagemap >= 0)
		close(pagemap);
}

static int make_memfd(uint64_t length)
{
	int fd = memfd_create("uiommufd region", MFD_CLOEXEC), high;

	if (fd < 0)
		return -ENOMEM;
	high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
	if (high >= 0) {
		close(fd);
		fd = high;
	}
	if (!ftruncate(fd, (off_t)length))
		return fd;
	close(fd);
	return -ENOMEM;
}

/* The file's pages take the place of the memory's. Past what a frontend does when a program calls these: locks are held. */
static int replace(const struct shared_memory *memory, int fd)
{
	const uint64_t length = memory->length;
	long view = sys_raw(SYS_mmap, NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (view < 0 && view >= -PAGE)
		return -ENOMEM;
	copy_touched((char *)view, memory->host, length);
	if (sys_raw(SYS_mremap, view, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
		    memory->host) == (long)memory->host)
		return 0;
	sys_raw(SYS_munmap, view, length);
	return -ENOMEM;
}

int shared_memory_make_fd(struct shared_memory *memory)
{
	int fd = make_memfd(memory->length), rc;
	struct stat st;

	if (fd < 0)
		return fd;
	rc = fstat(fd, &st) ? -ENOMEM : replace(memory, fd);
	if (rc) {
		close(fd);
		return rc;
	}
	memory->fd = fd;
	memory->dev = st.st_dev;
	memory->ino = st.st_ino;
	return 0;
}

static bool is_memory(const struct shared_memory *memory, int fd)
{
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && st.st_dev == memory->dev && st.st_ino == memory->ino;
}

int shared_memory_dup_fd(const struct shared_memory *memory)
{
	int fd = is_memory(memory, memory->fd) ? fcntl(memory->fd, F_DUPFD_CLOEXEC, 0) : -1;

	return fd < 0 ? -EMFILE : fd;
}

void shared_memory_close_fd(const struct shared_memory *memory)
{
	if (is_memory(memory, memory->fd))
		close(memory->fd);
}
