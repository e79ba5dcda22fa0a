/* SPDX-License-Identifier: MIT */
/* model/nvme: admin commands. */
#include <errno.h>
#include <string.h>

#include "nvme_driver.h"
#include "unit.h"

static int setup(void **state)
{
	static struct driver driver;

	driver_open(&driver, "size=4M,serial=abc");
	driver_enable(&driver);
	*state = &driver;
	return 0;
}

static int teardown(void **state)
{
	driver_close(*state);
	return 0;
}

static int admin(struct driver *driver, uint8_t opcode, uint32_t nsid, uint32_t cdw10,
		 uint32_t cdw11)
{
	return driver_do(driver, 0,
			 (struct nvme_cmd){.opcode = opcode,
					   .nsid = nsid,
					   .dptr = {DATA},
					   .cdw10 = cdw10,
					   .cdw11 = cdw11},
			 NULL);
}

static const char *data(struct driver *driver)
{
	return host_at(&driver->host, DATA);
}

static uint32_t data32(struct driver *driver, unsigned int at)
{
	uint32_t value;

	memcpy(&value, data(driver) + at, sizeof(value));
	return value;
}

/* ---- identify ---- */

static void test_identify_controller(void **state)
{
	struct driver *driver = *state;

	assert_int_equal(admin(driver, NVME_ADMIN_IDENTIFY, 0, NVME_CNS_CONTROLLER, 0), 0);
	assert_memory_equal(data(driver) + 4, "abc                 ", 20);
	assert_memory_equal(data(driver) + 24, "uiommufd NVMe   ", 16);
	assert_int_equal(data(driver)[77], 7);
	assert_int_equal(data32(driver, 80), 0x10400);
	assert_int_equal(data(driver)[512], 0x66);
	assert_int_equal(data(driver)[513], 0x44);
	assert_int_equal(data32(driver, 516), 1);
	assert_int_equal(data(driver)[525] & 1, 0); /* memory: no volatile cache */
	assert_memory_equal(data(driver) + 768, "nqn.2014-08.org.nvmexpress:uuid:", 32);
}

static void test_identify_namespace(void **state)
{
	struct driver *driver = *state;

	assert_int_equal(admin(driver, NVME_ADMIN_IDENTIFY, 1, NVME_CNS_NAMESPACE, 0), 0);
	assert_int_equal(data32(driver, 0), 8192);
	assert_int_equal(data(driver)[26], 0);
	assert_int_equal(data(driver)[130], 9);
	assert_int_equal(data(driver)[134], 12);
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t nsid = i ? 2 : 0;

		assert_int_equal(admin(driver, NVME_ADMIN_IDENTIFY, nsid, NVME_CNS_NAMESPACE, 0),
				 NVME_INVALID_NAMESPACE);
		assert_int_equal(admin(driver, NVME_ADMIN_IDENTIFY, nsid, NVME_CNS_DESCRIPTORS, 0),
				 NVME_INVALID_NAMESPACE);
	}
	assert_int_equal(admin(driver, NVME_ADMIN_IDENTIFY, 1, NVME_CNS_DESCRIPTORS, 0), 0);
	assert_int_equal(data32(driver, 0), 16 << 8 | 2);
	assert_int_equal(data32(driver, 20), 16 << 8 | 3);
	assert_int_equal(data32(driver, 40), 0);
}

static void test_identify_lists(void **state)
{
	struct driver *driver = *state;

	assert_int_equal(admin(driver, NVME_ADMIN_IDENTIFY, 0, NVME_CNS_ACTIVE, 0), 0);
	assert_int_equal(data32(driver, 0), 1);
	assert_int_equal(data32(driver, 4), 0);
	assert_int_equal(admin(driver, NVME_ADMIN_IDENTIFY, 1, NVME_CNS_ACTIVE, 0), 0);
	assert_int_equal(data32(driver, 0), 0);
	assert_int_equal(admin(driver, NVME_ADMIN_IDENTIFY, UINT32_MAX, NVME_CNS_ACTIVE, 0),
			 NVME_INVALID_NAMESPACE);
	for (unsigned int cns = 4; cns < 256; cns++)
		assert_int_equal(admin(driver, NVME_ADMIN_IDENTIFY, 1, cns, 0), NVME_INVALID_FIELD);
}

static void test_identify_data(void **state)
{
	struct driver *driver = *state;
	struct nvme_cmd cmd = {
		.opcode = NVME_ADMIN_IDENTIFY, .dptr = {DATA + 100, DATA + 3 * PAGE}, .cdw10 = 1};

	/* Across two pages. */
	assert_int_equal(driver_do(driver, 0, cmd, NULL), 0);
	assert_int_equal(data(driver)[100 + 77], 7);
	cmd.dptr[1] = ABSENT;
	assert_int_equal(driver_do(driver, 0, cmd, NULL), NVME_DATA_TRANSFER_ERROR);
	cmd.dptr[0] = 0;
	assert_int_equal(driver_do(driver, 0, cmd, NULL), NVME_DATA_TRANSFER_ERROR);
	cmd.dptr[0] = DATA + 1;
	assert_int_equal(driver_do(driver, 0, cmd, NULL), NVME_PRP_OFFSET);
}

/* Without the option the serial number is where the device is. */
static void test_serial(void **state)
{
	struct driver driver;

	driver_open(&driver, "size=64K");
	driver_enable(&driver);
	assert_int_equal(admin(&driver, NVME_ADMIN_IDENTIFY, 0, NVME_CNS_CONTROLLER, 0), 0);
	assert_memory_equal(data(&driver) + 4, "0000:00:00.0        ", 20);
	driver_close(&driver);
}

/* ---- queues ---- */

static int create_cq(struct driver *driver, uint32_t cdw10, uint32_t cdw11, uint64_t base)
{
	return driver_do(driver, 0,
			 (struct nvme_cmd){.opcode = NVME_ADMIN_CREATE_CQ,
					   .dptr = {base},
					   .cdw10 = cdw10,
					   .cdw11 = cdw11},
			 NULL);
}

static int create_sq(struct driver *driver, uint32_t cdw10, uint32_t cdw11, uint64_t base)
{
	return driver_do(driver, 0,
			 (struct nvme_cmd){.opcode = NVME_ADMIN_CREATE_SQ,
					   .dptr = {base},
					   .cdw10 = cdw10,
					   .cdw11 = cdw11},
			 NULL);
}

static void test_create(void **state)
{
	struct driver *driver = *state;

	assert_int_equal(create_cq(driver, 7 << 16 | 0, 3, CQ(1)), NVME_QID_INVALID);
	assert_int_equal(create_cq(driver, 7 << 16 | 33, 3, CQ(1)), NVME_QID_INVALID);
	assert_int_equal(create_cq(driver, 7 << 16 | 65535, 3, CQ(1)), NVME_QID_INVALID);
	assert_int_equal(create_cq(driver, 0 << 16 | 1, 3, CQ(1)), NVME_QUEUE_SIZE);
	assert_int_equal(create_cq(driver, 1024u << 16 | 1, 3, CQ(1)), NVME_QUEUE_SIZE);
	assert_int_equal(create_cq(driver, 7 << 16 | 1, 33 << 16 | 3, CQ(1)), NVME_INVALID_VECTOR);
	assert_int_equal(create_cq(driver, 7 << 16 | 1, 2, CQ(1)), NVME_INVALID_FIELD);
	assert_int_equal(create_cq(driver, 7 << 16 | 1, 3, CQ(1) + 64), NVME_PRP_OFFSET);
	assert_int_equal(create_sq(driver, 7 << 16 | 1, 1 << 16 | 1, SQ(1)), NVME_CQ_INVALID);
	assert_int_equal(create_cq(driver, 7 << 16 | 1, 3, CQ(1)), 0);
	assert_int_equal(create_cq(driver, 7 << 16 | 1, 3, CQ(1)), NVME_QID_INVALID);
	assert_int_equal(create_cq(driver, 1023 << 16 | 32, 3, CQ(1)), 0);

	assert_int_equal(create_sq(driver, 7 << 16 | 0, 1 << 16 | 1, SQ(1)), NVME_QID_INVALID);
	assert_int_equal(create_sq(driver, 7 << 16 | 33, 1 << 16 | 1, SQ(1)), NVME_QID_INVALID);
	assert_int_equal(create_sq(driver, 7 << 16 | 1, 0 << 16 | 1, SQ(1)), NVME_CQ_INVALID);
	assert_int_equal(create_sq(driver, 7 << 16 | 1, 0xffffu << 16 | 1, SQ(1)), NVME_CQ_INVALID);
	assert_int_equal(create_sq(driver, 1024u << 16 | 1, 1 << 16 | 1, SQ(1)), NVME_QUEUE_SIZE);
	assert_int_equal(create_sq(driver, 7 << 16 | 1, 1 << 16 | 0, SQ(1)), NVME_INVALID_FIELD);
	assert_int_equal(create_sq(driver, 7 << 16 | 1, 1 << 16 | 1, SQ(1) + 8), NVME_PRP_OFFSET);
	assert_int_equal(create_sq(driver, 7 << 16 | 1, 1 << 16 | 1, SQ(1)), 0);
	assert_int_equal(create_sq(driver, 7 << 16 | 1, 1 << 16 | 1, SQ(1)), NVME_QID_INVALID);
}

static void test_delete(void **state)
{
	struct driver *driver = *state;

	driver_make_queues(driver, 8);
	assert_int_equal(admin(driver, NVME_ADMIN_DELETE_CQ, 0, 1, 0), NVME_QUEUE_DELETION);
	assert_int_equal(admin(driver, NVME_ADMIN_DELETE_SQ, 0, 0, 0), NVME_QID_INVALID);
	assert_int_equal(admin(driver, NVME_ADMIN_DELETE_SQ, 0, 3, 0), NVME_QID_INVALID);
	assert_int_equal(admin(driver, NVME_ADMIN_DELETE_SQ, 0, 60000, 0), NVME_QID_INVALID);
	assert_int_equal(admin(driver, NVME_ADMIN_DELETE_SQ, 0, 1, 0), 0);
	assert_int_equal(admin(driver, NVME_ADMIN_DELETE_SQ, 0, 1, 0), NVME_QID_INVALID);
	assert_int_equal(admin(driver, NVME_ADMIN_DELETE_CQ, 0, 1, 0), 0);
	assert_int_equal(admin(driver, NVME_ADMIN_DELETE_CQ, 0, 1, 0), NVME_QID_INVALID);
	assert_int_equal(admin(driver, NVME_ADMIN_DELETE_CQ, 0, 0, 0), NVME_QID_INVALID);
	driver_submit(driver, 1);
	assert_int_equal(driver_rw(driver, NVME_IO_READ, 0, 1, DATA), -1);
}

/* ---- features ---- */

static int set_feature(struct driver *driver, uint8_t id, uint32_t value)
{
	return admin(driver, NVME_ADMIN_SET_FEATURES, 0, id, value);
}

static int get_feature(struct driver *driver, uint8_t id, unsigned int select, uint32_t cdw11,
		       uint32_t *ret_value)
{
	struct nvme_cqe cqe;
	int status = driver_do(driver, 0,
			       (struct nvme_cmd){.opcode = NVME_ADMIN_GET_FEATURES,
						 .dptr = {DATA},
						 .cdw10 = id | select << 8,
						 .cdw11 = cdw11},
			       &cqe);

	*ret_value = cqe.dw0;
	return status;
}

static void test_features(void **state)
{
	static const struct {
		uint8_t id;
		uint32_t set, get, fallback;
	} plain[] = {{1, UINT32_MAX, 0xffffff07, 7}, {5, UINT32_MAX, 0xffff, 0},
		     {8, 0x01020304, 0x0304, 0},     {10, 3, 1, 0},
		     {11, UINT32_MAX, 0x1ff, 0x1ff}, {4, 300, 300, 343},
		     {4, 1 << 20 | 5, 5, 0}};
	struct driver *driver = *state;
	uint32_t value;

	for (unsigned int i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		assert_int_equal(set_feature(driver, plain[i].id, plain[i].set), 0);
		assert_int_equal(
			get_feature(driver, plain[i].id, 0, plain[i].set & 0x300000, &value), 0);
		assert_int_equal(value, plain[i].get);
		assert_int_equal(
			get_feature(driver, plain[i].id, 1, plain[i].set & 0x300000, &value), 0);
		assert_int_equal(value, plain[i].fallback);
		assert_int_equal(get_feature(driver, plain[i].id, 3, 0, &value), 0);
		assert_int_equal(value & 5, 4);
	}
	assert_int_equal(set_feature(driver, 0x7f, 0), NVME_INVALID_FIELD);
	assert_int_equal(get_feature(driver, 0x7f, 0, 0, &value), NVME_INVALID_FIELD);
	assert_int_equal(get_feature(driver, 1, 4, 0, &value), NVME_INVALID_FIELD);
	assert_int_equal(admin(driver, NVME_ADMIN_SET_FEATURES, 0, 0x80000001, 0),
			 NVME_NOT_SAVEABLE);
	assert_int_equal(set_feature(driver, NVME_FEATURE_POWER, 1), NVME_INVALID_FIELD);
	assert_int_equal(set_feature(driver, NVME_FEATURE_TEMPERATURE, 2 << 20),
			 NVME_INVALID_FIELD);
	assert_int_equal(set_feature(driver, NVME_FEATURE_TEMPERATURE, 3 << 16),
			 NVME_INVALID_FIELD);
	assert_int_equal(set_feature(driver, NVME_FEATURE_WRITE_CACHE, 1), NVME_INVALID_FIELD);
	assert_int_equal(set_feature(driver, NVME_FEATURE_VECTOR, 1 << 16 | 5), 0);
	assert_int_equal(get_feature(driver, NVME_FEATURE_VECTOR, 0, 5, &value), 0);
	assert_int_equal(value, 1 << 16 | 5);
	assert_int_equal(set_feature(driver, NVME_FEATURE_VECTOR, 33), NVME_INVALID_FIELD);
}

static void test_number_of_queues(void **state)
{
	struct driver *driver = *state;
	struct nvme_cqe cqe;
	struct nvme_cmd cmd = {.opcode = NVME_ADMIN_SET_FEATURES,
			       .cdw10 = NVME_FEATURE_QUEUES,
			       .cdw11 = 1 << 16 | 0};
	uint32_t value;

	assert_int_equal(driver_do(driver, 0, cmd, &cqe), 0);
	assert_int_equal(cqe.dw0, 1 << 16 | 1);
	assert_int_equal(create_cq(driver, 7 << 16 | 3, 3, CQ(1)), NVME_QID_INVALID);
	cmd.cdw11 = 100 << 16 | 99;
	assert_int_equal(driver_do(driver, 0, cmd, &cqe), 0);
	assert_int_equal(cqe.dw0, 31 << 16 | 31);
	assert_int_equal(get_feature(driver, NVME_FEATURE_QUEUES, 0, 0, &value), 0);
	assert_int_equal(value, 31 << 16 | 31);
	assert_int_equal(set_feature(driver, NVME_FEATURE_QUEUES, UINT32_MAX), NVME_INVALID_FIELD);
	driver_make_queues(driver, 8);
	assert_int_equal(set_feature(driver, NVME_FEATURE_QUEUES, 0), NVME_SEQUENCE_ERROR);
}

static void test_timestamp(void **state)
{
	struct driver *driver = *state;
	uint64_t stamp = UINT64_C(0x123456789000);
	uint32_t value;

	memcpy(host_at(&driver->host, DATA), &stamp, 8);
	assert_int_equal(set_feature(driver, NVME_FEATURE_TIMESTAMP, 0), 0);
	assert_int_equal(get_feature(driver, NVME_FEATURE_TIMESTAMP, 0, 0, &value), 0);
	memcpy(&stamp, data(driver), 8);
	assert_in_range(stamp & UINT64_C(0xffffffffffff), UINT64_C(0x123456789000),
			UINT64_C(0x123456889000));
	assert_int_equal(stamp >> 48, 2);
}

/* ---- log pages ---- */

static int get_log(struct driver *driver, uint8_t id, uint32_t bytes, uint64_t offset)
{
	return driver_do(driver, 0,
			 (struct nvme_cmd){.opcode = NVME_ADMIN_GET_LOG,
					   .nsid = UINT32_MAX,
					   .dptr = {DATA, DATA + PAGE},
					   .cdw10 = id | (bytes / 4 - 1) << 16,
					   .cdw12 = offset,
					   .cdw13 = offset >> 32},
			 NULL);
}

static void test_logs(void **state)
{
	struct driver *driver = *state;

	driver_make_queues(driver, 8);
	assert_int_equal(driver_rw(driver, NVME_IO_READ, 0, 8, DATA), 0);
	assert_int_equal(driver_rw(driver, NVME_IO_READ, 100000, 8, DATA), NVME_LBA_RANGE);
	assert_int_equal(get_log(driver, NVME_LOG_SMART, 512, 0), 0);
	assert_int_equal(data(driver)[0], 0);
	assert_int_equal(data32(driver, 1) & 0xffff, 310);
	assert_int_equal(data32(driver, 32), 1);
	assert_int_equal(data32(driver, 64), 1);
	assert_int_equal(data32(driver, 176), 1);
	assert_int_equal(get_log(driver, NVME_LOG_ERROR, 128, 0), 0);
	assert_int_equal(data32(driver, 0), 1);
	assert_int_equal(data32(driver, 8) & 0xffff, 1);
	assert_int_equal(data32(driver, 12) & 0xffff, (NVME_LBA_RANGE | NVME_DNR) << 1);
	assert_int_equal(data32(driver, 16), 100000);
	assert_int_equal(data32(driver, 64), 0);
	assert_int_equal(get_log(driver, NVME_LOG_FIRMWARE, 512, 0), 0);
	assert_int_equal(data(driver)[0], 1);
	assert_int_equal(get_log(driver, NVME_LOG_EFFECTS, 4096, 0), 0);
	assert_int_equal(data32(driver, 1024 + 4 * NVME_IO_WRITE), 3);
	/* From the middle on, and beyond: zeroes. */
	assert_int_equal(get_log(driver, NVME_LOG_EFFECTS, 4096, 1024), 0);
	assert_int_equal(data32(driver, 4 * NVME_IO_WRITE), 3);
	assert_int_equal(data32(driver, 3072), 0);
	assert_int_equal(get_log(driver, NVME_LOG_EFFECTS, 4096, 4098), NVME_INVALID_FIELD);
	assert_int_equal(get_log(driver, NVME_LOG_EFFECTS, 4096, 4100), NVME_INVALID_FIELD);
	assert_int_equal(get_log(driver, NVME_LOG_EFFECTS, 4096, UINT64_MAX - 3),
			 NVME_INVALID_FIELD);
	assert_int_equal(get_log(driver, 0x7f, 512, 0), NVME_INVALID_LOG);
	assert_int_equal(admin(driver, NVME_ADMIN_GET_LOG, 0, 0xffff0002, 0xffff),
			 NVME_INVALID_FIELD);
	assert_int_equal(admin(driver, NVME_ADMIN_GET_LOG, 7, 2, 0), NVME_INVALID_NAMESPACE);
	for (unsigned int i = 0; i < 200; i++)
		assert_int_equal(driver_rw(driver, NVME_IO_READ, 100000 + i, 8, DATA),
				 NVME_LBA_RANGE);
	assert_int_equal(get_log(driver, NVME_LOG_ERROR, 4096, 0), 0);
	assert_int_equal(data32(driver, 16), 100199);
	assert_int_equal(data32(driver, 63 * 64 + 16), 100136);
}

/* ---- events ---- */

static void wait_for_event(struct driver *driver)
{
	driver_put(driver, 0, (struct nvme_cmd){.opcode = NVME_ADMIN_ASYNC_EVENT});
	driver_submit(driver, 0);
	host_run(&driver->host, 10);
}

static void expect_event(struct driver *driver, uint32_t dw0)
{
	struct nvme_cqe cqe;

	assert_true(driver_poll(driver, 0, &cqe));
	assert_int_equal(cqe.status, 0);
	assert_int_equal(cqe.dw0, dw0);
}

static void test_events(void **state)
{
	struct driver *driver = *state;
	struct nvme_cqe cqe;

	wait_for_event(driver);
	assert_false(driver_poll(driver, 0, &cqe));
	driver_ring(driver, 5, false, 1);
	host_run(&driver->host, 10);
	expect_event(driver, NVME_LOG_ERROR << 16);
	/* Not again before its log was read. */
	wait_for_event(driver);
	driver_ring(driver, 0, false, 100);
	host_run(&driver->host, 10);
	assert_false(driver_poll(driver, 0, &cqe));
	driver_put(driver, 0,
		   (struct nvme_cmd){.opcode = NVME_ADMIN_GET_LOG,
				     .dptr = {DATA},
				     .cdw10 = NVME_LOG_ERROR | 0x8000});
	driver_submit(driver, 0);
	host_run(&driver->host, 10);
	expect_event(driver, 0);
	assert_false(driver_poll(driver, 0, &cqe));
	driver_put(driver, 0,
		   (struct nvme_cmd){
			   .opcode = NVME_ADMIN_GET_LOG, .dptr = {DATA}, .cdw10 = NVME_LOG_ERROR});
	driver_submit(driver, 0);
	host_run(&driver->host, 10);
	expect_event(driver, 0);
	expect_event(driver, NVME_LOG_ERROR << 16 | 1 << 8);
}

static void test_event_kinds(void **state)
{
	struct driver *driver = *state;
	struct nvme_cqe cqe;

	/* Asked for before or after it happens. */
	assert_int_equal(set_feature(driver, NVME_FEATURE_TEMPERATURE, 300), 0);
	wait_for_event(driver);
	expect_event(driver, NVME_LOG_SMART << 16 | 1 << 8 | 1);
	assert_int_equal(get_log(driver, NVME_LOG_SMART, 512, 0), 0);
	assert_int_equal(data(driver)[0], 2);
	/* One that is not wanted. */
	assert_int_equal(set_feature(driver, NVME_FEATURE_EVENTS, 0x100), 0);
	assert_int_equal(set_feature(driver, NVME_FEATURE_TEMPERATURE, 300), 0);
	wait_for_event(driver);
	assert_false(driver_poll(driver, 0, &cqe));
	/* The request waits on. */
	driver_put(driver, 0,
		   (struct nvme_cmd){.opcode = NVME_ADMIN_FORMAT, .nsid = 1, .cdw10 = 1});
	driver_submit(driver, 0);
	host_run(&driver->host, 10);
	expect_event(driver, 0);
	expect_event(driver, NVME_LOG_CHANGED << 16 | 2);
	assert_int_equal(get_log(driver, NVME_LOG_CHANGED, 4096, 0), 0);
	assert_int_equal(data32(driver, 0), 1);
	assert_int_equal(get_log(driver, NVME_LOG_CHANGED, 4096, 0), 0);
	assert_int_equal(data32(driver, 0), 0);
}

static void test_event_limit_and_abort(void **state)
{
	struct driver *driver = *state;
	struct nvme_cqe cqe;
	uint16_t first = driver->cid;

	for (unsigned int i = 0; i < 4; i++)
		wait_for_event(driver);
	assert_int_equal(admin(driver, NVME_ADMIN_ASYNC_EVENT, 0, 0, 0), NVME_AER_LIMIT);
	/* Of the four, the third is taken back. */
	driver_put(driver, 0,
		   (struct nvme_cmd){.opcode = NVME_ADMIN_ABORT,
				     .cdw10 = (uint32_t)(first + 2) << 16});
	driver_submit(driver, 0);
	host_run(&driver->host, 10);
	assert_true(driver_poll(driver, 0, &cqe));
	assert_int_equal(cqe.cid, first + 2);
	assert_int_equal(cqe.status, NVME_ABORT_REQUESTED);
	assert_true(driver_poll(driver, 0, &cqe));
	assert_int_equal(cqe.dw0, 0);
	/* What is not there is not aborted. */
	assert_int_equal(
		driver_do(driver, 0,
			  (struct nvme_cmd){.opcode = NVME_ADMIN_ABORT, .cdw10 = 60000u << 16},
			  &cqe),
		0);
	assert_int_equal(cqe.dw0, 1);
	assert_int_equal(driver_do(driver, 0,
				   (struct nvme_cmd){.opcode = NVME_ADMIN_ABORT,
						     .cdw10 = (uint32_t)first << 16 | 1},
				   &cqe),
			 0);
	assert_int_equal(cqe.dw0, 1);
	wait_for_event(driver);
	assert_false(driver_poll(driver, 0, &cqe));
}

/* ---- format ---- */

static void test_format(void **state)
{
	struct driver *driver = *state;

	driver_make_queues(driver, 8);
	memset(host_at(&driver->host, DATA), 'x', PAGE);
	assert_int_equal(driver_rw(driver, NVME_IO_WRITE, 0, 8, DATA), 0);
	assert_int_equal(admin(driver, NVME_ADMIN_FORMAT, 1, 2, 0), NVME_INVALID_FORMAT);
	assert_int_equal(admin(driver, NVME_ADMIN_FORMAT, 1, 1 << 5, 0), NVME_INVALID_FORMAT);
	assert_int_equal(admin(driver, NVME_ADMIN_FORMAT, 1, 2 << 9, 0), NVME_INVALID_FIELD);
	assert_int_equal(admin(driver, NVME_ADMIN_FORMAT, 2, 1, 0), NVME_INVALID_NAMESPACE);
	assert_int_equal(admin(driver, NVME_ADMIN_FORMAT, 1, 1 << 9 | 1, 0), 0);
	assert_int_equal(admin(driver, NVME_ADMIN_IDENTIFY, 1, NVME_CNS_NAMESPACE, 0), 0);
	assert_int_equal(data32(driver, 0), 1024);
	assert_int_equal(data(driver)[26], 1);
	assert_int_equal(driver_rw(driver, NVME_IO_READ, 0, 1, DATA), 0);
	for (unsigned int i = 0; i < PAGE; i++)
		assert_int_equal(data(driver)[i], 0);
	assert_int_equal(driver_rw(driver, NVME_IO_READ, 1024, 1, DATA), NVME_LBA_RANGE);
	assert_int_equal(admin(driver, NVME_ADMIN_FORMAT, UINT32_MAX, 0, 0), 0);
	assert_int_equal(driver_rw(driver, NVME_IO_READ, 8191, 1, DATA), 0);
}

static void test_opcodes(void **state)
{
	static const uint8_t known[] = {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 0x80};
	struct driver *driver = *state;
	struct nvme_cqe cqe;

	for (unsigned int opcode = 0; opcode < 256; opcode++)
		if (!memchr(known, opcode, sizeof(known))) {
			assert_int_equal(
				driver_do(driver, 0, (struct nvme_cmd){.opcode = opcode}, &cqe),
				NVME_INVALID_OPCODE);
			assert_true(cqe.status & NVME_DNR);
		}
	assert_int_equal(driver_do(driver, 0,
				   (struct nvme_cmd){.opcode = NVME_ADMIN_IDENTIFY, .flags = 1},
				   NULL),
			 NVME_INVALID_FIELD);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_identify_controller),
		T(test_identify_namespace),
		T(test_identify_lists),
		T(test_identify_data),
		cmocka_unit_test(test_serial),
		T(test_create),
		T(test_delete),
		T(test_features),
		T(test_number_of_queues),
		T(test_timestamp),
		T(test_logs),
		T(test_events),
		T(test_event_kinds),
		T(test_event_limit_and_abort),
		T(test_format),
		T(test_opcodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
