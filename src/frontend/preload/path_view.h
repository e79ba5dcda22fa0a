/* SPDX-License-Identifier: MIT */
/*
 * Which paths are the machine's. The path calls come here before the real call, at the cost of a
 * few compares for a path that can't be ours, and once more after a real call that found nothing.
 */
#ifndef UIOMMUFD_PRELOAD_PATH_VIEW_H
#define UIOMMUFD_PRELOAD_PATH_VIEW_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "frontend/preload/node_stat.h"
#include "frontend/preload/path_walk.h"

/*
 * The node that a path names, or NULL. Directories are not told here: one that exists for real is
 * the kernel's to answer. Keeps errno.
 */
const struct vnode *view_find(int dirfd, const char *path, bool follow);
/*
 * The same when the real call has failed with `error`: directories too, and any spelling. Keeps
 * errno, or makes it ENOTDIR when the path goes on behind a node.
 */
const struct vnode *view_find_late(int dirfd, const char *path, bool follow, int error);
/* The node of an absolute path that is the tree's own, or NULL. */
const struct vnode *view_node(const char *path);
/* The node of an open directory, or NULL if the tree has nothing in it. Keeps errno. */
const struct vnode *view_of_dir(int dirfd);
/*
 * The same for listings, quickly where there is nothing: the node of a directory in which the tree
 * has entries, and whether it is the tree's alone. Keeps errno.
 */
const struct vnode *view_listed_in(int dirfd, bool *ret_virtual);
/* The node behind one of our descriptors; NULL if it has none (a fault queue's) or is not ours.
 * Keeps errno. */
const struct vnode *view_of_fd(int fd);

/*
 * realpath() of a path that ends at a node: true, and its text. `error` is 0 before the real call
 * (no directories then), or what it failed with. Keeps errno.
 */
bool view_real_path(const char *path, int error, char ret_path[static PATH_MAX]);

/* open() of a node, a directory too: a descriptor or -errno. Changes errno. */
int view_open_node(const struct vnode *vnode, int flags);
/*
 * Puts right what the real fstatat(dirfd, path, flags) answered: true if *ret_st is to be told
 * instead. The answer's own mode and link count betray the cases: our descriptors are sockets, as
 * are the nodes of a private /dev (see tools/namespace.c), and the descriptors of virtual
 * directories are unlinked directories. Keeps errno.
 */
bool view_correct_stat(int dirfd, const char *path, int flags, mode_t mode, nlink_t nlink,
		       struct stat *ret_st);

#endif
