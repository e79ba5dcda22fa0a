/* SPDX-License-Identifier: MIT */
/*
 * Builds the private /dev. Device nodes can't be made in a user namespace: there ours are sockets,
 * for root they are character devices that no driver serves. Either way a program that the preload
 * library doesn't reach finds the path, and gets an error from open() (ENXIO, ENODEV) rather than
 * a file that makes no sense; that error is also where the preload library looks twice.
 */
#include "tools/namespace.h"

#include "frontend/preload/nodes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Far more than any /dev has. */
#define ENTRIES_MAX 4096

/* What was in /dev: a link's target, or a mount to be moved to the new one. */
struct entry {
	char *name, *target;
	int mount; /* -1: a link */
	mode_t mode;
	dev_t rdev;
};

struct old_dev {
	struct entry entries[ENTRIES_MAX];
	size_t count;
};

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int map_ids(uid_t uid, gid_t gid)
{
	char text[64];
	int r;

	snprintf(text, sizeof(text), "%u %u 1", uid, uid);
	r = write_file("/proc/self/uid_map", text);
	if (!r)
		r = write_file("/proc/self/setgroups", "deny");
	snprintf(text, sizeof(text), "%u %u 1", gid, gid);
	return r ? r : write_file("/proc/self/gid_map", text);
}

static int make_namespace(const char **ret_step)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	*ret_step = "a mount namespace can't be made";
	if (!uid && !unshare(CLONE_NEWNS))
		return 0;
	*ret_step = "a user namespace can't be made";
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return -errno;
	return map_ids(uid, gid);
}

static bool is_ours(const char *name)
{
	size_t length = strlen(name);

	for (const struct node *node = nodes; node->path; node++) {
		const char *rest = node->path + strlen("/dev/");

		if (!strncmp(rest, name, length) && (!rest[length] || rest[length] == '/'))
			return true;
	}
	return false;
}

static int keep_entry(struct old_dev *old, int dev, const char *name)
{
	struct entry *entry = &old->entries[old->count];
	char target[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (fstatat(dev, name, &st, AT_SYMLINK_NOFOLLOW))
		return 0; /* gone meanwhile */
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(dev, name, target, sizeof(target) - 1);
		if (n < 0)
			return 0;
		target[n] = '\0';
		*entry = (struct entry){strdup(name), strdup(target), -1, st.st_mode, 0};
		old->count++;
		return entry->name && entry->target ? 0 : -ENOMEM;
	}
	*entry = (struct entry){.name = strdup(name), .mode = st.st_mode, .rdev = st.st_rdev};
	entry->mount =
		syscall(SYS_open_tree, dev, name,
			OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW);
	if (entry->mount < 0)
		return -errno;
	old->count++;
	return entry->name ? 0 : -ENOMEM;
}

static int keep_old(struct old_dev *old)
{
	struct dirent *dirent;
	DIR *dir = opendir("/dev");
	int r = 0;

	if (!dir)
		return -errno;
	while (!r && old->count < ENTRIES_MAX && (dirent = readdir(dir)))
		if (strcmp(dirent->d_name, ".") && strcmp(dirent->d_name, "..") &&
		    !is_ours(dirent->d_name))
			r = keep_entry(old, dirfd(dir), dirent->d_name);
	closedir(dir);
	return r;
}

/* What an old entry is mounted on: of the same type where that can be made, for listings tell it. */
static int make_mount_point(int dev, const struct entry *entry)
{
	if (S_ISDIR(entry->mode))
		return mkdirat(dev, entry->name, 0755) ? -errno : 0;
	if (!mknodat(dev, entry->name, entry->mode, entry->rdev))
		return 0;
	return mknodat(dev, entry->name, S_IFREG | 0600, 0) ? -errno : 0;
}

static int put_entry(int dev, const struct entry *entry)
{
	int r;

	if (entry->mount < 0)
		return symlinkat(entry->target, dev, entry->name) ? -errno : 0;
	r = make_mount_point(dev, entry);
	if (r)
		return r;
	if (syscall(SYS_move_mount, entry->mount, "", dev, entry->name, MOVE_MOUNT_F_EMPTY_PATH))
		return -errno;
	return 0;
}

static int put_old(int dev, const struct old_dev *old)
{
	int r = 0;

	for (size_t i = 0; i < old->count && !r; i++)
		r = put_entry(dev, &old->entries[i]);
	return r;
}

static void old_done(struct old_dev *old)
{
	for (size_t i = 0; i < old->count; i++) {
		if (old->entries[i].mount >= 0)
			close(old->entries[i].mount);
		free(old->entries[i].name);
		free(old->entries[i].target);
	}
	free(old);
}

static int make_folders(const char *path)
{
	char folder[PATH_MAX];
	char *slash = folder;

	snprintf(folder, sizeof(folder), "%s", path);
	while ((slash = strchr(slash + 1, '/'))) {
		*slash = '\0';
		if (mkdir(folder, 0755) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

/* The umask is 0. */
static int make_node(const struct node *node)
{
	int r = make_folders(node->path);

	if (r)
		return r;
	if (mknod(node->path, S_IFCHR | node->mode, makedev(node->major, node->minor)) &&
	    mknod(node->path, S_IFSOCK | node->mode, 0))
		return -errno;
	return 0;
}

static int build(struct old_dev *old, const char **ret_step)
{
	int r, dev;

	*ret_step = "the mounts can't be made private";
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return -errno;
	*ret_step = "what is in /dev can't be kept";
	r = keep_old(old);
	if (r)
		return r;
	*ret_step = "a tmpfs can't be mounted on /dev";
	if (mount("uiommufd", "/dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755"))
		return -errno;
	*ret_step = "/dev can't be filled";
	dev = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dev < 0)
		return -errno;
	r = put_old(dev, old);
	close(dev);
	for (const struct node *node = nodes; node->path && !r; node++)
		r = make_node(node);
	return r;
}

int namespace_enter(const char **ret_step)
{
	struct old_dev *old = calloc(1, sizeof(*old));
	mode_t mask = umask(0);
	int r;

	*ret_step = "memory is short";
	if (!old)
		return -ENOMEM;
	r = make_namespace(ret_step);
	if (!r)
		r = build(old, ret_step);
	old_done(old);
	umask(mask);
	return r;
}
