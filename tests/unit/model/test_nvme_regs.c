/* SPDX-License-Identifier: MIT */
/* model/nvme: registers, enabling and disabling, doorbells, fatal errors, shutdown, interrupts. */
#include <errno.h>
#include <string.h>

#include "nvme_driver.h"
#include "unit.h"

static int setup(void **state)
{
	static struct driver driver;

	driver_open(&driver, "size=4M");
	*state = &driver;
	return 0;
}

static int teardown(void **state)
{
	driver_close(*state);
	return 0;
}

static const struct nvme_cmd identify = {
	.opcode = NVME_ADMIN_IDENTIFY, .dptr = {DATA}, .cdw10 = NVME_CNS_CONTROLLER};

static void test_identity(void **state)
{
	struct driver *driver = *state;
	struct uiommufd_device *host = &driver->host;
	uint64_t cap = host_load(host, 0, NVME_CAP, 8);

	assert_int_equal(cap & 0xffff, 1023);
	assert_true(cap >> 16 & 1);
	assert_true(cap >> 37 & 1);
	assert_int_equal(host_load(host, 0, NVME_VS, 4), 0x10400);
	host_store(host, 0, NVME_CAP, 0, 8);
	host_store(host, 0, NVME_VS, 0, 4);
	host_store(host, 0, NVME_CSTS, UINT32_MAX, 4);
	assert_true(host_load(host, 0, NVME_CAP, 8) == cap);
	assert_int_equal(host_load(host, 0, NVME_VS, 4), 0x10400);
	assert_int_equal(driver_csts(driver), 0);
}

static void test_enable(void **state)
{
	struct driver *driver = *state;
	struct uiommufd_device *host = &driver->host;

	driver_enable(driver);
	assert_int_equal(driver_do(driver, 0, identify, NULL), 0);
	driver_make_queues(driver, 8);
	host_store(host, 0, NVME_CC, 0x460000, 4);
	assert_int_equal(driver_csts(driver), 0);
	/* 7.3.2: these stay; I/O queues do not. */
	assert_true(host_load(host, 0, NVME_ASQ, 8) == ASQ);
	assert_int_equal(host_load(host, 0, NVME_AQA, 4), 15 << 16 | 15);
	driver_enable(driver);
	driver_submit(driver, 1);
	driver_make_queues(driver, 8);
	assert_int_equal(driver_rw(driver, NVME_IO_READ, 0, 1, DATA), 0);

	host_reset(host);
	assert_int_equal(driver_csts(driver), 0);
	assert_int_equal(host_load(host, 0, NVME_CC, 4), 0);
	assert_int_equal(host_load(host, 0, NVME_AQA, 4), 0);
	driver_enable(driver);
}

/* Each is a CC that can't be, or admin queues that can't. */
static void test_enable_fails(void **state)
{
	static const struct {
		uint32_t aqa, cc;
		uint64_t asq;
	} wrong[] = {
		{15, 0x460001, ASQ},
		{15 << 16, 0x460001, ASQ},
		{15 << 16 | 15, 0x460011, ASQ},
		{15 << 16 | 15, 0x460801, ASQ},
		{15 << 16 | 15, 0x460281, ASQ},
		{15 << 16 | 15, 0x460101, ASQ + PAGE},
	};
	struct driver *driver = *state;
	struct uiommufd_device *host = &driver->host;

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		host_store(host, 0, NVME_AQA, wrong[i].aqa, 4);
		host_store(host, 0, NVME_ASQ, wrong[i].asq, 8);
		host_store(host, 0, NVME_CC, wrong[i].cc, 4);
		assert_int_equal(driver_csts(driver), NVME_CSTS_CFS);
		driver_ring(driver, 0, false, 1);
		assert_int_equal(host->kicked, 0);
		host_store(host, 0, NVME_CC, 0, 4);
		assert_int_equal(driver_csts(driver), 0);
	}
	driver_enable(driver);
}

/* A queue that can't be reached is fatal, until the controller is disabled. */
static void test_fatal(void **state)
{
	struct driver *driver = *state;
	struct uiommufd_device *host = &driver->host;

	for (unsigned int i = 0; i < 2; i++) {
		driver_enable(driver);
		host_protect(host, i ? ACQ : ASQ, 1, i ? HOST_READ : 0);
		driver_ring(driver, 0, false, 1);
		host_run(host, 10);
		assert_int_equal(driver_csts(driver), NVME_CSTS_RDY | NVME_CSTS_CFS);
		host_protect(host, i ? ACQ : ASQ, 1, HOST_READ | HOST_WRITE);
		driver_ring(driver, 0, false, 2);
		assert_int_equal(host_run(host, 10), 0);
		host_store(host, 0, NVME_CC, 0, 4);
		assert_int_equal(driver_csts(driver), 0);
	}
	driver_enable(driver);
	assert_int_equal(driver_do(driver, 0, identify, NULL), 0);
}

/* The next thing happens while a run is in progress. */
static struct driver *meddled;
static void (*meddle)(struct driver *driver);

static void meddle_disable(struct driver *driver)
{
	host_store(&driver->host, 0, NVME_CC, 0x460000, 4);
	assert_int_equal(driver_csts(driver), NVME_CSTS_RDY);
}

static void meddle_twice(struct driver *driver)
{
	meddle_disable(driver);
	host_store(&driver->host, 0, NVME_CC, 0x460001, 4);
	assert_int_equal(driver_csts(driver), NVME_CSTS_RDY);
}

static void do_meddle(struct uiommufd_device *host)
{
	host->on_dma = NULL;
	meddle(meddled);
}

/* Disabled in the middle of a command: RDY goes when it has ended. */
static void test_disable_while_running(void **state)
{
	struct driver *driver = *state;
	struct nvme_cqe cqe;

	meddled = driver;
	for (unsigned int i = 0; i < 2; i++) {
		meddle = i ? meddle_twice : meddle_disable;
		driver_enable(driver);
		driver_put(driver, 0, identify);
		driver_put(driver, 0, identify);
		driver_submit(driver, 0);
		driver->host.on_dma = do_meddle;
		host_run(&driver->host, 10);
		assert_null(driver->host.on_dma);
		assert_int_equal(driver_csts(driver), i ? NVME_CSTS_RDY : 0);
		/* The second was not begun. */
		driver_poll(driver, 0, &cqe);
		assert_false(driver_poll(driver, 0, &cqe));
		host_store(&driver->host, 0, NVME_CC, 0, 4);
	}
}

static void test_doorbells(void **state)
{
	struct driver *driver = *state;
	struct uiommufd_device *host = &driver->host;

	driver_ring(driver, 0, false, 1); /* not enabled */
	assert_int_equal(host->kicked, 0);
	driver_enable(driver);
	/* Queues that are not there, values out of range, odd places and sizes: nothing happens but an event. */
	driver_ring(driver, 1, false, 1);
	driver_ring(driver, 1, true, 1);
	driver_ring(driver, 0, false, 16);
	driver_ring(driver, 0, true, UINT32_MAX);
	driver_ring(driver, 33, false, 0);
	host_store(host, 0, 0x3ff8, UINT64_MAX, 8);
	host_store(host, 0, NVME_DOORBELLS + 2, 1, 2);
	host_store(host, 0, NVME_DOORBELLS, 1, 1);
	host_store(host, 0, NVME_DOORBELLS, UINT64_MAX, 8);
	host_run(host, 10);
	assert_int_equal(driver_csts(driver), NVME_CSTS_RDY);
	assert_int_equal(driver_do(driver, 0, identify, NULL), 0);
}

static void test_stride(void **state)
{
	struct driver driver;

	driver_open(&driver, "stride=5,size=4M");
	assert_int_equal(driver.stride, 5);
	driver_enable(&driver);
	driver_make_queues(&driver, 8);
	assert_int_equal(driver_rw(&driver, NVME_IO_READ, 0, 1, DATA), 0);
	driver_close(&driver);
}

/* A queue is filled and emptied many times; the phase tag turns with each round. */
static void test_rounds(void **state)
{
	struct driver *driver = *state;
	struct nvme_cqe cqe;
	uint16_t cids[15];

	driver_enable(driver);
	for (unsigned int round = 0; round < 40; round++) {
		unsigned int n = round % 15 + 1;

		for (unsigned int i = 0; i < n; i++)
			cids[i] = driver_put(driver, 0, identify);
		driver_submit(driver, 0);
		host_run(&driver->host, 10);
		for (unsigned int i = 0; i < n; i++) {
			assert_true(driver_poll(driver, 0, &cqe));
			assert_int_equal(cqe.cid, cids[i]);
			assert_int_equal(cqe.status, 0);
		}
		assert_false(driver_poll(driver, 0, &cqe));
	}
}

/* Two submission queues and one small completion queue: nothing is lost, nothing overrun. */
static void test_full_completion_queue(void **state)
{
	struct driver *driver = *state;
	struct uiommufd_device *host = &driver->host;
	unsigned int seen = 0;
	struct nvme_cqe cqe;

	driver_enable(driver);
	driver_make_queues(driver, 8);
	assert_int_equal(driver_do(driver, 0,
				   (struct nvme_cmd){.opcode = NVME_ADMIN_DELETE_SQ, .cdw10 = 2},
				   NULL),
			 0);
	assert_int_equal(driver_do(driver, 0,
				   (struct nvme_cmd){.opcode = NVME_ADMIN_CREATE_SQ,
						     .dptr = {SQ(2)},
						     .cdw10 = 7 << 16 | 2,
						     .cdw11 = 1 << 16 | 1},
				   NULL),
			 0);
	for (unsigned int round = 0; round < 10; round++) {
		for (unsigned int i = 0; i < 7; i++) {
			driver_put(driver, 1,
				   (struct nvme_cmd){.opcode = NVME_IO_FLUSH, .nsid = 1});
			driver_put(driver, 2,
				   (struct nvme_cmd){.opcode = NVME_IO_FLUSH, .nsid = 1});
		}
		driver_submit(driver, 1);
		driver_submit(driver, 2);
		host_run(host, 100);
		assert_int_equal(host->kicked, 0);
		for (unsigned int n = 0; n < 14; n++) {
			assert_true(driver_poll(driver, 1, &cqe));
			host_run(host, 100);
			assert_int_equal(host->kicked, 0);
			seen += cqe.status == 0;
		}
		assert_false(driver_poll(driver, 1, &cqe));
	}
	assert_int_equal(seen, 140);
}

static void test_interrupts(void **state)
{
	struct driver *driver = *state;
	struct uiommufd_device *host = &driver->host;

	driver_enable(driver);
	driver_make_queues(driver, 8);
	memset(host->interrupts, 0, sizeof(host->interrupts));
	for (unsigned int i = 0; i < 5; i++)
		driver_put(driver, 2, (struct nvme_cmd){.opcode = NVME_IO_FLUSH, .nsid = 1});
	driver_submit(driver, 2);
	host_run(host, 10);
	assert_int_equal(host->interrupts[2], 1); /* one for what was done at once */
	assert_int_equal(host->interrupts[0] + host->interrupts[1], 0);

	/* The pin: while something has not been taken, and is not masked. */
	assert_true(host->intx);
	host_store(host, 0, NVME_INTMS, 1 << 2, 4);
	assert_false(host->intx);
	assert_int_equal(host_load(host, 0, NVME_INTMC, 4), 1 << 2);
	host_store(host, 0, NVME_INTMC, 1 << 2, 4);
	assert_true(host->intx);
	driver_ring(driver, 2, true, 4);
	assert_true(host->intx);
	driver_ring(driver, 2, true, 5);
	assert_false(host->intx);
}

static void test_shutdown(void **state)
{
	struct driver *driver = *state;
	struct uiommufd_device *host = &driver->host;

	driver_enable(driver);
	host_store(host, 0, NVME_CC, 0x464001, 4);
	assert_int_equal(driver_csts(driver), NVME_CSTS_RDY | NVME_CSTS_SHST_BUSY);
	host_run(host, 10);
	assert_int_equal(driver_csts(driver), NVME_CSTS_RDY | NVME_CSTS_SHST_DONE);
	host_store(host, 0, NVME_CC, 0, 4);
	assert_int_equal(driver_csts(driver), 0);
	/* Also of a controller that is not enabled. */
	host_store(host, 0, NVME_CC, 0x8000, 4);
	host_run(host, 10);
	assert_int_equal(driver_csts(driver), NVME_CSTS_SHST_DONE);
	host_store(host, 0, NVME_CC, 0, 4);
	driver_enable(driver);
}

/* Every DMA in turn is cancelled by a reset: nothing is completed, and the device works afterwards. */
static void test_cancel(void **state)
{
	struct driver *driver = *state;
	struct uiommufd_device *host = &driver->host;

	for (unsigned int i = 1; i <= 4; i++) {
		driver_enable(driver);
		driver_put(driver, 0, identify);
		driver_submit(driver, 0);
		host->dmas = 0;
		host->fail_at = i;
		host->fail_on = true;
		host->fail_with = -ECANCELED;
		host_run(host, 10);
		assert_int_equal(driver_csts(driver), NVME_CSTS_RDY);
		host->fail_at = 0;
		host_reset(host);
	}
	driver_enable(driver);
	assert_int_equal(driver_do(driver, 0, identify, NULL), 0);
}

static void test_options(void **state)
{
	static const char *const wrong[] = {"size=1000",
					    "size=0",
					    "size=x",
					    "block=1024",
					    "stride=6",
					    "serial=",
					    "ro=maybe",
					    "serial=123456789012345678901",
					    "file=/nowhere/at/all"};
	struct uiommufd_device host;

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(host_init(&host, &model_nvme, wrong[i]), -EINVAL);
		assert_string_not_equal(host.complaint, "");
		host_done(&host);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_identity),
		T(test_enable),
		T(test_enable_fails),
		T(test_fatal),
		T(test_disable_while_running),
		T(test_doorbells),
		cmocka_unit_test(test_stride),
		T(test_rounds),
		T(test_full_completion_queue),
		T(test_interrupts),
		T(test_shutdown),
		T(test_cancel),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
