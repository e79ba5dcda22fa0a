/* SPDX-License-Identifier: MIT */
/* base/exe: facts of real and of damaged executables. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>

#include "base/exe.h"
#include "unit.h"

/* A small executable in a file: headers only, which is all that is looked at. */
struct image {
	ElfW(Ehdr) elf;
	ElfW(Phdr) headers[2];
	char interpreter[32];
	struct {
		ElfW(Nhdr) note;
		char owner[4];
	} go;
};

static const char path[] = "/tmp/uiommufd-test-exe";

static void own_image(struct image *image)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	*image = (struct image){};
	assert_int_equal(read(fd, &image->elf, sizeof(image->elf)), sizeof(image->elf));
	close(fd);
	image->elf.e_phoff = offsetof(struct image, headers);
	image->elf.e_phnum = 2;
	image->headers[0] = (ElfW(Phdr)){.p_type = PT_INTERP,
					 .p_offset = offsetof(struct image, interpreter),
					 .p_filesz = sizeof("/lib/ld.so")};
	strcpy(image->interpreter, "/lib/ld.so");
}

static int read_image(const struct image *image, size_t size, struct exe_facts *ret_facts)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700), r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, image, size), size);
	close(fd);
	r = exe_read(path, ret_facts);
	unlink(path);
	return r;
}

static void test_own(void **state)
{
	struct exe_facts facts;

	assert_int_equal(exe_read("/proc/self/exe", &facts), 0);
	assert_int_equal(facts.class, sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32);
	assert_true(strstr(facts.interpreter, "ld"));
	assert_false(facts.go);
	assert_string_not_equal(exe_machine_name(&facts), "another machine");
}

static void test_image(void **state)
{
	struct exe_facts facts;
	struct image image;

	own_image(&image);
	assert_int_equal(read_image(&image, sizeof(image), &facts), 0);
	assert_string_equal(facts.interpreter, "/lib/ld.so");
	assert_false(facts.go);
	image.headers[1] = (ElfW(Phdr)){.p_type = PT_NOTE,
					.p_offset = offsetof(struct image, go),
					.p_filesz = sizeof(image.go)};
	image.go.note = (ElfW(Nhdr)){.n_namesz = 4, .n_type = 4};
	memcpy(image.go.owner, "Go\0", 4);
	assert_int_equal(read_image(&image, sizeof(image), &facts), 0);
	assert_true(facts.go);
	image.headers[0].p_type = PT_NULL;
	assert_int_equal(read_image(&image, sizeof(image), &facts), 0);
	assert_string_equal(facts.interpreter, "");
}

static void test_foreign(void **state)
{
	struct exe_facts facts;
	struct image image;

	own_image(&image);
	image.elf.e_machine = EM_386;
	image.elf.e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(read_image(&image, sizeof(image), &facts), 0);
	assert_string_equal(exe_machine_name(&facts), "x86 (32 bit)");
	/* Big-endian: the type and the machine are turned. */
	image.elf.e_ident[EI_DATA] = ELFDATA2MSB;
	image.elf.e_type = __builtin_bswap16(ET_EXEC);
	image.elf.e_machine = __builtin_bswap16(EM_S390);
	assert_int_equal(read_image(&image, sizeof(image), &facts), 0);
	assert_string_equal(exe_machine_name(&facts), "S/390");
}

static void test_damaged(void **state)
{
	struct exe_facts facts = {.machine = 4711};
	struct image image;

	own_image(&image);
	for (size_t size = 0; size < offsetof(struct image, interpreter) + sizeof("/lib/ld.so") - 1;
	     size++)
		assert_int_equal(read_image(&image, size, &facts), -ENOEXEC);
	image.headers[0].p_filesz = sizeof("/lib/ld.so") - 1; /* no NUL */
	assert_int_equal(read_image(&image, sizeof(image), &facts), -ENOEXEC);
	image.headers[0].p_filesz = 1ull << 40;
	assert_int_equal(read_image(&image, sizeof(image), &facts), -ENOEXEC);
	own_image(&image);
	image.elf.e_type = ET_REL;
	assert_int_equal(read_image(&image, sizeof(image), &facts), -ENOEXEC);
	assert_int_equal(exe_read("/nowhere", &facts), -ENOENT);
	assert_int_equal(facts.machine, 4711);
}

static void test_same_file(void **state)
{
	assert_true(exe_same_file("/proc/self/exe", "/proc/thread-self/exe"));
	assert_false(exe_same_file("/proc/self/exe", "/bin/sh"));
	assert_false(exe_same_file("/nowhere", "/nowhere"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),	  cmocka_unit_test(test_image),
		cmocka_unit_test(test_foreign),	  cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_same_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
