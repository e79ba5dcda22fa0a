/* SPDX-License-Identifier: MIT */
/* Walking paths; see the header. Nothing here allocates: all of it may run in a signal handler. */
#include "frontend/preload/path_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As many links as the kernel follows. */
#define LINK_LIMIT 40

/* The real calls: these must not come back to the shim. */
static int real_readlink(const char *path, char ret_text[static PATH_MAX])
{
	long n = syscall(SYS_readlinkat, AT_FDCWD, path, ret_text, PATH_MAX - 1);

	if (n < 0)
		return -errno;
	ret_text[n] = '\0';
	return n;
}

struct walk {
	const struct path_env *env;
	char *out; /* PATH_MAX bytes: where we are; "" is the root */
	size_t length;
	char rest[PATH_MAX]; /* what is still to be walked */
	unsigned int links;
	bool follow;
};

static void step_up(struct walk *walk)
{
	while (walk->length && walk->out[--walk->length] != '/')
		;
	walk->out[walk->length] = '\0';
}

static int step_down(struct walk *walk, const char *name, size_t length)
{
	if (walk->length + 1 + length >= PATH_MAX)
		return -ENAMETOOLONG;
	walk->out[walk->length] = '/';
	memcpy(walk->out + walk->length + 1, name, length);
	walk->length += 1 + length;
	walk->out[walk->length] = '\0';
	return 0;
}

/* Goes on at `target` instead of the component just entered. */
static int enter_link(struct walk *walk, const char *target)
{
	size_t length = strlen(target), left = strlen(walk->rest);

	if (++walk->links > LINK_LIMIT)
		return -ELOOP;
	if (length + left >= sizeof(walk->rest))
		return -ENAMETOOLONG;
	memmove(walk->rest + length, walk->rest, left + 1);
	memcpy(walk->rest, target, length);
	if (*target == '/') {
		walk->length = 0;
		walk->out[0] = '\0';
	} else {
		step_up(walk);
	}
	return 0;
}

/* The text of the link that walk->out names: its length, 0 if it is no link, or -errno. */
static int link_text(struct walk *walk, const struct vnode *vnode, char ret_text[static PATH_MAX])
{
	int fd = path_fd_number(walk->out), n;
	const char *ours = fd >= 0 && walk->env->fd_link ? walk->env->fd_link(fd) : NULL;

	if (vnode && vnode->kind == VNODE_LINK)
		ours = vnode->target;
	if (ours)
		return snprintf(ret_text, PATH_MAX, "%s", ours);
	if (vnode)
		return 0;
	n = real_readlink(walk->out, ret_text);
	if (n > 0 && path_unmask_dir(ret_text))
		return strlen(ret_text);
	/* "pipe:[7]" in /proc: a link that leads to no path. */
	if (n > 0 && fd >= 0 && *ret_text != '/')
		return 0;
	return n == -EINVAL ? 0 : n;
}

/* Takes the next component off walk->rest and enters it. */
static int step(struct walk *walk, const char *name, size_t length)
{
	char text[PATH_MAX];
	const struct vnode *vnode;
	int r;

	if (length == 2 && !strncmp(name, "..", 2)) {
		step_up(walk);
		memmove(walk->rest, name + 2, strlen(name + 2) + 1);
		return 0;
	}
	r = step_down(walk, name, length);
	memmove(walk->rest, name + length, strlen(name + length) + 1);
	if (r)
		return r;
	vnode = vtree_find(walk->env->tree, walk->out);
	if (vnode && vnode->kind != VNODE_DIR && vnode->kind != VNODE_LINK && *walk->rest)
		return -ENOTDIR;
	if (!*walk->rest && !walk->follow)
		return 0;
	r = link_text(walk, vnode, text);
	if (r > 0)
		return enter_link(walk, text);
	/* A last component that is missing is for the caller to tell. */
	return r == -ENOENT && !walk->rest[strspn(walk->rest, "/")] ? 0 : r;
}

static int begin(struct walk *walk, int dirfd, const char *path)
{
	int r;

	walk->out[0] = '\0';
	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(walk->rest, path);
	if (*path == '/')
		return 0;
	r = path_of_dir(dirfd, walk->out);
	if (r)
		return r;
	if (!strcmp(walk->out, "/"))
		walk->out[0] = '\0';
	walk->length = strlen(walk->out);
	return 0;
}

int path_walk(const struct path_env *env, int dirfd, const char *path, bool follow,
	      char ret_path[static PATH_MAX], const struct vnode **ret_vnode)
{
	struct walk walk = {.env = env, .out = ret_path, .follow = follow};
	const char *name;
	size_t length;
	int r = begin(&walk, dirfd, path);

	while (!r) {
		name = walk.rest + strspn(walk.rest, "/");
		length = strcspn(name, "/");
		if (!length)
			break;
		if (length == 1 && *name == '.')
			memmove(walk.rest, name + 1, strlen(name));
		else
			r = step(&walk, name, length);
	}
	if (r)
		return r;
	if (!walk.length)
		strcpy(ret_path, "/");
	*ret_vnode = vtree_find(env->tree, ret_path);
	return 0;
}

#define MASK_PREFIX ".uiommufd%"
#define DELETED	    " (deleted)"

/* Where an empty directory can be made for a moment. */
static const char *const temporary[] = {"/tmp", "/dev/shm", "/var/tmp", "/run"};

static int make_dir(const char *folder, const char *mask, int flags)
{
	char path[PATH_MAX];
	int fd, error;

	if (snprintf(path, sizeof(path), "%s/%s%%XXXXXX", folder, mask) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (!mkdtemp(path))
		return -errno;
	fd = syscall(SYS_openat, AT_FDCWD, path, flags | O_DIRECTORY | O_NOFOLLOW, 0);
	error = errno;
	rmdir(path);
	return fd < 0 ? -error : fd;
}

int path_open_dir(const struct vnode *dir, int flags)
{
	char mask[PATH_MAX] = MASK_PREFIX;
	size_t at = strlen(mask);
	int fd = -ENOENT;

	if (vnode_path(dir, mask + at, sizeof(mask) - at) < 0)
		return -ENAMETOOLONG;
	memmove(mask + at, mask + at + 1, strlen(mask + at)); /* without the first slash */
	for (char *p = mask + at; *p; p++)
		if (*p == '/')
			*p = '%';
	for (size_t i = 0; i < sizeof(temporary) / sizeof(temporary[0]) && fd < 0; i++)
		fd = make_dir(temporary[i], mask, flags);
	return fd;
}

bool path_unmask_dir(char *text)
{
	size_t length = strlen(text), tail = strlen(DELETED) + strlen("%XXXXXX");
	char *mask = strstr(text, "/" MASK_PREFIX);

	if (!mask || length < tail || strcmp(text + length - strlen(DELETED), DELETED))
		return false;
	mask += strlen("/" MASK_PREFIX);
	text[length - tail] = '\0';
	if (mask > text + length - tail || strchr(mask, '/'))
		return false;
	for (char *p = mask; *p; p++)
		if (*p == '%')
			*p = '/';
	text[0] = '/';
	memmove(text + 1, mask, strlen(mask) + 1);
	return true;
}

int path_of_dir(int dirfd, char ret_path[static PATH_MAX])
{
	char link[32] = "/proc/self/cwd", text[PATH_MAX];
	int n;

	if (dirfd != AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	n = real_readlink(link, text);
	if (n < 0)
		return n;
	if (!path_unmask_dir(text) && *text != '/')
		return -ENOTDIR;
	strcpy(ret_path, text);
	return 0;
}

/* Skips `word` at *path. */
static bool skip(const char **path, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(*path, word, length))
		return false;
	*path += length;
	return true;
}

int path_fd_number(const char *path)
{
	unsigned long fd;
	char *end;

	if (skip(&path, "/proc/")) {
		if (!skip(&path, "self/") && !skip(&path, "thread-self/")) {
			if (*path < '1' || *path > '9' || strtol(path, &end, 10) != getpid())
				return -1;
			path = end + (*end == '/');
		}
	} else if (!skip(&path, "/dev/")) {
		return -1;
	}
	if (!skip(&path, "fd/") || *path < '0' || *path > '9')
		return -1;
	fd = strtoul(path, &end, 10);
	return *end || fd > INT_MAX ? -1 : (int)fd;
}
