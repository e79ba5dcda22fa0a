/* SPDX-License-Identifier: MIT */
/*
 * Where things are mapped: automatic IOVAs against a slow model of the rule, reserved and allowed ranges, alignment. The memory does not
 * exist; without a page table nobody looks.
 */
#include <errno.h>
#include <string.h>

#include "ioas/access.h"
#include "world.h"

#define RW	  (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define PMD	  ((uint64_t)2 << 20)
#define MAX_SPANS 512

/* ---- the model: unsorted lists, looked through from the start each time ---- */

struct span {
	uint64_t first, last;
};

struct model {
	struct span taken[MAX_SPANS]; /* reserved ranges and areas */
	struct span allowed[8];
	size_t n_taken, n_allowed;
	uint64_t alignment;
};

static uint64_t model_alignment(uint64_t base, uint64_t length)
{
	uint64_t alignment = 1;

	while (alignment < length && alignment < PMD)
		alignment *= 2;
	while (base % alignment)
		alignment /= 2;
	return alignment;
}

/* Moves a span's first to where the length could begin in it. */
static bool model_fits(struct span *span, uint64_t alignment, uint64_t base, uint64_t length)
{
	uint64_t start = span->first;

	if (start % alignment && start > UINT64_MAX - alignment)
		return false;
	while (start % alignment)
		start += alignment - start % alignment;
	start |= base % WORLD_PAGE;
	if (start >= span->last || span->last - start < length - 1)
		return false;
	span->first = start;
	return true;
}

/* The first free stretch of the span; what is taken moves its ends. */
static bool model_hole(const struct model *model, struct span span, struct span *ret_hole)
{
	for (size_t i = 0; i < model->n_taken; i++) {
		const struct span *taken = &model->taken[i];

		if (taken->first > span.first || taken->last < span.first)
			continue;
		if (taken->last >= span.last)
			return false;
		span.first = taken->last + 1;
		i = -1; /* from the start */
	}
	for (size_t i = 0; i < model->n_taken; i++)
		if (model->taken[i].first > span.first && model->taken[i].first <= span.last)
			span.last = model->taken[i].first - 1;
	*ret_hole = span;
	return true;
}

static bool model_place_in(const struct model *model, struct span span, uint64_t base,
			   uint64_t length, uint64_t *ret_iova)
{
	uint64_t alignment = model_alignment(base, length);
	struct span hole;

	if (!model_fits(&span, alignment, base, length))
		return false;
	while (model_hole(model, span, &hole)) {
		uint64_t last = hole.last;

		if (model_fits(&hole, alignment, base, length)) {
			*ret_iova = hole.first;
			return true;
		}
		if (last == span.last)
			return false;
		span.first = last + 1;
	}
	return false;
}

/* The allowed range with the lowest first above `after`, with those that touch it. */
static bool model_allowed(const struct model *model, uint64_t after, struct span *ret_span)
{
	struct span span = {UINT64_MAX, 0};

	for (size_t i = 0; i < model->n_allowed; i++)
		if (model->allowed[i].first > after && model->allowed[i].first < span.first)
			span = model->allowed[i];
	for (size_t i = 0; span.last && i < model->n_allowed; i++) {
		if (model->allowed[i].first != span.last + 1)
			continue;
		span.last = model->allowed[i].last;
		i = -1;
	}
	*ret_span = span;
	return span.last;
}

static long model_place(const struct model *model, uint64_t base, uint64_t length,
			uint64_t *ret_iova)
{
	struct span all = {WORLD_PAGE, UINT64_MAX - WORLD_PAGE}, span;

	if (length % model->alignment)
		return -EINVAL;
	if (model_alignment(base, length) < model->alignment)
		return -EINVAL;
	if (!model->n_allowed)
		return model_place_in(model, all, base, length, ret_iova) ? 0 : -ENOSPC;
	for (uint64_t after = 0; model_allowed(model, after, &span); after = span.last)
		if (model_place_in(model, span, base, length, ret_iova))
			return 0;
	return -ENOSPC;
}

static void take(struct model *model, uint64_t first, uint64_t length)
{
	assert_true(model->n_taken < MAX_SPANS);
	model->taken[model->n_taken++] = (struct span){first, first + length - 1};
}

static bool is_taken(const struct model *model, uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < model->n_taken; i++)
		if (model->taken[i].first <= last && first <= model->taken[i].last)
			return true;
	return false;
}

/* ---- random IOASes ---- */

struct trial {
	struct bench *bench;
	struct model model;
	uint32_t ioas;
	unsigned int seed;
	unsigned int placed, refused;
};

static unsigned int random_below(struct trial *trial, unsigned int n)
{
	return (unsigned int)rand_r(&trial->seed) % n;
}

/* A number with a random number of low bits that are zero. */
static uint64_t random_shape(struct trial *trial, unsigned int bits)
{
	uint64_t value = 1 + random_below(trial, 63);

	return value << random_below(trial, bits);
}

static void reserve_some(struct trial *trial)
{
	for (unsigned int n = random_below(trial, 6); n--;) {
		struct iommu_test_cmd cmd = {
			.op = IOMMU_TEST_OP_ADD_RESERVED,
			.id = trial->ioas,
			.add_reserved = {random_shape(trial, 24), random_shape(trial, 22)}};

		assert_int_equal(bench_test(trial->bench, &cmd), 0);
		take(&trial->model, cmd.add_reserved.start, cmd.add_reserved.length);
	}
}

static void allow_some(struct trial *trial)
{
	struct iommu_ioas_allow_iovas cmd = {.size = sizeof(cmd), .ioas_id = trial->ioas};
	struct model *model = &trial->model;
	struct iommu_iova_range list[8];
	uint64_t at = WORLD_PAGE;

	for (unsigned int n = random_below(trial, 8); n--;) {
		uint64_t first, last;

		/* Every other one touches the one before. */
		first = at + (random_below(trial, 2) ? random_shape(trial, 20) : 0);
		last = first + random_shape(trial, 22);
		if (is_taken(model, first, last))
			continue;
		list[model->n_allowed] = (struct iommu_iova_range){first, last};
		model->allowed[model->n_allowed++] = (struct span){first, last};
		at = last + 1;
	}
	cmd.num_iovas = model->n_allowed;
	cmd.allowed_iovas = (uintptr_t)list;
	assert_int_equal(bench_ioctl(trial->bench, IOMMU_IOAS_ALLOW_IOVAS, &cmd), 0);
}

static void place_one(struct trial *trial)
{
	uint64_t base = ((uint64_t)1 << 40) + random_shape(trial, 24);
	uint64_t length = random_below(trial, 8) ? random_shape(trial, 20) : 1, want = 0, got = 0;
	long rc = model_place(&trial->model, base, length, &want);
	long got_rc = bench_try_map(trial->bench, trial->ioas, base, length, &got, RW);

	if (rc != got_rc || (!rc && got != want))
		fail_msg("base %lx length %lx: %ld at %lx, not %ld at %lx", base, length, got_rc,
			 got, rc, want);
	if (rc) {
		trial->refused++;
		return;
	}
	trial->placed++;
	take(&trial->model, got, length);
}

static void automatic_iovas(void **state)
{
	unsigned int placed = 0, refused = 0;
	struct bench bench;

	bench_init(&bench);
	for (unsigned int seed = 1; seed <= 150; seed++) {
		struct trial *trial = calloc(1, sizeof(*trial));
		int access = -1;

		trial->bench = &bench;
		trial->seed = seed;
		trial->ioas = bench_ioas(&bench);
		trial->model.alignment = 1;
		if (seed % 3 == 0) {
			access = bench_access(&bench, trial->ioas,
					      MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
			trial->model.alignment = WORLD_PAGE;
		}
		reserve_some(trial);
		if (seed % 2)
			allow_some(trial);
		for (int i = 0; i < 120; i++)
			place_one(trial);
		placed += trial->placed;
		refused += trial->refused;
		bench_close(&bench, access);
		assert_int_equal(bench_destroy(&bench, trial->ioas), 0);
		free(trial);
	}
	/* Both kinds were tried. */
	assert_true(placed > 1000 && refused > 1000);
	bench_done(&bench);
}

/* ---- reserved and allowed ---- */

static long reserve(struct bench *bench, uint32_t ioas, uint64_t start, uint64_t length)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_ADD_RESERVED, .id = ioas, .add_reserved = {start, length}};

	return bench_test(bench, &cmd);
}

static long allow(struct bench *bench, uint32_t ioas, uint64_t first, uint64_t last)
{
	struct iommu_iova_range range = {first, last};
	struct iommu_ioas_allow_iovas cmd = {.size = sizeof(cmd),
					     .ioas_id = ioas,
					     .num_iovas = 1,
					     .allowed_iovas = (uintptr_t)&range};

	return bench_ioctl(bench, IOMMU_IOAS_ALLOW_IOVAS, &cmd);
}

static void reserved_and_allowed(void **state)
{
	struct bench bench;
	uint32_t ioas;

	bench_init(&bench);
	ioas = bench_ioas(&bench);
	bench_map(&bench, ioas, (void *)0x100000, 0x1000, 0x20000, RW);
	assert_int_equal(allow(&bench, ioas, 0x10000, 0x1ffff), 0);
	/* Neither areas nor allowed ranges may become reserved; areas may lie anywhere else. */
	assert_int_equal(reserve(&bench, ioas, 0x20fff, 1), -EADDRINUSE);
	assert_int_equal(reserve(&bench, ioas, 0x1ffff, 1), -EADDRINUSE);
	assert_int_equal(reserve(&bench, ioas, 0x21000, 0x1000), 0);
	assert_int_equal(reserve(&bench, ioas, 0x21800, 0x1000), 0); /* they may overlap */
	bench_map(&bench, ioas, (void *)0x100000, 0x1000, 0x40000, RW);
	/* The old list stays if the new one is refused. */
	assert_int_equal(allow(&bench, ioas, 0x20000, 0x21000), -EADDRINUSE);
	assert_int_equal(reserve(&bench, ioas, 0x10000, 1), -EADDRINUSE);
	assert_int_equal(allow(&bench, ioas, 0x20000, 0x20fff), 0);
	assert_int_equal(reserve(&bench, ioas, 0x10000, 1), 0);
	bench_done(&bench);
}

static struct iommu_ioas_iova_ranges get_ranges(struct bench *bench, uint32_t ioas,
						struct iommu_iova_range *ranges, uint32_t n,
						long want)
{
	struct iommu_ioas_iova_ranges cmd = {.size = sizeof(cmd),
					     .ioas_id = ioas,
					     .num_iovas = n,
					     .allowed_iovas = (uintptr_t)ranges};

	assert_int_equal(bench_ioctl(bench, IOMMU_IOAS_IOVA_RANGES, &cmd), want);
	return cmd;
}

static void ranges_are_the_holes(void **state)
{
	struct iommu_iova_range ranges[4];
	struct bench bench;
	uint32_t ioas;

	bench_init(&bench);
	ioas = bench_ioas(&bench);
	assert_int_equal(get_ranges(&bench, ioas, ranges, 4, 0).num_iovas, 1);
	assert_true(ranges[0].start == 0 && ranges[0].last == UINT64_MAX);
	assert_int_equal(reserve(&bench, ioas, 0, 0x1000), 0);
	assert_int_equal(reserve(&bench, ioas, 0x1000, 1), 0);
	assert_int_equal(reserve(&bench, ioas, 0x3000, 0x1000), 0);
	assert_int_equal(reserve(&bench, ioas, UINT64_MAX, 1), 0);
	memset(ranges, 0xee, sizeof(ranges));
	/* Too little room: as many as fit, and how many there are. */
	assert_int_equal(get_ranges(&bench, ioas, ranges, 1, -EMSGSIZE).num_iovas, 2);
	assert_true(ranges[0].start == 0x1001 && ranges[0].last == 0x2fff);
	assert_int_equal(ranges[1].start, 0xeeeeeeeeeeeeeeee);
	assert_int_equal(get_ranges(&bench, ioas, ranges, 4, 0).out_iova_alignment, 1);
	assert_true(ranges[1].start == 0x4000 && ranges[1].last == UINT64_MAX - 1);
	bench_done(&bench);
}

/* ---- alignment ---- */

static uint64_t alignment(struct bench *bench, uint32_t ioas)
{
	struct iommu_iova_range ranges[4];

	return get_ranges(bench, ioas, ranges, 4, 0).out_iova_alignment;
}

static long set_huge(struct bench *bench, uint32_t ioas, uint64_t value)
{
	struct iommu_option cmd = {.size = sizeof(cmd),
				   .option_id = IOMMU_OPTION_HUGE_PAGES,
				   .object_id = ioas,
				   .val64 = value};

	return bench_ioctl(bench, IOMMU_OPTION, &cmd);
}

static long try_access(struct bench *bench, uint32_t ioas)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_CREATE_ACCESS,
		.id = ioas,
		.create_access = {.flags = MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES}};
	long rc = bench_test(bench, &cmd);

	return rc ? rc : cmd.create_access.out_access_fd;
}

static void alignment_rises_and_falls(void **state)
{
	struct bench_device device;
	struct bench bench;
	uint32_t ioas;
	long access;

	bench_init(&bench);
	ioas = bench_ioas(&bench);
	assert_int_equal(alignment(&bench, ioas), 1);
	device = bench_plug(&bench, ioas, 0);
	assert_int_equal(alignment(&bench, ioas), MOCK_PAGE_SIZE);
	access = try_access(&bench, ioas);
	assert_true(access >= BENCH_FD0);
	assert_int_equal(alignment(&bench, ioas), WORLD_PAGE);
	bench_close(&bench, access);
	assert_int_equal(alignment(&bench, ioas), MOCK_PAGE_SIZE);
	assert_int_equal(set_huge(&bench, ioas, 0), 0);
	assert_int_equal(alignment(&bench, ioas), WORLD_PAGE);
	assert_int_equal(bench_destroy(&bench, device.stdev), 0);
	assert_int_equal(alignment(&bench, ioas), WORLD_PAGE);
	assert_int_equal(set_huge(&bench, ioas, 1), 0);
	assert_int_equal(alignment(&bench, ioas), 1);
	bench_done(&bench);
}

/* IOVA, length and the offset in the page count, each. */
static void areas_that_do_not_fit(void **state)
{
	static const struct span shapes[] = {{0x1000800, 0x1000}, {0x1001000, 0x800}};
	struct bench bench;
	uint32_t ioas;

	bench_init(&bench);
	ioas = bench_ioas(&bench);
	for (int i = 0; i < 3; i++) {
		uint64_t va = i == 2 ? 0x100800 : 0x100000;
		const struct span *shape = &shapes[i % 2];
		uint64_t iova = i == 2 ? 0x1001000 : shape->first;
		uint64_t length = i == 2 ? 0x1000 : shape->last;
		char *before, *after;

		bench_map(&bench, ioas, (void *)va, length, iova, RW);
		before = bench_describe(&bench);
		assert_int_equal(try_access(&bench, ioas), -EADDRINUSE);
		assert_int_equal(set_huge(&bench, ioas, 0), -EADDRINUSE);
		after = bench_describe(&bench);
		assert_string_equal(before, after);
		free(before);
		free(after);
		assert_int_equal(bench_unmap(&bench, ioas, 0, UINT64_MAX), length);
	}
	bench_map(&bench, ioas, (void *)0x100000, 0x1000, 0x1001000, RW);
	assert_int_equal(set_huge(&bench, ioas, 0), 0);
	bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(automatic_iovas),
		cmocka_unit_test(reserved_and_allowed),
		cmocka_unit_test(ranges_are_the_holes),
		cmocka_unit_test(alignment_rises_and_falls),
		cmocka_unit_test(areas_that_do_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
