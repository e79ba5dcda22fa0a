/* SPDX-License-Identifier: MIT */
/* tools/program: where programs are found, and which are refused (tests/conformance/run has the real ones). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/exe.h"
#include "tools/program.h"
#include "unit.h"

static char folder[] = "/tmp/uiommufd-program-XXXXXX";
static struct program program;

static const char *in_folder(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void make(const char *name, const char *text, size_t length, mode_t mode)
{
	int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), length);
	close(fd);
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(folder));
	make("text", "exit 0\n", 7, 0755);
	make("plain", "exit 0\n", 7, 0644);
	make("script", "#! /bin/sh -e\n", 14, 0755);
	make("chain", "", 0, 0755);
	make("junk", "\0\1\2", 3, 0755);
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"text", "plain", "script", "chain", "junk", "sh"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_folder(names[i]));
	return rmdir(folder);
}

static int find_and_check(const char *name)
{
	int r = program_find(name, &program);

	return r ? r : program_check(&program);
}

static void test_find(void **state)
{
	char path[PATH_MAX];

	setenv("PATH", "/nowhere:/bin", 1);
	assert_int_equal(program_find("sh", &program), 0);
	assert_string_equal(program.path, "/bin/sh");
	/* What can't be executed is passed over, but told if there is nothing else. */
	make("sh", "", 0, 0644);
	snprintf(path, sizeof(path), "%s:/bin", folder);
	setenv("PATH", path, 1);
	assert_int_equal(program_find("sh", &program), 0);
	assert_string_equal(program.path, "/bin/sh");
	setenv("PATH", folder, 1);
	assert_int_equal(program_find("sh", &program), -EACCES);
	assert_int_equal(program_find("none", &program), -ENOENT);
	assert_true(strstr(program.reason, "not found"));
	unsetenv("PATH");
	assert_int_equal(program_find("sh", &program), 0);
	/* The empty piece. */
	setenv("PATH", ":", 1);
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(program_find("text", &program), 0);
	assert_string_equal(program.path, "./text");
	assert_int_equal(chdir("/"), 0);
}

static void test_paths(void **state)
{
	assert_int_equal(program_find("", &program), -ENOENT);
	assert_int_equal(program_find("/tmp", &program), -EACCES);
	assert_int_equal(program_find("/nowhere/x", &program), -ENOENT);
	assert_int_equal(program_find(in_folder("plain"), &program), -EACCES);
	assert_int_equal(program_find(in_folder("text"), &program), 0);
}

static void test_scripts(void **state)
{
	char text[PATH_MAX + 8];

	assert_int_equal(find_and_check("/bin/sh"), 0);
	assert_false(program.by_shell);
	assert_int_equal(find_and_check(in_folder("script")), 0);
	assert_false(program.by_shell);
	assert_int_equal(find_and_check(in_folder("text")), 0);
	assert_true(program.by_shell);
	assert_int_equal(find_and_check(in_folder("junk")), -ENOEXEC);
	/* A script that is its own interpreter. */
	snprintf(text, sizeof(text), "#!%s\n", in_folder("chain"));
	make("chain", text, strlen(text), 0755);
	assert_int_equal(find_and_check(in_folder("chain")), -ENOEXEC);
	make("chain", "#!/nowhere/x\n", 13, 0755);
	assert_int_equal(find_and_check(in_folder("chain")), -ENOENT);
	make("chain", "#!\n", 3, 0755);
	assert_int_equal(find_and_check(in_folder("chain")), 0);
}

/* The loader of another root is served under its own name; a copy under any other is a static program like all. */
static void test_loaders(void **state)
{
	static char loader[1 << 21];
	struct exe_facts own;
	const char *name;
	ssize_t length;
	int fd;

	assert_int_equal(exe_read("/proc/self/exe", &own), 0);
	name = basename(own.interpreter);
	fd = open(own.interpreter, O_RDONLY | O_CLOEXEC);
	length = read(fd, loader, sizeof(loader));
	close(fd);
	assert_true(length > 0);
	make(name, loader, length, 0755);
	make("other", loader, length, 0755);
	assert_int_equal(find_and_check(in_folder(name)), 0);
	assert_false(program.launch);
	assert_int_equal(find_and_check(in_folder("other")), 0);
	assert_true(program.launch);
	unlink(in_folder(name));
	unlink(in_folder("other"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_loaders),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
