/* SPDX-License-Identifier: MIT */
/* tools/shim: what LD_PRELOAD becomes. */
#include <errno.h>
#include <stdlib.h>

#include "tools/shim.h"
#include "unit.h"

static void test_preload(void **state)
{
	unsetenv("LD_PRELOAD");
	assert_int_equal(shim_preload("/lib/a.so"), 0);
	assert_string_equal(getenv("LD_PRELOAD"), "/lib/a.so");
	assert_int_equal(shim_preload("/lib/b.so"), 0);
	assert_string_equal(getenv("LD_PRELOAD"), "/lib/b.so:/lib/a.so");
	setenv("LD_PRELOAD", "", 1);
	assert_int_equal(shim_preload("/lib/a.so"), 0);
	assert_string_equal(getenv("LD_PRELOAD"), "/lib/a.so");
	assert_int_equal(shim_preload("/my lib/a.so"), -EINVAL);
	assert_int_equal(shim_preload("/lib:64/a.so"), -EINVAL);
	assert_string_equal(getenv("LD_PRELOAD"), "/lib/a.so");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_preload)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
