/* SPDX-License-Identifier: MIT */
/*
 * An ordinary program that looks at /dev/iommu and /dev/vfio in every way that the C library knows, and says in TAP
 * whether it saw a machine that has them. Run it under `uiommufd run`. It is built with 32- and 64-bit names of the calls,
 * with and without the checks of _FORTIFY_SOURCE: they are different functions.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static int number, failures;

/* Prints what was looked at when it isn't so. */
#define CHECK(what)                                                                                \
	do {                                                                                       \
		bool holds = (what);                                                               \
		int error = errno;                                                                 \
		printf("%sok %d - %s: %s\n", holds ? "" : "not ", ++number, __func__, #what);      \
		if (!holds) {                                                                      \
			printf("# line %d, errno %s\n", __LINE__, strerror(error));                \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

static bool is_iommu(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && (st->st_mode & 07777) == 0660 && major(st->st_rdev) == 10 &&
	       st->st_uid == 0;
}

static bool is_vfio(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && (st->st_mode & 07777) == 0666 && major(st->st_rdev) == 10 &&
	       minor(st->st_rdev) == 196;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_mode == b->st_mode &&
	       a->st_rdev == b->st_rdev;
}

static void stats(void)
{
	struct stat st = {}, link = {}, at = {}, open_st = {};
	struct statx stx = {};
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC), dev = open("/dev", O_PATH | O_DIRECTORY);

	CHECK(fd >= 0);
	CHECK(!stat("/dev/iommu", &st) && is_iommu(&st));
	CHECK(!lstat("/dev/iommu", &link) && same(&st, &link));
	CHECK(!fstat(fd, &open_st) && same(&st, &open_st));
	CHECK(!fstatat(dev, "iommu", &at, 0) && same(&st, &at));
	CHECK(!fstatat(fd, "", &at, AT_EMPTY_PATH) && same(&st, &at));
	CHECK(!statx(AT_FDCWD, "/dev/iommu", 0, STATX_BASIC_STATS, &stx) && S_ISCHR(stx.stx_mode) &&
	      stx.stx_rdev_major == 10 && stx.stx_ino == st.st_ino);
	CHECK(!statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &stx) && S_ISCHR(stx.stx_mode));
	CHECK(!stat("/dev/vfio/vfio", &st) && is_vfio(&st));
	CHECK(!stat("/dev/vfio", &st) && S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 0755);
	CHECK(stat("/dev/iommu/", &st) == -1 && errno == ENOTDIR);
	CHECK(stat("/dev/iommu2", &st) == -1 && errno == ENOENT);
	CHECK(!stat("/dev/null", &st) && minor(st.st_rdev) == 3);
	CHECK(!fstat(STDERR_FILENO, &st) && !S_ISCHR(st.st_mode | S_IFSOCK));
	close(dev);
	close(fd);
}

static void spellings(void)
{
	static const char *const paths[] = {
		"//dev//iommu",	     "/dev/./iommu",
		"/usr/../dev/iommu", "/dev/vfio/../iommu",
		"/dev/../dev/iommu", "../../../../../../../../../../dev/iommu",
	};
	char link[] = "/tmp/uiommufd-view-XXXXXX", path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		CHECK(!stat(paths[i], &st) && is_iommu(&st));
		CHECK(close(open(paths[i], O_RDWR)) == 0);
	}
	CHECK(mkdtemp(link) && !rmdir(link) && !symlink("/dev", link));
	snprintf(path, sizeof(path), "%s/iommu", link);
	CHECK(!stat(path, &st) && is_iommu(&st));
	CHECK(!unlink(link) && !symlink("/dev/iommu", link));
	CHECK(!stat(link, &st) && is_iommu(&st));
	CHECK(!lstat(link, &st) && S_ISLNK(st.st_mode));
	CHECK(close(open(link, O_RDWR)) == 0);
	CHECK(open(link, O_RDWR | O_NOFOLLOW) == -1 && errno == ELOOP);
	unlink(link);
}

static void rights(void)
{
	CHECK(!access("/dev/iommu", F_OK));
	CHECK(!access("/dev/iommu", R_OK | W_OK));
	CHECK(access("/dev/iommu", X_OK) == -1 && errno == EACCES);
	CHECK(!faccessat(AT_FDCWD, "/dev/vfio/vfio", R_OK | W_OK, AT_EACCESS));
	CHECK(!euidaccess("/dev/iommu", R_OK));
	CHECK(!eaccess("/dev/vfio", X_OK));
	CHECK(access("/dev/iommu2", F_OK) == -1 && errno == ENOENT);
	CHECK(getxattr("/dev/iommu", "user.x", NULL, 0) == -1 && errno == ENODATA);
	CHECK(listxattr("/dev/iommu", NULL, 0) == 0);
	CHECK(chmod("/dev/iommu", 0) == -1 && errno == EPERM);
	CHECK(unlink("/dev/iommu") == -1 && errno == EPERM);
	CHECK(unlink("/dev/iommu2") == -1 && errno == ENOENT);
}

static void opens(void)
{
	int fd;

	CHECK(open("/dev/iommu", O_RDWR | O_DIRECTORY) == -1 && errno == ENOTDIR);
	CHECK(open("/dev/iommu", O_RDWR | O_CREAT | O_EXCL, 0600) == -1 && errno == EEXIST);
	CHECK(open("/dev/vfio", O_RDWR) == -1 && errno == EISDIR);
	CHECK(close(open("/dev/iommu", O_RDWR | O_CREAT, 0600)) == 0);
	fd = open("/dev/vfio", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	CHECK(close(openat(fd, "vfio", O_RDWR)) == 0);
	CHECK(close(openat(fd, "../iommu", O_RDWR)) == 0);
	CHECK(openat(fd, "none", O_RDWR) == -1 && errno == ENOENT);
	close(fd);
}

/* What readlink says; "" if it says nothing. */
static const char *link_of(const char *path)
{
	static char text[PATH_MAX];
	ssize_t n = readlink(path, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void links(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC), fds = open("/proc/self/fd", O_PATH), again;
	char path[64], name[16], text[PATH_MAX] = "";
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(name, sizeof(name), "%d", fd);
	CHECK(!strcmp(link_of(path), "/dev/iommu"));
	CHECK(readlinkat(fds, name, text, sizeof(text)) == 10 && !strcmp(text, "/dev/iommu"));
	CHECK(readlink(path, text, 4) == 4 && !memcmp(text, "/dev", 4));
	CHECK(!stat(path, &st) && is_iommu(&st));
	CHECK(!lstat(path, &st) && S_ISLNK(st.st_mode));
	again = open(path, O_RDWR | O_CLOEXEC);
	CHECK(again >= 0 && again != fd);
	CHECK(!fstat(again, &st) && is_iommu(&st));
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	CHECK(!strcmp(link_of(path), "/dev/iommu"));
	CHECK(readlink("/dev/iommu", text, sizeof(text)) == -1 && errno == EINVAL);
	CHECK(realpath("/dev/vfio/../iommu", text) && !strcmp(text, "/dev/iommu"));
	CHECK(realpath("/dev/vfio", text) && !strcmp(text, "/dev/vfio"));
	CHECK(!realpath("/dev/vfio/none", text) && errno == ENOENT);
	close(again);
	close(fds);
	close(fd);
}

/* How often a name is listed, and with the right type. */
static int listed(const char *folder, const char *name, unsigned char type)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int count = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		if (!strcmp(entry->d_name, name))
			count += entry->d_type == type ? 1 : 100;
	closedir(dir);
	return count;
}

static void listings(void)
{
	struct dirent **found, *entry;
	glob_t globbed = {};
	long at;
	DIR *dir;
	int n;

	CHECK(listed("/dev", "iommu", DT_CHR) == 1);
	CHECK(listed("/dev", "vfio", DT_DIR) == 1);
	/* In a user namespace's own /dev, the real devices are mounted on files. */
	CHECK(listed("/dev", "null", DT_CHR) == 1 || listed("/dev", "null", DT_REG) == 1);
	CHECK(listed("/dev/vfio", "vfio", DT_CHR) == 1);
	CHECK(listed("/dev/vfio", ".", DT_DIR) == 1 && listed("/dev/vfio", "..", DT_DIR) == 1);
	CHECK(listed("/usr", "iommu", DT_CHR) == 0);
	n = scandir("/dev/vfio", &found, NULL, alphasort);
	CHECK(n == 3 && !strcmp(found[0]->d_name, ".") && !strcmp(found[2]->d_name, "vfio"));
	while (n > 0)
		free(found[--n]);
	free(found);
	CHECK(!glob("/dev/iomm[u]", 0, NULL, &globbed) && globbed.gl_pathc == 1);
	globfree(&globbed);
	CHECK(!glob("/dev/vf*/*", 0, NULL, &globbed) && globbed.gl_pathc == 1 &&
	      !strcmp(globbed.gl_pathv[0], "/dev/vfio/vfio"));
	globfree(&globbed);
	dir = opendir("/dev/vfio");
	CHECK(dir != NULL);
	do {
		at = telldir(dir);
		entry = readdir(dir);
	} while (entry && strcmp(entry->d_name, "vfio"));
	CHECK(entry != NULL);
	errno = 0;
	CHECK(!readdir(dir) && !errno);
	seekdir(dir, at);
	entry = readdir(dir);
	CHECK(entry && !strcmp(entry->d_name, "vfio"));
	rewinddir(dir);
	for (n = 0; readdir(dir); n++)
		;
	CHECK(n == 3);
	closedir(dir);
}

static void folders(void)
{
	char text[PATH_MAX];
	struct stat st;

	CHECK(!chdir("/dev/vfio"));
	CHECK(getcwd(text, sizeof(text)) && !strcmp(text, "/dev/vfio"));
	CHECK(!stat("vfio", &st) && is_vfio(&st));
	CHECK(!stat(".", &st) && S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 0755);
	CHECK(listed(".", "vfio", DT_CHR) == 1);
	CHECK(close(open("../iommu", O_RDWR)) == 0);
	CHECK(!chdir("/dev"));
	CHECK(close(open("iommu", O_RDWR)) == 0);
	CHECK(!chdir("/"));
	CHECK(close(open("dev/iommu", O_RDWR)) == 0);
	CHECK(chdir("/dev/iommu") == -1 && errno == ENOTDIR);
}

static void streams(void)
{
	FILE *stream = fopen("/dev/iommu", "r+e");
	struct stat st;

	CHECK(stream != NULL);
	CHECK(stream && !fstat(fileno(stream), &st) && is_iommu(&st));
	stream = freopen("/dev/vfio/vfio", "r+", stream);
	CHECK(stream && !fstat(fileno(stream), &st) && is_vfio(&st));
	if (stream)
		fclose(stream);
	CHECK(!fopen("/dev/iommu2", "r") && errno == ENOENT);
	CHECK(!fopen("/dev/iommu", "wx") && errno == EEXIST);
	stream = fopen("/proc/self/status", "re");
	CHECK(stream && fgetc(stream) == 'N');
	if (stream)
		fclose(stream);
}

/* The lowest free number is still the same: nothing was left open. */
static void leftovers(void)
{
	int before = open("/dev/null", O_RDONLY), after;

	close(before);
	for (int i = 0; i < 20; i++) {
		DIR *dir = opendir("/dev/vfio");

		CHECK(dir && !closedir(dir));
	}
	after = open("/dev/null", O_RDONLY);
	CHECK(before == after);
	close(after);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	stats();
	spellings();
	rights();
	opens();
	links();
	listings();
	folders();
	streams();
	leftovers();
	printf("1..%d\n", number);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
