/* SPDX-License-Identifier: MIT */
/*
 * The process's memory is about to go: it exits, or executes another program. Services of other processes that have it pinned are
 * told, so that they take what they need of it. Its own service needs no word: that shares the memory and keeps it.
 */
#include "base/sys.h"
#include "frontend/preload/mask.h"
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"
#include "frontend/service/quiet.h"

#include <alloca.h>
#include <stdarg.h>
#include <stdlib.h>

static void bye(void)
{
	struct process *process = descriptors ? atomic_load(&descriptors->process) : NULL;
	int saved = errno;

	QUIET;
	/* A vfork child has its parent's memory, which stays. */
	if (process && process->pid == getpid()) {
		descriptors_leave();
		remotes_tell(&process->remotes, WIRE_BYE);
	}
	errno = saved;
}

/* exit() and the return from main. */
__attribute__((destructor)) static void bye_at_exit(void)
{
	bye();
}

SHIM void _exit(int status)
{
	bye();
	REAL(_exit)(status);
	__builtin_unreachable();
}

SHIM void _Exit(int status)
{
	_exit(status);
}

SHIM void quick_exit(int status)
{
	bye();
	REAL(quick_exit)(status);
	__builtin_unreachable();
}

/* What the real exec returned, if it did. */
static int stayed(int rc)
{
	int saved = errno;

	mask_exec(false);
	descriptors_stay();
	errno = saved;
	return rc;
}

static void before_exec(void)
{
	bye();
	mask_exec(true);
}

/* An exec that is bound to fail says no good-bye; the few that fail later have said one too many. */
static void bye_unless_missing(const char *path)
{
	if (sys_raw(SYS_faccessat, AT_FDCWD, path, X_OK) == 0)
		before_exec();
}

SHIM int execve(const char *path, char *const argv[], char *const envp[])
{
	bye_unless_missing(path);
	return stayed(REAL(execve)(path, argv, envp));
}

SHIM int execv(const char *path, char *const argv[])
{
	bye_unless_missing(path);
	return stayed(REAL(execv)(path, argv));
}

SHIM int execvpe(const char *file, char *const argv[], char *const envp[])
{
	before_exec();
	return stayed(REAL(execvpe)(file, argv, envp));
}

SHIM int execvp(const char *file, char *const argv[])
{
	before_exec();
	return stayed(REAL(execvp)(file, argv));
}

SHIM int fexecve(int fd, char *const argv[], char *const envp[])
{
	before_exec();
	return stayed(REAL(fexecve)(fd, argv, envp));
}

SHIM int execveat(int dirfd, const char *path, char *const argv[], char *const envp[], int flags)
{
	before_exec();
	return stayed(REAL(execveat)(dirfd, path, argv, envp, flags));
}

/* The arguments after the first up to the NULL. On the stack: allowed after vfork(). */
#define GATHER(first, list, argv, n)                                                               \
	do {                                                                                       \
		va_list count;                                                                     \
                                                                                                   \
		n = 1;                                                                             \
		va_start(list, first);                                                             \
		va_copy(count, list);                                                              \
		while (va_arg(count, char *))                                                      \
			n++;                                                                       \
		va_end(count);                                                                     \
		argv = alloca(((size_t)n + 1) * sizeof(*argv));                                    \
		argv[0] = (char *)first;                                                           \
		for (int i = 1; i <= n; i++)                                                       \
			argv[i] = va_arg(list, char *);                                            \
	} while (0)

SHIM int execl(const char *path, const char *arg, ...)
{
	va_list list;
	char **argv;
	int n;

	GATHER(arg, list, argv, n);
	va_end(list);
	return execv(path, argv);
}

SHIM int execlp(const char *file, const char *arg, ...)
{
	va_list list;
	char **argv;
	int n;

	GATHER(arg, list, argv, n);
	va_end(list);
	return execvp(file, argv);
}

SHIM int execle(const char *path, const char *arg, ...)
{
	va_list list;
	char **argv, **envp;
	int n;

	GATHER(arg, list, argv, n);
	envp = va_arg(list, char **);
	va_end(list);
	return execve(path, argv, envp);
}
