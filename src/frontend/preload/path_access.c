/* SPDX-License-Identifier: MIT */
/* access() and its kin. Any user may open the view's nodes: the answer is about that, not about the
 * mode. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "frontend/preload/next.h"
#include "frontend/preload/path_view.h"

static int answer(const struct vnode *vnode, int mode)
{
	int r = view_access(vnode, mode);

	if (r)
		errno = -r;
	return r ? -1 : 0;
}

/* What follows a failed real call. */
static int late(int dirfd, const char *path, bool follow, int mode)
{
	const struct vnode *vnode = view_find_late(dirfd, path, follow, errno);

	return vnode ? answer(vnode, mode) : -1;
}

EXPORT int access(const char *path, int mode)
{
	const struct vnode *vnode = view_find(AT_FDCWD, path, true);

	if (vnode)
		return answer(vnode, mode);
	return NEXT(access)(path, mode) ? late(AT_FDCWD, path, true, mode) : 0;
}

EXPORT int faccessat(int dirfd, const char *path, int mode, int flags)
{
	bool follow = !(flags & AT_SYMLINK_NOFOLLOW);
	const struct vnode *vnode = view_find(dirfd, path, follow);

	if (vnode)
		return answer(vnode, mode);
	return NEXT(faccessat)(dirfd, path, mode, flags) ? late(dirfd, path, follow, mode) : 0;
}

EXPORT int euidaccess(const char *path, int mode)
{
	const struct vnode *vnode = view_find(AT_FDCWD, path, true);

	if (vnode)
		return answer(vnode, mode);
	return NEXT(euidaccess)(path, mode) ? late(AT_FDCWD, path, true, mode) : 0;
}

EXPORT int eaccess(const char *path, int mode)
{
	return euidaccess(path, mode);
}
