/* SPDX-License-Identifier: MIT */
/* statx(): the same answers as stat.c gives, in the newer form. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "frontend/preload/next.h"
#include "frontend/preload/path_view.h"
#include "frontend/preload/view.h"

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
			view_statx(&st, stx);
	}
	/* Whether the answer can be written there, the kernel says. */
	if (vnode)
		r = NEXT(statx)(AT_FDCWD, "/", 0, STATX_TYPE, stx);
	if (vnode && !r) {
		view_stat(vnode, &st);
		view_statx(&st, stx);
	}
	return r;
}
