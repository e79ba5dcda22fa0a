/* SPDX-License-Identifier: MIT */
/* What stands under a breakpoint is found in the file. */
#include "frontend/mmio/original.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

static uint8_t *map_code(int fd, off_t offset)
{
	uint8_t *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, offset);

	assert_ptr_not_equal(code, MAP_FAILED);
	return code;
}

static void test_file(void **state)
{
	char path[] = "/tmp/uiommufd-original-XXXXXX";
	int fd = mkstemp(path);
	uint8_t bytes[2 * PAGE], *code, byte = 1;

	assert_true(fd >= 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i ^ i >> 8);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	code = map_code(fd, PAGE);
	code[0x123] = BREAKPOINT;
	assert_true(original_byte((uintptr_t)code + 0x123, &byte));
	assert_int_equal(byte, bytes[PAGE + 0x123]);
	unlink(path);
	byte = 1;
	assert_false(original_byte((uintptr_t)code + 0x123, &byte));
	assert_int_equal(byte, 1);
	munmap(code, PAGE);
	close(fd);
}

static void test_no_file(void **state)
{
	uint8_t *code =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t byte = 1;

	assert_ptr_not_equal(code, MAP_FAILED);
	assert_false(original_byte((uintptr_t)code, &byte));
	munmap(code, PAGE);
	assert_false(original_byte((uintptr_t)code, &byte));
	assert_int_equal(byte, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
