/* SPDX-License-Identifier: MIT */
/* Dirty tracking: which bits a read of the bitmap gives, and which it leaves. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "container/hazard.h"
#include "core/machine_impl.h"
#include "hwpt/hwpt.h"
#include "world.h"

#define RW    (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define IOVA  0x2000000
#define PAGES 32

/* Small pages: an entry is a page. */
struct fixture {
	struct bench bench;
	char *memory;
	uint32_t ioas, hwpt;
};

static int setup(void **state)
{
	struct iommu_option small = {.size = sizeof(small),
				     .option_id = IOMMU_OPTION_HUGE_PAGES,
				     .op = IOMMU_OPTION_OP_SET};
	struct fixture *f = calloc(1, sizeof(*f));
	struct bench_device device;

	bench_init(&f->bench);
	f->memory = bench_pages(PAGES);
	f->ioas = bench_ioas(&f->bench);
	small.object_id = f->ioas;
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_OPTION, &small), 0);
	device = bench_plug(&f->bench, f->ioas, 0);
	f->hwpt = bench_hwpt(&f->bench, device.dev, f->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	assert_int_equal(bench_replace(&f->bench, device.stdev, f->hwpt), 0);
	bench_map(&f->bench, f->ioas, f->memory, PAGES * WORLD_PAGE, IOVA, RW);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bench_done(&f->bench);
	bench_free_pages(f->memory, PAGES);
	free(f);
	return 0;
}

static void track(struct fixture *f, bool on)
{
	struct iommu_hwpt_set_dirty_tracking cmd = {
		.size = sizeof(cmd), .flags = on, .hwpt_id = f->hwpt};

	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd), 0);
}

/* A device writes to the pages of which the bit is set. */
static long write_pages(struct fixture *f, uint64_t pages)
{
	struct iommu_test_cmd cmd = {.op = IOMMU_TEST_OP_DIRTY,
				     .id = f->hwpt,
				     .dirty = {.iova = IOVA,
					       .length = PAGES * WORLD_PAGE,
					       .page_size = WORLD_PAGE,
					       .uptr = (uintptr_t)&pages}};

	return bench_test(&f->bench, &cmd);
}

/* Of n pages from `page` on. */
static uint64_t read_bits(struct fixture *f, unsigned int page, unsigned int n, uint32_t flags)
{
	uint64_t bits = 0;
	struct iommu_hwpt_get_dirty_bitmap cmd = {.size = sizeof(cmd),
						  .hwpt_id = f->hwpt,
						  .flags = flags,
						  .iova = IOVA + page * WORLD_PAGE,
						  .length = n * WORLD_PAGE,
						  .page_size = WORLD_PAGE,
						  .data = (uintptr_t)&bits};

	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd), 0);
	return bits;
}

#define NO_CLEAR IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR

static void reading_clears(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write_pages(f, 1), -EINVAL); /* not tracked */
	track(f, true);
	assert_int_equal(write_pages(f, 0x80000101), 0);
	assert_int_equal(read_bits(f, 0, PAGES, NO_CLEAR), 0x80000101);
	/* Bit 0 is the first page that was asked for; the others stay dirty. */
	assert_int_equal(read_bits(f, 8, 8, 0), 1);
	assert_int_equal(read_bits(f, 0, PAGES, 0), 0x80000001);
	assert_int_equal(read_bits(f, 0, PAGES, 0), 0);
	assert_int_equal(write_pages(f, 6), 0);
	track(f, true); /* begins anew */
	assert_int_equal(read_bits(f, 0, PAGES, 0), 0);
	assert_int_equal(write_pages(f, 6), 0);
	track(f, false);
	assert_int_equal(read_bits(f, 0, PAGES, 0), 6);
}

static void bits_are_only_set(void **state)
{
	struct fixture *f = *state;
	unsigned char bits[8];
	struct iommu_hwpt_get_dirty_bitmap cmd = {.size = sizeof(cmd),
						  .hwpt_id = f->hwpt,
						  .iova = IOVA,
						  .length = PAGES * WORLD_PAGE,
						  .page_size = WORLD_PAGE,
						  .data = (uintptr_t)bits + 1};

	track(f, true);
	memset(bits, 0xa0, sizeof(bits));
	assert_int_equal(write_pages(f, 0x00ffff01), 0);
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd), 0);
	assert_memory_equal(bits, "\xa0\xa1\xff\xff\xa0\xa0\xa0\xa0", 8);
}

static void holes_end_the_walk(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(bench_unmap(&f->bench, f->ioas, IOVA, PAGES * WORLD_PAGE),
			 PAGES * WORLD_PAGE);
	bench_map(&f->bench, f->ioas, f->memory, 4 * WORLD_PAGE, IOVA, RW);
	bench_map(&f->bench, f->ioas, f->memory, 4 * WORLD_PAGE, IOVA + 4 * WORLD_PAGE, RW);
	bench_map(&f->bench, f->ioas, f->memory, 4 * WORLD_PAGE, IOVA + 12 * WORLD_PAGE, RW);
	track(f, true);
	assert_int_equal(write_pages(f, 0x00fff000 | 0x18), 0);
	assert_int_equal(read_bits(f, 0, PAGES, 0), 0x18);
	assert_int_equal(read_bits(f, 12, 4, 0), 0xf);
}

/* What is mapped anew at the same IOVA is clean. */
static void unmapping_forgets(void **state)
{
	struct fixture *f = *state;

	track(f, true);
	assert_int_equal(write_pages(f, UINT32_MAX), 0);
	assert_int_equal(bench_unmap(&f->bench, f->ioas, IOVA, PAGES * WORLD_PAGE),
			 PAGES * WORLD_PAGE);
	bench_map(&f->bench, f->ioas, f->memory, PAGES * WORLD_PAGE, IOVA, RW);
	assert_int_equal(read_bits(f, 0, PAGES, 0), 0);
}

/* The call says that all is well, and the dirty bits are lost. */
static void a_bitmap_that_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct iommu_hwpt_get_dirty_bitmap cmd = {.size = sizeof(cmd),
						  .hwpt_id = f->hwpt,
						  .flags = NO_CLEAR,
						  .iova = IOVA,
						  .length = PAGES * WORLD_PAGE,
						  .page_size = WORLD_PAGE};

	cmd.data = (uintptr_t)f->memory + PAGES * WORLD_PAGE;
	track(f, true);
	assert_int_equal(write_pages(f, 3), 0);
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd), 0);
	assert_int_equal(read_bits(f, 0, PAGES, NO_CLEAR), 3);
	cmd.flags = 0;
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd), 0);
	assert_int_equal(read_bits(f, 0, PAGES, NO_CLEAR), 0);
}

/* ---- against a model, over more than the call collects at once ---- */

#define MANY	 60000
#define MANY_AT	 0x10000000
#define MOST_LOG 5 /* up to 32 pages for a bit */

static uint64_t seed;

static uint64_t rnd(uint64_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % below;
}

/* Runs of pages, single ones, and much that stays clean. */
static void write_some(struct fixture *f, bool *model)
{
	static uint64_t pages[MANY / 64 + 1];
	struct iommu_test_cmd cmd = {.op = IOMMU_TEST_OP_DIRTY,
				     .id = f->hwpt,
				     .dirty = {.iova = MANY_AT,
					       .length = MANY * WORLD_PAGE,
					       .page_size = WORLD_PAGE,
					       .uptr = (uintptr_t)pages}};

	memset(pages, 0, sizeof(pages));
	for (int i = 0; i < 20; i++) {
		uint64_t len = 1 + (rnd(2) ? rnd(3) : rnd(5000)), at = rnd(MANY - len);

		for (uint64_t page = at; page < at + len; page++) {
			pages[page / 64] |= 1ull << page % 64;
			model[page] = true;
		}
	}
	assert_int_equal(bench_test(&f->bench, &cmd), 0);
}

static void read_some(struct fixture *f, bool *model)
{
	static unsigned char bits[MANY / 8 + 3], want[MANY / 8 + 3];
	unsigned int log = rnd(MOST_LOG + 1), skew = rnd(3);
	uint64_t step = 1u << log, first = rnd(MANY / step), n = 1 + rnd(MANY / step - first);
	bool clear = rnd(2);
	struct iommu_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = f->hwpt,
		.flags = clear ? 0 : IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR,
		.iova = MANY_AT + first * step * WORLD_PAGE,
		.length = n * step * WORLD_PAGE,
		.page_size = step * WORLD_PAGE,
		.data = (uintptr_t)bits + skew};

	memset(bits, 0x10, sizeof(bits));
	memset(want, 0x10, sizeof(want));
	for (uint64_t page = first * step; page < (first + n) * step; page++) {
		uint64_t bit = page / step - first;

		want[skew + bit / 8] |= model[page] << bit % 8;
		model[page] &= !clear;
	}
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd), 0);
	assert_memory_equal(bits, want, sizeof(bits));
}

static void like_a_model(void **state)
{
	static bool model[MANY];
	struct fixture *f = *state;
	char *memory = bench_pages(MANY);

	bench_map(&f->bench, f->ioas, memory, MANY * WORLD_PAGE, MANY_AT, RW);
	track(f, true);
	for (int round = 0; round < 200; round++) {
		if (rnd(3) == 0)
			write_some(f, model);
		read_some(f, model);
	}
	assert_int_equal(bench_unmap(&f->bench, f->ioas, MANY_AT, MANY * WORLD_PAGE),
			 MANY * WORLD_PAGE);
	bench_free_pages(memory, MANY);
}

struct reader {
	struct fixture *f;
	uint64_t bits;
};

static void *read_all(void *arg)
{
	struct reader *reader = arg;

	reader->bits = read_bits(reader->f, 0, PAGES, 0);
	return NULL;
}

/* A port that has put a mark and not told the summary yet is waited for: another may have found the mark, and written. */
static void marks_half_made_are_found(void **state)
{
	struct fixture *f = *state;
	struct reader reader = {f, 0};
	struct hazard_slot *slot;
	struct sparse_leaf *leaf;
	struct sparse_bits *dirty;
	uint64_t unit, word;
	pthread_t thread;

	track(f, true);
	write_pages(f, 1);
	assert_int_equal(read_bits(f, 0, PAGES, 0), 1);
	lock_take(&f->bench.ctx->lock);
	dirty = &hwpt_find_paging(f->bench.ctx, f->hwpt)->dirty;
	unit = IOVA >> hwpt_find_paging(f->bench.ctx, f->hwpt)->dirty_shift;
	lock_release(&f->bench.ctx->lock);
	leaf = sparse_bits_recent(dirty, unit);
	word = unit / 64 % SPARSE_LEAF_WORDS;
	assert_int_equal(hazard_register(&f->bench.machine->hazard, &slot), 0);
	hazard_enter(slot, IOVA + 8, IOVA + 15);
	atomic_fetch_or(&leaf->words[word], (uint64_t)1 << unit % 64);
	assert_true(sparse_bits_has(dirty, unit, 1));
	pthread_create(&thread, NULL, read_all, &reader);
	for (int i = 0; i < 1000; i++)
		sched_yield(); /* if it does not wait it has looked by now, most times */
	atomic_fetch_or(&leaf->summary[word / 64], (uint64_t)1 << word % 64);
	hazard_leave(slot);
	pthread_join(thread, NULL);
	assert_int_equal(reader.bits, 1);
	hazard_unregister(slot);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reading_clears),
		TEST(bits_are_only_set),
		TEST(holes_end_the_walk),
		TEST(unmapping_forgets),
		TEST(a_bitmap_that_is_not_there),
		TEST(like_a_model),
		TEST(marks_half_made_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
