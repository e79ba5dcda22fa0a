/* SPDX-License-Identifier: MIT */
/*
 * Arm IHI 0070 (SMMUv3), 3.12 "Fault models": accesses that stall wait for an answer by the fault queue, are tried again, or end. And what
 * commands promise while accesses are made.
 */
#include <pthread.h>
#include <sched.h>

#include "arm_tables.h"
#include "device/stall.h"
#include "smmu_world.h"

#define VA    0x7f0012345000ull
#define USUAL (A_AF | A_USER | A_NG)
#define NH_VA (0x12ull | 5ull << 48)
#define LEAF  1ull

static struct smmu_world w;
static struct arm_tables t;
static uint32_t fault_id;
static int faults, events;

static void start(bool can_stall)
{
	const struct smmuv3_device_options device = {.pasid_bits = 8, .can_stall = can_stall};
	struct iommu_fault_alloc cmd = {.size = sizeof(cmd)};

	smmu_world_init(&w, NULL, &device);
	arm_init(&t, w.memory, TABLES, TABLES_END, 12, 48);
	arm_map(&t, VA, DATA, 3, USUAL);
	world_cd(&w, CDS, CD_USUAL | CD_S | CD_ASID(5), t.root);
	world_cd(&w, CDS + 3 * 64, CD_USUAL | CD_S | CD_ASID(5), t.root);
	assert_int_equal(world_ioctl(&w, IOMMU_FAULT_QUEUE_ALLOC, &cmd), 0);
	fault_id = cmd.out_fault_id;
	faults = (int)cmd.out_fault_fd - 100;
	events = world_veventq(&w, IOMMU_VEVENTQ_TYPE_ARM_SMMUV3);
}

static int set_up(void **state)
{
	start(true);
	return 0;
}

static int set_up_no_stalls(void **state)
{
	start(false);
	return 0;
}

static int tear_down(void **state)
{
	smmu_world_done(&w);
	return 0;
}

/* With the fault queue, or without; two descriptors, accesses without a substream use the first. */
static uint32_t enter(uint32_t queue)
{
	uint32_t id;

	assert_int_equal(world_nest(&w, w.viommu, STE_V | STE_TRANSLATES | CDS | STE_CDMAX(2), 2,
				    queue, &id),
			 0);
	assert_int_equal(world_attach(&w, 0, id), 0);
	return id;
}

/* ---- an access in a thread of its own ---- */

struct access {
	pthread_t thread;
	uint32_t pasid;
	uint64_t va;
	int rc;
};

static void *run_access(void *arg)
{
	struct access *access = arg;
	struct dma_port port;
	uint64_t word;
	const struct dma_access dma = {access->pasid, PT_READ, access->va, &word, sizeof(word)};

	assert_int_equal(dma_port_init(&port, w.device), 0);
	access->rc = dma_copy_stalling(&port, &dma, NULL);
	dma_port_done(&port);
	return NULL;
}

static void begin(struct access *access, uint32_t pasid, uint64_t va)
{
	*access = (struct access){.pasid = pasid, .va = va, .rc = 1};
	assert_int_equal(pthread_create(&access->thread, NULL, run_access, access), 0);
}

static int end(struct access *access)
{
	assert_int_equal(pthread_join(access->thread, NULL), 0);
	return access->rc;
}

static struct iommu_hwpt_pgfault next_fault(void)
{
	struct iommu_hwpt_pgfault fault;
	ssize_t n;

	while (!(n = file_read(w.files[faults], &w.client, (uintptr_t)&fault, sizeof(fault), -1)))
		sched_yield();
	assert_int_equal(n, sizeof(fault));
	return fault;
}

static void answer(uint32_t cookie, uint32_t code)
{
	const struct iommu_hwpt_page_response response = {.cookie = cookie, .code = code};

	assert_int_equal(
		file_write(w.files[faults], &w.client, (uintptr_t)&response, sizeof(response), -1),
		sizeof(response));
}

static void expect_no_event(void)
{
	uint64_t words[4];

	assert_false(world_event(&w, events, words));
}

/* ---- stall ---- */

static void retry(void **state)
{
	struct iommu_hwpt_pgfault fault;
	struct access access;

	enter(fault_id);
	begin(&access, 0, VA + PAGE + 0x18);
	fault = next_fault();
	assert_int_equal(fault.flags, IOMMU_PGFAULT_FLAGS_LAST_PAGE);
	assert_int_equal(fault.perm, IOMMU_PGFAULT_PERM_READ);
	assert_true(fault.addr == VA + PAGE + 0x18);
	assert_int_equal(fault.dev_id, w.device->object.id);
	arm_map(&t, VA + PAGE, DATA, 3, USUAL);
	answer(fault.cookie, IOMMUFD_PAGE_RESP_SUCCESS);
	assert_int_equal(end(&access), 0);
	expect_no_event();
}

static void substream(void **state)
{
	struct iommu_hwpt_pgfault fault;
	struct access access;

	enter(fault_id);
	begin(&access, 3, VA + PAGE);
	fault = next_fault();
	assert_int_equal(fault.flags,
			 IOMMU_PGFAULT_FLAGS_LAST_PAGE | IOMMU_PGFAULT_FLAGS_PASID_VALID);
	assert_int_equal(fault.pasid, 3);
	answer(fault.cookie, IOMMUFD_PAGE_RESP_INVALID);
	assert_int_equal(end(&access), -EFAULT);
	/* It has been told already. */
	expect_no_event();
}

/* An answer that mends nothing: it stalls again. */
static void again(void **state)
{
	struct iommu_hwpt_pgfault fault;
	struct access access;

	enter(fault_id);
	begin(&access, 0, VA + PAGE);
	for (int i = 0; i < 3; i++) {
		fault = next_fault();
		answer(fault.cookie, IOMMUFD_PAGE_RESP_SUCCESS);
	}
	next_fault();
	world_detach(&w, 0);
	assert_int_equal(end(&access), -EFAULT);
}

/* ---- terminate ---- */

static void expect_terminated(unsigned int type)
{
	uint64_t words[4];
	struct access access;

	begin(&access, 0, VA + PAGE);
	assert_int_equal(end(&access), -EFAULT);
	assert_true(world_event(&w, events, words));
	assert_int_equal(words[0] & 0xff, type);
}

/* Nobody takes the fault; the descriptor asks for no stalls; it is no fault of the access itself. */
static void terminate(void **state)
{
	enter(0);
	expect_terminated(0x10);
	world_cd(&w, CDS, CD_USUAL | CD_ASID(5), t.root);
	enter(fault_id);
	expect_terminated(0x10);
	world_cd(&w, CDS, 0, 0);
	enter(fault_id);
	expect_terminated(0x0a);
}

static void devices_that_cannot_stall(void **state)
{
	enter(fault_id);
	expect_terminated(0x10);
}

/* What stage 2 refuses does not stall. */
static void stage_2(void **state)
{
	struct access access;

	arm_map(&t, VA + PAGE, GUEST_SIZE, 3, USUAL);
	enter(fault_id);
	begin(&access, 0, VA + PAGE);
	assert_int_equal(end(&access), -EFAULT);
	expect_no_event();
}

/* ---- many ---- */

#define THREADS	 4
#define ACCESSES 1500

static void *many_accesses(void *arg)
{
	uint64_t word, base = VA + ((uint64_t)(uintptr_t)arg << 30);
	struct dma_port port;
	int rc = 0;

	assert_int_equal(dma_port_init(&port, w.device), 0);
	for (unsigned int i = 0; i < ACCESSES && !rc; i++) {
		const struct dma_access dma = {0, PT_READ, base + i * PAGE, &word, sizeof(word)};

		rc = dma_copy_stalling(&port, &dma, NULL);
		rc |= word != DATA;
	}
	dma_port_done(&port);
	return rc ? (void *)1 : NULL;
}

static void storm(void **state)
{
	pthread_t threads[THREADS];
	void *result;

	enter(fault_id);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, many_accesses, (void *)(i + 1)),
				 0);
	for (unsigned int i = 0; i < THREADS * ACCESSES; i++) {
		struct iommu_hwpt_pgfault fault = next_fault();

		arm_map(&t, fault.addr, DATA, 3, USUAL);
		answer(fault.cookie, IOMMUFD_PAGE_RESP_SUCCESS);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
}

/* ---- translations and commands at once ---- */

/*
 * The page of VA changes between two, and each time a command says so. Between a command's return and the next change of the table, no access sees
 * the page of before.
 */
struct race {
	atomic_bool stop;
	atomic_ulong settled; /* which page it is for sure: 2n, or 2n + 1 while it changes */
	atomic_ulong reads;
};

static void *read_all_the_time(void *arg)
{
	struct race *race = arg;
	struct dma_port port;
	uint64_t word;
	bool wrong = false;

	assert_int_equal(dma_port_init(&port, w.device), 0);
	while (!atomic_load(&race->stop)) {
		unsigned long before = atomic_load(&race->settled);

		wrong |= dma_read(&port, 0, VA, &word, sizeof(word), NULL) != 0;
		if (!(before & 1) && atomic_load(&race->settled) == before)
			wrong |= word != DATA + before / 2 % 2 * PAGE;
		atomic_fetch_add(&race->reads, 1);
	}
	dma_port_done(&port);
	return wrong ? (void *)1 : NULL;
}

#define CHANGES 3000

static void change_pages(struct race *race)
{
	_Atomic uint64_t *entry = (_Atomic uint64_t *)arm_entry(&t, VA, 3);

	for (unsigned long n = 1; n <= CHANGES; n++) {
		atomic_store(&race->settled, 2 * n - 1);
		atomic_store(entry, (DATA + n % 2 * PAGE) | USUAL | A_PAGE);
		if (n % 16 == 0)
			assert_int_equal(world_command(&w, 0x06 | (uint64_t)VSID << 32, 0), 0);
		assert_int_equal(world_command(&w, n % 3 ? NH_VA : 0x13, VA | LEAF), 0);
		atomic_store(&race->settled, 2 * n);
	}
}

static void commands_race(void **state)
{
	struct race race = {0};
	pthread_t threads[2];
	void *result;

	enter(0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_all_the_time, &race), 0);
	change_pages(&race);
	while (atomic_load(&race.reads) < 100)
		sched_yield();
	atomic_store(&race.stop, true);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
}

/* The device goes from page table to page table meanwhile: what the one says does not come into the caches of the other. */
static void attachments_race(void **state)
{
	struct race race = {0};
	uint32_t ids[2];
	pthread_t thread;
	void *result;

	arm_map(&t, VA, DATA + PAGE, 3, USUAL);
	world_cd(&w, CDS + (1 << 16), CD_USUAL | CD_ASID(6), t.root);
	arm_init(&t, w.memory, TABLES_END - (1 << 20), TABLES_END, 12, 48);
	arm_map(&t, VA, DATA, 3, USUAL);
	world_cd(&w, CDS, CD_USUAL | CD_ASID(7), t.root);
	for (uint64_t i = 0; i < 2; i++)
		assert_int_equal(world_nest(&w, w.viommu,
					    STE_V | STE_TRANSLATES | (CDS + (i << 16)), 0, 0,
					    &ids[i]),
				 0);
	assert_int_equal(world_attach(&w, 0, ids[0]), 0);
	assert_int_equal(pthread_create(&thread, NULL, read_all_the_time, &race), 0);
	for (unsigned long n = 1; n <= CHANGES; n++) {
		atomic_store(&race.settled, 2 * n - 1);
		assert_int_equal(world_attach(&w, 0, ids[n % 2]), 0);
		atomic_store(&race.settled, 2 * n);
	}
	atomic_store(&race.stop, true);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_null(result);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(retry),
		TEST(substream),
		TEST(again),
		TEST(terminate),
		cmocka_unit_test_setup_teardown(devices_that_cannot_stall, set_up_no_stalls,
						tear_down),
		TEST(stage_2),
		TEST(storm),
		TEST(commands_race),
		TEST(attachments_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
