/* SPDX-License-Identifier: MIT */
/* What each unit test includes: cmocka with the headers that it wants before it, and a look at a
 * test in a child. */
#ifndef UIOMMUFD_TESTS_UNIT_H
#define UIOMMUFD_TESTS_UNIT_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNIT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNIT_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define UNIT_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define UNIT_TSAN 1
#endif
#ifndef UNIT_ASAN
#define UNIT_ASAN 0
#endif
#ifndef UNIT_TSAN
#define UNIT_TSAN 0
#endif

/*
 * Runs fn(arg) in a child, quietly, and returns its wait status: for what is supposed to die, or to
 * have a process to itself. A failed assertion in it is an abort (support.c).
 */
static inline int unit_in_child(void (*fn)(void *arg), void *arg)
{
	struct rlimit no_core = {0, 0};
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		if (!getenv("UNIT_VERBOSE") && !freopen("/dev/null", "w", stderr))
			_exit(99);
		fn(arg);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static inline bool unit_exited(int status, int code)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

static inline bool unit_died_of(int status, int sig)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

#endif
