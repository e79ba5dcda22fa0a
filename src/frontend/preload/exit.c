/* SPDX-License-Identifier: MIT */
/*
 * The process's memory is about to go: it exits, or executes another program. Services of other processes that have it pinned are
 * told, so that they take what they need of it. Its own service needs no word: that shares the memory and keeps it.
 */
#include "base/sys.h"
#include "frontend/preload/launch.h"
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

static int run_execve(const struct launch *launch)
{
	return REAL(execve)(launch->path, launch->argv, launch->envp);
}

SHIM int execve(const char *path, char *const argv[], char *const envp[])
{
	const struct launch launch = {NULL, path, argv, envp, run_execve, NULL};

	bye_unless_missing(path);
	return stayed(launch_run(&launch));
}

SHIM int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

static int run_execvpe(const struct launch *launch)
{
	return launch->file ? REAL(execvpe)(launch->file, launch->argv, launch->envp)
			    : run_execve(launch);
}

SHIM int execvpe(const char *file, char *const argv[], char *const envp[])
{
	char space[PATH_MAX];
	const struct launch launch = {file, launch_find(file, space), argv, envp, run_execvpe,
				      NULL};

	before_exec();
	return stayed(launch_run(&launch));
}

SHIM int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

/* The rest of a posix_spawn(). */
struct spawn {
	pid_t *pid;
	const posix_spawn_file_actions_t *actions;
	const posix_spawnattr_t *attr;
};

static int run_spawn(const struct launch *launch)
{
	const struct spawn *spawn = launch->arg;

	return launch->file ? REAL(posix_spawnp)(spawn->pid, launch->file, spawn->actions,
						 spawn->attr, launch->argv, launch->envp)
			    : REAL(posix_spawn)(spawn->pid, launch->path, spawn->actions,
						spawn->attr, launch->argv, launch->envp);
}

SHIM int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		     const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	struct spawn spawn = {pid, actions, attr};
	const struct launch launch = {NULL, path, argv, envp, run_spawn, &spawn};

	return launch_run(&launch);
}

SHIM int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
		      const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	struct spawn spawn = {pid, actions, attr};
	char space[PATH_MAX];
	const struct launch launch = {file,  launch_find(file, space), argv, envp, run_spawn,
				      &spawn};

	return launch_run(&launch);
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
