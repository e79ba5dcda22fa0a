/* SPDX-License-Identifier: MIT */
/* Do the tests notice? Rows that tell lies must fail, and what is left open must be found. */
#include "rows.h"

static void fill_nothing(const struct world *world, void *arg)
{
}

#define ROW(cmd_, size_, min_size_, reply_, ...)                                                   \
	{                                                                                          \
		.name = "a lie", .cmd = cmd_, .size = size_, .min_size = min_size_,                \
		.reply = reply_, .fill = fill_nothing, __VA_ARGS__                                 \
	}

static const struct row truth = ROW(IOMMU_IOAS_ALLOC, 12, 12, REPLY_UNDONE, .result = 0);

static const struct row lies[] = {
	ROW(IOMMU_IOAS_ALLOC, 12, 8, REPLY_UNDONE, .result = 0),
	ROW(IOMMU_IOAS_ALLOC, 16, 12, REPLY_UNDONE, .result = 0),
	ROW(IOMMU_IOAS_ALLOC, 12, 12, REPLY_NONE, .result = 0),
	ROW(IOMMU_IOAS_ALLOC, 12, 12, REPLY_UNDONE, .result = -EINVAL),
	ROW(IOMMU_IOAS_MAP, 40, 40, REPLY_STAYS, .result = 0),
	ROW(IOMMU_IOAS_ALLOC, 12, 12, REPLY_UNDONE,
	    .wrong = {{"nothing", EOPNOTSUPP, {SET(iommu_ioas_alloc, flags, 0)}}}),
	ROW(IOMMU_IOAS_ALLOC, 12, 12, REPLY_UNDONE,
	    .wrong = {{"flags", EINVAL, {SET(iommu_ioas_alloc, flags, 1)}}}),
	/* In the wrong order. */
	ROW(IOMMU_VFIO_IOAS, 12, 12, REPLY_NONE, .result = -ENODEV,
	    .wrong = {{"no IOAS", ENODEV, {SET(iommu_vfio_ioas, ioas_id, 0)}},
		      {"reserved", EOPNOTSUPP, {SET(iommu_vfio_ioas, __reserved, 1)}}}),
};

static void run_row(void *arg)
{
	freopen("/dev/null", "w", stdout);
	unsetenv("CMOCKA_TEST_ABORT");
	_exit(rows_run(arg, 1) ? 1 : 0);
}

static void lies_are_found(void **state)
{
	assert_true(unit_exited(unit_in_child(run_row, (void *)&truth), 0));
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		if (!unit_exited(unit_in_child(run_row, (void *)&lies[i]), 1))
			fail_msg("lie %zu was believed", i);
}

static void leave_a_descriptor(void *arg)
{
	struct bench bench;

	bench_init(&bench);
	assert_true(dup(0) >= 0);
	bench_done(&bench);
}

static void leave_nothing(void *arg)
{
	struct bench bench;

	bench_init(&bench);
	bench_done(&bench);
}

static void open_descriptors_are_found(void **state)
{
	assert_true(unit_exited(unit_in_child(leave_nothing, NULL), 0));
	assert_false(unit_exited(unit_in_child(leave_a_descriptor, NULL), 0));
}

/* Each thing that a call changes has to show. */
static void changes_are_seen(void **state)
{
	struct world world;
	char *text[3];

	world_init(&world);
	text[0] = bench_describe(&world.bench);
	assert_int_equal(bench_destroy(&world.bench, world.id[W_IOAS_FREE]), 0);
	text[1] = bench_describe(&world.bench);
	assert_true(bench_unmap(&world.bench, world.id[W_IOAS], WORLD_RW_IOVA,
				WORLD_NPAGES * WORLD_PAGE) > 0);
	text[2] = bench_describe(&world.bench);
	assert_string_not_equal(text[0], text[1]);
	assert_string_not_equal(text[1], text[2]);
	for (int i = 0; i < 3; i++)
		free(text[i]);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_are_found),
		cmocka_unit_test(open_descriptors_are_found),
		cmocka_unit_test(changes_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
