/* SPDX-License-Identifier: MIT */
/* trace/decode: the tables are whole and sound, and the lines read as they should. */
#include <errno.h>
#include <string.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>
#include <uiommufd/vfio.h>

#include "frontend/trace/decode.h"
#include "unit.h"

static char buf[1024];
static struct trace_text text;

static void start(void)
{
	text = (struct trace_text){.buf = buf, .size = sizeof(buf)};
	buf[0] = '\0';
}

static void test_all_iommufd(void **state)
{
	for (uint32_t nr = IOMMUFD_CMD_BASE; nr <= IOMMUFD_CMD_IOAS_NOIOMMU_GET_PA; nr++)
		assert_non_null(trace_find(TRACE_IOMMU, _IO(IOMMUFD_TYPE, nr)));
	assert_null(
		trace_find(TRACE_IOMMU, _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_NOIOMMU_GET_PA + 1)));
	assert_string_equal(trace_find(TRACE_IOMMU, IOMMU_TEST_CMD)->name, "IOMMU_TEST_CMD");
	/* One number, two meanings. */
	assert_string_equal(trace_find(TRACE_IOMMU, VFIO_IOMMU_GET_INFO)->name,
			    "VFIO_IOMMU_GET_INFO");
	assert_string_equal(trace_find(TRACE_DEVICE, VFIO_IOMMU_GET_INFO)->name,
			    "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO");
}

/* Fields lie within their struct, one after the other but for unions, and cover a known size. */
static void check_struct(const struct trace_struct *layout)
{
	size_t end = 0;

	for (size_t i = 0; i < TRACE_FIELDS && layout->fields[i].name; i++) {
		const struct trace_field *field = &layout->fields[i];

		assert_in_set(field->size, ((uintmax_t[]){1, 2, 4, 8}), 4);
		assert_true(field->offset + field->size <= layout->size);
		assert_true(field->way);
		if (field->kind == TRACE_FLAGS || field->kind == TRACE_ENUM)
			assert_non_null(field->names);
		if (i)
			assert_true(field->offset >= end ||
				    field->offset == layout->fields[i - 1].offset);
		end = field->offset + field->size;
	}
}

static void test_tables_are_sound(void **state)
{
	for (enum trace_target target = TRACE_IOMMU; target <= TRACE_DEVICE; target++) {
		size_t count;
		const struct trace_ioctl *rows = trace_table(target, &count);

		for (size_t i = 0; i < count; i++) {
			check_struct(&rows[i].layout);
			for (size_t k = 0; k < i; k++)
				assert_int_not_equal(rows[i].cmd, rows[k].cmd);
		}
	}
	check_struct(&trace_fault);
	check_struct(&trace_response);
}

static void test_map(void **state)
{
	const struct trace_ioctl *row = trace_find(TRACE_IOMMU, IOMMU_IOAS_MAP);
	struct iommu_ioas_map before = {
		.size = sizeof(before),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE | 0x80,
		.ioas_id = 3,
		.user_va = 0x7f0000001000,
		.length = 0x2000,
	};
	struct iommu_ioas_map after = before;

	start();
	trace_add_in(&text, row, &before, sizeof(before));
	assert_string_equal(buf, "{size=40, flags=IOMMU_IOAS_MAP_WRITEABLE|IOMMU_IOAS_MAP_READABLE|"
				 "0x80, ioas_id=3, user_va=0x7f0000001000, length=0x2000, iova=0}");
	start();
	trace_add_out(&text, row, &before, &after, sizeof(before), true);
	assert_string_equal(buf, "");
	after.iova = 0x5000;
	trace_add_out(&text, row, &before, &after, sizeof(before), true);
	assert_string_equal(buf, " => {iova=0x5000}");
}

static void test_out(void **state)
{
	const struct trace_ioctl *row = trace_find(TRACE_IOMMU, IOMMU_IOAS_ALLOC);
	struct iommu_ioas_alloc before = {.size = sizeof(before)}, after = before;

	start();
	trace_add_in(&text, row, &before, sizeof(before));
	trace_add_out(&text, row, &before, &after, sizeof(before), false);
	assert_string_equal(buf, "{size=12, flags=0}");
	after.out_ioas_id = 1;
	trace_add_out(&text, row, &before, &after, sizeof(before), true);
	assert_string_equal(buf, "{size=12, flags=0} => {out_ioas_id=1}");
}

/* A struct of an older header, and one that is too short for any field but its size. */
static void test_short(void **state)
{
	const struct trace_ioctl *row = trace_find(TRACE_IOMMU, IOMMU_HWPT_ALLOC);
	struct iommu_hwpt_alloc cmd = {.size = 24, .dev_id = 2, .pt_id = 1, .__reserved = 7};

	start();
	trace_add_in(&text, row, &cmd, 24);
	assert_string_equal(buf, "{size=24, flags=0, dev_id=2, pt_id=1, __reserved=0x7, ...}");
	start();
	trace_add_in(&text, row, &cmd, 4);
	assert_string_equal(buf, "{size=24, ...}");
}

static void test_mock(void **state)
{
	const struct trace_ioctl *row = trace_find(TRACE_IOMMU, IOMMU_TEST_CMD);
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_ACCESS_RW,
		.id = 5,
		.access_rw = {.iova = 0x1000, .length = 4, .uptr = 0x10, .flags = 1},
	};

	start();
	trace_add_in(&text, row, &cmd, sizeof(cmd));
	assert_string_equal(buf, "{size=72, op=IOMMU_TEST_OP_ACCESS_RW, id=5, iova=0x1000, "
				 "length=0x4, uptr=0x10, flags=MOCK_ACCESS_RW_WRITE}");
	cmd.op = 4711;
	start();
	trace_add_in(&text, row, &cmd, sizeof(cmd));
	assert_string_equal(buf, "{size=72, op=0x1267, id=5}");
}

static void test_records(void **state)
{
	struct iommu_hwpt_pgfault faults[2] = {
		{.dev_id = 3, .perm = IOMMU_PGFAULT_PERM_WRITE, .addr = 0x1000, .cookie = 1},
		{.flags = IOMMU_PGFAULT_FLAGS_LAST_PAGE, .cookie = 1},
	};
	struct iommu_hwpt_page_response answer = {.cookie = 1, .code = IOMMUFD_PAGE_RESP_INVALID};

	start();
	trace_add_records(&text, &trace_fault, faults, sizeof(faults));
	assert_string_equal(
		buf, "[{flags=0, dev_id=3, pasid=0, grpid=0, perm=IOMMU_PGFAULT_PERM_WRITE, "
		     "addr=0x1000, length=0, cookie=1}, {flags=IOMMU_PGFAULT_FLAGS_LAST_PAGE, "
		     "dev_id=0, pasid=0, grpid=0, perm=0, addr=0, length=0, cookie=1}]");
	start();
	trace_add_records(&text, &trace_response, &answer, sizeof(answer));
	assert_string_equal(buf, "[{cookie=1, code=IOMMUFD_PAGE_RESP_INVALID}]");
}

static void test_result(void **state)
{
	start();
	trace_add_result(&text, 0);
	trace_add(&text, ";");
	trace_add_result(&text, -ENOENT);
	assert_string_equal(buf, "= 0;= -1 ENOENT (No such file or directory)");
}

static void test_cut(void **state)
{
	char small[8] = "xxxxxxx";

	text = (struct trace_text){.buf = small, .size = 7};
	trace_add(&text, "%s", "0123456789");
	trace_add(&text, "%s", "more");
	assert_string_equal(small, "012345");
	assert_int_equal(text.length, 6);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_iommufd), cmocka_unit_test(test_tables_are_sound),
		cmocka_unit_test(test_map),	    cmocka_unit_test(test_out),
		cmocka_unit_test(test_short),	    cmocka_unit_test(test_mock),
		cmocka_unit_test(test_records),	    cmocka_unit_test(test_result),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
