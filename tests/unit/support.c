/* SPDX-License-Identifier: MIT */
/*
 * Linked into every unit test. cmocka puts its own handlers for SIGSEGV and SIGBUS around each test
 * by signal(), over those of the guarded copies under test: so it finds this signal(), which leaves
 * these two alone. A failed assertion is an abort, in children of a test too.
 */
#include <signal.h>
#include <stdlib.h>

__attribute__((constructor)) static void fail_by_abort(void)
{
	setenv("CMOCKA_TEST_ABORT", "1", 1);
}

__attribute__((visibility("default"))) __sighandler_t signal(int sig, __sighandler_t handler)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;

	if (sig == SIGSEGV || sig == SIGBUS)
		return SIG_DFL;
	return sigaction(sig, &action, &old) ? SIG_ERR : old.sa_handler;
}
