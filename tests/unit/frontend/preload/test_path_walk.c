/* SPDX-License-Identifier: MIT */
/* preload/path_walk: real links to virtual nodes, virtual links, "..", descriptors, and what is refused. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "frontend/preload/path_walk.h"
#include "unit.h"

static struct vtree tree;
static char folder[] = "/tmp/uiommufd-walk-XXXXXX";

/* Descriptor 777 is ours. */
static const char *fd_link(int fd)
{
	return fd == 777 ? "/dev/iommu" : NULL;
}

static const struct path_env env = {.tree = &tree, .fd_link = fd_link};

static void link_in_folder(const char *target, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(symlink(target, path), 0);
}

static int setup(void **state)
{
	vtree_init(&tree);
	assert_int_equal(vtree_add_char(&tree, "/dev/iommu", 0660, 10, 1000), 0);
	assert_int_equal(vtree_add_char(&tree, "/nowhere/deep/node", 0660, 10, 1000), 0);
	assert_int_equal(vtree_add_link(&tree, "/nowhere/up", "deep/../deep"), 0);
	assert_int_equal(vtree_add_link(&tree, "/nowhere/etc", "/etc"), 0);
	assert_non_null(mkdtemp(folder));
	link_in_folder("/dev", "dev");
	link_in_folder("dev/iommu", "iommu");
	link_in_folder("/nowhere/up/node", "node");
	link_in_folder("loop", "loop");
	link_in_folder("missing", "dangling");
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"dev", "iommu", "node", "loop", "dangling"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	vtree_done(&tree);
	return rmdir(folder);
}

/* "@" at the start stands for the folder. */
static int walk(const char *path, bool follow, char *ret_path, const struct vnode **ret_vnode)
{
	char full[PATH_MAX];

	*ret_vnode = NULL;
	snprintf(full, sizeof(full), "%s%s", *path == '@' ? folder : "", path + (*path == '@'));
	return path_walk(&env, AT_FDCWD, full, follow, ret_path, ret_vnode);
}

static void test_walks(void **state)
{
	static const struct {
		const char *path, *found;
		bool node;
	} cases[] = {
		{"/dev/iommu", "/dev/iommu", true},
		{"/usr/../dev/./iommu", "/dev/iommu", true},
		{"/../..//dev/iommu", "/dev/iommu", true},
		{"/nowhere/deep/../../dev/iommu", "/dev/iommu", true},
		{"@/dev/iommu", "/dev/iommu", true},
		{"@/iommu", "/dev/iommu", true},
		{"@/node", "/nowhere/deep/node", true},
		{"/nowhere/up", "/nowhere/deep", true},
		{"/nowhere/etc/passwd", "/etc/passwd", false},
		{"/nowhere/etc/..", "/", true},
		{"/proc/self/fd/777", "/dev/iommu", true},
		{"/", "/", true},
		{"/etc/no-such-file", "/etc/no-such-file", false},
	};
	const struct vnode *vnode;
	char found[PATH_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(walk(cases[i].path, true, found, &vnode), 0);
		assert_string_equal(found, cases[i].found);
		assert_int_equal(vnode != NULL, cases[i].node);
	}
}

static void test_no_follow(void **state)
{
	const struct vnode *vnode;
	char found[PATH_MAX];

	assert_int_equal(walk("@/iommu", false, found, &vnode), 0);
	assert_null(vnode);
	assert_int_equal(walk("@/dev/iommu", false, found, &vnode), 0);
	assert_non_null(vnode);
	assert_int_equal(walk("/nowhere/up", false, found, &vnode), 0);
	assert_int_equal(vnode->kind, VNODE_LINK);
	/* With a slash behind it, the link is followed all the same. */
	assert_int_equal(walk("/nowhere/up/", false, found, &vnode), 0);
	assert_int_equal(vnode->kind, VNODE_DIR);
}

static void test_refused(void **state)
{
	const struct vnode *vnode;
	char found[PATH_MAX], *longest = malloc(PATH_MAX + 1);

	assert_int_equal(walk("@/loop", true, found, &vnode), -ELOOP);
	assert_int_equal(walk("@/missing/x", true, found, &vnode), -ENOENT);
	assert_int_equal(walk("/dev/iommu/x", true, found, &vnode), -ENOTDIR);
	assert_int_equal(walk("/dev/iommu/", true, found, &vnode), -ENOTDIR);
	assert_non_null(longest);
	memset(longest, 'x', PATH_MAX);
	longest[0] = '/';
	longest[PATH_MAX] = '\0';
	assert_int_equal(path_walk(&env, AT_FDCWD, longest, true, found, &vnode), -ENAMETOOLONG);
	free(longest);
}

static void test_virtual_dir(void **state)
{
	const struct vnode *dir = vtree_find(&tree, "/nowhere/deep"), *vnode = NULL;
	int fd = path_open_dir(dir, O_RDONLY | O_CLOEXEC), copy;
	char found[PATH_MAX];
	struct stat st;

	assert_true(fd >= 0);
	copy = dup(fd);
	assert_int_equal(fstat(copy, &st), 0);
	assert_true(S_ISDIR(st.st_mode) && !st.st_nlink);
	assert_int_equal(path_of_dir(copy, found), 0);
	assert_string_equal(found, "/nowhere/deep");
	assert_int_equal(path_walk(&env, copy, "node", true, found, &vnode), 0);
	assert_ptr_equal(vnode, vtree_find(&tree, "/nowhere/deep/node"));
	assert_int_equal(path_walk(&env, copy, "../../dev/iommu", true, found, &vnode), 0);
	assert_ptr_equal(vnode, vtree_find(&tree, "/dev/iommu"));
	close(copy);
	close(fd);
}

static void test_unmask(void **state)
{
	char other[PATH_MAX] = "/tmp/x.AbCdEf (deleted)", cut[PATH_MAX] = "/tmp/.uiommufd%";

	assert_false(path_unmask_dir(other));
	assert_string_equal(other, "/tmp/x.AbCdEf (deleted)");
	assert_false(path_unmask_dir(cut));
}

static void test_fd_number(void **state)
{
	char own[64];

	snprintf(own, sizeof(own), "/proc/%d/fd/12", getpid());
	assert_int_equal(path_fd_number(own), 12);
	assert_int_equal(path_fd_number("/proc/self/fd/0"), 0);
	assert_int_equal(path_fd_number("/proc/thread-self/fd/7"), 7);
	assert_int_equal(path_fd_number("/dev/fd/7"), 7);
	assert_int_equal(path_fd_number("/proc/1/fd/7"), -1);
	assert_int_equal(path_fd_number("/proc/self/fd/"), -1);
	assert_int_equal(path_fd_number("/proc/self/fd/7x"), -1);
	assert_int_equal(path_fd_number("/proc/self/fd/99999999999"), -1);
	assert_int_equal(path_fd_number("/dev/fd"), -1);
	assert_int_equal(path_fd_number("/proc/self/fdinfo/7"), -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walks),	cmocka_unit_test(test_no_follow),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_virtual_dir),
		cmocka_unit_test(test_unmask),	cmocka_unit_test(test_fd_number),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
