/* SPDX-License-Identifier: MIT */
/*
 * Intel VT-d, Architecture Specification, 6 "Caching Translation Information": what stays cached, what an invalidation drops, and when nothing needs
 * to be invalidated; 6.5.2.10 and 11.4.9: devices that don't answer.
 */
#include <pthread.h>
#include <sched.h>

#include "nested_world.h"
#include "rounds.h"
#include "x86_tables.h"

#define TABLES	   (1ull << 20)
#define TABLES_END (8ull << 20)
#define DATA	   GUEST_DATA
#define USER_RW	   (X86_RW | X86_US)
#define ALL	   UINT64_MAX
#define LEAF	   IOMMU_VTD_INV_FLAGS_LEAF

static struct nested_world w;
static struct x86_tables t;
static uint32_t hwpt;

static void enter(const struct vtd_options *iommu, const struct vtd_device_options *device)
{
	nested_world_init(&w, iommu, device);
	x86_init(&t, w.memory, GUEST_SIZE, TABLES, TABLES_END, 4);
	hwpt = world_enter(&w, t.root, 4, 0);
}

static int set_up(void **state)
{
	enter(NULL, NULL);
	return 0;
}

static int tear_down(void **state)
{
	nested_world_done(&w);
	return 0;
}

static void map(uint64_t va, uint64_t gpa)
{
	x86_map(&t, va, gpa, 1, USER_RW);
}

/* Where a read of this address ends up; 0: a fault. */
static uint64_t goes_to(uint64_t va)
{
	uint64_t word;

	return world_read(&w, va, &word, 8) ? 0 : word;
}

/* ---- 6.2.4: what is cached stays ---- */

static void stays_until_invalidated(void **state)
{
	map(0x1000, DATA);
	assert_true(goes_to(0x1000) == DATA);
	map(0x1000, DATA + PAGE);
	for (int i = 0; i < 3; i++)
		assert_true(goes_to(0x1000) == DATA);
	*x86_entry(&t, 0x1000, 1) = 0;
	assert_true(goes_to(0x1008) == DATA + 8);
	assert_int_equal(world_invalidate(&w, hwpt, 0x1000, 1, LEAF), 0);
	assert_int_equal(goes_to(0x1000), 0);
}

/* 6.2.3: entries that are not present, or could not be used, are not cached. */
static void absence_is_not_cached(void **state)
{
	assert_int_equal(goes_to(0x1000), 0);
	map(0x1000, DATA);
	assert_true(goes_to(0x1000) == DATA);
}

/* More rights are found without an invalidation, in the entry and above it. */
static void rights_grow_at_once(void **state)
{
	uint64_t word = DATA;

	map(0x1000, DATA);
	*x86_entry(&t, 0x1000, 1) &= ~(uint64_t)X86_RW;
	*x86_entry(&t, 0x1000, 2) &= ~(uint64_t)X86_RW;
	assert_true(goes_to(0x1000) == DATA);
	assert_int_equal(world_write(&w, 0x1000, &word, 8), -EFAULT);
	*x86_entry(&t, 0x1000, 1) |= X86_RW;
	assert_int_equal(world_write(&w, 0x1000, &word, 8), -EFAULT);
	*x86_entry(&t, 0x1000, 2) |= X86_RW;
	assert_int_equal(world_write(&w, 0x1000, &word, 8), 0);
	/* Taken away, they stay. */
	*x86_entry(&t, 0x1000, 1) &= ~(uint64_t)X86_RW;
	assert_int_equal(world_write(&w, 0x1000, &word, 8), 0);
	assert_int_equal(world_invalidate(&w, hwpt, 0x1000, 1, LEAF), 0);
	assert_int_equal(world_write(&w, 0x1000, &word, 8), -EFAULT);
}

/* 3.6.3: a translation that was cached by a read does not let a write pass without the dirty flag. */
static void first_write_marks_dirty(void **state)
{
	uint64_t word = DATA;

	map(0x1000, DATA);
	assert_true(goes_to(0x1000) == DATA);
	assert_false(*x86_entry(&t, 0x1000, 1) & X86_D);
	assert_int_equal(world_write(&w, 0x1000, &word, 8), 0);
	assert_true(*x86_entry(&t, 0x1000, 1) & X86_D);
	/* Software that clears the flag invalidates, or does not see the next write. */
	*x86_entry(&t, 0x1000, 1) &= ~(uint64_t)X86_D;
	assert_int_equal(world_write(&w, 0x1000, &word, 8), 0);
	assert_false(*x86_entry(&t, 0x1000, 1) & X86_D);
	assert_int_equal(world_invalidate(&w, hwpt, 0x1000, 1, LEAF), 0);
	assert_int_equal(world_write(&w, 0x1000, &word, 8), 0);
	assert_true(*x86_entry(&t, 0x1000, 1) & X86_D);
}

/* ---- 6.2.5: paging-structure caches ---- */

static void leaf_leaves_the_tables(void **state)
{
	uint64_t *pde, other = TABLES_END;

	map(0x1000, DATA);
	assert_true(goes_to(0x1000) == DATA);
	/* Another table with another page. */
	((uint64_t *)(w.memory + other))[1] = (DATA + PAGE) | X86_P | USER_RW;
	pde = x86_entry(&t, 0x1000, 2);
	*pde = other | X86_P | USER_RW;
	assert_int_equal(world_invalidate(&w, hwpt, 0x1000, 1, LEAF), 0);
	assert_true(goes_to(0x1000) == DATA);
	assert_int_equal(world_invalidate(&w, hwpt, 0x1000, 1, 0), 0);
	assert_true(goes_to(0x1000) == DATA + PAGE);
}

/* Without that cache each walk begins at the top. */
static void no_paging_structure_cache(void **state)
{
	const struct vtd_options options = {.table_entries = IOTLB_NONE};
	uint64_t other = TABLES_END;

	enter(&options, NULL);
	map(0x1000, DATA);
	assert_true(goes_to(0x1000) == DATA);
	((uint64_t *)(w.memory + other))[1] = (DATA + PAGE) | X86_P | USER_RW;
	*x86_entry(&t, 0x1000, 2) = other | X86_P | USER_RW;
	assert_int_equal(world_invalidate(&w, hwpt, 0x1000, 1, LEAF), 0);
	assert_true(goes_to(0x1000) == DATA + PAGE);
	nested_world_done(&w);
}

/* ---- 6.5.2: what an invalidation covers ---- */

static void ranges(void **state)
{
	for (uint64_t i = 0; i < 8; i++) {
		map(i * PAGE, DATA + i * PAGE);
		assert_true(goes_to(i * PAGE) == DATA + i * PAGE);
		map(i * PAGE, DATA + (100 + i) * PAGE);
	}
	assert_int_equal(world_invalidate(&w, hwpt, 2 * PAGE, 3, LEAF), 0);
	for (uint64_t i = 0; i < 8; i++)
		assert_true(goes_to(i * PAGE) == DATA + (i >= 2 && i < 5 ? 100 + i : i) * PAGE);
	assert_int_equal(world_invalidate(&w, hwpt, 7 * PAGE, 0, 0), 0); /* no pages: nothing */
	assert_true(goes_to(7 * PAGE) == DATA + 7 * PAGE);
	assert_int_equal(world_invalidate(&w, hwpt, 6 * PAGE, ALL - 1, 0), 0); /* to the end */
	assert_true(goes_to(7 * PAGE) == DATA + 107 * PAGE);
	assert_true(goes_to(1 * PAGE) == DATA + 1 * PAGE);
	assert_int_equal(world_invalidate(&w, hwpt, 0, ALL, 0), 0);
	assert_true(goes_to(1 * PAGE) == DATA + 101 * PAGE);
}

/* A large page goes with any part of it. */
static void large_pages(void **state)
{
	x86_map(&t, 0x40000000, DATA, 2, USER_RW);
	assert_true(goes_to(0x40123000) == DATA + 0x123000);
	x86_map(&t, 0x40000000, DATA + (2 << 20), 2, USER_RW);
	assert_true(goes_to(0x40000000) == DATA);
	assert_int_equal(world_invalidate(&w, hwpt, 0x40200000, 1, LEAF), 0);
	assert_true(goes_to(0x40000000) == DATA);
	assert_int_equal(world_invalidate(&w, hwpt, 0x40100000, 1, LEAF), 0);
	assert_true(goes_to(0x40000000) == DATA + (2 << 20));
}

static void other_spaces_stay(void **state)
{
	struct x86_tables other;
	uint32_t second;

	map(0x1000, DATA);
	assert_true(goes_to(0x1000) == DATA);
	map(0x1000, DATA + PAGE);
	x86_init(&other, w.memory, GUEST_SIZE, TABLES_END, DATA, 4);
	x86_map(&other, 0x1000, DATA + 2 * PAGE, 1, USER_RW);
	assert_int_equal(
		world_nest(&w,
			   &(struct iommu_hwpt_vtd_s1){.pgtbl_addr = other.root, .addr_width = 48},
			   0, &second),
		0);
	assert_int_equal(world_invalidate(&w, second, 0, ALL, 0), 0);
	assert_true(goes_to(0x1000) == DATA);
	/* Behind another page table it is another space, and coming back begins anew. */
	assert_int_equal(world_attach(&w, 0, second), 0);
	assert_true(goes_to(0x1000) == DATA + 2 * PAGE);
	assert_int_equal(world_attach(&w, 0, hwpt), 0);
	assert_true(goes_to(0x1000) == DATA + PAGE);
}

/* ---- size and eviction ---- */

#define CACHED 64

/* Which of `n` pages are still cached after all have been used: each bit a page. */
static uint64_t cached(uint64_t seed, uint32_t entries)
{
	const struct vtd_options options = {.iotlb_entries = entries, .seed = seed};
	uint64_t bits = 0, stale[CACHED];

	enter(&options, NULL);
	for (uint64_t i = 0; i < CACHED; i++)
		map(i * PAGE, DATA + i * PAGE);
	for (uint64_t i = 0; i < CACHED; i++)
		assert_true(goes_to(i * PAGE) == DATA + i * PAGE);
	for (uint64_t i = 0; i < CACHED; i++)
		map(i * PAGE, DATA + (100 + i) * PAGE);
	/* From the last: a miss may evict what was not looked at yet, but not bring it back. */
	for (uint64_t i = CACHED; i-- > 0;) {
		stale[i] = goes_to(i * PAGE) == DATA + i * PAGE;
		bits |= stale[i] << i;
	}
	nested_world_done(&w);
	return bits;
}

static void size_and_seed(void **state)
{
	assert_true(cached(1, 256) == UINT64_MAX);
	assert_true(cached(1, IOTLB_NONE) == 0);
	assert_true(__builtin_popcountll(cached(1, 16)) <= 16);
	assert_true(cached(1, 16));
	/* The same seed, the same evictions. */
	assert_true(cached(1, 16) == cached(1, 16));
	assert_true(cached(7, 16) == cached(7, 16));
	assert_true(cached(1, 16) != cached(7, 16) || cached(1, 16) != cached(8, 16));
}

/* ---- stage 2 is never stale ---- */

static void unmap_shows_at_once(void **state)
{
	map(0x1000, DATA);
	assert_true(goes_to(0x1000) == DATA);
	assert_int_equal(world_unmap(&w, 0, GUEST_SIZE), 0);
	assert_int_equal(goes_to(0x1000), 0);
	assert_int_equal(world_map(&w, DATA, PAGE, IOMMU_IOAS_MAP_READABLE), 0);
	assert_true(goes_to(0x1000) == DATA); /* the tables are gone, stage 1 is cached */
	assert_int_equal(world_invalidate(&w, hwpt, 0, ALL, 0), 0);
	assert_int_equal(goes_to(0x1000), 0);
}

/*
 * 3.8: rights are those of both stages, pieces what both map, whatever order they come and go in. Stage 1 has 2 MiB at a time, stage 2 pages of it.
 */
static void stage2_changes_below(void **state)
{
	const uint32_t read = IOMMU_IOAS_MAP_READABLE, both = read | IOMMU_IOAS_MAP_WRITEABLE;
	const uint64_t va = 0x40000000, high = 2 << 20;
	uint64_t word, words[2];

	x86_map(&t, va, DATA, 2, USER_RW);
	assert_int_equal(world_unmap(&w, 0, GUEST_SIZE), 0);
	assert_int_equal(world_map(&w, 0, DATA, both), 0);
	assert_int_equal(goes_to(va), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(world_map(&w, DATA, PAGE, read), 0);
		assert_int_equal(world_map(&w, DATA + PAGE, high - PAGE, both), 0);
		word = DATA;
		assert_true(goes_to(va) == DATA);
		assert_int_equal(world_write(&w, va, &word, 8), -EFAULT);
		assert_true(goes_to(va + 16) == DATA + 16);
		word = DATA + PAGE;
		assert_int_equal(world_write(&w, va + PAGE, &word, 8), 0);
		assert_int_equal(world_read(&w, va + PAGE - 8, words, 16), 0);
		assert_true(words[0] == DATA + PAGE - 8 && words[1] == DATA + PAGE);
		/* One of the two goes: what was remembered of the other may be looked up again, no more. */
		assert_int_equal(world_unmap(&w, DATA, PAGE), 0);
		assert_int_equal(goes_to(va), 0);
		assert_true(goes_to(va + PAGE) == DATA + PAGE);
		assert_int_equal(world_map(&w, DATA, PAGE, both), 0);
		word = DATA;
		assert_int_equal(world_write(&w, va, &word, 8), 0);
		assert_int_equal(world_unmap(&w, DATA, high), 0);
		assert_int_equal(goes_to(va + PAGE), 0);
	}
}

/* ---- 4.1, 6.5.2.5: device TLBs ---- */

static const struct vtd_device_options with_ats = {.ats = true};

static void device_tlb_is_invalidated_too(void **state)
{
	/* Its own cache alone: without IOTLB all that is stale is the device's. */
	const struct vtd_options options = {.iotlb_entries = IOTLB_NONE,
					    .table_entries = IOTLB_NONE};

	enter(&options, &with_ats);
	map(0x1000, DATA);
	assert_true(goes_to(0x1000) == DATA);
	map(0x1000, DATA + PAGE);
	assert_true(goes_to(0x1000) == DATA);
	assert_int_equal(world_invalidate(&w, hwpt, 0x1000, 1, LEAF), 0);
	assert_true(goes_to(0x1000) == DATA + PAGE);
	nested_world_done(&w);
}

/* What comes of three entries, the second of which the device should answer. */
static uint32_t three_entries(uint32_t errors[3])
{
	struct iommu_hwpt_vtd_s1_invalidate entries[3] = {{.addr = 0x5000, .npages = 1},
							  {.addr = 0x1000, .npages = 1},
							  {.addr = 0x6000, .npages = 1}};
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = hwpt,
		.data_uptr = (uintptr_t)entries,
		.entry_len = sizeof(entries[0]),
		.entry_num = 3,
	};

	assert_int_equal(world_ioctl(&w, IOMMU_HWPT_INVALIDATE, &cmd), 0);
	for (int i = 0; i < 3; i++)
		errors[i] = entries[i].__reserved;
	return cmd.entry_num;
}

static void device_that_does_not_answer(void **state)
{
	uint32_t errors[3];

	enter(NULL, &with_ats);
	map(0x1000, DATA);
	assert_true(goes_to(0x1000) == DATA);
	map(0x1000, DATA + PAGE);
	atomic_store(&w.vtd.answer, VTD_NEVER_ANSWERS);
	/* As with Linux, nobody is told; the device goes on as it likes. */
	assert_int_equal(three_entries(errors), 3);
	assert_int_equal(errors[0] | errors[1] | errors[2], 0);
	assert_true(goes_to(0x1000) == DATA);
	atomic_store(&w.vtd.answer, VTD_ANSWERS);
	assert_int_equal(three_entries(errors), 3);
	assert_true(goes_to(0x1000) == DATA + PAGE);
	nested_world_done(&w);
}

/* The first entry names nothing and so asks no device: it is the second that fails, and the third is not handled. */
static void one_error_reported(enum vtd_answer answer, uint32_t code)
{
	struct iommu_hwpt_vtd_s1_invalidate entries[3] = {
		{.npages = 0}, {.addr = 0x5000, .npages = 1}, {.addr = 0x1000, .npages = 1}};
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = hwpt,
		.data_uptr = (uintptr_t)entries,
		.entry_len = sizeof(entries[0]),
		.entry_num = 3,
	};

	map(0x1000, DATA);
	assert_int_equal(world_invalidate(&w, hwpt, 0x1000, 1, 0), 0);
	assert_true(goes_to(0x1000) == DATA);
	map(0x1000, DATA + PAGE);
	atomic_store(&w.vtd.answer, answer);
	assert_int_equal(world_ioctl(&w, IOMMU_HWPT_INVALIDATE, &cmd), 0);
	assert_int_equal(cmd.entry_num, 1);
	assert_int_equal(entries[0].__reserved, 0);
	assert_int_equal(entries[1].__reserved, code);
	assert_int_equal(entries[2].__reserved, 0);
	assert_true(goes_to(0x1000) == DATA);
	/* What is wrong with an entry itself comes first, and is an errno. */
	cmd.entry_num = 3;
	entries[0].addr = 1;
	assert_int_equal(world_ioctl(&w, IOMMU_HWPT_INVALIDATE, &cmd), -EINVAL);
	assert_int_equal(cmd.entry_num, 0);
	/* The last of them is told from success by the count. */
	entries[0] = (struct iommu_hwpt_vtd_s1_invalidate){.addr = 0x1000, .npages = 1};
	cmd.entry_num = 1;
	assert_int_equal(world_ioctl(&w, IOMMU_HWPT_INVALIDATE, &cmd), 0);
	assert_int_equal(cmd.entry_num, 0);
	assert_int_equal(entries[0].__reserved, code);
	atomic_store(&w.vtd.answer, VTD_ANSWERS);
	assert_int_equal(world_invalidate(&w, hwpt, 0x1000, 1, 0), 0);
	assert_true(goes_to(0x1000) == DATA + PAGE);
}

static void errors_reported(void **state)
{
	const struct vtd_options options = {.report_invalidation_errors = true};
	uint32_t errors[3];

	enter(&options, &with_ats);
	assert_int_equal(three_entries(errors), 3);
	one_error_reported(VTD_ANSWERS_WRONGLY, 1 /* ICE */);
	one_error_reported(VTD_NEVER_ANSWERS, 2 /* ITE */);
	nested_world_done(&w);
	/* A device without a TLB is not asked. */
	enter(&options, NULL);
	atomic_store(&w.vtd.answer, VTD_NEVER_ANSWERS);
	assert_int_equal(three_entries(errors), 3);
	nested_world_done(&w);
}

/* ---- the promise ---- */

#define THREADS 2
#define ROUNDS	60 /* times SPEC_ROUNDS */

struct race {
	atomic_bool stop;
	atomic_ulong writes;
};

static void *writer(void *arg)
{
	struct race *race = arg;
	struct dma_port port;
	char ones[64];

	memset(ones, 1, sizeof(ones));
	assert_int_equal(dma_port_init(&port, w.device), 0);
	while (!atomic_load(&race->stop))
		if (!dma_write(&port, 0, 0x1040, ones, sizeof(ones), NULL))
			atomic_fetch_add(&race->writes, 1);
	dma_port_done(&port);
	return NULL;
}

static void expect_zero(const char *page)
{
	for (int i = 0; i < 10; i++)
		for (unsigned int at = 0; at < PAGE; at += 8)
			assert_int_equal(*(const volatile char *)(page + at), 0);
}

/*
 * A page is taken out of the tables; when the invalidation has returned, the page is the guest's, and nothing is written there any more. By turns the
 * leaf and the table above it change.
 */
static void race_with(const struct vtd_options *options, const struct vtd_device_options *device)
{
	uint64_t pages[2] = {DATA, DATA + PAGE}, tables[2] = {TABLES_END, TABLES_END + PAGE};
	pthread_t threads[THREADS];
	struct race race = {0};

	enter(options, device);
	for (int i = 0; i < 2; i++)
		((uint64_t *)(w.memory + tables[i]))[1] = pages[i] | X86_P | USER_RW;
	*x86_entry(&t, 0x1000, 2) = tables[0] | X86_P | USER_RW;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, writer, &race), 0);
	for (unsigned int round = 0; round < ROUNDS * spec_rounds() || !atomic_load(&race.writes);
	     round++) {
		_Atomic uint64_t *pde = (_Atomic uint64_t *)x86_entry(&t, 0x1000, 2);
		unsigned int next = (round + 1) % 2;
		unsigned long before = atomic_load(&race.writes);
		char *old = w.memory + pages[round % 2];

		for (int i = 0; i < 20 && atomic_load(&race.writes) == before; i++)
			sched_yield();
		atomic_store(pde, tables[next] | X86_P | USER_RW);
		assert_int_equal(world_invalidate(&w, hwpt, 0x1000, 1, 0), 0);
		memset(old, 0, PAGE);
		expect_zero(old);
	}
	atomic_store(&race.stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 2; i++)
		memset(w.memory + pages[i], 0, PAGE);
	nested_world_done(&w);
}

static void invalidation_means_it(void **state)
{
	static const struct vtd_options bare = {.iotlb_entries = IOTLB_NONE,
						.table_entries = IOTLB_NONE};

	race_with(NULL, NULL);
	race_with(NULL, &with_ats);
	race_with(&bare, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stays_until_invalidated, set_up, tear_down),
		cmocka_unit_test_setup_teardown(absence_is_not_cached, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rights_grow_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(first_write_marks_dirty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(leaf_leaves_the_tables, set_up, tear_down),
		cmocka_unit_test(no_paging_structure_cache),
		cmocka_unit_test_setup_teardown(ranges, set_up, tear_down),
		cmocka_unit_test_setup_teardown(large_pages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_spaces_stay, set_up, tear_down),
		cmocka_unit_test(size_and_seed),
		cmocka_unit_test_setup_teardown(unmap_shows_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stage2_changes_below, set_up, tear_down),
		cmocka_unit_test(device_tlb_is_invalidated_too),
		cmocka_unit_test(device_that_does_not_answer),
		cmocka_unit_test(errors_reported),
		cmocka_unit_test(invalidation_means_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
