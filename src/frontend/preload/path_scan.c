/* SPDX-License-Identifier: MIT */
/*
 * The library calls that read directories inside the C library, where opendir() can't be
 * interposed: scandir and glob. glob takes its folder functions from the caller (GLOB_ALTDIRFUNC);
 * scandir is made again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontend/preload/next.h"

typedef int (*filter_fn)(const struct dirent *);
typedef int (*compare_fn)(const struct dirent **, const struct dirent **);

struct list {
	struct dirent **entries;
	size_t count, room;
};

static void list_free(struct list *list)
{
	while (list->count)
		free(list->entries[--list->count]);
	free(list->entries);
}

/* The memory goes to the program: plain malloc(), not ours. All of the record: some copy it by its length. */
static int list_add(struct list *list, const struct dirent *entry)
{
	struct dirent **entries = list->entries;
	size_t size = entry->d_reclen;

	if (list->count == list->room) {
		entries = reallocarray(entries, list->room + 32, sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		list->entries = entries;
		list->room += 32;
	}
	entries[list->count] = malloc(size);
	if (!entries[list->count])
		return -ENOMEM;
	memcpy(entries[list->count++], entry, size);
	return 0;
}

static int read_all(DIR *dir, filter_fn filter, struct list *list)
{
	struct dirent *entry;
	int r = 0;

	for (errno = 0; !r && (entry = readdir(dir)); errno = 0)
		if (!filter || filter(entry))
			r = list_add(list, entry);
	return r ? r : -errno;
}

static int common_scandir(DIR *dir, struct dirent ***ret_list, filter_fn filter, compare_fn compare)
{
	int saved = errno, r;
	struct list list = {};

	if (!dir)
		return -1;
	r = read_all(dir, filter, &list);
	closedir(dir);
	if (r) {
		list_free(&list);
		errno = -r;
		return -1;
	}
	if (compare && list.count)
		qsort(list.entries, list.count, sizeof(*list.entries),
		      (int (*)(const void *, const void *))compare);
	errno = saved;
	*ret_list = list.entries;
	return list.count;
}

static DIR *open_at(int dirfd, const char *path)
{
	int fd = OWN(openat)(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

EXPORT int scandir(const char *restrict path, struct dirent ***restrict ret_list, filter_fn filter,
		   compare_fn compare)
{
	return common_scandir(opendir(path), ret_list, filter, compare);
}

EXPORT int scandirat(int dirfd, const char *restrict path, struct dirent ***restrict ret_list,
		     filter_fn filter, compare_fn compare)
{
	return common_scandir(open_at(dirfd, path), ret_list, filter, compare);
}

/* struct dirent64 is struct dirent here. */
EXPORT int scandir64(const char *restrict path, struct dirent64 ***restrict ret_list,
		     int (*filter)(const struct dirent64 *),
		     int (*compare)(const struct dirent64 **, const struct dirent64 **))
{
	return common_scandir(opendir(path), (struct dirent ***)ret_list, (filter_fn)filter,
			      (compare_fn)compare);
}

EXPORT int scandirat64(int dirfd, const char *restrict path, struct dirent64 ***restrict ret_list,
		       int (*filter)(const struct dirent64 *),
		       int (*compare)(const struct dirent64 **, const struct dirent64 **))
{
	return common_scandir(open_at(dirfd, path), (struct dirent ***)ret_list, (filter_fn)filter,
			      (compare_fn)compare);
}

static void *glob_opendir(const char *path)
{
	return opendir(path);
}

static struct dirent *glob_readdir(void *dir)
{
	return readdir(dir);
}

static void glob_closedir(void *dir)
{
	closedir(dir);
}

EXPORT int glob(const char *restrict pattern, int flags, int (*failed)(const char *, int),
		glob_t *restrict found)
{
	int r;

	if (flags & GLOB_ALTDIRFUNC)
		return NEXT(glob)(pattern, flags, failed, found);
	found->gl_opendir = glob_opendir;
	found->gl_readdir = glob_readdir;
	found->gl_closedir = glob_closedir;
	found->gl_stat = stat;
	found->gl_lstat = lstat;
	r = NEXT(glob)(pattern, flags | GLOB_ALTDIRFUNC, failed, found);
	found->gl_flags &= ~GLOB_ALTDIRFUNC;
	return r;
}

EXPORT int glob64(const char *restrict pattern, int flags, int (*failed)(const char *, int),
		  glob64_t *restrict found)
{
	return glob(pattern, flags, failed, (glob_t *)found);
}
