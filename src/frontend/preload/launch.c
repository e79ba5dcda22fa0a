/* SPDX-License-Identifier: MIT */
#include "frontend/preload/launch.h"

#include "base/exe.h"
#include "base/sys.h"

#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VARIABLE "UIOMMUFD_LAUNCHER="
#define LIBRARY	 "libuiommufd-preload.so"
#define PRELOAD	 "LD_PRELOAD="
/* Valgrind gives this to its tools, and takes it from the program. */
#define VALGRIND "VALGRIND_LAUNCHER="
/* Of the first line of a script. */
#define LINE_MAX_BYTES 256

/* What stands behind `name`, which has the '='; NULL if nothing does. */
static const char *value_of(char *const envp[], const char *name)
{
	for (; envp && *envp; envp++) {
		if (!strncmp(*envp, name, strlen(name)))
			return (*envp)[strlen(name)] ? *envp + strlen(name) : NULL;
	}
	return NULL;
}

/* Valgrind's tools are static, and load the program with its libraries themselves. */
static const char *tool_of(char *const envp[])
{
	return value_of(envp, VALGRIND) ? NULL : value_of(envp, VARIABLE);
}

/* What a script says is to run it: false if it is no script. */
static bool interpreter_of(const char *path, char line[static LINE_MAX_BYTES])
{
	int fd = (int)sys_raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	long n = -1;
	size_t start;

	if (fd >= 0) {
		n = sys_raw(SYS_pread64, fd, line, LINE_MAX_BYTES - 1, 0);
		sys_raw(SYS_close, fd);
	}
	line[n < 0 ? 0 : n] = '\0';
	if (strncmp(line, "#!", 2))
		return false;
	start = 2 + strspn(line + 2, " \t");
	memmove(line, line + start, strlen(line + start) + 1);
	line[strcspn(line, " \t\n")] = '\0';
	return true;
}

/* Executing it gives it rights of its own, and so nobody may serve it. */
static bool gains_rights(const char *path)
{
	struct stat st;

	return sys_raw(SYS_newfstatat, AT_FDCWD, path, &st, 0) || st.st_mode & (S_ISUID | S_ISGID);
}

static bool needs_launcher(const char *path)
{
	char line[LINE_MAX_BYTES];
	struct exe_facts own, facts;

	if (interpreter_of(path, line))
		path = line;
	return !exe_read("/proc/self/exe", &own) && own.interpreter[0] && !exe_read(path, &facts) &&
	       facts.class == own.class && facts.machine == own.machine &&
	       !exe_preloads(path, &facts, &own) && !gains_rights(path);
}

/* Takes our library out of the variable's text. */
static void take_out(char *text)
{
	char *from = text + strlen(PRELOAD), *to = from;
	size_t length;

	for (; *from; from += length) {
		length = strcspn(from, ": ");
		if (length < strlen(LIBRARY) ||
		    memcmp(from + length - strlen(LIBRARY), LIBRARY, strlen(LIBRARY)) != 0) {
			memmove(to, from, length);
			to += length;
		}
		if (from[length])
			*to++ = from[length++];
	}
	*to = '\0';
}

static size_t count(char *const *words)
{
	size_t n = 0;

	while (words && words[n])
		n++;
	return n;
}

static int run_launcher(const struct launch *launch, const char *tool)
{
	const char *head[] = {tool,
			      "run",
			      "--launcher=try",
			      "--argv0",
			      launch->argv && launch->argv[0] ? launch->argv[0] : "",
			      "--"};
	size_t n_head = sizeof(head) / sizeof(head[0]), n = count(launch->argv),
	       n_env = count(launch->envp);
	const char **argv = alloca((n_head + n + 2) * sizeof(*argv));
	char **envp = alloca((n_env + 1) * sizeof(*envp));
	char *path = alloca(strlen(launch->path) + 3);
	struct launch other = *launch;

	/* The command looks in PATH for what has no slash. */
	strcpy(path, strchr(launch->path, '/') ? "" : "./");
	strcat(path, launch->path);
	memcpy(argv, head, sizeof(head));
	argv[n_head] = path;
	for (size_t i = 1; i <= n; i++)
		argv[n_head + i] = launch->argv[i];
	argv[n_head + (n ? n : 1)] = NULL;
	for (size_t i = 0; i <= n_env; i++) {
		envp[i] = launch->envp ? launch->envp[i] : NULL;
		if (envp[i] && !strncmp(envp[i], PRELOAD, strlen(PRELOAD)))
			take_out(envp[i] = strcpy(alloca(strlen(envp[i]) + 1), envp[i]));
	}
	other.file = NULL;
	other.path = tool;
	other.argv = (char *const *)argv;
	other.envp = envp;
	return other.run(&other);
}

int launch_run(const struct launch *launch)
{
	const char *tool = tool_of(launch->envp);
	int saved = errno;
	bool needed = tool && launch->path && needs_launcher(launch->path);

	errno = saved;
	return needed ? run_launcher(launch, tool) : launch->run(launch);
}

const char *launch_find(const char *file, char space[static PATH_MAX])
{
	const char *dirs = getenv("PATH"), *end;
	int n;

	if (strchr(file, '/'))
		return file;
	for (; dirs; dirs = *end ? end + 1 : NULL) {
		end = strchrnul(dirs, ':');
		n = snprintf(space, PATH_MAX, "%.*s%s%s", (int)(end - dirs), dirs,
			     end == dirs ? "./" : "/", file);
		if (n < PATH_MAX && !sys_raw(SYS_faccessat, AT_FDCWD, space, X_OK))
			return space;
	}
	return NULL;
}
