/* SPDX-License-Identifier: MIT */
/*
 * Preloaded behind the shim in builds with AddressSanitizer: looks for leaks where LeakSanitizer doesn't by itself, when a
 * process ends by _exit(), as the children of test harnesses do. A leak makes the exit status 23, LeakSanitizer's own.
 */
#include <dlfcn.h>
#include <sanitizer/lsan_interface.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEAK_STATUS 23

/* Of a program that it is asked not to look at: a shell, which leaks. */
static bool wanted(void)
{
	const char *options = getenv("ASAN_OPTIONS");

	return !options || !strstr(options, "detect_leaks=0");
}

__attribute__((visibility("default"))) void _exit(int status)
{
	void (*next)(int) = (void (*)(int))dlsym(RTLD_NEXT, "_exit");

	if (wanted() && __lsan_do_recoverable_leak_check())
		status = LEAK_STATUS;
	next(status);
	__builtin_unreachable();
}
