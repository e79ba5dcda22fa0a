/* SPDX-License-Identifier: MIT */
/* model/dmatest: registers, transfers both ways, and each way in which one fails. */
#include <errno.h>
#include <string.h>

#include "host.h"
#include "model/models.h"
#include "unit.h"

enum {
	ADDRESS = 0,
	COMMAND = 8,
	STATUS = 12,
	PASID = 16,
	LENGTH = 20,
	FAULT = 24,
	COUNT = 32,
	MEMORY = 4096
};
enum { START = 1, TO_MEMORY = 2, INTERRUPT = 4 };

static int setup(void **state)
{
	static struct uiommufd_device host;

	*state = &host;
	return host_init(&host, &model_dmatest, NULL);
}

static int teardown(void **state)
{
	host_done(*state);
	return 0;
}

static void start(struct uiommufd_device *host, uint64_t address, uint32_t command)
{
	host_store(host, 0, ADDRESS, address, 8);
	host_store(host, 0, COMMAND, START | command, 4);
	assert_int_equal(host_load(host, 0, COMMAND, 4), START | command);
	assert_int_equal(host_load(host, 0, STATUS, 4), 0);
	assert_int_equal(host_run(host, 10), 1);
	assert_int_equal(host_load(host, 0, COMMAND, 4), command);
}

static void test_both_ways(void **state)
{
	struct uiommufd_device *host = *state;

	for (unsigned int i = 0; i < 4096; i += 8)
		host_store(host, 0, MEMORY + i, i * UINT64_C(0x0101010101), 8);
	start(host, HOST_BASE + 5, TO_MEMORY);
	assert_int_equal(host_load(host, 0, STATUS, 4), 1);
	assert_memory_equal(host_at(host, HOST_BASE + 5), (char *)host->bars[0] + MEMORY, 4096);
	assert_int_equal(host->interrupts[0], 0);

	memset(host_at(host, HOST_BASE), 'x', 4096);
	start(host, HOST_BASE, INTERRUPT);
	assert_int_equal(host_load(host, 0, STATUS, 4), 1);
	for (unsigned int i = 0; i < 4096; i++)
		assert_int_equal(host_load(host, 0, MEMORY + i, 1), 'x');
	assert_int_equal(host->interrupts[0], 1);
	assert_int_equal(host_load(host, 0, COUNT, 8), 2);
}

static void test_length(void **state)
{
	static const uint32_t lengths[][2] = {
		{1, 1}, {4096, 4096}, {0, 4096}, {4097, 4096}, {7, 7}};
	struct uiommufd_device *host = *state;
	char *memory = host_at(host, HOST_BASE);

	for (unsigned int i = 0; i < 5; i++) {
		memset(memory, 'x', 8192);
		host_store(host, 0, LENGTH, lengths[i][0], 4);
		start(host, HOST_BASE, TO_MEMORY);
		assert_int_equal(memory[lengths[i][1] - 1], 0);
		assert_int_equal(memory[lengths[i][1]], 'x');
	}
}

static void test_faults(void **state)
{
	struct uiommufd_device *host = *state;

	start(host, HOST_END - 16, TO_MEMORY);
	assert_int_equal(host_load(host, 0, STATUS, 4), 3);
	assert_int_equal(host_load(host, 0, FAULT, 8), HOST_END);
	host_protect(host, HOST_BASE + 4096, 1, HOST_READ);
	start(host, HOST_BASE + 8, TO_MEMORY | INTERRUPT);
	assert_int_equal(host_load(host, 0, FAULT, 8), HOST_BASE + 4096);
	assert_int_equal(host->interrupts[0], 1);
	start(host, UINT64_MAX - 8, 0);
	assert_int_equal(host_load(host, 0, STATUS, 4), 3);

	host->fail_at = host->dmas + 1;
	host->fail_with = -EACCES;
	start(host, HOST_BASE, 0);
	assert_int_equal(host_load(host, 0, STATUS, 4), 5);
}

/* A reset in the middle: run returns and leaves the rest to it. */
static void test_cancel(void **state)
{
	struct uiommufd_device *host = *state;

	host->fail_at = 1;
	host->fail_with = -ECANCELED;
	host_store(host, 0, COMMAND, START | INTERRUPT, 4);
	host_run(host, 10);
	assert_int_equal(host->interrupts[0], 0);
	host_reset(host);
	assert_int_equal(host_load(host, 0, COMMAND, 4), 0);
	assert_int_equal(host_load(host, 0, LENGTH, 4), 4096);
	start(host, HOST_BASE, 0);
	assert_int_equal(host_load(host, 0, STATUS, 4), 1);
}

/* While it is busy it keeps to what it was started with. */
static void test_busy(void **state)
{
	struct uiommufd_device *host = *state;

	host_store(host, 0, ADDRESS, HOST_BASE, 8);
	host_store(host, 0, COMMAND, START | TO_MEMORY, 4);
	host_store(host, 0, ADDRESS, 0, 8);
	host_store(host, 0, COMMAND, START | INTERRUPT, 4);
	host_store(host, 0, COMMAND, 0, 1);
	assert_int_equal(host_load(host, 0, COMMAND, 4), START | TO_MEMORY);
	assert_int_equal(host_run(host, 10), 1);
	assert_int_equal(host_load(host, 0, STATUS, 4), 1);
	assert_int_equal(host->interrupts[0], 0);
}

static void test_registers(void **state)
{
	struct uiommufd_device *host = *state;

	host_store(host, 0, ADDRESS + 4, 0x11223344, 4);
	host_store(host, 0, ADDRESS + 1, 0x55, 1);
	assert_true(host_load(host, 0, ADDRESS, 8) == UINT64_C(0x1122334400005500));
	host_store(host, 0, PASID, UINT32_MAX, 4);
	assert_int_equal(host_load(host, 0, PASID, 4), 0x800fffff);
	/* Read-only ones, one store over several. */
	host_store(host, 0, STATUS, UINT32_MAX, 4);
	host_store(host, 0, FAULT, UINT64_MAX, 8);
	host_store(host, 0, COUNT, UINT64_MAX, 8);
	assert_int_equal(host_load(host, 0, STATUS, 4) | host_load(host, 0, FAULT, 8) |
				 host_load(host, 0, COUNT, 8),
			 0);
	host_store(host, 0, COMMAND, UINT64_C(0xffffffff00000004), 8);
	assert_int_equal(host_load(host, 0, COMMAND, 8), 4);
	host_store(host, 0, 0x7f8, UINT64_MAX, 8);
	assert_int_equal(host_load(host, 0, 0x7f8, 8), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_both_ways), T(test_length), T(test_faults),
		T(test_cancel),	   T(test_busy),   T(test_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
