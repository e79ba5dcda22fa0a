/* SPDX-License-Identifier: MIT */
#include "frontend/preload/mapping.h"

#include "frontend/preload/held.h"
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"

#define PAGE ((size_t)4096)

/* One call. */
struct call {
	int fd;
	struct descriptor descriptor;
};

static int ask_remote(struct call *call, struct file_mapping *piece)
{
	struct wire_msg msg = {
		.op = WIRE_MMAP,
		.arg = {piece->offset, piece->length, (uint64_t)piece->prot,
			(uint64_t)piece->flags},
	};
	int64_t rc = descriptor_ask(call->fd, &call->descriptor, &msg, &piece->fd);

	if (rc < 0)
		return (int)rc;
	piece->fd_offset = msg.arg[0];
	piece->length = msg.arg[1];
	piece->piece = msg.arg[2];
	piece->trap = (enum file_trap)msg.arg[3];
	return piece->fd < 0 ? -ENODEV : 0;
}

static int ask(void *arg, struct file_mapping *piece)
{
	struct call *call = arg;

	if (!call->descriptor.local)
		return ask_remote(call, piece);
	return file_mmap(call->descriptor.local->file, process_client(process_get()), piece);
}

static int target(void *arg, struct mmio_target **ret_target)
{
	return held_get(((struct call *)arg)->fd, ret_target);
}

bool mapping_new(const struct mmap_call *args, void **ret_addr)
{
	struct call call = {.fd = args->fd};
	struct mmio_map map = {
		.ask = ask,
		.target = target,
		.arg = &call,
		.map = REAL(mmap),
		.unmap = REAL(munmap),
		.addr = args->addr,
		.offset = (uint64_t)args->offset,
		.length = args->length,
		.prot = args->prot,
		.flags = args->flags,
		.holds_memory = true,
	};
	int rc = descriptor_find(args->fd, &call.descriptor);

	if (rc == -ENOENT || rc == -EBADF)
		return false;
	*ret_addr = MAP_FAILED;
	if (!rc) {
		rc = mmio_map(&map, ret_addr);
		descriptor_done(&call.descriptor);
	}
	if (rc)
		errno = -rc;
	return true;
}

int mapping_gone(const void *addr, size_t len)
{
	/* What munmap() refuses takes nothing away. */
	if ((uintptr_t)addr % PAGE || !mmio_any())
		return 0;
	return (int)shim_result(mmio_remove((uintptr_t)addr, len));
}

/* Linux marks device memory so that it doesn't expand, and moves as a whole. */
bool mapping_may_move(const void *old, size_t old_len, size_t new_len, int flags)
{
	struct mmio_area area;

	if (!mmio_first((uintptr_t)old, old_len ? old_len : 1, &area))
		return true;
	if (flags & MREMAP_DONTUNMAP)
		errno = EINVAL;
	else if (new_len > old_len)
		errno = EFAULT;
	else
		return true;
	return false;
}

int mapping_protect(void *addr, size_t len, int prot)
{
	uintptr_t at = (uintptr_t)addr, end = at + len, stop;
	struct mmio_area area;
	int now;

	if (at % PAGE || end < at || !mmio_first(at, len, &area))
		return REAL(mprotect)(addr, len, prot);
	for (; at < end; at = stop) {
		bool any = mmio_first(at, end - at, &area) && area.start < end;

		stop = any && area.start > at ? area.start : any && area.end < end ? area.end : end;
		now = any && area.start <= at && area.trap != FILE_TRAP_NONE
			      ? mmio_prot(area.trap, prot)
			      : prot;
		if (REAL(mprotect)((void *)at, stop - at, now))
			return -1;
	}
	return (int)shim_result(mmio_protect((uintptr_t)addr, len, prot));
}
