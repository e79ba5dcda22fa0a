/* SPDX-License-Identifier: MIT */
/*
 * The program's own memory, which it may change while it is mapped for devices: what is pinned stays what it was, what is
 * not is looked at when it is needed.
 *
 * Bytes are moved by reads and writes of a file, since parts of the buffers may be gone.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ops.h"

#define MEM_MAX (1u << 20)

/* The memory itself; only the buffers may be touched: else NULL, and skip is said. */
static void *memory_at(struct world *world, uint64_t va, uint64_t length)
{
	if ((va >= A_BASE && va - A_BASE <= A_SIZE && length <= A_SIZE - (va - A_BASE)) ||
	    (va >= F_BASE && va - F_BASE <= F_SIZE && length <= F_SIZE - (va - F_BASE)))
		return (void *)world_va(world, va);
	say(world, "skip");
	return NULL;
}

static void say_done(struct world *world, int ret)
{
	if (ret)
		say_errno(world);
	else
		say(world, "0");
}

/* The bytes as they now are: shows what devices and accesses wrote. */
static void op_mem(struct world *world, const struct args *args)
{
	static unsigned char copy[MEM_MAX];
	uint64_t length = arg(args, "len");
	void *at = memory_at(world, arg(args, "va"), length);

	if (!at)
		return;
	if (length > MEM_MAX)
		say(world, "skip");
	else if (pwrite(world->scratch, at, length, 0) != (ssize_t)length ||
		 pread(world->scratch, copy, length, 0) != (ssize_t)length)
		say(world, "EFAULT");
	else
		say(world, "hash=%016lx", (unsigned long)hash(copy, length));
}

static void op_user_fill(struct world *world, const struct args *args)
{
	static unsigned char bytes[1u << 16];
	uint64_t length = arg(args, "len");
	void *at = memory_at(world, arg(args, "va"), length);

	if (!at)
		return;
	if (length > sizeof(bytes)) {
		say(world, "skip");
		return;
	}
	for (size_t i = 0; i < length; i++)
		bytes[i] = arg(args, "byte") + i / 4096;
	if (pwrite(world->scratch, bytes, length, 0) != (ssize_t)length ||
	    pread(world->scratch, at, length, 0) != (ssize_t)length)
		say(world, "EFAULT");
	else
		say(world, "0");
}

static void op_user_unmap(struct world *world, const struct args *args)
{
	uint64_t length = arg(args, "len");
	void *at = memory_at(world, arg(args, "va"), length);

	if (at)
		say_done(world, munmap(at, length));
}

/* Fresh private memory there, in place of what was. */
static void op_user_map(struct world *world, const struct args *args)
{
	uint64_t length = arg(args, "len");
	void *at = memory_at(world, arg(args, "va"), length);

	if (!at)
		return;
	say_done(world, mmap(at, length, arg(args, "prot"), MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			     -1, 0) == MAP_FAILED);
	madvise(at, length, MADV_NOHUGEPAGE);
}

static void op_user_protect(struct world *world, const struct args *args)
{
	uint64_t length = arg(args, "len");
	void *at = memory_at(world, arg(args, "va"), length);

	if (at)
		say_done(world, mprotect(at, length, arg(args, "prot")));
}

/* Private memory reads as zeros afterwards, that of the file stays. */
static void op_user_drop(struct world *world, const struct args *args)
{
	uint64_t length = arg(args, "len");
	void *at = memory_at(world, arg(args, "va"), length);

	if (at)
		say_done(world, madvise(at, length, MADV_DONTNEED));
}

/* Moves pages to another place in the buffers; what was there goes, and a hole stays behind. */
static void op_user_move(struct world *world, const struct args *args)
{
	uint64_t length = arg(args, "len");
	void *from = memory_at(world, arg(args, "va"), length), *to;

	if (!from)
		return;
	to = memory_at(world, arg(args, "to"), length);
	if (to)
		say_done(world, mremap(from, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, to) ==
					MAP_FAILED);
}

/* A hole in the file where the memory is, by the file's descriptor or by an address. */
static void op_file_punch(struct world *world, const struct args *args)
{
	uint64_t start = arg(args, "start"), length = arg(args, "len");

	if (arg(args, "by"))
		say_done(world, madvise((void *)(world->f + start), length, MADV_REMOVE));
	else
		say_done(world, fallocate(world->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					  start, length));
}

static void op_file_size(struct world *world, const struct args *args)
{
	say_done(world, ftruncate(world->memfd, arg(args, "len")));
}

const struct op memory_ops[] = {
	{"mem", op_mem},
	{"user_fill", op_user_fill},
	{"user_unmap", op_user_unmap},
	{"user_map", op_user_map},
	{"user_protect", op_user_protect},
	{"user_drop", op_user_drop},
	{"user_move", op_user_move},
	{"file_size", op_file_size},
	{"file_punch", op_file_punch},
	{},
};
