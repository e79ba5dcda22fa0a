/* SPDX-License-Identifier: MIT */
#include "frontend/preload/mapping.h"

#include "frontend/preload/held.h"
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"

#define PAGE ((size_t)4096)

/* One call. */
struct mapping {
	const struct mmap_call *call;
	struct descriptor descriptor;
	struct mmio_target *target;
	size_t length; /* whole pages */
	char *addr;
};

static int ask_remote(struct mapping *mapping, struct file_mapping *piece)
{
	struct wire_msg msg = {
		.op = WIRE_MMAP,
		.arg = {piece->offset, piece->length, (uint64_t)piece->prot,
			(uint64_t)piece->flags},
	};
	int64_t rc = descriptor_ask(mapping->call->fd, &mapping->descriptor, &msg, &piece->fd);

	if (rc < 0)
		return (int)rc;
	piece->fd_offset = msg.arg[0];
	piece->length = msg.arg[1];
	piece->piece = msg.arg[2];
	piece->trap = (enum file_trap)msg.arg[3];
	return piece->fd < 0 ? -ENODEV : 0;
}

/* What is `at` bytes from the start on? piece->fd is the caller's to close, if not -1. */
static int ask(struct mapping *mapping, size_t at, struct file_mapping *piece)
{
	*piece = (struct file_mapping){
		.offset = (uint64_t)mapping->call->offset + at,
		.length = mapping->length - at,
		.prot = mapping->call->prot,
		.flags = mapping->call->flags,
		.fd = -1,
	};
	if (mapping->descriptor.local)
		return file_mmap(mapping->descriptor.local->file, process_client(process_get()),
				 piece);
	return ask_remote(mapping, piece);
}

/* Before the kernel maps it: a fault may come at once. */
static int follow(struct mapping *mapping, size_t at, const struct file_mapping *piece)
{
	struct mmio_area area = {
		.start = (uintptr_t)mapping->addr + at,
		.end = (uintptr_t)mapping->addr + at + piece->piece,
		.offset = piece->offset,
		.target = mapping->target,
		.prot = piece->prot,
		.trap = piece->trap,
	};

	if (area.trap != FILE_TRAP_NONE)
		mmio_init();
	return mmio_add(&area);
}

static int map_piece(struct mapping *mapping, size_t at, const struct file_mapping *piece)
{
	int prot =
		piece->trap == FILE_TRAP_NONE ? piece->prot : mmio_prot(piece->trap, piece->prot);
	int flags = (mapping->call->flags & ~MAP_FIXED_NOREPLACE) | MAP_FIXED;
	int rc = follow(mapping, at, piece);

	if (rc)
		return rc;
	if (REAL(mmap)(mapping->addr + at, piece->piece, prot, flags, piece->fd,
		       (off_t)piece->fd_offset) == MAP_FAILED)
		return -errno;
	return 0;
}

static int map_rest(struct mapping *mapping, size_t at)
{
	struct file_mapping piece;
	int rc = 0;

	for (; at < mapping->length && !rc; at += piece.piece) {
		rc = ask(mapping, at, &piece);
		if (!rc)
			rc = map_piece(mapping, at, &piece);
		if (piece.fd >= 0)
			REAL(close)(piece.fd);
	}
	return rc;
}

/* What stands there goes. */
static int replace(const struct mapping *mapping)
{
	const struct mmap_call *call = mapping->call;

	if ((call->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != MAP_FIXED ||
	    (uintptr_t)call->addr % PAGE)
		return 0;
	return mmio_remove((uintptr_t)call->addr, mapping->length);
}

/* Addresses for all pieces. */
static int reserve(struct mapping *mapping)
{
	const struct mmap_call *call = mapping->call;
	int flags = call->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_32BIT);

	mapping->addr = REAL(mmap)(call->addr, mapping->length, PROT_NONE,
				   flags | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return mapping->addr == MAP_FAILED ? -errno : 0;
}

/* Asks once in vain: what the file refuses must not cost a mapping that stands where this one is to be. */
static int would_map(struct mapping *mapping)
{
	struct file_mapping piece;
	int rc = ask(mapping, 0, &piece);

	if (piece.fd >= 0)
		REAL(close)(piece.fd);
	return rc;
}

static int map(struct mapping *mapping)
{
	int rc = would_map(mapping);

	if (!rc)
		rc = held_get(mapping->call->fd, &mapping->target);
	if (rc)
		return rc;
	rc = replace(mapping);
	if (!rc)
		rc = reserve(mapping);
	if (!rc) {
		rc = map_rest(mapping, 0);
		if (rc) {
			mmio_remove((uintptr_t)mapping->addr, mapping->length);
			REAL(munmap)(mapping->addr, mapping->length);
		}
	}
	mmio_target_put(mapping->target);
	return rc;
}

bool mapping_new(const struct mmap_call *call, void **ret_addr)
{
	struct mapping mapping = {
		.call = call,
		.length = (call->length + PAGE - 1) & ~(PAGE - 1),
		.addr = MAP_FAILED,
	};
	int rc = descriptor_find(call->fd, &mapping.descriptor);

	if (rc == -ENOENT || rc == -EBADF)
		return false;
	if (!rc) {
		rc = !call->length ? -EINVAL : !mapping.length ? -ENOMEM : map(&mapping);
		descriptor_done(&mapping.descriptor);
	}
	if (rc)
		errno = -rc;
	*ret_addr = rc ? MAP_FAILED : mapping.addr;
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
