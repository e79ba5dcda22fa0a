/* SPDX-License-Identifier: MIT */
/* What stat says of nodes. */
#include "frontend/preload/node_stat.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

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

void view_stat_anonymous(struct stat *ret_st)
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

static struct statx_timestamp timestamp(struct timespec time)
{
	return (struct statx_timestamp){.tv_sec = time.tv_sec, .tv_nsec = time.tv_nsec};
}

void view_statx(const struct stat *st, struct statx *ret_stx)
{
	*ret_stx = (struct statx){
		.stx_mask = STATX_BASIC_STATS,
		.stx_blksize = st->st_blksize,
		.stx_nlink = st->st_nlink,
		.stx_uid = st->st_uid,
		.stx_gid = st->st_gid,
		.stx_mode = st->st_mode,
		.stx_ino = st->st_ino,
		.stx_size = st->st_size,
		.stx_blocks = st->st_blocks,
		.stx_atime = timestamp(st->st_atim),
		.stx_mtime = timestamp(st->st_mtim),
		.stx_ctime = timestamp(st->st_ctim),
		.stx_rdev_major = major(st->st_rdev),
		.stx_rdev_minor = minor(st->st_rdev),
		.stx_dev_major = major(st->st_dev),
		.stx_dev_minor = minor(st->st_dev),
	};
}

int view_access(const struct vnode *vnode, int mode)
{
	switch (vnode->kind) {
	case VNODE_DIR:
		return (mode & W_OK) && geteuid() ? -EACCES : 0;
	case VNODE_TEXT:
		return (mode & X_OK) || ((mode & W_OK) && geteuid()) ? -EACCES : 0;
	default:
		return mode & X_OK ? -EACCES : 0;
	}
}
