/* SPDX-License-Identifier: MIT */
/*
 * Finds a program and tells whether a preload library would reach it, or the launcher is needed. What counts is the file that
 * the kernel executes in the end: for a script, that is its interpreter's, and its interpreter's
 * set-user-ID bits.
 */
#include "tools/program.h"

#include "base/exe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* As deep as the kernel follows scripts whose interpreters are scripts. */
#define SCRIPT_DEPTH 5

static int refuse(struct program *program, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct program *program, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(program->reason, sizeof(program->reason), format, args);
	va_end(args);
	return error;
}

/* 0 if execve() would start on it. */
static int try_path(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return errno == EACCES ? -EACCES : -ENOENT;
	if (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS))
		return -EACCES;
	return 0;
}

/* An empty piece of PATH is the current folder. */
static int search(const char *name, struct program *program)
{
	const char *dirs = getenv("PATH"), *end;
	int r, error = -ENOENT;

	if (!dirs)
		dirs = "/bin:/usr/bin";
	for (;; dirs = end + 1) {
		end = strchrnul(dirs, ':');
		if (end == dirs)
			r = snprintf(program->path, PATH_MAX, "./%s", name);
		else
			r = snprintf(program->path, PATH_MAX, "%.*s/%s", (int)(end - dirs), dirs,
				     name);
		r = r < PATH_MAX ? try_path(program->path) : -ENOENT;
		if (!r)
			return 0;
		if (r == -EACCES)
			error = r;
		if (!*end)
			break;
	}
	return refuse(program, error,
		      error == -EACCES ? "'%s' in PATH can't be executed"
				       : "'%s' was not found in PATH",
		      name);
}

int program_find(const char *name, struct program *program)
{
	int r;

	program->by_shell = program->launch = false;
	if (!*name)
		return refuse(program, -ENOENT, "the program's name is empty");
	if (!strchr(name, '/'))
		return search(name, program);
	if (strlen(name) >= PATH_MAX)
		return refuse(program, -ENOENT, "the program's name is too long");
	strcpy(program->path, name);
	r = try_path(name);
	if (r == -EACCES)
		return refuse(program, r,
			      "'%s' can't be executed: it is not an executable file that "
			      "this user may run",
			      name);
	if (r)
		return refuse(program, r, "'%s' does not exist", name);
	return 0;
}

/*
 * When executing changes the rights, the dynamic linker ignores preload libraries, and a process with a filter may not execute with them. It
 * doesn't change them if the file's owner is who we are already, or if nothing is gained (nosuid mounts, no_new_privs).
 */
static int check_privileges(struct program *program, const char *path)
{
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) || statvfs(path, &fs))
		return 0;
	if ((fs.f_flag & ST_NOSUID) || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return 0;
	if ((st.st_mode & S_ISUID) && (st.st_uid != getuid() || st.st_uid != geteuid()))
		return refuse(program, -EPERM,
			      "'%s' is set-user-ID, and nothing may be put in front of such a "
			      "program's calls; run it as its owner, or run a copy without the bit",
			      path);
	if ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) &&
	    (st.st_gid != getgid() || st.st_gid != getegid()))
		return refuse(program, -EPERM,
			      "'%s' is set-group-ID, and nothing may be put in front of such a "
			      "program's calls; run a copy without the bit",
			      path);
	if (getuid() && getxattr(path, "security.capability", NULL, 0) > 0)
		return refuse(program, -EPERM,
			      "'%s' has file capabilities, and nothing may be put in front of such "
			      "a program's calls; run a copy without them, or run it as root",
			      path);
	return 0;
}

static int check_elf(struct program *program, const char *path, const struct exe_facts *elf)
{
	struct exe_facts own;

	if (exe_read("/proc/self/exe", &own))
		return 0;
	if (elf->class != own.class || elf->data != own.data || elf->machine != own.machine)
		return refuse(program, -EPERM,
			      "'%s' is built for %s, this uiommufd serves programs for %s", path,
			      exe_machine_name(elf), exe_machine_name(&own));
	if (elf->interpreter[0] && access(elf->interpreter, X_OK))
		return refuse(program, -ENOENT, "'%s' needs the loader %s, which is missing here",
			      path, elf->interpreter);
	program->launch = !exe_preloads(path, elf, &own);
	return check_privileges(program, path);
}

/* The interpreter on the #! line of `text`; false if there is none. */
static bool parse_script(const char *text, char ret_interpreter[static PATH_MAX])
{
	size_t length;

	text += 2;
	text += strspn(text, " \t");
	length = strcspn(text, " \t\n");
	if (!length || length >= PATH_MAX)
		return false;
	memcpy(ret_interpreter, text, length);
	ret_interpreter[length] = '\0';
	return true;
}

static ssize_t read_head(const char *path, char *ret_text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = pread(fd, ret_text, size - 1, 0);
	close(fd);
	ret_text[n > 0 ? n : 0] = '\0';
	return n;
}

/* As shells tell: a NUL in the first line means that this is no text. */
static bool is_text(const char *head, ssize_t length)
{
	const char *end = memchr(head, '\n', length);

	return length && !memchr(head, '\0', end ? end - head : length);
}

int program_check(struct program *program)
{
	char path[PATH_MAX], text[PATH_MAX];
	struct exe_facts elf;
	ssize_t n;
	int r;

	strcpy(path, program->path);
	for (int depth = 0; depth <= SCRIPT_DEPTH; depth++) {
		n = read_head(path, text, sizeof(text));
		if (n < 0)
			return 0;
		if (!strncmp(text, "#!", 2) && parse_script(text, path)) {
			if (try_path(path))
				return refuse(program, -ENOENT,
					      "'%s' needs the interpreter %s, which "
					      "is missing or can't be executed",
					      program->path, path);
			continue;
		}
		r = exe_read(path, &elf);
		if (!r)
			return check_elf(program, path, &elf);
		if (r != -ENOEXEC || !is_text(text, n))
			return refuse(program, -ENOEXEC,
				      "'%s' is not a program: neither an ELF "
				      "executable nor a script",
				      path);
		program->by_shell = true;
		strcpy(path, "/bin/sh");
	}
	return refuse(program, -ENOEXEC, "'%s' has too many interpreters of interpreters",
		      program->path);
}
