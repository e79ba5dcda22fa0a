/* SPDX-License-Identifier: MIT */
/*
 * Calls that would change the view's nodes, or a real node that they hide. A machine's nodes are not the program's to
 * change: EPERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontend/preload/next.h"
#include "frontend/preload/path_view.h"

/* Before the real call: true, and errno says so, if it must not be made. */
static bool refused(int dirfd, const char *path, bool follow)
{
	if (!view_find(dirfd, path, follow))
		return false;
	errno = EPERM;
	return true;
}

/* After it: its result, with the errno of a node where it found none. */
static int late(int real, int dirfd, const char *path, bool follow)
{
	if (real < 0 && errno == ENOENT && view_find_late(dirfd, path, follow, errno))
		errno = EPERM;
	return real;
}

#define CHANGE(name, params, args, dirfd, path, follow)                                            \
	EXPORT int name params                                                                     \
	{                                                                                          \
		if (refused(dirfd, path, follow))                                                  \
			return -1;                                                                 \
		return late(NEXT(name) args, dirfd, path, follow);                                 \
	}

CHANGE(chmod, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path, true)
CHANGE(fchmodat, (int dirfd, const char *path, mode_t mode, int flags), (dirfd, path, mode, flags),
       dirfd, path, true)
CHANGE(chown, (const char *path, uid_t uid, gid_t gid), (path, uid, gid), AT_FDCWD, path, true)
CHANGE(lchown, (const char *path, uid_t uid, gid_t gid), (path, uid, gid), AT_FDCWD, path, false)
CHANGE(fchownat, (int dirfd, const char *path, uid_t uid, gid_t gid, int flags),
       (dirfd, path, uid, gid, flags), dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW))
CHANGE(unlink, (const char *path), (path), AT_FDCWD, path, false)
CHANGE(unlinkat, (int dirfd, const char *path, int flags), (dirfd, path, flags), dirfd, path, false)
CHANGE(rename, (const char *from, const char *to), (from, to), AT_FDCWD, from, false)
