/* SPDX-License-Identifier: MIT */
/*
 * DMA ports: what a device reads and writes through its page table, and the promise that after an UNMAP, a replace or a detach has
 * returned nothing goes through the old translation.
 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>

#include "core/machine.h"
#include "device/dma.h"
#include "hw/mock/mock.h"

#define PAGES  16
#define IOVA   0x2000000ull
#define ROUNDS 200

/* A context with one device on one IOAS. */
struct fixture {
	struct machine *machine;
	struct client client;
	struct file *file;
	struct ctx *ctx;
	uint32_t ioas, stdev;
	struct device *device;
	struct dma_port port;
	char *memory;
};

static const struct client_ops no_descriptors; /* none of these calls needs one */

static long call(struct fixture *f, unsigned int cmd, void *arg)
{
	return file_ioctl(f->file, &f->client, cmd, (uintptr_t)arg);
}

static long map(struct fixture *f, const void *at, uint64_t len, uint64_t iova, uint32_t perm)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | perm,
		.ioas_id = f->ioas,
		.user_va = (uintptr_t)at,
		.length = len,
		.iova = iova,
	};

	return call(f, IOMMU_IOAS_MAP, &cmd);
}

static long unmap(struct fixture *f, uint64_t iova, uint64_t len)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = f->ioas, .iova = iova, .length = len};

	return call(f, IOMMU_IOAS_UNMAP, &cmd);
}

static uint32_t new_ioas(struct fixture *f)
{
	struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};

	assert_int_equal(call(f, IOMMU_IOAS_ALLOC, &cmd), 0);
	return cmd.out_ioas_id;
}

static void replace(struct fixture *f, uint32_t pt_id)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd), .op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, .id = f->stdev};

	cmd.mock_domain_replace.pt_id = pt_id;
	assert_int_equal(call(f, IOMMU_TEST_CMD, &cmd), 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct iommu_test_cmd plug = {.size = sizeof(plug), .op = IOMMU_TEST_OP_MOCK_DOMAIN};

	assert_int_equal(machine_new(&f->machine), 0);
	f->client.ops = &no_descriptors;
	f->client.mm = mm_self();
	assert_int_equal(machine_open(f->machine, &f->client, "iommu", &f->file), 0);
	f->ctx = ctx_of_file(f->file);
	f->ioas = new_ioas(f);
	plug.id = f->ioas;
	assert_int_equal(call(f, IOMMU_TEST_CMD, &plug), 0);
	f->stdev = plug.mock_domain.out_stdev_id;
	lock_take(&f->ctx->lock);
	f->device = device_find(f->ctx, plug.mock_domain.out_idev_id);
	lock_release(&f->ctx->lock);
	assert_int_equal(dma_port_init(&f->port, f->device), 0);
	f->memory = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	dma_port_done(&f->port);
	file_put(f->file);
	machine_put(f->machine);
	mm_put(f->client.mm);
	munmap(f->memory, PAGES * PAGE_SIZE);
	free(f);
	return 0;
}

#define RW (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)

static void copies_both_ways(void **state)
{
	struct fixture *f = *state;
	char buf[3 * 4096];
	uint64_t fault = 0;

	/* Two areas side by side, from two places of memory. */
	assert_int_equal(map(f, f->memory + 4 * PAGE_SIZE, 2 * PAGE_SIZE, IOVA, RW), 0);
	assert_int_equal(map(f, f->memory, PAGE_SIZE, IOVA + 2 * PAGE_SIZE, RW), 0);
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(dma_write(&f->port, 0, IOVA + 10, buf, 3 * PAGE_SIZE - 10, NULL), 0);
	assert_int_equal(f->memory[4 * PAGE_SIZE + 9], 0);
	assert_int_equal(f->memory[4 * PAGE_SIZE + 10], 'x');
	assert_int_equal(f->memory[PAGE_SIZE - 1], 'x');
	f->memory[5] = 'y';
	assert_int_equal(dma_read(&f->port, 0, IOVA + 2 * PAGE_SIZE, buf, 16, NULL), 0);
	assert_int_equal(buf[5], 'y');
	assert_int_equal(dma_read(&f->port, 0, IOVA + PAGE_SIZE, buf, 3 * PAGE_SIZE, &fault),
			 -EFAULT);
	assert_true(fault == IOVA + 3 * PAGE_SIZE);
}

static void permissions_and_holes(void **state)
{
	struct fixture *f = *state;
	uint64_t fault;
	char c = 1;

	assert_int_equal(map(f, f->memory, PAGE_SIZE, IOVA, IOMMU_IOAS_MAP_READABLE), 0);
	assert_int_equal(map(f, f->memory, PAGE_SIZE, IOVA + PAGE_SIZE, IOMMU_IOAS_MAP_WRITEABLE),
			 0);
	assert_int_equal(dma_read(&f->port, 0, IOVA, &c, 1, NULL), 0);
	assert_int_equal(dma_write(&f->port, 0, IOVA, &c, 1, &fault), -EFAULT);
	assert_true(fault == IOVA);
	assert_int_equal(dma_write(&f->port, 0, IOVA + PAGE_SIZE, &c, 1, NULL), 0);
	assert_int_equal(dma_read(&f->port, 0, IOVA + PAGE_SIZE, &c, 1, NULL), -EFAULT);
	assert_int_equal(dma_read(&f->port, 0, UINT64_MAX, &c, 1, NULL), -EFAULT);
	assert_int_equal(dma_read(&f->port, 0, UINT64_MAX - 1, f->memory, 4, NULL), -EFAULT);
	assert_int_equal(dma_read(&f->port, 1, IOVA, &c, 1, NULL), -EFAULT); /* no such PASID */
}

/* What a port remembers ends with the mapping and with the attachment. */
static void remembers_no_longer_than_true(void **state)
{
	struct fixture *f = *state;
	uint32_t other = new_ioas(f);
	char c;

	assert_int_equal(map(f, f->memory, PAGE_SIZE, IOVA, RW), 0);
	assert_int_equal(dma_read(&f->port, 0, IOVA, &c, 1, NULL), 0);
	assert_int_equal(unmap(f, IOVA, PAGE_SIZE), 0);
	assert_int_equal(dma_read(&f->port, 0, IOVA, &c, 1, NULL), -EFAULT);
	assert_int_equal(map(f, f->memory + PAGE_SIZE, PAGE_SIZE, IOVA, RW), 0);
	f->memory[PAGE_SIZE] = 7;
	assert_int_equal(dma_read(&f->port, 0, IOVA, &c, 1, NULL), 0);
	assert_int_equal(c, 7);
	replace(f, other);
	assert_int_equal(dma_read(&f->port, 0, IOVA, &c, 1, NULL), -EFAULT);
	replace(f, f->ioas);
	assert_int_equal(dma_read(&f->port, 0, IOVA, &c, 1, NULL), 0);
	lock_take(&f->ctx->lock);
	device_detach(f->device, 0);
	lock_release(&f->ctx->lock);
	assert_int_equal(dma_read(&f->port, 0, IOVA, &c, 1, NULL), -EFAULT);
}

/* Memory that the program gives up stays what the device sees. */
/* ---- so many single pages that the IOAS has a front ---- */

#define MANY 1200ull

/* Page i of the IOVAs is page i * 7 % PAGES of memory; every fifth can't be written. */
static void map_many(struct fixture *f)
{
	for (uint64_t i = 0; i < MANY; i++)
		assert_int_equal(map(f, f->memory + i * 7 % PAGES * PAGE_SIZE, PAGE_SIZE,
				     IOVA + i * PAGE_SIZE, i % 5 ? RW : IOMMU_IOAS_MAP_READABLE),
				 0);
}

/* Is page i there, where it should be? */
static bool good(struct fixture *f, uint64_t i)
{
	uint64_t word;
	int rc = dma_read(&f->port, 0, IOVA + i * PAGE_SIZE + 8, &word, sizeof(word), NULL);

	assert_int_equal(
		dma_write(&f->port, 0, IOVA + i * PAGE_SIZE + 8, &word, sizeof(word), NULL),
		rc || i % 5 == 0 ? -EFAULT : 0);
	return !rc && word == i * 7 % PAGES;
}

static bool in_front(struct fixture *f, uint64_t i)
{
	return dense_get(&ioas_find(f->ctx, f->ioas)->front, IOVA / PAGE_SIZE + i) != 0;
}

static void many_pages(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < PAGES; i++)
		memcpy(f->memory + i * PAGE_SIZE + 8, &i, sizeof(i));
	map_many(f);
	for (uint64_t i = 0; i < MANY; i++) {
		assert_true(good(f, i));
		assert_true(in_front(f, i) || i >= MANY / DENSE_PLACE * DENSE_PLACE);
	}
	for (uint64_t i = 0; i < MANY; i += 3)
		assert_int_equal(unmap(f, IOVA + i * PAGE_SIZE, PAGE_SIZE), 0);
	for (uint64_t i = 0; i < MANY; i++)
		assert_int_equal(good(f, i), i % 3 != 0);
	/* A larger area in their place is not in the front. */
	assert_int_equal(unmap(f, IOVA, 300 * PAGE_SIZE), 0);
	assert_int_equal(map(f, f->memory, 2 * PAGE_SIZE, IOVA + PAGE_SIZE, RW), 0);
	assert_false(in_front(f, 1) || in_front(f, 2));
	assert_int_equal(dma_write(&f->port, 0, IOVA + PAGE_SIZE, f, 16, NULL), 0);
}

/* The last page table goes: nothing is pinned, so nothing may be found. With the next one it is as before. */
static void many_pages_without_table(void **state)
{
	struct fixture *f = *state;
	uint32_t other = new_ioas(f), ioas = f->ioas;

	for (uint64_t i = 0; i < PAGES; i++)
		memcpy(f->memory + i * PAGE_SIZE + 8, &i, sizeof(i));
	map_many(f);
	assert_true(in_front(f, 10));
	replace(f, other);
	assert_false(in_front(f, 10));
	assert_false(good(f, 10));
	replace(f, ioas);
	assert_true(in_front(f, 10));
	for (uint64_t i = 0; i < MANY; i++)
		assert_true(good(f, i));
}

static void outlives_the_programs_mapping(void **state)
{
	struct fixture *f = *state;
	char c = 0;

	assert_int_equal(map(f, f->memory, 4 * PAGE_SIZE, IOVA, RW), 0);
	f->memory[PAGE_SIZE] = 42;
	machine_memory_going(f->machine, (uintptr_t)f->memory + PAGE_SIZE, PAGE_SIZE);
	assert_int_equal(madvise(f->memory + PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED), 0);
	assert_int_equal(f->memory[PAGE_SIZE], 0);
	assert_int_equal(dma_read(&f->port, 0, IOVA + PAGE_SIZE, &c, 1, NULL), 0);
	assert_int_equal(c, 42);
	/* Its neighbours are still the program's. */
	f->memory[2 * PAGE_SIZE] = 43;
	assert_int_equal(dma_read(&f->port, 0, IOVA + 2 * PAGE_SIZE, &c, 1, NULL), 0);
	assert_int_equal(c, 43);
	/* Forbidden to the program is not forbidden to the device. */
	assert_int_equal(mprotect(f->memory, PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(dma_write(&f->port, 0, IOVA, &c, 1, NULL), 0);
	assert_int_equal(f->memory[0], 43);
	assert_int_equal(mprotect(f->memory, PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
}

/* Attaches the device to a page table that tracks, and maps 8 pages: the page table's id. */
static uint32_t track(struct fixture *f)
{
	struct iommu_hwpt_alloc alloc = {
		.size = sizeof(alloc), .flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING, .pt_id = f->ioas};
	struct iommu_hwpt_set_dirty_tracking on = {.size = sizeof(on), .flags = 1};

	alloc.dev_id = f->device->object.id;
	assert_int_equal(call(f, IOMMU_HWPT_ALLOC, &alloc), 0);
	replace(f, alloc.out_hwpt_id);
	assert_int_equal(map(f, f->memory, 8 * PAGE_SIZE, IOVA, RW), 0);
	on.hwpt_id = alloc.out_hwpt_id;
	assert_int_equal(call(f, IOMMU_HWPT_SET_DIRTY_TRACKING, &on), 0);
	return alloc.out_hwpt_id;
}

static uint64_t dirty_bits(struct fixture *f, uint32_t hwpt_id)
{
	uint64_t bits = 0;
	struct iommu_hwpt_get_dirty_bitmap get = {
		.size = sizeof(get),
		.hwpt_id = hwpt_id,
		.iova = IOVA,
		.length = 8 * PAGE_SIZE,
		.page_size = PAGE_SIZE,
		.data = (uintptr_t)&bits,
	};

	assert_int_equal(call(f, IOMMU_HWPT_GET_DIRTY_BITMAP, &get), 0);
	return bits;
}

static void marks_dirty(void **state)
{
	struct fixture *f = *state;
	uint32_t hwpt_id = track(f);
	char c = 1;

	assert_int_equal(dma_read(&f->port, 0, IOVA, &c, 1, NULL), 0);
	assert_int_equal(dma_write(&f->port, 0, IOVA + 3 * PAGE_SIZE + 5, &c, 1, NULL), 0);
	assert_int_equal(dirty_bits(f, hwpt_id), 1 << 3);
}

struct question {
	struct fixture *f;
	uint32_t hwpt_id;
	uint64_t bits;
	char seen;
	atomic_bool answered;
};

static void *ask_and_look(void *arg)
{
	struct question *question = arg;

	question->bits = dirty_bits(question->f, question->hwpt_id);
	question->seen = *question->f->memory;
	atomic_store(&question->answered, true);
	return NULL;
}

/* A bit is only taken away when the bytes that it stands for are there. */
static void reported_means_written(void **state)
{
	struct fixture *f = *state;
	struct question question = {.f = f, .hwpt_id = track(f)};
	size_t len = 1;
	pthread_t thread;
	char *host;

	dma_enter(&f->port, IOVA, IOVA);
	host = dma_translate(&f->port, 0, IOVA, &len, true);
	assert_non_null(host);
	assert_int_equal(pthread_create(&thread, NULL, ask_and_look, &question), 0);
	/* A wrong answer comes now; a right one can't, however long this takes. */
	for (int i = 0; i < 100 && !atomic_load(&question.answered); i++)
		usleep(200);
	*host = 77;
	dma_leave(&f->port);
	pthread_join(thread, NULL);
	assert_int_equal(question.bits, 1);
	assert_int_equal(question.seen, 77);
}

/* ---- the promise ---- */

struct race {
	struct fixture *f;
	atomic_bool stop;
	atomic_ulong copies;
};

/* Writes all over a page whenever it is mapped. */
static void *writer(void *arg)
{
	struct race *race = arg;
	struct dma_port port;
	char ones[256];

	memset(ones, 1, sizeof(ones));
	assert_int_equal(dma_port_init(&port, race->f->device), 0);
	while (!atomic_load(&race->stop))
		if (!dma_write(&port, 0, IOVA + 128, ones, sizeof(ones), NULL))
			atomic_fetch_add(&race->copies, 1);
	dma_port_done(&port);
	return NULL;
}

/* After UNMAP has returned the memory is the program's alone: what it writes there stays. */
static void unmap_means_it(void **state)
{
	struct race race = {.f = *state};
	pthread_t threads[2];
	char *page = race.f->memory;

	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, writer, &race), 0);
	for (int round = 0; round < ROUNDS || !atomic_load(&race.copies); round++) {
		unsigned long before;

		assert_int_equal(map(race.f, page, PAGE_SIZE, IOVA, RW), 0);
		before = atomic_load(&race.copies);
		for (int i = 0; i < 100 && atomic_load(&race.copies) == before; i++)
			sched_yield();
		assert_int_equal(unmap(race.f, IOVA, PAGE_SIZE), 0);
		memset(page, 0, PAGE_SIZE);
		for (int i = 0; i < 20; i++)
			for (int at = 0; at < 4096; at += 8)
				assert_int_equal(*(volatile char *)&page[at], 0);
	}
	atomic_store(&race.stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(copies_both_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(permissions_and_holes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(remembers_no_longer_than_true, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_pages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_pages_without_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(outlives_the_programs_mapping, set_up, tear_down),
		cmocka_unit_test_setup_teardown(marks_dirty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reported_means_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unmap_means_it, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
