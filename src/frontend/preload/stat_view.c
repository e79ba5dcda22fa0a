/* SPDX-License-Identifier: MIT */
/* Putting right what the real calls say of the view's nodes and of our descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "frontend/preload/path_view.h"
#include "frontend/preload/view.h"

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
		view_stat_anonymous(ret_st);
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
