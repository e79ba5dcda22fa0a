/* SPDX-License-Identifier: MIT */
/*
 * Walks a path component by component over the real file system and a tree of virtual nodes: the
 * exact and slow way, for the spellings that the quick lookups don't see (relative paths, "..",
 * symbolic links on either side).
 */
#ifndef UIOMMUFD_PRELOAD_PATH_WALK_H
#define UIOMMUFD_PRELOAD_PATH_WALK_H

#include <limits.h>
#include <stdbool.h>

#include "frontend/preload/path_tree.h"

struct path_env {
	const struct vtree *tree;
	/* What /proc/self/fd/N of our descriptors says, or NULL for other descriptors. */
	const char *(*fd_link)(int fd);
};

/*
 * The absolute path of what (dirfd, path) names, without links, "." and "..", and its node, or NULL
 * if it is real or not there at all. The last component is followed if it is a link and `follow`.
 * -ENOENT if a folder on the way is missing, -ENOTDIR, -ELOOP, -ENAMETOOLONG; ret_path's bytes are
 * then undefined (it is the workspace: small stacks). Changes errno.
 */
int path_walk(const struct path_env *env, int dirfd, const char *path, bool follow,
	      char ret_path[static PATH_MAX], const struct vnode **ret_vnode);

/*
 * A descriptor of a virtual directory is one of an unlinked, empty real directory, whose name says
 * which: so it needs no state, and stays what it is across dup, exec and SCM_RIGHTS. A new
 * descriptor, or -errno.
 */
int path_open_dir(const struct vnode *dir, int flags);
/*
 * What a /proc link says, put right: a virtual directory's text is replaced by its path in the
 * tree. `text` has PATH_MAX bytes. True if it was one.
 */
bool path_unmask_dir(char *text);
/* The absolute path of an open directory, or of the current one for AT_FDCWD. 0 or -errno. Changes
 * errno. */
int path_of_dir(int dirfd, char ret_path[static PATH_MAX]);

/* Is `path` the /proc link of one of this process's descriptors? Then its number, else -1. */
int path_fd_number(const char *path);

#endif
