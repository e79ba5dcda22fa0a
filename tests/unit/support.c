/* SPDX-License-Identifier: MIT */
/*
 * Linked into every unit test. cmocka puts its own handlers for SIGSEGV and SIGBUS around each
 * test, over those of the guarded copies under test, unless it is told to abort at the first
 * failure.
 */
#include <stdlib.h>

__attribute__((constructor)) static void keep_our_handlers(void)
{
	setenv("CMOCKA_TEST_ABORT", "1", 1);
}
