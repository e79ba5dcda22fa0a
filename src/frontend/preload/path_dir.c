/* SPDX-License-Identifier: MIT */
/*
 * Listing directories. An open directory that the tree has nodes in is remembered, and its listing
 * goes on with those nodes when the real entries are through.
 *
 * Locking: none. A slot is claimed by one compare-and-swap and is then its directory stream's,
 * which POSIX lets only one thread use at a time; so a fork in another thread can't leave it
 * locked. With all slots taken, a listing is the kernel's alone.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "frontend/preload/next.h"
#include "frontend/preload/path_view.h"

static_assert(sizeof(struct dirent) == sizeof(struct dirent64), "64-bit machines only");

/* telldir() of the nth own entry; no file system has offsets up there. */
#define OWN_OFFSETS (LONG_MAX - 1000000)

#define SLOTS 32

static struct slot {
	DIR *_Atomic dir;
	const struct vnode *vnode;
	long own;     /* how many of our entries were told; -1 while the kernel's are */
	bool virtual; /* no real directory: "." and ".." are ours too */
	struct dirent entry;
} slots[SLOTS];

static atomic_int used;

static struct slot *find_slot(DIR *dir)
{
	if (!atomic_load_explicit(&used, memory_order_relaxed))
		return NULL;
	for (int i = 0; i < SLOTS; i++)
		if (atomic_load_explicit(&slots[i].dir, memory_order_acquire) == dir)
			return &slots[i];
	return NULL;
}

/* Keeps errno. */
static void remember(DIR *dir)
{
	bool virtual = false;
	const struct vnode *vnode = view_listed_in(dirfd(dir), &virtual);
	DIR *none;

	if (!vnode)
		return;
	for (int i = 0; i < SLOTS; i++) {
		none = NULL;
		if (!atomic_compare_exchange_strong(&slots[i].dir, &none, dir))
			continue;
		slots[i].vnode = vnode;
		slots[i].own = -1;
		slots[i].virtual = virtual;
		atomic_fetch_add(&used, 1);
		return;
	}
}

static void forget(DIR *dir)
{
	struct slot *slot = find_slot(dir);

	if (!slot)
		return;
	atomic_store(&slot->dir, NULL);
	atomic_fetch_sub(&used, 1);
}

static unsigned char type_of(const struct vnode *vnode)
{
	static const unsigned char types[] = {
		[VNODE_DIR] = DT_DIR,  [VNODE_CHAR] = DT_CHR, [VNODE_TEXT] = DT_REG,
		[VNODE_LINK] = DT_LNK, [VNODE_TASK] = DT_REG,
	};

	return types[vnode->kind];
}

/* Our entry number `index`, counted from 0: its name and node, or NULL after the last. */
static const char *own_entry(const struct slot *slot, long index, const struct vnode **ret_vnode)
{
	const struct vnode *child;

	*ret_vnode = slot->vnode;
	if (slot->virtual && index < 2)
		return index ? ".." : ".";
	if (slot->virtual)
		index -= 2;
	LIST_FOREACH(child, &slot->vnode->children, siblings)
		if (vnode_present(child) && !index--)
			break;
	*ret_vnode = child;
	return child ? child->name : NULL;
}

static bool is_real(DIR *dir, const char *name)
{
	int saved = errno;
	struct stat st;
	bool real = !syscall(SYS_newfstatat, dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW);

	errno = saved;
	return real;
}

static struct dirent *next_own(struct slot *slot, DIR *dir)
{
	const struct vnode *vnode;
	const char *name;
	struct stat st;

	if (slot->own < 0)
		slot->own = 0;
	do
		name = own_entry(slot, slot->own++, &vnode);
	while (name && !slot->virtual && is_real(dir, name));
	if (!name) {
		slot->own--;
		return NULL;
	}
	view_stat(vnode, &st);
	slot->entry.d_ino = st.st_ino;
	slot->entry.d_off = OWN_OFFSETS + slot->own;
	slot->entry.d_type = type_of(vnode);
	slot->entry.d_reclen = sizeof(slot->entry);
	strcpy(slot->entry.d_name, name);
	return &slot->entry;
}

static struct dirent *common_readdir(DIR *dir)
{
	struct slot *slot = find_slot(dir);
	const struct vnode *child;
	struct dirent *entry;
	int saved = errno;

	if (!slot)
		return NEXT(readdir)(dir);
	if (slot->own < 0) {
		errno = 0;
		entry = NEXT(readdir)(dir);
		if (!entry && errno)
			return NULL;
		errno = saved;
		if (!entry)
			return next_own(slot, dir);
		/* A placeholder of ours, or a node that the kernel has too: our answers hold. */
		child = vnode_child(slot->vnode, entry->d_name, strlen(entry->d_name));
		if (child)
			entry->d_type = type_of(child);
		return entry;
	}
	return next_own(slot, dir);
}

EXPORT DIR *opendir(const char *path)
{
	DIR *dir = NEXT(opendir)(path);
	const struct vnode *vnode;
	int fd;

	if (!dir) {
		vnode = view_find_late(AT_FDCWD, path, true, errno);
		if (!vnode)
			return NULL;
		fd = vnode->kind == VNODE_DIR ? path_open_dir(vnode, O_RDONLY | O_CLOEXEC)
					      : -ENOTDIR;
		if (fd < 0) {
			errno = -fd;
			return NULL;
		}
		dir = NEXT(fdopendir)(fd);
	}
	if (dir)
		remember(dir);
	return dir;
}

EXPORT DIR *fdopendir(int fd)
{
	DIR *dir = NEXT(fdopendir)(fd);

	if (dir)
		remember(dir);
	return dir;
}

EXPORT int closedir(DIR *dir)
{
	forget(dir);
	return NEXT(closedir)(dir);
}

EXPORT struct dirent *readdir(DIR *dir)
{
	return common_readdir(dir);
}

EXPORT struct dirent64 *readdir64(DIR *dir)
{
	return (struct dirent64 *)common_readdir(dir);
}

static int common_readdir_r(DIR *dir, struct dirent *entry, struct dirent **ret_entry)
{
	struct dirent *next;
	int saved = errno, error;

	errno = 0;
	next = common_readdir(dir);
	error = next ? 0 : errno;
	errno = saved;
	if (next)
		memcpy(entry, next, next->d_reclen);
	*ret_entry = next ? entry : NULL;
	return error;
}

EXPORT int readdir_r(DIR *restrict dir, struct dirent *restrict entry,
		     struct dirent **restrict ret_entry)
{
	return common_readdir_r(dir, entry, ret_entry);
}

EXPORT int readdir64_r(DIR *restrict dir, struct dirent64 *restrict entry,
		       struct dirent64 **restrict ret_entry)
{
	return common_readdir_r(dir, (struct dirent *)entry, (struct dirent **)ret_entry);
}

EXPORT long telldir(DIR *dir)
{
	struct slot *slot = find_slot(dir);

	return slot && slot->own >= 0 ? OWN_OFFSETS + slot->own : NEXT(telldir)(dir);
}

EXPORT void seekdir(DIR *dir, long offset)
{
	struct slot *slot = find_slot(dir);

	if (slot)
		slot->own = offset >= OWN_OFFSETS ? offset - OWN_OFFSETS : -1;
	if (!slot || slot->own < 0)
		NEXT(seekdir)(dir, offset);
}

EXPORT void rewinddir(DIR *dir)
{
	struct slot *slot = find_slot(dir);

	if (slot)
		slot->own = -1;
	NEXT(rewinddir)(dir);
}
