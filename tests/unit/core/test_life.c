/* SPDX-License-Identifier: MIT */
/* Ids, who depends on whom, and what the last close takes with it. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "world.h"

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	world_init(world);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	world_done(*state);
	free(*state);
	return 0;
}

static void the_lowest_free_id(void **state)
{
	struct bench bench;

	bench_init(&bench);
	for (uint32_t id = 1; id <= 10; id++)
		assert_int_equal(bench_ioas(&bench), id);
	assert_int_equal(bench_destroy(&bench, 7), 0);
	assert_int_equal(bench_destroy(&bench, 3), 0);
	assert_int_equal(bench_ioas(&bench), 3);
	assert_int_equal(bench_ioas(&bench), 7);
	assert_int_equal(bench_ioas(&bench), 11);
	bench_done(&bench);
}

/* Each in front of what it depends on: only in this order can they go. */
static void leaves_first(void **state)
{
	static const enum world_id order[] = {W_HW_QUEUE, W_VEVENTQ, W_VDEVICE, W_VIOMMU,
					      W_NESTED,	  W_PARENT,  W_STDEV,	W_FAULT};
	const size_t n = sizeof(order) / sizeof(order[0]);
	struct world *world = *state;
	struct bench *bench = &world->bench;

	assert_int_equal(bench_destroy(bench, world->id[W_PARENT]), -EBUSY);
	assert_int_equal(bench_destroy(bench, world->id[W_VIOMMU]), -EBUSY);
	assert_int_equal(bench_destroy(bench, world->id[W_IOAS]), -EBUSY);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(bench_destroy(bench, world->id[order[i]]), 0);
		assert_int_equal(bench_destroy(bench, world->id[order[i]]), -ENOENT);
	}
	assert_int_equal(bench_destroy(bench, world->id[W_DEV]), -ENOENT);
}

/* A device that goes takes its vDEVICE along, whose id nobody gets again. */
static void tombstones(void **state)
{
	struct world *world = *state;
	struct bench *bench = &world->bench;
	uint32_t vdevice = bench_vdevice(bench, world->id[W_VIOMMU], world->id[W_DEV], 0x99), next;

	assert_int_equal(bench_destroy(bench, world->id[W_STDEV]), 0);
	assert_int_equal(bench_destroy(bench, vdevice), -ENOENT);
	do {
		next = bench_ioas(bench);
		assert_int_not_equal(next, vdevice);
	} while (next < vdevice);
	/* An ordinary destruction leaves no tombstone. */
	assert_int_equal(bench_destroy(bench, world->id[W_VDEVICE]), 0);
	assert_int_equal(bench_ioas(bench), world->id[W_VDEVICE]);
}

static void automatic_page_tables(void **state)
{
	struct bench_device first, second;
	struct bench bench;
	uint32_t ioas, other, manual;

	bench_init(&bench);
	ioas = bench_ioas(&bench);
	other = bench_ioas(&bench);
	first = bench_plug(&bench, ioas, 0);
	second = bench_plug(&bench, ioas, 0);
	assert_int_equal(first.hwpt, second.hwpt);
	manual = bench_hwpt(&bench, first.dev, other, 0);
	assert_int_equal(bench_replace(&bench, first.stdev, manual), 0);
	assert_int_equal(bench_destroy(&bench, second.hwpt), -EBUSY);
	/* A manual one is never picked for an IOAS. */
	assert_int_equal(bench_replace(&bench, second.stdev, other), 0);
	assert_int_equal(bench_destroy(&bench, second.hwpt), -ENOENT);
	assert_int_equal(bench_destroy(&bench, manual), -EBUSY);
	assert_int_equal(bench_replace(&bench, first.stdev, ioas), 0);
	assert_int_equal(bench_destroy(&bench, manual), 0);
	bench_done(&bench);
}

/* Descriptors that outlive /dev/iommu keep all of it. */
static void the_last_close(void **state)
{
	struct bench bench;
	struct iommu_fault_alloc queue;
	struct iommu_hwpt_pgfault fault;
	char *memory = bench_pages(1);
	uint32_t ioas;
	int access;

	bench_init(&bench);
	ioas = bench_ioas(&bench);
	bench_plug(&bench, ioas, 0);
	bench_map(&bench, ioas, memory, WORLD_PAGE, 0x2000000, IOMMU_IOAS_MAP_READABLE);
	queue = bench_fault_queue(&bench);
	access = bench_access(&bench, ioas, 0);
	assert_int_equal(bench_pinned(&bench), 1);
	file_put(bench.file);
	assert_int_equal(bench_read(&bench, queue.out_fault_fd, &fault, sizeof(fault)), 0);
	assert_int_equal(bench_pinned(&bench), 1);
	bench_close(&bench, queue.out_fault_fd);
	assert_int_equal(bench_pinned(&bench), 1);
	bench_close(&bench, access);
	assert_int_equal(bench_pinned(&bench), 0);
	machine_put(bench.machine);
	bench.file = NULL;
	bench_done(&bench);
	bench_free_pages(memory, 1);
}

/* No descriptor left: the object is not made either. */
static void no_descriptor_left(void **state)
{
	struct world *world = *state;
	struct bench *bench = &world->bench;
	struct iommu_fault_alloc fault = {.size = sizeof(fault)};
	struct iommu_veventq_alloc veventq = {.size = sizeof(veventq),
					      .viommu_id = world->id[W_VIOMMU],
					      .type = IOMMU_VEVENTQ_TYPE_SELFTEST,
					      .veventq_depth = 1};
	struct iommu_test_cmd access = {.op = IOMMU_TEST_OP_CREATE_ACCESS, .id = world->id[W_IOAS]};
	char *before = bench_describe(bench), *after;

	bench->room = 0;
	assert_int_equal(bench_ioctl(bench, IOMMU_FAULT_QUEUE_ALLOC, &fault), -EMFILE);
	assert_int_equal(bench_ioctl(bench, IOMMU_VEVENTQ_ALLOC, &veventq), -EMFILE);
	assert_int_equal(bench_test(bench, &access), -ENOMEM);
	after = bench_describe(bench);
	assert_string_equal(before, after);
	free(before);
	free(after);
	bench->room = BENCH_FDS;
	assert_int_equal(bench_ioctl(bench, IOMMU_VEVENTQ_ALLOC, &veventq), 0);
}

static struct {
	const struct client_ops *ops;
	unsigned int calls;
} keeper;

/* Somebody else has the descriptor too, and uses it after its object has gone. */
static void close_late(struct client *client, int fd)
{
	struct bench *bench = (struct bench *)client;
	struct file *file = file_get(bench_file(bench, fd));
	char buf[64] = {0};

	keeper.ops->fd_close(client, fd);
	assert_int_equal(file_read(file, client, (uintptr_t)buf, sizeof(buf), -1), -EBADF);
	assert_true(file_write(file, client, (uintptr_t)buf, sizeof(buf), -1) < 0);
	assert_int_equal(file_poll(file), 0);
	file_taken(file);
	file_put(file);
	keeper.calls++;
}

/* An answer that can't be written takes the object back, but not from who has its descriptor already. */
static void descriptors_of_abandoned_objects(void **state)
{
	struct world *world = *state;
	struct bench *bench = &world->bench;
	struct client_ops ops = *bench->client.ops;
	struct iommu_fault_alloc *cmd;
	char *page = bench_pages(1);

	keeper.ops = bench->client.ops;
	ops.fd_close = close_late;
	bench->client.ops = &ops;
	cmd = (struct iommu_fault_alloc *)page;
	*cmd = (struct iommu_fault_alloc){.size = sizeof(*cmd)};
	assert_int_equal(mprotect(page, WORLD_PAGE, PROT_READ), 0);
	assert_int_equal(bench_ioctl(bench, IOMMU_FAULT_QUEUE_ALLOC, cmd), -EFAULT);
	assert_int_equal(keeper.calls, 1);
	bench->client.ops = keeper.ops;
	bench_free_pages(page, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lowest_free_id),
		TEST(leaves_first),
		TEST(tombstones),
		cmocka_unit_test(automatic_page_tables),
		cmocka_unit_test(the_last_close),
		TEST(no_descriptor_left),
		TEST(descriptors_of_abandoned_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
