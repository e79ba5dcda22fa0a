/* SPDX-License-Identifier: MIT */
/* The machine's own tree, and the quick tests that keep everybody else's paths out of it. */
#include "frontend/preload/path_view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/guard.h"
#include "frontend/preload/fail_nth.h"
#include "frontend/preload/hugepages.h"
#include "frontend/preload/machine_view.h"
#include "frontend/preload/mask.h"
#include "frontend/preload/nodes.h"
#include "frontend/preload/procfs.h"
#include "frontend/preload/sysfs_file.h"
#include "frontend/preload/trace.h"
#include "frontend/preload/view.h"

static struct {
	struct vtree tree;
} view;

static int build(void)
{
	int r = 0;

	for (const struct node *node = nodes; node->path && !r; node++)
		r = vtree_add_char(&view.tree, node->path, node->mode, node->major, node->minor);
	r = r ? r : fail_nth_add_nodes(&view.tree);
	r = r ? r : hugepages_add_nodes(&view.tree);
	return r || !preload_machine() ? r : machine_view_add(&view.tree, preload_machine());
}

/*
 * Before main, when there is one thread and no signal handler of the program. Calls that come
 * earlier see an empty tree. Without memory for it there is nothing sensible that a program could
 * be shown.
 */
__attribute__((constructor)) static void view_init(void)
{
	vtree_init(&view.tree);
	if (build()) {
		static const char text[] = "uiommufd: out of memory: /dev/iommu can't be shown.\n";

		(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
		_exit(127);
	}
}

static const struct path_env env = {.tree = &view.tree, .fd_link = preload_fd_link};

/*
 * Can it be read to its end? If not the kernel answers, with EFAULT. Before the guard stands only the usual bad pointers are told: NULL and what is near it,
 * the kernel's half.
 */
static bool is_text(const char *path)
{
	char byte;

	if ((uintptr_t)path < 4096 || (intptr_t)path <= 0)
		return false;
	for (size_t n = 0, room; faults_are_ours(); n += room) {
		room = 4096 - ((uintptr_t)path + n) % 4096;
		if (guard_copy(&byte, path + n, 1))
			return false;
		if (n >= PATH_MAX || memchr(path + n, '\0', room))
			return true;
	}
	return true;
}

/* The walk in full, to a node of the tree or of a thread: 0 or as path_walk(). Changes errno. */
static int walk_to(int dirfd, const char *path, bool follow, const struct vnode **ret_vnode)
{
	char found[PATH_MAX];
	int r = path_walk(&env, dirfd, path, follow, found, ret_vnode);

	if (!r && !*ret_vnode && fail_nth_may_be(found))
		*ret_vnode = fail_nth_node(found);
	return r;
}

/* The same, keeping errno. */
static const struct vnode *walk(int dirfd, const char *path, bool follow)
{
	const struct vnode *vnode = NULL;
	int saved = errno;

	if (walk_to(dirfd, path, follow, &vnode))
		vnode = NULL;
	errno = saved;
	return vnode;
}

/* Is the last component worth a walk? */
static bool may_name(const char *path)
{
	return vtree_may_name(&view.tree, path) || fail_nth_may_be(path);
}

static bool has_dot_dot(const char *path)
{
	for (path = strstr(path, ".."); path; path = strstr(path + 1, ".."))
		if (path[-1] == '/' && (!path[2] || path[2] == '/'))
			return true;
	return false;
}

static const struct vnode *find_absolute(const char *path, bool follow)
{
	const struct vnode *vnode;
	int fd;

	/* No path of ours or of our descriptors begins otherwise: /dev, /proc, /sys. */
	if (path[1] != 'd' && path[1] != 'p' && path[1] != 's')
		return NULL;
	vnode = vtree_find(&view.tree, path);
	if (vnode && vnode->kind == VNODE_LINK && follow)
		return walk(AT_FDCWD, path, follow);
	if (vnode)
		return vnode;
	fd = follow ? path_fd_number(path) : -1;
	if (fd >= 0)
		return view_of_fd(fd);
	if (path[1] == 'p' && fail_nth_may_be(path))
		return fail_nth_node(path);
	return has_dot_dot(path) ? walk(AT_FDCWD, path, follow) : NULL;
}

const struct vnode *view_find(int dirfd, const char *path, bool follow)
{
	const struct vnode *vnode;

	if (!is_text(path))
		return NULL;
	if (*path == '/')
		vnode = find_absolute(path, follow);
	else
		vnode = may_name(path) ? walk(dirfd, path, follow) : NULL;
	return vnode && vnode->kind != VNODE_DIR ? vnode : NULL;
}

static bool is_link(int dirfd, const char *path)
{
	char byte;

	return syscall(SYS_readlinkat, dirfd, path, &byte, 1) >= 0;
}

const struct vnode *view_find_late(int dirfd, const char *path, bool follow, int error)
{
	const struct vnode *vnode = NULL;
	int saved = errno, r = 0;

	if (error != ENOENT && error != ENOTDIR && error != ENXIO && error != ENODEV)
		return NULL;
	if (may_name(path) || (follow && is_link(dirfd, path)))
		r = walk_to(dirfd, path, follow, &vnode);
	errno = r == -ENOTDIR ? ENOTDIR : saved;
	return r ? NULL : vnode;
}

/*
 * The real directories that the tree has nodes in, by device and inode: whether an open directory is one of them costs an
 * fstat() so, instead of several microseconds for its path. Only a filter: its path has the last word.
 */
#define REAL_DIRS 64

static struct {
	atomic_int state; /* REAL_DIRS_* */
	size_t count;
	struct {
		dev_t dev;
		ino_t ino;
	} ids[REAL_DIRS];
} real_dirs;

enum { REAL_DIRS_NONE, REAL_DIRS_BUSY, REAL_DIRS_READY, REAL_DIRS_TOO_MANY };

/* The next node of the tree, depth first; `inside`: what is in this one is not passed over. */
static const struct vnode *next_vnode(const struct vnode *vnode, bool inside)
{
	if (inside && !LIST_EMPTY(&vnode->children))
		return LIST_FIRST(&vnode->children);
	while (vnode && !LIST_NEXT(vnode, siblings))
		vnode = vnode->parent;
	return vnode ? LIST_NEXT(vnode, siblings) : NULL;
}

static int list_real_dirs(void)
{
	const struct vnode *vnode = &view.tree.root;
	char path[PATH_MAX];
	struct stat st;
	bool real;

	/* In what isn't there for real nothing is. */
	for (; vnode; vnode = next_vnode(vnode, real)) {
		real = vnode->kind == VNODE_DIR && vnode_path(vnode, path, sizeof(path)) >= 0 &&
		       !syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0);
		if (!real)
			continue;
		if (real_dirs.count == REAL_DIRS)
			return REAL_DIRS_TOO_MANY;
		real_dirs.ids[real_dirs.count].dev = st.st_dev;
		real_dirs.ids[real_dirs.count++].ino = st.st_ino;
	}
	return REAL_DIRS_READY;
}

/* False is certain, as long as nothing else is mounted there. */
static bool may_be_ours(const struct stat *st)
{
	int none = REAL_DIRS_NONE;

	if (!st->st_nlink)
		return true;
	if (LIST_EMPTY(&view.tree.root.children))
		return false; /* a constructor that runs before ours lists a directory: too early to remember anything */
	if (atomic_compare_exchange_strong(&real_dirs.state, &none, REAL_DIRS_BUSY))
		atomic_store(&real_dirs.state, list_real_dirs());
	if (atomic_load(&real_dirs.state) != REAL_DIRS_READY)
		return true;
	for (size_t i = 0; i < real_dirs.count; i++)
		if (real_dirs.ids[i].ino == st->st_ino && real_dirs.ids[i].dev == st->st_dev)
			return true;
	return false;
}

const struct vnode *view_listed_in(int dirfd, bool *ret_virtual)
{
	const struct vnode *vnode = NULL;
	int saved = errno;
	struct stat st;

	if (!syscall(SYS_fstat, dirfd, &st) && may_be_ours(&st))
		vnode = view_of_dir(dirfd);
	errno = saved;
	if (!vnode || LIST_EMPTY(&vnode->children))
		return NULL;
	*ret_virtual = !st.st_nlink;
	return vnode;
}

const struct vnode *view_of_dir(int dirfd)
{
	char path[PATH_MAX];
	int saved = errno;
	int r = path_of_dir(dirfd, path);
	const struct vnode *vnode = r ? NULL : vtree_find(&view.tree, path);

	errno = saved;
	return vnode && vnode->kind == VNODE_DIR ? vnode : NULL;
}

const struct vnode *view_of_fd(int fd)
{
	const char *link = preload_fd_link(fd);

	if (!link || *link != '/')
		return NULL;
	return fail_nth_may_be(link) ? fail_nth_node(link) : vtree_find(&view.tree, link);
}

bool view_real_path(const char *path, int error, char ret_path[static PATH_MAX])
{
	const struct vnode *vnode = error ? view_find_late(AT_FDCWD, path, true, error)
					  : view_find(AT_FDCWD, path, true);

	return vnode && vnode_path(vnode, ret_path, PATH_MAX) >= 0;
}

const struct vnode *view_node(const char *path)
{
	return vtree_find(&view.tree, path);
}

static int open_char(const struct vnode *vnode, int flags)
{
	char path[PATH_MAX];
	int r = vnode_path(vnode, path, sizeof(path));

	if (r < 0)
		return r;
	return preload_open_node(path + strlen("/dev/"), flags);
}

/* What a program writes to a text file of ours changes nothing where there is nothing to set. */
static int open_text(const struct vnode *vnode, int flags)
{
	long fd;

	if ((flags & O_ACCMODE) != O_RDONLY && !(vnode->mode & 0222))
		return -EACCES;
	if ((flags & O_ACCMODE) != O_RDONLY && vnode->store)
		return sysfs_file_open(vnode, flags);
	if ((flags & O_ACCMODE) != O_WRONLY)
		return procfs_open_text(vnode, flags);
	fd = syscall(SYS_openat, AT_FDCWD, "/dev/null", flags & ~(O_CREAT | O_TRUNC), 0);
	return fd < 0 ? -errno : (int)fd;
}

static int open_dir(const struct vnode *vnode, int flags)
{
	if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT))
		return -EISDIR;
	return path_open_dir(vnode, flags);
}

int view_open_node(const struct vnode *vnode, int flags)
{
	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	if ((flags & O_DIRECTORY) && vnode->kind != VNODE_DIR)
		return -ENOTDIR;
	switch (vnode->kind) {
	case VNODE_DIR:
		return open_dir(vnode, flags);
	case VNODE_CHAR:
		return open_char(vnode, flags);
	case VNODE_TEXT:
		return open_text(vnode, flags);
	case VNODE_TASK:
		return fail_nth_open(vnode, flags);
	default:
		return -ELOOP; /* O_NOFOLLOW */
	}
}

bool view_open(int dirfd, const char *path, int flags, int *ret_fd)
{
	const struct vnode *vnode;
	int saved = errno, fd;

	if (!is_text(path))
		return false;
	if ((path[0] != '/' || path[1] == 'p') &&
	    procfs_open_status(&env, dirfd, path, flags, ret_fd))
		return true;
	vnode = view_find(dirfd, path, !(flags & O_NOFOLLOW));
	if (!vnode)
		return false;
	fd = view_open_node(vnode, flags);
	errno = saved;
	if (trace_on && vnode->kind == VNODE_CHAR)
		trace_open(dirfd, path, flags, fd);
	*ret_fd = fd;
	return true;
}

bool view_open_late(int dirfd, const char *path, int flags, int *ret_fd)
{
	int saved = errno;
	const struct vnode *vnode = view_find_late(dirfd, path, !(flags & O_NOFOLLOW), saved);

	if (!vnode)
		return false;
	*ret_fd = view_open_node(vnode, flags);
	errno = saved;
	if (trace_on && vnode->kind == VNODE_CHAR)
		trace_open(dirfd, path, flags, *ret_fd);
	return true;
}
