/* SPDX-License-Identifier: MIT */
/* The stat family: before the real call, after its failure, and putting its answer right. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "frontend/preload/next.h"
#include "frontend/preload/path_view.h"
#include "frontend/preload/view.h"

static_assert(sizeof(struct stat) == sizeof(struct stat64), "64-bit machines only");

static int common_fstat(int fd, struct stat *st)
{
	int r = NEXT(fstat)(fd, st);

	if (!r)
		view_correct_stat(fd, "", AT_EMPTY_PATH, st->st_mode, st->st_nlink, st);
	return r;
}

static int common_stat(int dirfd, const char *path, struct stat *st, int flags)
{
	bool follow = !(flags & AT_SYMLINK_NOFOLLOW);
	const struct vnode *vnode = view_find(dirfd, path, follow);
	int r = 0;

	if (!vnode) {
		r = NEXT(fstatat)(dirfd, path, st, flags);
		if (!r)
			view_correct_stat(dirfd, path, flags, st->st_mode, st->st_nlink, st);
		else
			vnode = view_find_late(dirfd, path, follow, errno);
	}
	/* Whether the answer can be written there, the kernel says. */
	if (vnode)
		r = NEXT(fstatat)(AT_FDCWD, "/", st, 0);
	if (vnode && !r)
		view_stat(vnode, st);
	return r;
}

/* Every spelling that the C library has had for them. */

EXPORT int stat(const char *restrict path, struct stat *restrict st)
{
	return common_stat(AT_FDCWD, path, st, 0);
}

EXPORT int stat64(const char *restrict path, struct stat64 *restrict st)
{
	return common_stat(AT_FDCWD, path, (struct stat *)st, 0);
}

EXPORT int lstat(const char *restrict path, struct stat *restrict st)
{
	return common_stat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

EXPORT int lstat64(const char *restrict path, struct stat64 *restrict st)
{
	return common_stat(AT_FDCWD, path, (struct stat *)st, AT_SYMLINK_NOFOLLOW);
}

EXPORT int fstat(int fd, struct stat *st)
{
	return common_fstat(fd, st);
}

EXPORT int fstat64(int fd, struct stat64 *st)
{
	return common_fstat(fd, (struct stat *)st);
}

EXPORT int fstatat(int dirfd, const char *restrict path, struct stat *restrict st, int flags)
{
	return common_stat(dirfd, path, st, flags);
}

EXPORT int fstatat64(int dirfd, const char *restrict path, struct stat64 *restrict st, int flags)
{
	return common_stat(dirfd, path, (struct stat *)st, flags);
}

/* Programs built against a C library older than 2.33 call these; the version is always that of
 * struct stat. */
int __xstat(int version, const char *path, struct stat *st);
int __xstat64(int version, const char *path, struct stat64 *st);
int __lxstat(int version, const char *path, struct stat *st);
int __lxstat64(int version, const char *path, struct stat64 *st);
int __fxstat(int version, int fd, struct stat *st);
int __fxstat64(int version, int fd, struct stat64 *st);
int __fxstatat(int version, int dirfd, const char *path, struct stat *st, int flags);
int __fxstatat64(int version, int dirfd, const char *path, struct stat64 *st, int flags);

EXPORT int __xstat(int version, const char *path, struct stat *st)
{
	return common_stat(AT_FDCWD, path, st, 0);
}

EXPORT int __xstat64(int version, const char *path, struct stat64 *st)
{
	return common_stat(AT_FDCWD, path, (struct stat *)st, 0);
}

EXPORT int __lxstat(int version, const char *path, struct stat *st)
{
	return common_stat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

EXPORT int __lxstat64(int version, const char *path, struct stat64 *st)
{
	return common_stat(AT_FDCWD, path, (struct stat *)st, AT_SYMLINK_NOFOLLOW);
}

EXPORT int __fxstat(int version, int fd, struct stat *st)
{
	return common_fstat(fd, st);
}

EXPORT int __fxstat64(int version, int fd, struct stat64 *st)
{
	return common_fstat(fd, (struct stat *)st);
}

EXPORT int __fxstatat(int version, int dirfd, const char *path, struct stat *st, int flags)
{
	return common_stat(dirfd, path, st, flags);
}

EXPORT int __fxstatat64(int version, int dirfd, const char *path, struct stat64 *st, int flags)
{
	return common_stat(dirfd, path, (struct stat *)st, flags);
}
