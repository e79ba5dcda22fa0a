/* SPDX-License-Identifier: MIT */
/* What stat and access say of a tree's nodes: the same for whoever shows them. */
#ifndef UIOMMUFD_PRELOAD_NODE_STAT_H
#define UIOMMUFD_PRELOAD_NODE_STAT_H

#include <sys/stat.h>

#include "frontend/preload/path_tree.h"

void view_stat(const struct vnode *vnode, struct stat *ret_st);
/* Descriptors without a node (fault queues, ...) are anonymous inodes, as the kernel's. */
void view_stat_anonymous(struct stat *ret_st);
/* The same in the newer form. */
void view_statx(const struct stat *st, struct statx *ret_stx);
/* access() of it: 0 or -errno. */
int view_access(const struct vnode *vnode, int mode);

#endif
