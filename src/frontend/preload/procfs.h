/* SPDX-License-Identifier: MIT */
/* Files with text of ours: /proc/<pid>/status with the core's accounts in it, and the tree's text
 * files. */
#ifndef UIOMMUFD_PRELOAD_PROCFS_H
#define UIOMMUFD_PRELOAD_PROCFS_H

#include "frontend/preload/path_walk.h"

/* Can it be for procfs_open_status(), by how it ends? */
bool procfs_may_be_status(const char *path);
/*
 * open() of a /proc/<pid>/status whose process has pages pinned or locked by a context that this
 * process hosts or uses: true, and *ret_fd is a descriptor of the real text with VmLck and VmPin
 * raised by them, as of now, or -errno. False: for the kernel to answer. Keeps errno.
 */
bool procfs_open_status(const struct path_env *env, int dirfd, const char *path, int flags,
			int *ret_fd);
/* open() of a VNODE_TEXT to read it: a descriptor or -errno. What is written to it goes nowhere. Changes errno. */
int procfs_open_text(const struct vnode *vnode, int flags);

/*
 * Copies the text of `from` to `to`, both descriptors, and adds pages to the lines VmLck and VmPin.
 * 0 or -errno. Changes errno.
 */
int procfs_patch_status(int from, int to, uint64_t pinned_pages, uint64_t locked_pages);

#endif
