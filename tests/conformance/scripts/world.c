/* SPDX-License-Identifier: MIT */
/* The buffers, the slots and the results. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "world.h"

#define NEAR (UINT64_C(1) << 30) /* an address so near above a buffer goes with it */

/*
 * Even pages are touched first, then odd ones, so that neighbours in a buffer are not neighbours in
 * physical memory: a kernel merges those into larger page-table entries, and that would show in
 * dirty bitmaps.
 */
static void fill(uint64_t base, size_t length, uint64_t salt)
{
	for (size_t parity = 0; parity < 2; parity++)
		for (size_t i = 0; i < length; i += 8)
			if ((i >> 12 & 1) == parity)
				*(uint64_t *)(base + i) = (i + salt) * 0x9e3779b97f4a7c15u;
}

/* At base if that is free, else at some other place that is aligned to NEAR. */
static uint64_t map_buffer(uint64_t base, size_t length, int flags, int fd)
{
	void *at = mmap((void *)base, length, PROT_READ | PROT_WRITE, flags | MAP_FIXED_NOREPLACE,
			fd, 0);

	if (at != (void *)base) {
		char *room = mmap(NULL, 2 * NEAR, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		munmap(room, 2 * NEAR);
		base = ((uint64_t)room + NEAR - 1) & ~(NEAR - 1);
		at = mmap((void *)base, length, PROT_READ | PROT_WRITE, flags | MAP_FIXED_NOREPLACE,
			  fd, 0);
	}
	if (at != (void *)base)
		err(2, "buffer");
	madvise(at, length, MADV_NOHUGEPAGE);
	return base;
}

/* For pointers that lead nowhere. Addresses that nothing else wants, whatever happens later. */
static void map_edge(uint64_t base)
{
	if (mmap((void *)base, 4096, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)base)
		err(2, "pages for bad pointers");
}

/* What a call that failed has left there is nobody's promise. */
void world_reset_edges(void)
{
	memset((void *)B_BASE, 0x5a, 4096);
	mprotect((void *)R_BASE, 4096, PROT_READ | PROT_WRITE);
	memset((void *)R_BASE, 0x5a, 4096);
	mprotect((void *)R_BASE, 4096, PROT_READ);
}

void world_init(struct world *world)
{
	*world = (struct world){};
	world->memfd = memfd_create("F", MFD_CLOEXEC);
	world->scratch = memfd_create("scratch", MFD_CLOEXEC);
	if (world->scratch < 0 || world->memfd < 0 || ftruncate(world->memfd, F_SIZE))
		err(2, "memfd");
	world->a = map_buffer(A_BASE, A_SIZE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	world->f = map_buffer(F_BASE, F_SIZE, MAP_SHARED, world->memfd);
	fill(world->a, A_SIZE, 1);
	fill(world->f, F_SIZE, 2);
	map_edge(B_BASE);
	map_edge(R_BASE);
	world_reset_edges();
	world->iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (world->iommu < 0)
		err(2, "/dev/iommu");
	world->contexts[0] = world->iommu;
}

uint64_t world_va(const struct world *world, uint64_t va)
{
	if (va >= A_BASE && va - A_BASE < NEAR)
		return world->a + (va - A_BASE);
	if (va >= F_BASE && va - F_BASE < NEAR)
		return world->f + (va - F_BASE);
	return va;
}

uint64_t arg_va(const struct world *world, const struct args *args)
{
	return world_va(world, arg(args, "va"));
}

uint64_t arg_pointer(const struct args *args, const void *fallback)
{
	return arg_text(args, "ptr") ? arg(args, "ptr") : (uintptr_t)fallback;
}

void say(struct world *world, const char *format, ...)
{
	size_t room = sizeof(world->result) - world->length;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(world->result + world->length, room, format, ap);
	va_end(ap);
	world->length += (size_t)n < room ? (size_t)n : room - 1;
}

void say_errno(struct world *world)
{
	const char *name = strerrorname_np(errno);

	say(world, "%s", name ? name : "E?");
}

/* An ioctl whose struct can't be written. Every struct begins with its size. */
static int call_read_only(int fd, unsigned long command, void *argument)
{
	uint32_t size;
	int ret, error;

	memcpy(&size, argument, sizeof(size));
	size = size < 4096 ? size : 4096;
	mprotect((void *)R_BASE, 4096, PROT_READ | PROT_WRITE);
	memcpy((void *)R_BASE, argument, size);
	mprotect((void *)R_BASE, 4096, PROT_READ);
	ret = ioctl(fd, command, (void *)R_BASE);
	error = errno;
	memcpy(argument, (void *)R_BASE, size);
	errno = error;
	return ret;
}

bool call(struct world *world, unsigned long command, void *argument)
{
	int ret = world->read_only && (uintptr_t)argument > 4096
			  ? call_read_only(world->iommu, command, argument)
			  : ioctl(world->iommu, command, argument);

	if (ret < 0)
		say_errno(world);
	else
		say(world, "%d", ret);
	return ret >= 0;
}

bool slot_fd(struct world *world, const struct slots *slots, const struct args *args, int *ret_fd)
{
	uint64_t slot = arg(args, "slot");

	if (slot >= slots->n) {
		say(world, "skip");
		return false;
	}
	*ret_fd = slots->fd[slot];
	return true;
}

bool slot_room(struct world *world, const struct slots *slots)
{
	if (slots->n < SLOTS)
		return true;
	say(world, "skip");
	return false;
}

void slot_add(struct slots *slots, int fd)
{
	slots->fd[slots->n++] = fd;
}

void slot_close(struct world *world, struct slots *slots, const struct args *args)
{
	int fd;

	if (!slot_fd(world, slots, args, &fd) || fd < 0)
		return;
	say(world, "%d", close(fd));
	slots->fd[arg(args, "slot")] = -1;
}

/* FNV-1a, 64 bits. */
uint64_t hash(const void *data, size_t length)
{
	const unsigned char *byte = data;
	uint64_t h = 1469598103934665603u;

	while (length--)
		h = (h ^ *byte++) * 1099511628211u;
	return h;
}
