/* SPDX-License-Identifier: MIT */
/* preload/path_tree: what is found, what isn't, and every allocation failing in turn. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/inject.h"
#include "frontend/preload/path_tree.h"
#include "unit.h"

static ssize_t no_text(const struct vnode *vnode, char *buf, size_t size)
{
	return 0;
}

static int fill(struct vtree *tree)
{
	int r = vtree_add_char(tree, "/dev/iommu", 0660, 10, 1000);

	if (!r)
		r = vtree_add_char(tree, "/dev/vfio/vfio", 0666, 10, 196);
	if (!r)
		r = vtree_add_text(tree, "/sys/class/x/dev", 0444, no_text);
	if (!r)
		r = vtree_add_link(tree, "/sys/class/link", "x");
	return r;
}

static void test_find(void **state)
{
	struct vtree tree;
	const struct vnode *vnode;

	vtree_init(&tree);
	assert_int_equal(fill(&tree), 0);
	vnode = vtree_find(&tree, "/dev/iommu");
	assert_non_null(vnode);
	assert_int_equal(vnode->kind, VNODE_CHAR);
	assert_int_equal(vnode->mode, 0660);
	assert_int_equal(vnode->minor, 1000);
	assert_ptr_equal(vtree_find(&tree, "//dev/.///./iommu"), vnode);
	assert_ptr_equal(vnode->parent, vtree_find(&tree, "/dev/"));
	assert_int_equal(vtree_find(&tree, "/dev/vfio/.")->kind, VNODE_DIR);
	assert_ptr_equal(vtree_find(&tree, "/"), &tree.root);
	assert_string_equal(vtree_find(&tree, "/sys/class/link")->target, "x");
	assert_true(vtree_find(&tree, "/sys/class/x/dev")->ino != vnode->ino);
	vtree_done(&tree);
}

/* Each is found in its own folder, however many have the name. */
static void test_many(void **state)
{
	struct vtree tree;
	char path[64];

	vtree_init(&tree);
	for (int i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "/sys/devices/d%d/name%d", i % 300, i);
		assert_int_equal(vtree_add_text(&tree, path, 0444, no_text), 0);
		assert_int_equal(vtree_add_text(&tree, path, 0444, no_text), -EEXIST);
	}
	for (int i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "/sys/devices/d%d/name%d", i % 300, i);
		assert_string_equal(vtree_find(&tree, path)->name, strrchr(path, '/') + 1);
		snprintf(path, sizeof(path), "/sys/devices/d%d/name%d", (i + 1) % 300, i);
		assert_null(vtree_find(&tree, path));
	}
	vtree_done(&tree);
}

static void test_not_found(void **state)
{
	static const char *const paths[] = {
		"dev/iommu", "/dev/iomm",    "/dev/iommu2", "/dev/iommu/",	  "/dev/iommu/.",
		"/usr/lib",  "/dev/iommu/x", "/de",	    "/dev/vfio/../iommu", "",
	};
	struct vtree tree;

	vtree_init(&tree);
	assert_int_equal(fill(&tree), 0);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_null(vtree_find(&tree, paths[i]));
	vtree_done(&tree);
}

static void test_refused(void **state)
{
	struct vtree tree;

	vtree_init(&tree);
	assert_int_equal(fill(&tree), 0);
	assert_int_equal(vtree_add_char(&tree, "/dev/iommu", 0, 1, 2), -EEXIST);
	assert_int_equal(vtree_add_char(&tree, "/dev/iommu/x", 0, 1, 2), -ENOTDIR);
	assert_int_equal(vtree_add_link(&tree, "/dev/vfio", "x"), -EEXIST);
	assert_int_equal(vtree_add_dir(&tree, "/dev/vfio"), 0);
	assert_int_equal(vtree_add_dir(&tree, "/dev/iommu"), -EEXIST);
	vtree_done(&tree);
}

static void test_path(void **state)
{
	char buf[PATH_MAX];
	struct vtree tree;

	vtree_init(&tree);
	assert_int_equal(fill(&tree), 0);
	assert_int_equal(vnode_path(vtree_find(&tree, "/dev//vfio/vfio"), buf, sizeof(buf)), 14);
	assert_string_equal(buf, "/dev/vfio/vfio");
	assert_int_equal(vnode_path(&tree.root, buf, sizeof(buf)), 1);
	assert_string_equal(buf, "/");
	assert_int_equal(vnode_path(vtree_find(&tree, "/dev/iommu"), buf, 11), 10);
	assert_int_equal(vnode_path(vtree_find(&tree, "/dev/iommu"), buf, 10), -ENAMETOOLONG);
	vtree_done(&tree);
}

static void test_may_name(void **state)
{
	struct vtree tree;

	vtree_init(&tree);
	assert_int_equal(fill(&tree), 0);
	assert_true(vtree_may_name(&tree, "iommu"));
	assert_true(vtree_may_name(&tree, "../x/vfio//"));
	assert_false(vtree_may_name(&tree, "iommu/libmuch.so"));
	assert_false(vtree_may_name(&tree, "/"));
	assert_false(vtree_may_name(&tree, ""));
	vtree_done(&tree);
}

static void test_no_memory(void **state)
{
	struct vtree tree;
	int r = -ENOMEM;

	for (unsigned int nth = 1; r; nth++) {
		vtree_init(&tree);
		inject_arm(nth);
		r = fill(&tree);
		if (inject_left())
			assert_int_equal(r, 0);
		else
			assert_int_equal(r, -ENOMEM);
		inject_arm(0);
		vtree_done(&tree);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),	  cmocka_unit_test(test_many),
		cmocka_unit_test(test_not_found), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_path),	  cmocka_unit_test(test_may_name),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
