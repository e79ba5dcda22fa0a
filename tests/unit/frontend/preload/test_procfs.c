/* SPDX-License-Identifier: MIT */
/* preload/procfs: the status text with our accounts in it, whatever it looks like. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "frontend/preload/procfs.h"
#include "frontend/preload/view.h"
#include "unit.h"

/* What the other half of the shim provides, not asked here. */
bool preload_account(pid_t pid, uint64_t *ret_pinned_pages, uint64_t *ret_locked_pages)
{
	return false;
}

static void check(const char *text, uint64_t pinned, uint64_t locked, const char *want)
{
	int from = memfd_create("from", 0), to = memfd_create("to", 0);
	char *got = malloc(strlen(want) + 2);
	ssize_t n;

	assert_int_equal(write(from, text, strlen(text)), strlen(text));
	assert_int_equal(lseek(from, 0, SEEK_SET), 0);
	assert_int_equal(procfs_patch_status(from, to, pinned, locked), 0);
	n = pread(to, got, strlen(want) + 1, 0);
	assert_int_equal(n, strlen(want));
	got[n] = '\0';
	assert_string_equal(got, want);
	free(got);
	close(from);
	close(to);
}

static void test_lines(void **state)
{
	check("Name:\tx\nVmLck:\t       0 kB\nVmPin:\t       8 kB\nVmHWM:\t       9 kB\n", 3, 0,
	      "Name:\tx\nVmLck:\t       0 kB\nVmPin:\t      20 kB\nVmHWM:\t       9 kB\n");
	check("VmLck:\t       4 kB\nVmPin:\t       0 kB\n", 0, 1,
	      "VmLck:\t       8 kB\nVmPin:\t       0 kB\n");
	check("VmLck:\t       0 kB\n", 0, 1ull << 30, "VmLck:\t4294967296 kB\n");
	check("", 1, 1, "");
	check("no newline VmPin:", 1, 1, "no newline VmPin:");
}

/* A kernel thread has no such lines, and a member of many groups has a line longer than any buffer. */
static void test_long_line(void **state)
{
	char text[20000], want[20000];
	size_t at;

	memset(text, '7', sizeof(text));
	memcpy(text, "Groups:", 7);
	at = 15000;
	strcpy(text + at, "\nVmPin:\t       0 kB\nVmHWM:\t       1 kB\n");
	memcpy(want, text, at);
	strcpy(want + at, "\nVmPin:\t       4 kB\nVmHWM:\t       1 kB\n");
	check(text, 1, 0, want);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
