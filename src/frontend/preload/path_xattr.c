/* SPDX-License-Identifier: MIT */
/* Extended attributes of the view's nodes: they have none. `ls -l` asks for access control lists this way. */
#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>
#include <sys/xattr.h>

#include "frontend/preload/next.h"
#include "frontend/preload/path_view.h"

/* After a real call said that there is no such file: is it a node? */
static bool is_node(const char *path, bool follow)
{
	return view_find(AT_FDCWD, path, follow) || view_find_late(AT_FDCWD, path, follow, errno);
}

static ssize_t no_attribute(ssize_t real, const char *path, bool follow)
{
	if (real < 0 && errno == ENOENT && is_node(path, follow))
		errno = ENODATA;
	return real;
}

static ssize_t no_list(ssize_t real, const char *path, bool follow)
{
	return real < 0 && errno == ENOENT && is_node(path, follow) ? 0 : real;
}

EXPORT ssize_t getxattr(const char *path, const char *name, void *value, size_t size)
{
	return no_attribute(NEXT(getxattr)(path, name, value, size), path, true);
}

EXPORT ssize_t lgetxattr(const char *path, const char *name, void *value, size_t size)
{
	return no_attribute(NEXT(lgetxattr)(path, name, value, size), path, false);
}

EXPORT ssize_t listxattr(const char *path, char *list, size_t size)
{
	return no_list(NEXT(listxattr)(path, list, size), path, true);
}

EXPORT ssize_t llistxattr(const char *path, char *list, size_t size)
{
	return no_list(NEXT(llistxattr)(path, list, size), path, false);
}
