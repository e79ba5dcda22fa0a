/* SPDX-License-Identifier: MIT */
/*
 * Fault injection as Linux shows it: a thread's /proc/.../fail-nth, which is the counter of
 * base/inject.h, and the folders in /sys/kernel/debug by which programs find out that there is such a
 * thing and what it may fail. `make-it-fail`, probabilities and filters are not there: the nth point
 * is the only one that can be asked to fail.
 *
 * Only this process's threads: another process's files are the kernel's to answer. Another process
 * may use an open descriptor, as on Linux; it means the thread for which it was opened.
 */
#ifndef UIOMMUFD_PRELOAD_FAIL_NTH_H
#define UIOMMUFD_PRELOAD_FAIL_NTH_H

#include "core/file.h"
#include "frontend/preload/path_tree.h"

/* The folders of /sys/kernel/debug. 0, -ENOMEM. */
int fail_nth_add_nodes(struct vtree *tree);

/* Could this path be the name of one? Looks at its last component only. */
bool fail_nth_may_be(const char *path);
/*
 * The node of an absolute path without links, but for self and thread-self: /proc/PID/fail-nth, /proc/PID/task/TID/fail-nth.
 * NULL: it is another path, or there is no such thread in this process. The node is good until this thread's next call. Keeps errno.
 */
const struct vnode *fail_nth_node(const char *path);
/* open() of a node: a descriptor or -errno. Changes errno. */
int fail_nth_open(const struct vnode *vnode, int flags);

/*
 * What fail_nth_open() asks for by the node's name, in the process of the thread: a file with one reference. -ENOENT: that is not
 * the name of one, or the thread is not of this process, -ENOMEM.
 */
int fail_nth_file(const char *name, int accmode, struct file **ret_file);

#endif
