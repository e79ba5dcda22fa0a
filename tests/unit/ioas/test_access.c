/* SPDX-License-Identifier: MIT */
/* In-process accesses: pins against unmap, the ends of the address space, reads and writes. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "ioas/access.h"
#include "world.h"

#define RW	  (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define LAST_PAGE (UINT64_MAX - WORLD_PAGE + 1)
#define PINS	  MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES

/* An IOAS with all of the memory at 16 MiB, and an access that pins. */
struct fixture {
	struct bench bench;
	char *memory;
	uint32_t ioas;
	int access;
};

#define IOVA 0x1000000

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	bench_init(&f->bench);
	f->memory = bench_pages(WORLD_NPAGES);
	f->ioas = bench_ioas(&f->bench);
	f->access = bench_access(&f->bench, f->ioas, PINS);
	bench_map(&f->bench, f->ioas, f->memory, WORLD_NPAGES * WORLD_PAGE, IOVA, RW);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bench_done(&f->bench);
	bench_free_pages(f->memory, WORLD_NPAGES);
	free(f);
	return 0;
}

/* ---- the ends ---- */

/* An area that ends with the last address of all: whoever walks all areas comes to an end. */
static void walks_end_at_the_top(void **state)
{
	struct fixture *f = *state;
	struct bench *bench = &f->bench;
	struct iommu_option option = {.size = sizeof(option),
				      .option_id = IOMMU_OPTION_HUGE_PAGES,
				      .op = IOMMU_OPTION_OP_SET};
	struct iommu_ioas_change_process change = {.size = sizeof(change)};
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | RW,
		.length = WORLD_PAGE,
		.iova = LAST_PAGE,
	};

	assert_int_equal(bench_unmap(bench, f->ioas, IOVA, WORLD_NPAGES * WORLD_PAGE),
			 WORLD_NPAGES * WORLD_PAGE);
	map.fd = memfd_create("top", MFD_CLOEXEC);
	assert_int_equal(ftruncate(map.fd, WORLD_PAGE), 0);
	map.ioas_id = option.object_id = bench_ioas(bench);
	assert_int_equal(bench_ioctl(bench, IOMMU_IOAS_MAP_FILE, &map), 0);
	close(map.fd);
	alarm(10);
	assert_int_equal(bench_ioctl(bench, IOMMU_OPTION, &option), 0);
	assert_int_equal(bench_ioctl(bench, IOMMU_IOAS_CHANGE_PROCESS, &change), 0);
	alarm(0);
}

/* ---- moving ---- */

struct mover {
	struct bench *bench;
	uint32_t to;
	long destroyed;
};

static void destroy_target(void *data, uint64_t iova, uint64_t length)
{
	struct mover *mover = data;

	(void)iova;
	(void)length;
	mover->destroyed = bench_destroy(mover->bench, mover->to);
}

/* While an access gives up its pins, the IOAS that it moves to can't go. */
static void the_target_stays(void **state)
{
	static const struct access_ops ops = {.pins_pages = true, .unmap = destroy_target};
	struct fixture *f = *state;
	struct bench *bench = &f->bench;
	struct mover mover = {.bench = bench, .to = bench_ioas(bench)};
	struct access *access;

	lock_take(&bench->ctx->lock);
	assert_int_equal(access_new(bench->ctx, &ops, &mover, &access), 0);
	assert_int_equal(access_attach(access, f->ioas), 0);
	assert_int_equal(access_replace(access, mover.to), 0);
	assert_int_equal(mover.destroyed, -EBUSY);
	access_free(access);
	lock_release(&bench->ctx->lock);
	assert_int_equal(bench_destroy(bench, mover.to), 0);
}

/* ---- pins ---- */

static void pins_are_counted(void **state)
{
	struct fixture *f = *state;
	struct bench *bench = &f->bench;
	int64_t pins[3];

	pins[0] = bench_pin(bench, f->access, IOVA, 4 * WORLD_PAGE, f->memory, 0);
	pins[1] = bench_pin(bench, f->access, IOVA + 2 * WORLD_PAGE, 4 * WORLD_PAGE,
			    f->memory + 2 * WORLD_PAGE, 0);
	pins[2] = bench_pin(bench, f->access, IOVA, 4 * WORLD_PAGE, f->memory, 0);
	for (int i = 0; i < 3; i++)
		assert_true(pins[i] >= 0);
	/* A page is pinned once, however many want it. */
	assert_int_equal(bench_check_refs(bench, f->memory, 6 * WORLD_PAGE, 1), 0);
	assert_int_equal(bench_check_refs(bench, f->memory + 6 * WORLD_PAGE, WORLD_PAGE, 0), 0);
	assert_int_equal(bench_pinned(bench), 6);
	assert_int_equal(bench_unpin(bench, f->access, pins[0]), 0);
	assert_int_equal(bench_check_refs(bench, f->memory, 6 * WORLD_PAGE, 1), 0);
	assert_int_equal(bench_unpin(bench, f->access, pins[2]), 0);
	assert_int_equal(bench_check_refs(bench, f->memory, 2 * WORLD_PAGE, 0), 0);
	assert_int_equal(bench_check_refs(bench, f->memory + 2 * WORLD_PAGE, 4 * WORLD_PAGE, 1), 0);
	assert_int_equal(bench_unpin(bench, f->access, pins[1]), 0);
	assert_int_equal(bench_unpin(bench, f->access, pins[1]), -ENOENT);
	assert_int_equal(bench_pinned(bench), 0);
}

/* Closing the access gives up its pins. */
static void unmap_asks_accesses(void **state)
{
	struct fixture *f = *state;
	struct bench *bench = &f->bench;
	int64_t pin = bench_pin(bench, f->access, IOVA, WORLD_PAGE, f->memory, 0);

	assert_true(pin >= 0);
	assert_int_equal(bench_unmap(bench, f->ioas, IOVA, WORLD_NPAGES * WORLD_PAGE),
			 WORLD_NPAGES * WORLD_PAGE);
	assert_int_equal(bench_unpin(bench, f->access, pin), -ENOENT);
	assert_int_equal(bench_pinned(bench), 0);
}

static void closing_gives_up_pins(void **state)
{
	struct fixture *f = *state;
	struct bench *bench = &f->bench;

	assert_true(bench_pin(bench, f->access, IOVA, WORLD_PAGE, f->memory, 0) >= 0);
	bench_close(bench, f->access);
	assert_int_equal(bench_check_refs(bench, f->memory, WORLD_PAGE, 0), 0);
	assert_int_equal(bench_destroy(bench, f->ioas), 0);
}

/* The last page of all IOVAs is a page like any other, though its end is beyond 64 bits. */
static void the_last_page(void **state)
{
	struct fixture *f = *state;
	struct bench *bench = &f->bench;
	int64_t pin;

	bench_map(bench, f->ioas, f->memory, WORLD_PAGE, LAST_PAGE, RW);
	pin = bench_pin(bench, f->access, LAST_PAGE, WORLD_PAGE, f->memory, 0);
	assert_true(pin >= 0);
	assert_int_equal(bench_check_refs(bench, f->memory, WORLD_PAGE, 1), 0);
	assert_int_equal(bench_unpin(bench, f->access, pin), 0);
	assert_int_equal(bench_check_refs(bench, f->memory, WORLD_PAGE, 0), 0);
	assert_true(bench_pin(bench, f->access, LAST_PAGE, WORLD_PAGE, f->memory, 0) >= 0);
	assert_int_equal(bench_unmap(bench, f->ioas, LAST_PAGE, WORLD_PAGE), WORLD_PAGE);
}

/* ---- accesses that don't let go (7.5) ---- */

struct stubborn {
	struct access *access;
	struct ctx *ctx;
	unsigned int calls, gives_up_after;
	uint64_t iova, length;	      /* what it pins */
	uint64_t told_iova, told_len; /* what it was told last */
	int pin_meanwhile;	      /* what a new pin gave during the unmap */
};

static void on_unmap(void *data, uint64_t iova, uint64_t length)
{
	struct stubborn *stubborn = data;
	struct pinned_page page;

	stubborn->told_iova = iova;
	stubborn->told_len = length;
	lock_take(&stubborn->ctx->lock);
	stubborn->pin_meanwhile =
		access_pin(stubborn->access, stubborn->iova, WORLD_PAGE, 0, &page);
	if (++stubborn->calls == stubborn->gives_up_after)
		access_unpin(stubborn->access, stubborn->iova, stubborn->length);
	lock_release(&stubborn->ctx->lock);
}

static const struct access_ops stubborn_ops = {.pins_pages = true, .unmap = on_unmap};

static void open_stubborn(struct fixture *f, struct stubborn *stubborn, unsigned int gives_up_after)
{
	struct pinned_page pages[2];

	*stubborn = (struct stubborn){.ctx = f->bench.ctx,
				      .gives_up_after = gives_up_after,
				      .iova = IOVA + WORLD_PAGE,
				      .length = 2 * WORLD_PAGE};
	lock_take(&f->bench.ctx->lock);
	assert_int_equal(access_new(stubborn->ctx, &stubborn_ops, stubborn, &stubborn->access), 0);
	assert_int_equal(access_attach(stubborn->access, f->ioas), 0);
	assert_int_equal(access_pin(stubborn->access, stubborn->iova, stubborn->length, 0, pages),
			 0);
	lock_release(&f->bench.ctx->lock);
	assert_int_equal(pages[0].index, 1);
	assert_int_equal(pages[1].index, 2);
}

static void close_stubborn(struct stubborn *stubborn)
{
	lock_take(&stubborn->ctx->lock);
	access_free(stubborn->access);
	lock_release(&stubborn->ctx->lock);
}

static void asked_until_it_lets_go(void **state)
{
	struct fixture *f = *state;
	struct stubborn stubborn;

	open_stubborn(f, &stubborn, 100);
	assert_int_equal(bench_unmap(&f->bench, f->ioas, IOVA, WORLD_NPAGES * WORLD_PAGE),
			 WORLD_NPAGES * WORLD_PAGE);
	assert_int_equal(stubborn.calls, 100);
	/* It is told of the whole area, and can't pin it anew. */
	assert_int_equal(stubborn.told_iova, IOVA);
	assert_int_equal(stubborn.told_len, WORLD_NPAGES * WORLD_PAGE);
	assert_int_equal(stubborn.pin_meanwhile, -EINVAL);
	close_stubborn(&stubborn);
}

static void never_lets_go(void **state)
{
	struct fixture *f = *state;
	struct bench *bench = &f->bench;
	struct stubborn stubborn;

	open_stubborn(f, &stubborn, 0);
	/* What comes before stays unmapped. */
	bench_map(bench, f->ioas, f->memory, WORLD_PAGE, IOVA - WORLD_PAGE, RW);
	assert_int_equal(
		bench_unmap(bench, f->ioas, IOVA - WORLD_PAGE, (WORLD_NPAGES + 1) * WORLD_PAGE),
		-EDEADLOCK);
	assert_true(stubborn.calls >= 100);
	assert_int_equal(bench_unmap(bench, f->ioas, IOVA - WORLD_PAGE, WORLD_PAGE), -ENOENT);
	lock_take(&bench->ctx->lock);
	access_unpin(stubborn.access, stubborn.iova, stubborn.length);
	lock_release(&bench->ctx->lock);
	close_stubborn(&stubborn);
	assert_int_equal(bench_unmap(bench, f->ioas, IOVA, WORLD_NPAGES * WORLD_PAGE),
			 WORLD_NPAGES * WORLD_PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(walks_end_at_the_top, setup, teardown),
		cmocka_unit_test_setup_teardown(the_target_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(pins_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(unmap_asks_accesses, setup, teardown),
		cmocka_unit_test_setup_teardown(closing_gives_up_pins, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_page, setup, teardown),
		cmocka_unit_test_setup_teardown(asked_until_it_lets_go, setup, teardown),
		cmocka_unit_test_setup_teardown(never_lets_go, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
