/* SPDX-License-Identifier: MIT */
/* What stat says of the view's nodes and of our descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "frontend/preload/path_view.h"
#include "frontend/preload/view.h"

/* Far above what devtmpfs hands out. */
#define INO_BASE 0x69000000

/* The real /dev: the nodes lie on its file system and are as old as it is, whoever asks. */
static struct stat real_dev(void)
{
	int saved = errno;
	struct stat st = {};

	syscall(SYS_newfstatat, AT_FDCWD, "/dev", &st, 0);
	errno = saved;
	return st;
}

/*
 * The nodes belong to root, as on every machine. A user who isn't root gets them by group, as udev
 * rules give them, so that the mode says what is true: they can be opened.
 */
static gid_t owner_group(const struct vnode *vnode)
{
	if (vnode->kind != VNODE_CHAR || !geteuid())
		return 0;
	return getegid();
}

static mode_t type_of(const struct vnode *vnode)
{
	static const mode_t types[] = {
		[VNODE_DIR] = S_IFDIR,	[VNODE_CHAR] = S_IFCHR, [VNODE_TEXT] = S_IFREG,
		[VNODE_LINK] = S_IFLNK, [VNODE_TASK] = S_IFREG,
	};

	return types[vnode->kind];
}

void view_stat(const struct vnode *vnode, struct stat *ret_st)
{
	const struct stat dev = real_dev();

	*ret_st = (struct stat){
		.st_dev = dev.st_dev,
		.st_ino = INO_BASE + vnode->ino,
		.st_mode = type_of(vnode) | vnode->mode,
		.st_nlink = vnode->kind == VNODE_DIR ? 2 : 1,
		.st_gid = owner_group(vnode),
		.st_blksize = 4096,
		.st_atim = dev.st_atim,
		.st_mtim = dev.st_mtim,
		.st_ctim = dev.st_ctim,
	};
	if (vnode->kind == VNODE_CHAR)
		ret_st->st_rdev = makedev(vnode->major, vnode->minor);
	if (vnode->kind == VNODE_TEXT)
		ret_st->st_size = vnode->size;
	if (vnode->kind == VNODE_LINK)
		ret_st->st_size = strlen(vnode->target);
}

/* Descriptors without a node (fault queues, ...) are anonymous inodes, as the kernel's. */
static void stat_anonymous(struct stat *ret_st)
{
	const struct stat dev = real_dev();

	*ret_st = (struct stat){
		.st_ino = INO_BASE,
		.st_mode = 0600,
		.st_nlink = 1,
		.st_blksize = 4096,
		.st_atim = dev.st_atim,
		.st_mtim = dev.st_mtim,
		.st_ctim = dev.st_ctim,
	};
}

/* What the real stat of our descriptor `fd` should have been. */
static bool correct_socket(int fd, struct stat *ret_st)
{
	const struct vnode *vnode;

	if (fd < 0 || !preload_is_ours(fd, NULL))
		return false;
	vnode = view_of_fd(fd);
	if (vnode)
		view_stat(vnode, ret_st);
	else
		stat_anonymous(ret_st);
	return true;
}

bool view_correct_stat(int dirfd, const char *path, int flags, mode_t mode, nlink_t nlink,
		       struct stat *ret_st)
{
	bool empty = (flags & AT_EMPTY_PATH) && (!path || !*path);
	bool follow = !(flags & AT_SYMLINK_NOFOLLOW);
	const struct vnode *vnode;

	if (S_ISSOCK(mode) && (empty || (follow && path_fd_number(path) >= 0)))
		return correct_socket(empty ? dirfd : path_fd_number(path), ret_st);
	if (!S_ISSOCK(mode) && (!S_ISDIR(mode) || nlink))
		return false;
	vnode = empty || !strcmp(path, ".") ? view_of_dir(dirfd)
					    : view_find_late(dirfd, path, follow, ENOENT);
	if (vnode)
		view_stat(vnode, ret_st);
	return vnode;
}
