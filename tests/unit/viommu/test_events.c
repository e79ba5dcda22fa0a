/* SPDX-License-Identifier: MIT */
/* vEVENTQs, invalidation in batches, and the region of a vIOMMU that can be mapped. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "iommu/iommu.h"
#include "world.h"

#define VIRT_ID 0x99

struct fixture {
	struct bench bench;
	struct bench_device device;
	uint32_t viommu, nested;
	struct iommu_veventq_alloc queue;
};

/* A device attached through a vIOMMU, whose queue holds two events. */
static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct bench *bench = &f->bench;
	uint32_t ioas, parent;

	bench_init(bench);
	ioas = bench_ioas(bench);
	f->device = bench_plug(bench, ioas, 0);
	parent = bench_hwpt(bench, f->device.dev, ioas, IOMMU_HWPT_ALLOC_NEST_PARENT);
	f->viommu = bench_viommu(bench, f->device.dev, parent);
	bench_vdevice(bench, f->viommu, f->device.dev, VIRT_ID);
	f->nested = bench_nested(bench, f->device.dev, f->viommu, 0);
	assert_int_equal(bench_replace(bench, f->device.stdev, f->nested), 0);
	f->queue = bench_veventq(bench, f->viommu, IOMMU_VEVENTQ_TYPE_SELFTEST, 2);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bench_done(&f->bench);
	free(f);
	return 0;
}

static long trigger(struct fixture *f)
{
	struct iommu_test_cmd cmd = {.op = IOMMU_TEST_OP_TRIGGER_VEVENT,
				     .trigger_vevent = {.dev_id = f->device.dev}};

	return bench_test(&f->bench, &cmd);
}

/* ---- events ---- */

struct event {
	struct iommufd_vevent_header header;
	uint32_t virt_id;
};

static void expect_event(struct fixture *f, uint32_t sequence)
{
	struct event event;

	assert_int_equal(bench_read(&f->bench, f->queue.out_veventq_fd, &event, sizeof(event)), 12);
	assert_int_equal(event.header.flags, 0);
	assert_int_equal(event.header.sequence, sequence);
	assert_int_equal(event.virt_id, VIRT_ID);
}

static void expect_lost(struct fixture *f, uint32_t sequence)
{
	struct iommufd_vevent_header header;

	assert_int_equal(bench_read(&f->bench, f->queue.out_veventq_fd, &header, 8), 8);
	assert_int_equal(header.flags, IOMMU_VEVENTQ_FLAG_LOST_EVENTS);
	assert_int_equal(header.sequence, sequence);
}

static void events_come_in_order(void **state)
{
	struct fixture *f = *state;
	int fd = f->queue.out_veventq_fd;
	char buf[64];

	assert_int_equal(bench_read(&f->bench, fd, buf, sizeof(buf)), 0);
	assert_int_equal(bench_read(&f->bench, fd, buf, 7), -EINVAL);
	assert_int_equal(trigger(f), 0);
	assert_int_equal(trigger(f), 0);
	assert_int_equal(bench_read(&f->bench, fd, buf, 11), -EINVAL);
	assert_int_equal(bench_write(&f->bench, fd, buf, 12), -EINVAL);
	/* What doesn't fit stays. */
	assert_int_equal(bench_read(&f->bench, fd, buf, 23), 12);
	expect_event(f, 1);
	assert_int_equal(bench_read(&f->bench, fd, buf, sizeof(buf)), 0);
}

static void lost_events_are_told(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 5; i++)
		assert_int_equal(trigger(f), 0);
	expect_event(f, 0);
	expect_event(f, 1);
	expect_lost(f, 4);
	/* With an event behind it there is no header: the gap says it. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(trigger(f), 0);
	expect_event(f, 5);
	assert_int_equal(trigger(f), 0);
	expect_event(f, 6);
	expect_event(f, 8);
}

static void nobody_listens(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(bench_destroy(&f->bench, f->queue.out_veventq_id), -EBUSY);
	bench_close(&f->bench, f->queue.out_veventq_fd);
	assert_int_equal(trigger(f), 0);
	assert_int_equal(bench_destroy(&f->bench, f->queue.out_veventq_id), 0);
	assert_int_equal(trigger(f), -EOPNOTSUPP);
}

/* ---- invalidation ---- */

static bool iotlb_is(struct fixture *f, uint32_t entry, uint32_t value)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_MD_CHECK_IOTLB, .id = f->nested, .check_iotlb = {entry, value}};

	return !bench_test(&f->bench, &cmd);
}

/* The batch stops at the first request that is wrong, and the count says where. */
static void batches_stop(void **state)
{
	struct fixture *f = *state;
	struct iommu_hwpt_invalidate_selftest requests[] = {
		{.iotlb_id = 0}, {.iotlb_id = 2}, {.iotlb_id = 9}, {.iotlb_id = 3}};
	struct iommu_hwpt_invalidate cmd = {.size = sizeof(cmd),
					    .hwpt_id = f->nested,
					    .data_uptr = (uintptr_t)requests,
					    .data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST,
					    .entry_len = sizeof(requests[0]),
					    .entry_num = 4};

	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_INVALIDATE, &cmd), -EINVAL);
	assert_int_equal(cmd.entry_num, 2);
	assert_true(iotlb_is(f, 0, 0) && iotlb_is(f, 2, 0));
	assert_true(iotlb_is(f, 1, IOMMU_TEST_IOTLB_DEFAULT));
	assert_true(iotlb_is(f, 3, IOMMU_TEST_IOTLB_DEFAULT));
	/* A core error has done nothing. */
	cmd.entry_num = 2;
	cmd.entry_len = 0;
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_INVALIDATE, &cmd), -EINVAL);
	assert_int_equal(cmd.entry_num, 0);
}

/* More entries than are copied at once, and the last two lie where no memory is: those before are done. */
static void batches_end_with_the_memory(void **state)
{
	enum { GOOD = 3 * USER_ARRAY_AHEAD / sizeof(struct iommu_hwpt_invalidate_selftest) + 5 };
	struct fixture *f = *state;
	char *pages = bench_pages(2);
	struct iommu_hwpt_invalidate_selftest *requests =
		(struct iommu_hwpt_invalidate_selftest *)(pages + WORLD_PAGE) - GOOD;
	struct iommu_hwpt_invalidate cmd = {.size = sizeof(cmd),
					    .hwpt_id = f->nested,
					    .data_uptr = (uintptr_t)requests,
					    .data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST,
					    .entry_len = sizeof(requests[0]),
					    .entry_num = GOOD + 2};

	for (int i = 0; i < GOOD; i++)
		requests[i].iotlb_id = 1;
	requests[GOOD - 1].iotlb_id = 3;
	munmap(pages + WORLD_PAGE, WORLD_PAGE);
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_INVALIDATE, &cmd), -EFAULT);
	assert_int_equal(cmd.entry_num, GOOD);
	assert_true(iotlb_is(f, 1, 0) && iotlb_is(f, 3, 0));
	assert_true(iotlb_is(f, 0, IOMMU_TEST_IOTLB_DEFAULT));
	cmd.entry_num = GOOD;
	requests[GOOD / 2].iotlb_id = 9;
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_INVALIDATE, &cmd), -EINVAL);
	assert_int_equal(cmd.entry_num, GOOD / 2);
	bench_free_pages(pages, 1);
}

/* ---- the region ---- */

static void regions_are_mapped(void **state)
{
	struct fixture *f = *state;
	struct iommu_viommu_selftest data = {.in_data = 0x1234};
	struct iommu_viommu_alloc cmd = {.size = sizeof(cmd),
					 .type = IOMMU_VIOMMU_TYPE_SELFTEST,
					 .dev_id = f->device.dev,
					 .data_len = sizeof(data),
					 .data_uptr = (uintptr_t)&data};
	struct file_mapping mapping = {.prot = PROT_READ, .flags = MAP_SHARED}, other;
	uint32_t *at;

	cmd.hwpt_id = bench_hwpt(&f->bench, f->device.dev, 1, IOMMU_HWPT_ALLOC_NEST_PARENT);
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_VIOMMU_ALLOC, &cmd), 0);
	assert_int_equal(data.out_data, 0x1234);
	mapping.offset = data.out_mmap_offset;
	mapping.length = data.out_mmap_length;
	other = mapping;
	other.length = WORLD_PAGE;
	assert_int_equal(file_mmap(f->bench.file, &f->bench.client, &other), -ENXIO);
	other = mapping;
	other.offset += WORLD_PAGE;
	assert_int_equal(file_mmap(f->bench.file, &f->bench.client, &other), -ENXIO);
	other = mapping;
	other.flags = MAP_PRIVATE;
	assert_int_equal(file_mmap(f->bench.file, &f->bench.client, &other), -EINVAL);
	other = mapping;
	other.prot = PROT_EXEC;
	assert_int_equal(file_mmap(f->bench.file, &f->bench.client, &other), -EPERM);
	assert_int_equal(file_mmap(f->bench.file, &f->bench.client, &mapping), 0);
	at = mmap(NULL, mapping.length, PROT_READ, MAP_SHARED, mapping.fd, mapping.fd_offset);
	assert_ptr_not_equal(at, MAP_FAILED);
	close(mapping.fd);
	assert_int_equal(at[0], 0x1234);
	assert_int_equal(bench_destroy(&f->bench, cmd.out_viommu_id), -EBUSY);
	munmap(at, mapping.length);
	assert_int_equal(bench_destroy(&f->bench, cmd.out_viommu_id), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(events_come_in_order),
		TEST(lost_events_are_told),
		TEST(nobody_listens),
		TEST(batches_stop),
		TEST(batches_end_with_the_memory),
		TEST(regions_are_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
