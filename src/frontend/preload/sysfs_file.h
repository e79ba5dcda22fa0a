/* SPDX-License-Identifier: MIT */
/*
 * A file of the tree that takes what is written to it. It is a file of the core like /dev/iommu, so that the descriptor keeps its meaning in whatever
 * process it gets to: a shell opens it for a program that it executes.
 */
#ifndef UIOMMUFD_PRELOAD_SYSFS_FILE_H
#define UIOMMUFD_PRELOAD_SYSFS_FILE_H

#include "core/file.h"
#include "frontend/preload/path_tree.h"

/* open() of a VNODE_TEXT with a `store`: a descriptor, or -errno. Changes errno. */
int sysfs_file_open(const struct vnode *vnode, int flags);
/* What it asks for by the node's name, in the process that uses it first: a file with one reference. -ENOENT, -ENOMEM. */
int sysfs_file_new(const char *name, int accmode, struct file **ret_file);

#endif
