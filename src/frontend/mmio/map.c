/* SPDX-License-Identifier: MIT */
/* How a file is mapped whose pieces are of different kinds. */
#include "frontend/mmio/mmio.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)4096)

/* x86-64 only. */
#ifndef MAP_32BIT
#define MAP_32BIT 0
#endif

/* One call under way. */
struct mapping {
	const struct mmio_map *map;
	struct mmio_target *target;
	size_t length; /* whole pages */
	char *addr;
};

/* What is `at` bytes from the start on? piece->fd is the caller's to close, if not -1. */
static int ask(const struct mapping *mapping, size_t at, struct file_mapping *piece)
{
	const struct mmio_map *map = mapping->map;

	*piece = (struct file_mapping){
		.offset = map->offset + at,
		.length = mapping->length - at,
		.prot = map->prot,
		.flags = map->flags,
		.fd = -1,
	};
	return map->ask(map->arg, piece);
}

/* Asks once in vain: what the file refuses must not cost a mapping that stands where this one is to be. */
static int would_map(const struct mapping *mapping)
{
	struct file_mapping piece;
	int rc = ask(mapping, 0, &piece);

	if (piece.fd >= 0)
		close(piece.fd);
	return rc;
}

/* What is known of addresses that are about to mean something else. */
static int replace(const struct mapping *mapping)
{
	const struct mmio_map *map = mapping->map;

	if ((map->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != MAP_FIXED ||
	    (uintptr_t)map->addr % PAGE)
		return 0;
	return mmio_remove((uintptr_t)map->addr, mapping->length);
}

/* Addresses for all pieces. */
static int reserve(struct mapping *mapping)
{
	const struct mmio_map *map = mapping->map;
	int flags = map->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_32BIT);

	mapping->addr = map->map(map->addr, mapping->length, PROT_NONE,
				 flags | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return mapping->addr == MAP_FAILED ? -errno : 0;
}

/* Before the kernel maps it: a fault may come at once. */
static int follow(const struct mapping *mapping, size_t at, const struct file_mapping *piece)
{
	struct mmio_area area = {
		.start = (uintptr_t)mapping->addr + at,
		.end = (uintptr_t)mapping->addr + at + piece->piece,
		.offset = piece->offset,
		.target = mapping->target,
		.prot = piece->prot,
		.trap = piece->trap,
	};

	if (area.trap == FILE_TRAP_NONE && !mapping->map->holds_memory)
		return 0;
	mmio_init();
	return mmio_add(&area);
}

static int map_piece(const struct mapping *mapping, size_t at, const struct file_mapping *piece)
{
	const struct mmio_map *map = mapping->map;
	int prot =
		piece->trap == FILE_TRAP_NONE ? piece->prot : mmio_prot(piece->trap, piece->prot);
	int flags = (map->flags & ~MAP_FIXED_NOREPLACE) | MAP_FIXED;
	int rc = follow(mapping, at, piece);

	if (rc)
		return rc;
	if (map->map(mapping->addr + at, piece->piece, prot, flags, piece->fd,
		     (off_t)piece->fd_offset) == MAP_FAILED)
		return -errno;
	return 0;
}

static int map_pieces(const struct mapping *mapping)
{
	struct file_mapping piece;
	int rc = 0;

	for (size_t at = 0; at < mapping->length && !rc; at += piece.piece) {
		rc = ask(mapping, at, &piece);
		if (!rc)
			rc = map_piece(mapping, at, &piece);
		if (piece.fd >= 0)
			close(piece.fd);
	}
	return rc;
}

static int map_for(struct mapping *mapping)
{
	int rc = replace(mapping);

	if (!rc)
		rc = reserve(mapping);
	if (rc)
		return rc;
	rc = map_pieces(mapping);
	if (rc) {
		mmio_remove((uintptr_t)mapping->addr, mapping->length);
		mapping->map->unmap(mapping->addr, mapping->length);
	}
	return rc;
}

int mmio_map(const struct mmio_map *map, void **ret_addr)
{
	struct mapping mapping = {.map = map, .length = (map->length + PAGE - 1) & ~(PAGE - 1)};
	int rc;

	if (!map->length)
		return -EINVAL;
	if (!mapping.length)
		return -ENOMEM;
	rc = would_map(&mapping);
	if (!rc)
		rc = map->target(map->arg, &mapping.target);
	if (rc)
		return rc;
	rc = map_for(&mapping);
	mmio_target_put(mapping.target);
	if (!rc)
		*ret_addr = mapping.addr;
	return rc;
}
