/* SPDX-License-Identifier: MIT */
/*
 * model/nvme: commands that wait for pages. Who supplies a page does it by the same disk, and by the same queue: nothing that waits may be in its way. All in one
 * thread, so a lock that is held shows as a test that never ends.
 */
#include <errno.h>
#include <string.h>

#include "nvme_driver.h"
#include "unit.h"

#define GONE   (DATA + 256 * PAGE) /* pages that are absent at first */
#define HERE   (DATA + 300 * PAGE)
#define SOURCE 4000 /* the block that a page's bytes are read from */

static struct driver driver;
static unsigned int asked, depth, deepest;
static int wait_result;

static void fill(uint64_t address, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		((char *)host_at(&driver.host, address))[i] = seed + i * 7 + i / 251;
}

static void submit(unsigned int queue, uint8_t opcode, unsigned int block, uint64_t address)
{
	driver_put(&driver, queue,
		   (struct nvme_cmd){.opcode = opcode,
				     .nsid = 1,
				     .dptr = {address, address + PAGE},
				     .cdw10 = block,
				     .cdw12 = 7});
	driver_submit(&driver, queue);
}

/* The status of the next completion. */
static int take(unsigned int queue)
{
	struct nvme_cqe cqe;

	return driver_poll(&driver, queue, &cqe) ? cqe.status & 0x7ff : -1;
}

/* Pages it in: reads and writes the disk by queue 1, while commands wait. */
static int page_in(struct uiommufd_device *host, uint64_t iova)
{
	uint64_t page = iova & -PAGE;

	asked++;
	depth++;
	deepest = depth > deepest ? depth : deepest;
	submit(1, NVME_IO_READ, SOURCE, HERE + depth * PAGE);
	host_run(host, 100);
	assert_int_equal(take(1), 0);
	submit(1, NVME_IO_WRITE, SOURCE, HERE + depth * PAGE);
	host_run(host, 100);
	assert_int_equal(take(1), 0);
	if (host->perm[(page - HOST_BASE) / PAGE] == HOST_ABSENT) {
		memcpy(host_at(host, page), host_at(host, HERE + depth * PAGE), PAGE);
		host_protect(host, page, 1, HOST_READ | HOST_WRITE);
	}
	depth--;
	return wait_result;
}

static int setup(void **state)
{
	driver_open(&driver, "size=4M");
	driver_enable(&driver);
	driver_make_queues(&driver, 32);
	driver.host.on_absent = page_in;
	asked = deepest = 0;
	wait_result = 0;
	fill(HERE, PAGE, 3);
	submit(1, NVME_IO_WRITE, SOURCE, HERE);
	host_run(&driver.host, 100);
	assert_int_equal(take(1), 0);
	host_protect(&driver.host, GONE, 16 * PAGE, HOST_ABSENT);
	return 0;
}

static int teardown(void **state)
{
	driver_close(&driver);
	return 0;
}

static void is_source(uint64_t address)
{
	fill(HERE, PAGE, 3);
	assert_memory_equal(host_at(&driver.host, address), host_at(&driver.host, HERE), PAGE);
}

static void write_from_absent(void **state)
{
	submit(1, NVME_IO_WRITE, 0, GONE);
	host_run(&driver.host, 100);
	assert_int_equal(take(1), 0);
	assert_int_equal(asked, 1);
	is_source(GONE);
	assert_int_equal(driver_rw(&driver, NVME_IO_READ, 0, 8, DATA), 0);
	is_source(DATA);
}

/* Also of the blocks that the page is read from. */
static void write_over_the_source(void **state)
{
	submit(1, NVME_IO_WRITE, SOURCE, GONE);
	host_run(&driver.host, 100);
	assert_int_equal(take(1), 0);
	is_source(GONE);
}

static void read_into_absent(void **state)
{
	fill(DATA, PAGE, 9);
	assert_int_equal(driver_rw(&driver, NVME_IO_WRITE, 0, 8, DATA), 0);
	submit(1, NVME_IO_READ, 0, GONE);
	host_run(&driver.host, 100);
	assert_int_equal(take(1), 0);
	assert_int_equal(asked, 1);
	assert_memory_equal(host_at(&driver.host, GONE), host_at(&driver.host, DATA), PAGE);
}

static void compare_and_ranges(void **state)
{
	submit(1, NVME_IO_COMPARE, SOURCE, GONE);
	host_run(&driver.host, 100);
	assert_int_equal(take(1), 0);
	/* The source's bytes are no ranges of this disk. */
	driver_put(&driver, 1,
		   (struct nvme_cmd){.opcode = NVME_IO_DSM,
				     .nsid = 1,
				     .dptr = {GONE + PAGE},
				     .cdw10 = 0,
				     .cdw11 = 4});
	driver_submit(&driver, 1);
	host_run(&driver.host, 100);
	assert_int_equal(take(1), NVME_LBA_RANGE);
	assert_int_equal(asked, 2);
}

/* A list that is absent, and all pages that it names. */
static void absent_list(void **state)
{
	uint64_t list[8];

	for (unsigned int i = 0; i < 8; i++)
		list[i] = GONE + (i + 1) * PAGE;
	memcpy(host_at(&driver.host, HERE), list, sizeof(list));
	assert_int_equal(driver_rw(&driver, NVME_IO_WRITE, SOURCE, 8, HERE), 0);
	driver_put(&driver, 1,
		   (struct nvme_cmd){.opcode = NVME_IO_WRITE,
				     .nsid = 1,
				     .dptr = {GONE, GONE + 15 * PAGE},
				     .cdw12 = 9 * 8 - 1});
	driver_submit(&driver, 1);
	host_run(&driver.host, 100);
	assert_int_equal(take(1), 0);
	assert_int_equal(asked, 10);
}

/* More than there are lanes: some wait for a lane, and queues go on. */
static void many(void **state)
{
	for (unsigned int i = 0; i < 12; i++)
		submit(1 + i % 2, NVME_IO_WRITE, i * 8, GONE + i * PAGE);
	host_run(&driver.host, 1000);
	for (unsigned int i = 0; i < 12; i++)
		assert_int_equal(take(1 + i % 2), 0);
	assert_int_equal(take(1), -1);
	assert_int_equal(asked, 12);
	assert_true(deepest > 1 && deepest <= 8);
	for (unsigned int i = 0; i < 12; i++) {
		assert_int_equal(driver_rw(&driver, NVME_IO_READ, i * 8, 8, DATA), 0);
		is_source(DATA);
	}
}

static void refused_page(void **state)
{
	host_protect(&driver.host, GONE, PAGE, HOST_ABSENT | HOST_READ);
	wait_result = -EFAULT;
	submit(1, NVME_IO_READ, 0, GONE);
	host_run(&driver.host, 100);
	assert_int_equal(take(1), NVME_DATA_TRANSFER_ERROR);
	assert_int_equal(asked, 1);
}

/* What has no lane yet is aborted. */
static void deletion(void **state)
{
	submit(2, NVME_IO_WRITE, 0, GONE);
	assert_int_equal(host_run(&driver.host, 1), 1);
	assert_int_equal(take(2), -1);
	driver_put(&driver, 0, (struct nvme_cmd){.opcode = NVME_ADMIN_DELETE_SQ, .cdw10 = 2});
	driver_submit(&driver, 0);
	host_run(&driver.host, 100);
	assert_int_equal(take(2), NVME_ABORT_SQ_DELETION);
	assert_int_equal(take(0), 0);
	assert_int_equal(asked, 0);
}

static void enable_again(void)
{
	driver_enable(&driver);
	driver_make_queues(&driver, 32);
	submit(1, NVME_IO_WRITE, 0, GONE + PAGE);
	host_run(&driver.host, 100);
	assert_int_equal(take(1), 0);
	assert_int_equal(take(1), -1);
}

/* Forgotten with the queues, whether a lane has it or not. */
static void disabled(void **state)
{
	submit(1, NVME_IO_WRITE, 0, GONE);
	assert_int_equal(host_run(&driver.host, 1), 1);
	host_store(&driver.host, 0, NVME_CC, 0x460000, 4);
	assert_int_equal(driver_csts(&driver), 0);
	enable_again();
	assert_int_equal(asked, 1);
}

static void reset(void **state)
{
	submit(1, NVME_IO_WRITE, 0, GONE);
	submit(1, NVME_IO_READ, 0, GONE + 2 * PAGE);
	host_protect(&driver.host, GONE, PAGE, HOST_ABSENT | HOST_WRITE);
	wait_result = -ECANCELED;
	assert_int_equal(host_run(&driver.host, 2), 2);
	assert_int_equal(take(1), -1);
	wait_result = 0;
	host_reset(&driver.host);
	enable_again();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(write_from_absent), T(write_over_the_source),
		T(read_into_absent),  T(compare_and_ranges),
		T(absent_list),	      T(many),
		T(refused_page),      T(deletion),
		T(disabled),	      T(reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
