/* SPDX-License-Identifier: MIT */
/*
 * Calls that name a path: of the machine's nodes, or of anything else. A path is read once, and what isn't ours by that reading is the
 * kernel's, whatever it says by then.
 */
#include "frontend/launcher/supervisor.h"

#include "base/cleanup.h"
#include "frontend/preload/node_stat.h"
#include "frontend/preload/path_walk.h"
#include "frontend/preload/procfs.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PAGE ((uint64_t)4096)

/* A string of the caller's, page by page: 0, or -EFAULT, -ENAMETOOLONG. */
static int peek_text(const struct call *call, uint64_t src, char ret_text[static PATH_MAX])
{
	size_t have = 0;

	*ret_text = '\0';
	while (have < PATH_MAX) {
		size_t room = PAGE - (src + have) % PAGE;
		/* Most are short. */
		size_t want = !have && room > 256 ? 256 : room;

		if (want > PATH_MAX - have)
			want = PATH_MAX - have;
		if (call_read(call, ret_text + have, src + have, want))
			return -EFAULT;
		if (memchr(ret_text + have, '\0', want))
			return 0;
		have += want;
	}
	return -ENAMETOOLONG;
}

/* Where a relative path begins. */
static int folder_of(const struct call *call, int dirfd, char ret_path[static PATH_MAX])
{
	char link[64];
	long n;

	if (dirfd == AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/%d/cwd", (int)call->notice->call.pid);
	else
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)call->notice->call.pid, dirfd);
	n = sys_raw(SYS_readlinkat, AT_FDCWD, link, ret_path, PATH_MAX - 1);
	if (n < 0)
		return (int)n;
	ret_path[n] = '\0';
	(void)path_unmask_dir(ret_path);
	return 0;
}

const struct vnode *call_folder(const struct call *call, int number, bool *ret_virtual)
{
	char path[PATH_MAX];
	const struct vnode *vnode;
	struct stat st;

	if (folder_of(call, number, path))
		return NULL;
	vnode = vtree_find(&call->supervisor->tree, path);
	if (!vnode || vnode->kind != VNODE_DIR)
		return NULL;
	*ret_virtual = sys_raw(SYS_newfstatat, AT_FDCWD, path, &st, 0) != 0;
	return vnode;
}

/* "/proc/self/..." is the caller's, not ours; where its process was looked up, by that one's number. */
static int make_absolute(const struct call *call, int dirfd, const char *path,
			 char ret_path[static PATH_MAX])
{
	int n, rc, pid = call->sure ? call->target->pid : (pid_t)call->notice->call.pid;

	if (!strncmp(path, "/proc/self/", 11)) {
		n = snprintf(ret_path, PATH_MAX, "/proc/%d/%s", pid, path + 11);
	} else if (*path == '/') {
		n = snprintf(ret_path, PATH_MAX, "%s", path);
	} else {
		rc = folder_of(call, dirfd, ret_path);
		if (rc)
			return rc;
		n = (int)strlen(ret_path);
		n += snprintf(ret_path + n, (size_t)(PATH_MAX - n), "/%s", path);
	}
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static bool has_dot_dot(const char *path)
{
	return strstr(path, "..") != NULL;
}

/* Can it be the machine's, by a look at its text? */
static bool may_be_ours(const struct supervisor *supervisor, const char *path)
{
	if (*path != '/')
		return vtree_may_name(&supervisor->tree, path);
	if (path[1] != 'd' && path[1] != 's' && path[1] != 'p')
		return false;
	return vtree_find(&supervisor->tree, path) || has_dot_dot(path) ||
	       vtree_may_name(&supervisor->tree, path);
}

/* The node that a path names, or NULL; an empty path names none. */
static const struct vnode *find(const struct call *call, int dirfd, const char *path, bool follow)
{
	const struct path_env env = {.tree = &call->supervisor->tree};
	char absolute[PATH_MAX], found[PATH_MAX];
	const struct vnode *vnode = NULL;

	if (!*path || !may_be_ours(call->supervisor, path) ||
	    make_absolute(call, dirfd, path, absolute) ||
	    path_walk(&env, AT_FDCWD, absolute, follow, found, &vnode))
		return NULL;
	return vnode;
}

/* A folder that is there for real is the kernel's to show. */
static bool is_real(const struct vnode *vnode)
{
	char path[PATH_MAX];
	struct stat st;

	return vnode->kind == VNODE_DIR && vnode_path(vnode, path, sizeof(path)) >= 0 &&
	       !sys_raw(SYS_newfstatat, AT_FDCWD, path, &st, 0);
}

/* ... if it is the machine's. */
static const struct vnode *find_ours(const struct call *call, int dirfd, const char *path,
				     bool follow)
{
	const struct vnode *vnode = find(call, dirfd, path, follow);

	return vnode && !is_real(vnode) ? vnode : NULL;
}

/* ... of the path that a call has at an address. */
static const struct vnode *find_at(const struct call *call, int dirfd, uint64_t path, bool follow)
{
	char text[PATH_MAX];

	return peek_text(call, path, text) ? NULL : find_ours(call, dirfd, text, follow);
}

static int open_char(struct call *call, const struct vnode *vnode, int flags)
{
	char path[PATH_MAX];
	int fd, rc = vnode_path(vnode, path, sizeof(path));

	if (rc < 0)
		return rc;
	service_here_settle(call->supervisor->service);
	rc = call_enter(call);
	if (!rc)
		rc = service_here_open(call->supervisor->service, &call->client,
				       path + strlen("/dev/"), flags, &fd);
	return rc ? rc : fd;
}

/* A descriptor of ours as the program is to have it, or -errno. */
static int open_node(struct call *call, const struct vnode *vnode, int flags)
{
	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	if ((flags & O_DIRECTORY) && vnode->kind != VNODE_DIR)
		return -ENOTDIR;
	switch (vnode->kind) {
	case VNODE_DIR:
		return flags & (O_ACCMODE | O_CREAT) ? -EISDIR : path_open_dir(vnode, flags);
	case VNODE_CHAR:
		return open_char(call, vnode, flags);
	case VNODE_TEXT:
		if ((flags & O_ACCMODE) == O_RDONLY)
			return procfs_open_text(vnode, flags);
		if (vnode->store && vnode->data) /* a physical function's: see make_tree() */
			return -EPERM;
		return vnode->mode & 0222 ? (int)sys_raw(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR)
					  : -EACCES;
	default:
		return -ELOOP; /* O_NOFOLLOW */
	}
}

/* Ours is closed before the program goes on: its close() is to be the last. */
static int64_t open_found(struct call *call, const struct vnode *vnode, int flags)
{
	CLEANUP_FD int fd = open_node(call, vnode, flags);

	return fd < 0 ? fd : notice_install(call->notice, fd, flags);
}

/* /proc/PID/status, where pages of the process are pinned: its text counts them. */
static int64_t open_status(struct call *call, int dirfd, const char *path, int flags)
{
	const struct path_env env = {.tree = &call->supervisor->tree};
	char absolute[PATH_MAX];
	CLEANUP_FD int fd = -1;

	if (call_enter(call) || make_absolute(call, dirfd, path, absolute) ||
	    !procfs_open_status(&env, AT_FDCWD, absolute, flags, &fd))
		return CALL_LET_GO;
	return fd < 0 ? fd : notice_install(call->notice, fd, flags);
}

int64_t call_openat(struct call *call, int dirfd, uint64_t path, int flags)
{
	const struct vnode *vnode;
	char text[PATH_MAX];

	if (peek_text(call, path, text))
		return CALL_LET_GO;
	if (procfs_may_be_status(text))
		return open_status(call, dirfd, text, flags);
	vnode = find_ours(call, dirfd, text, !(flags & O_NOFOLLOW));
	return vnode ? open_found(call, vnode, flags) : CALL_LET_GO;
}

int64_t call_openat2(struct call *call)
{
	struct open_how how;

	if (call_read(call, &how, call->args[2], sizeof(how)))
		return CALL_LET_GO;
	return call_openat(call, (int)call->args[0], call->args[1], (int)how.flags);
}

/* What stat says of a descriptor, if it is one of ours. */
static bool stat_descriptor(struct call *call, int number, struct stat *ret_st)
{
	char path[IDENTITY_NODE_MAX + 8];
	const struct vnode *vnode;
	struct identity identity;

	if (!call_may_be_ours(call, number))
		return false;
	CLEANUP_FD int a = call_duplicate(call, number);

	if (a < 0 || identity_of(a, &identity))
		return false;
	snprintf(path, sizeof(path), "/dev/%s", identity.node);
	vnode = vtree_find(&call->supervisor->tree, path);
	if (vnode)
		view_stat(vnode, ret_st);
	else
		view_stat_anonymous(ret_st);
	return true;
}

static bool names_descriptor(const struct call *call, uint64_t path, int flags)
{
	char byte;

	return flags & AT_EMPTY_PATH && (!path || (!call_read(call, &byte, path, 1) && !byte));
}

static bool stat_of(struct call *call, int dirfd, uint64_t path, int flags, struct stat *ret_st)
{
	const struct vnode *vnode;

	if (names_descriptor(call, path, flags))
		return stat_descriptor(call, dirfd, ret_st);
	vnode = find_at(call, dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW));
	if (vnode)
		view_stat(vnode, ret_st);
	return vnode;
}

int64_t call_stat(struct call *call, int dirfd, uint64_t path, int flags, uint64_t buf)
{
	struct stat st;

	return stat_of(call, dirfd, path, flags, &st) ? call_write(call, buf, &st, sizeof(st))
						      : CALL_LET_GO;
}

int64_t call_statx(struct call *call)
{
	const uint64_t *args = call->args;
	struct statx stx;
	struct stat st;

	if (!stat_of(call, (int)args[0], args[1], (int)args[2], &st))
		return CALL_LET_GO;
	view_statx(&st, &stx);
	return call_write(call, args[4], &stx, sizeof(stx));
}

int64_t call_access(struct call *call, int dirfd, uint64_t path, int mode, int flags)
{
	const struct vnode *vnode = find_at(call, dirfd, path, !(flags & AT_SYMLINK_NOFOLLOW));

	return vnode ? view_access(vnode, mode) : CALL_LET_GO;
}

int64_t call_readlink(struct call *call, int dirfd, uint64_t path, uint64_t buf, uint64_t size)
{
	const struct vnode *vnode = find_at(call, dirfd, path, false);
	int64_t rc;

	if (!vnode)
		return CALL_LET_GO;
	if (vnode->kind != VNODE_LINK)
		return -EINVAL;
	if ((int64_t)size <= 0)
		return -EINVAL;
	if (size > strlen(vnode->target))
		size = strlen(vnode->target);
	rc = call_write(call, buf, vnode->target, size);
	return rc ? rc : (int64_t)size;
}
