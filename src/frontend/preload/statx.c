/* SPDX-License-Identifier: MIT */
/* statx(): the same answers as stat.c gives, in the newer form. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "frontend/preload/next.h"
#include "frontend/preload/path_view.h"
#include "frontend/preload/view.h"

static struct statx_timestamp timestamp(struct timespec time)
{
	return (struct statx_timestamp){.tv_sec = time.tv_sec, .tv_nsec = time.tv_nsec};
}

static void convert(const struct stat *st, struct statx *ret_stx)
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

EXPORT int statx(int dirfd, const char *restrict path, int flags, unsigned int mask,
		 struct statx *restrict stx)
{
	bool follow = !(flags & AT_SYMLINK_NOFOLLOW);
	const struct vnode *vnode = view_find(dirfd, path, follow);
	struct stat st;
	int r = 0;

	if (!vnode) {
		/* The mode and the link count tell what has to be put right. */
		r = NEXT(statx)(dirfd, path, flags, mask | STATX_TYPE | STATX_NLINK, stx);
		if (r)
			vnode = view_find_late(dirfd, path, follow, errno);
		else if (view_correct_stat(dirfd, path, flags, stx->stx_mode, stx->stx_nlink, &st))
			convert(&st, stx);
	}
	if (vnode) {
		view_stat(vnode, &st);
		convert(&st, stx);
		r = 0;
	}
	return r;
}
