/* SPDX-License-Identifier: MIT */
#include "frontend/mmio/access.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/guard.h"
#include "frontend/mmio/space.h"

/* What of an access is in one area, or before the next one. */
struct piece {
	struct mmio_area area; /* target NULL: plain memory */
	size_t len;
};

static void piece_find(uintptr_t at, size_t len, struct piece *piece)
{
	const uintptr_t page = 4096;
	uintptr_t end = at + len;

	piece->area.target = NULL;
	if (mmio_find(at, &piece->area)) {
		if (piece->area.end < end)
			end = piece->area.end;
	} else if (end > (at & ~(page - 1)) + page) {
		end = (at & ~(page - 1)) + page;
	}
	piece->len = end - at;
}

static size_t aligned_part(uint64_t offset, size_t len)
{
	size_t room = 8 - (offset & 7), part = len < room ? len : room;

	/* The largest power of two that both the offset and the length allow. */
	while (part & (part - 1) || offset & (part - 1))
		part = part & (part - 1) ? part & (part - 1) : part / 2;
	return part;
}

/* The buffer is written to by a load only. */
static int file_part(struct mmio_target *target, uint64_t offset, char *buf, size_t len, bool store)
{
	ssize_t done;

	for (size_t at = 0, part; at < len; at += part) {
		part = aligned_part(offset + at, len - at);
		if (store)
			done = target->ops->write(target, buf + at, part, offset + at);
		else
			done = target->ops->read(target, buf + at, part, offset + at);
		if (done != (ssize_t)part)
			return -EIO;
	}
	return 0;
}

/*
 * A change that reaches into a second file is atomic in the first alone: a thread that waited for a second lock with one held could wait for
 * another that does it the other way round.
 */
static int area_part(struct mmio_target *locked, const struct mmio_area *area, uintptr_t at,
		     char *buf, size_t len, bool store)
{
	struct mmio_target *target = area->target;
	int need = store ? PROT_WRITE : PROT_READ, rc;
	bool lock = store && !locked;

	if (!(mmio_prot(FILE_TRAP_NONE, area->prot) & need))
		return -EFAULT;
	if (lock)
		lock_take(&target->lock);
	rc = file_part(target, area->offset + (at - area->start), buf, len, store);
	if (lock)
		lock_release(&target->lock);
	return rc;
}

static int transfer(struct mmio_target *locked, uintptr_t at, char *buf, size_t len, bool store)
{
	struct piece piece;
	int rc = 0;

	for (; len && !rc; at += piece.len, buf += piece.len, len -= piece.len) {
		piece_find(at, len, &piece);
		if (piece.area.target && piece.area.trap != FILE_TRAP_NONE) {
			rc = area_part(locked, &piece.area, at, buf, piece.len, store);
		} else {
			void *memory = (void *)at;

			rc = store ? guard_copy(memory, buf, piece.len)
				   : guard_copy(buf, memory, piece.len);
		}
		if (piece.area.target)
			mmio_target_put(piece.area.target);
	}
	return rc;
}

int access_load(struct mmio_target *locked, uintptr_t at, void *buf, size_t len)
{
	return transfer(locked, at, buf, len, false);
}

int access_store(struct mmio_target *locked, uintptr_t at, const void *buf, size_t len)
{
	return transfer(locked, at, (char *)(uintptr_t)buf, len, true);
}

struct mmio_target *access_lock(uintptr_t at)
{
	struct mmio_area area;

	if (!mmio_find(at, &area))
		return NULL;
	lock_take(&area.target->lock);
	return area.target;
}

void access_unlock(struct mmio_target *locked)
{
	if (!locked)
		return;
	lock_release(&locked->lock);
	mmio_target_put(locked);
}
