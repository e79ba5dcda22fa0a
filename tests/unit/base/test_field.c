/* SPDX-License-Identifier: MIT */
/* Fields, owned variables and raw system calls: the headers without a .c. */
#include "base/cleanup.h"
#include "base/field.h"
#include "unit.h"

#include <fcntl.h>

#define ALL    FIELD_MASK(63, 0)
#define TOP    FIELD_MASK(63, 60)
#define MIDDLE FIELD_MASK(14, 3)
#define BIT    FIELD_MASK(7, 7)

static void fields(void **state)
{
	assert_true(ALL == UINT64_MAX);
	assert_true(TOP == 0xf000000000000000);
	assert_true(MIDDLE == 0x7ff8);
	assert_true(BIT == 0x80);
	assert_int_equal(field_get(TOP, 0xa123456789abcdef), 0xa);
	assert_int_equal(field_get(MIDDLE, 0xffff8000 | 5 << 3), 5);
	assert_int_equal(field_get(ALL, 77), 77);
	assert_true(field_put(MIDDLE, UINT64_MAX, 0) == ~0x7ff8ul);
	assert_int_equal(field_put(MIDDLE, 7, 0xfff), 0x7fff);
	assert_int_equal(field_put(BIT, 0, 3), 0x80); /* cut */
	assert_true(field_fits(MIDDLE, 0xfff));
	assert_false(field_fits(MIDDLE, 0x1000));
	assert_true(field_fits(ALL, UINT64_MAX));
}

static int closed_by_scope(bool keep)
{
	CLEANUP_FD int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CLEANUP_FREE char *memory = malloc(100); /* LeakSanitizer finds it otherwise */

	assert_true(fd >= 0);
	if (keep)
		return TAKE_FD(fd);
	free(TAKE_PTR(memory));
	assert_null(memory);
	return fd;
}

static void owned(void **state)
{
	int fd = closed_by_scope(false);

	assert_int_equal(fcntl(fd, F_GETFD), -1);
	fd = closed_by_scope(true);
	assert_int_not_equal(fcntl(fd, F_GETFD), -1);
	close(fd);
}

static void raw_calls(void **state)
{
	char path[] = "/nowhere";

	errno = 77;
	assert_int_equal(sys_raw(SYS_getpid), getpid());
	assert_int_equal(sys_raw(SYS_openat, AT_FDCWD, path, O_RDONLY), -ENOENT);
	assert_int_equal(errno, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(owned),
		cmocka_unit_test(raw_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
