/* SPDX-License-Identifier: MIT */
/* Memfds, and the ways to them. */
#include "core/shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/inject.h"

/* Programs close the low descriptors in bulk; ours are kept above. */
#define HIGH_FD 800

int shared_memory_init(struct shared_memory *memory, uint64_t length)
{
	int fd = inject_fail() ? -1 : memfd_create("uiommufd region", MFD_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -ENOMEM;
	memory->fd = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
	if (memory->fd < 0)
		memory->fd = fd;
	else
		close(fd);
	memory->host = MAP_FAILED;
	if (!ftruncate(memory->fd, (off_t)length) && !fstat(memory->fd, &st))
		memory->host =
			mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	if (memory->host == MAP_FAILED) {
		close(memory->fd);
		return -ENOMEM;
	}
	memory->length = length;
	memory->dev = st.st_dev;
	memory->ino = st.st_ino;
	memory->pid = getpid();
	memory->tid = gettid();
	return 0;
}

static bool is_memory(const struct shared_memory *memory, int fd)
{
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && st.st_dev == memory->dev && st.st_ino == memory->ino;
}

void shared_memory_done(struct shared_memory *memory)
{
	munmap(memory->host, memory->length);
	if (is_memory(memory, memory->fd))
		close(memory->fd);
}

/* By a way to the descriptor, which may be another file's by now. */
static int open_by(const struct shared_memory *memory, const char *way)
{
	int fd = open(way, O_RDWR | O_CLOEXEC);

	if (is_memory(memory, fd))
		return fd;
	if (fd >= 0)
		close(fd);
	return -ENOMEM;
}

int shared_memory_open(const struct shared_memory *memory)
{
	const pid_t owners[] = {memory->pid, memory->tid};
	char way[48];
	int fd;

	if (inject_fail())
		return -ENOMEM;
	if (is_memory(memory, memory->fd)) {
		fd = fcntl(memory->fd, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -EMFILE : fd;
	}
	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
		snprintf(way, sizeof(way), "/proc/%d/fd/%d", (int)owners[i], memory->fd);
		fd = open_by(memory, way);
		if (fd >= 0)
			return fd;
	}
	return -ENOMEM;
}
