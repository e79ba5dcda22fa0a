/* SPDX-License-Identifier: MIT */
/*
 * getdents64() of folders that the machine has entries in: the kernel's entries first, made here on a duplicate of the descriptor, which has the
 * same position; then ours. How far these were given is remembered by process and number, until the end or the next real entry.
 */
#include "frontend/launcher/supervisor.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#define ROOM 8192

/* As the kernel has it, without the name. */
struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
} __attribute__((packed));

static uint8_t type_of(const struct vnode *vnode)
{
	static const uint8_t types[] = {
		[VNODE_DIR] = DT_DIR,  [VNODE_CHAR] = DT_CHR, [VNODE_TEXT] = DT_REG,
		[VNODE_LINK] = DT_LNK, [VNODE_TASK] = DT_REG,
	};

	return types[vnode->kind];
}

/* Appends it: how many bytes, or 0 if there is no room. */
static size_t put(char *at, size_t room, const struct vnode *vnode)
{
	size_t name = strlen(vnode->name) + 1;
	size_t length = (offsetof(struct entry, name) + name + 7) & ~(size_t)7;
	struct entry head = {vnode->ino, INT64_MAX, (uint16_t)length, type_of(vnode)};

	if (length > room)
		return 0;
	memset(at, 0, length);
	memcpy(at, &head, sizeof(head));
	memcpy(at + offsetof(struct entry, name), vnode->name, name);
	return length;
}

static struct listing *find(struct supervisor *supervisor, pid_t pid, int number)
{
	for (int i = 0; i < LISTINGS; i++) {
		if (supervisor->listings[i].pid == pid && supervisor->listings[i].number == number)
			return &supervisor->listings[i];
	}
	return NULL;
}

static const struct vnode *present_from(const struct vnode *vnode)
{
	while (vnode && !vnode_present(vnode))
		vnode = LIST_NEXT(vnode, siblings);
	return vnode;
}

/* The next entries of ours: how many bytes; 0 at the end, after which a listing begins anew. */
static int64_t next_entries(struct call *call, const struct vnode *folder, char *buf, size_t size)
{
	struct supervisor *supervisor = call->supervisor;
	struct listing *listing;
	size_t used = 0, length;

	LOCK_SCOPED(&supervisor->lock);
	listing = find(supervisor, call->target->pid, (int)call->args[0]);
	if (!listing || listing->folder != folder) {
		listing = listing ? listing : find(supervisor, 0, 0);
		if (!listing)
			return 0;
		*listing = (struct listing){call->target->pid, (int)call->args[0], folder,
					    LIST_FIRST(&folder->children)};
	}
	while ((listing->next = present_from(listing->next))) {
		length = put(buf + used, size - used, listing->next);
		if (!length)
			break;
		used += length;
		listing->next = LIST_NEXT(listing->next, siblings);
	}
	if (!used && listing->next)
		return -EINVAL;
	if (!used)
		*listing = (struct listing){};
	return (int64_t)used;
}

static void begin_anew(struct call *call)
{
	struct listing *listing;

	LOCK_SCOPED(&call->supervisor->lock);
	listing = find(call->supervisor, call->target->pid, (int)call->args[0]);
	if (listing)
		*listing = (struct listing){};
}

int64_t call_getdents(struct call *call)
{
	size_t size = call->args[2] < ROOM ? call->args[2] : ROOM;
	const struct vnode *folder;
	char buf[ROOM];
	bool virtual;
	int64_t n, rc;

	folder = call_folder(call, (int)call->args[0], &virtual);
	if (!folder || LIST_EMPTY(&folder->children) || call_enter(call))
		return CALL_LET_GO;
	CLEANUP_FD int fd = call_duplicate(call, (int)call->args[0]);

	if (fd < 0)
		return CALL_LET_GO;
	n = virtual ? 0 : sys_raw(SYS_getdents64, fd, buf, size);
	if (n > 0)
		begin_anew(call);
	else if (!n)
		n = next_entries(call, folder, buf, size);
	rc = n > 0 ? call_write(call, call->args[1], buf, (size_t)n) : 0;
	return rc ? rc : n;
}
