/* SPDX-License-Identifier: MIT */
/* preload/fail_nth: which paths are a thread's file, and that the file is the thread's counter. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/inject.h"
#include "core/client.h"
#include "frontend/preload/fail_nth.h"
#include "frontend/preload/view.h"
#include "unit.h"

static char opened[64];

/* What the other half of the shim provides. */
int preload_open_node(const char *node, int flags)
{
	snprintf(opened, sizeof(opened), "%s", node);
	return 42;
}

static const char *own_path(const char *format)
{
	static char path[64];

	snprintf(path, sizeof(path), format, getpid(), getpid());
	return path;
}

static void test_may_be(void **state)
{
	assert_true(fail_nth_may_be("fail-nth"));
	assert_true(fail_nth_may_be("/fail-nth"));
	assert_true(fail_nth_may_be("x/fail-nth"));
	assert_false(fail_nth_may_be("nofail-nth"));
	assert_false(fail_nth_may_be("fail-nth/"));
	assert_false(fail_nth_may_be("nth"));
	assert_false(fail_nth_may_be(""));
}

static void test_paths(void **state)
{
	static const char *const good[] = {"/proc/self/fail-nth", "/proc/thread-self/fail-nth",
					   "/proc/%d/fail-nth", "/proc/self/task/%d/fail-nth",
					   "/proc/%d/task/%d/fail-nth"};
	static const char *const bad[] = {
		"fail-nth",
		"/proc/fail-nth",
		"/proc/1073741823/fail-nth",
		"/proc/99999999999999999999/fail-nth",
		"/proc/0/fail-nth",
		"/proc/-%d/fail-nth",
		"/proc/%dx/fail-nth",
		"/proc/self/task/fail-nth",
		"/proc/self/task/1073741823/fail-nth",
		"/proc/1073741823/task/%d/fail-nth",
		"/proc/self/fail-nth/",
		"/proc/self/x/fail-nth",
		"/tmp/self/fail-nth",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct vnode *vnode = fail_nth_node(own_path(good[i]));

		assert_non_null(vnode);
		assert_int_equal(vnode->kind, VNODE_TASK);
		assert_int_equal(vnode->tid, getpid());
	}
	errno = 77;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(fail_nth_node(own_path(bad[i])));
	assert_int_equal(errno, 77);
	assert_int_equal(fail_nth_open(fail_nth_node("/proc/self/fail-nth"), O_RDWR), 42);
	assert_string_equal(opened, own_path("/proc/%d/task/%d/fail-nth"));
}

static ssize_t put(struct file *file, struct client *client, const char *text)
{
	return file_write(file, client, (uintptr_t)text, strlen(text), 0);
}

static void test_file(void **state)
{
	struct client client = {.mm = mm_self()};
	struct file *file = NULL;
	char text[16] = "";

	assert_int_equal(fail_nth_file(own_path("/proc/%d/task/%d/fail-nth"), O_RDWR, &file), 0);
	assert_int_equal(put(file, &client, "0x10\n"), 5);
	assert_int_equal(inject_left(), 16);
	assert_int_equal(put(file, &client, "0x"), -EINVAL);
	assert_int_equal(put(file, &client, "5\n\n"), -EINVAL);
	assert_int_equal(put(file, &client, "99999999999"), -ERANGE);
	assert_int_equal(put(file, &client, "18446744073709551616"), -ERANGE);
	assert_int_equal(inject_left(), 16);
	inject_arm(3);
	assert_false(inject_fail());
	assert_int_equal(file_read(file, &client, (uintptr_t)text, sizeof(text), 0), 2);
	assert_string_equal(text, "2\n");
	assert_int_equal(file_read(file, &client, (uintptr_t)text, 1, -1), 1);
	assert_int_equal(file_read(file, &client, (uintptr_t)text, 9, -1), 1);
	assert_int_equal(file_read(file, &client, (uintptr_t)text, 9, -1), 0);
	assert_int_equal(file_read(file, &client, 8, 9, 0), -EFAULT);
	assert_int_equal(file_write(file, &client, 8, 9, 0), -EFAULT);
	assert_int_equal(put(file, &client, "0"), 1);
	assert_int_equal(inject_left(), 0);
	file_put(file);
	mm_put(client.mm);
}

static void test_no_file(void **state)
{
	struct file *file = (struct file *)1;

	assert_int_equal(fail_nth_file("/proc/self/status", O_RDWR, &file), -ENOENT);
	assert_int_equal(fail_nth_file(own_path("/proc/1/task/%d/fail-nth"), O_RDWR, &file),
			 -ENOENT);
	assert_ptr_equal(file, (struct file *)1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_may_be),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
