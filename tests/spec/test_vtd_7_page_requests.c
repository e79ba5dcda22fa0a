/* SPDX-License-Identifier: MIT */
/*
 * Intel VT-d, Architecture Specification, 7 "Translation Faults" and PCI Express, "Page Request Services": DMA that touches what is absent asks for it,
 * waits for the answer, and goes on; whatever ends the wait ends it for good.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>

#include "nested_world.h"
#include "rounds.h"
#include "x86_tables.h"

#define TABLES	   (1ull << 20)
#define TABLES_END (8ull << 20)
#define DATA	   GUEST_DATA
#define USER_RW	   (X86_RW | X86_US)
#define VA	   0x10000ull

static struct nested_world w;
static struct x86_tables t;
static uint32_t hwpt;

static const struct vtd_device_options with_pri = {.pasid_bits = 8, .ats = true, .pri = true};

static int set_up(void **state)
{
	nested_world_init(&w, NULL, &with_pri);
	world_add_fault_queue(&w);
	x86_init(&t, w.memory, GUEST_SIZE, TABLES, TABLES_END, 4);
	hwpt = world_enter(&w, t.root, 4, 0);
	return 0;
}

static int tear_down(void **state)
{
	nested_world_done(&w);
	return 0;
}

/* ---- a device's thread ---- */

struct dma {
	struct dma_access access;
	int rc;
	uint64_t fault;
	pthread_t thread;
};

static void *run(void *arg)
{
	struct dma *dma = arg;
	struct dma_port port;

	assert_int_equal(dma_port_init(&port, w.device), 0);
	dma->rc = dma_copy_stalling(&port, &dma->access, &dma->fault);
	dma_port_done(&port);
	return NULL;
}

static void start(struct dma *dma, uint32_t perm, uint64_t iova, void *buf, size_t len)
{
	*dma = (struct dma){.access = {0, perm, iova, buf, len}};
	assert_int_equal(pthread_create(&dma->thread, NULL, run, dma), 0);
}

static int finish(struct dma *dma)
{
	pthread_join(dma->thread, NULL);
	return dma->rc;
}

/* ---- the user's handler ---- */

static int read_faults(struct iommu_hwpt_pgfault *faults, int n)
{
	ssize_t got;

	while (!(got = file_read(w.faults, &w.client, (uintptr_t)faults, n * sizeof(*faults), -1)))
		sched_yield();
	assert_true(got > 0);
	return got / sizeof(*faults);
}

static void answer(uint32_t cookie, uint32_t code)
{
	struct iommu_hwpt_page_response response = {.cookie = cookie, .code = code};

	assert_int_equal(
		file_write(w.faults, &w.client, (uintptr_t)&response, sizeof(response), -1),
		sizeof(response));
}

static bool answer_is_refused(uint32_t cookie)
{
	struct iommu_hwpt_page_response response = {.cookie = cookie};

	return file_write(w.faults, &w.client, (uintptr_t)&response, sizeof(response), -1) ==
	       -EINVAL;
}

/* ---- one fault ---- */

static void goes_on_with_the_answer(void **state)
{
	struct iommu_hwpt_pgfault fault;
	uint64_t word = 0;
	struct dma dma;

	start(&dma, PT_READ, VA + 0x18, &word, 8);
	assert_int_equal(read_faults(&fault, 1), 1);
	assert_int_equal(fault.flags, IOMMU_PGFAULT_FLAGS_LAST_PAGE);
	assert_int_equal(fault.dev_id, w.device->object.id);
	assert_int_equal(fault.perm, IOMMU_PGFAULT_PERM_READ);
	assert_true(fault.addr == VA);
	x86_map(&t, VA, DATA, 1, USER_RW);
	answer(fault.cookie, IOMMUFD_PAGE_RESP_SUCCESS);
	assert_int_equal(finish(&dma), 0);
	assert_true(word == DATA + 0x18);
	assert_true(answer_is_refused(fault.cookie));
}

static void invalid_ends_it(void **state)
{
	struct iommu_hwpt_pgfault fault;
	char c;
	struct dma dma;

	start(&dma, PT_WRITE, VA, &c, 1);
	read_faults(&fault, 1);
	assert_int_equal(fault.perm, IOMMU_PGFAULT_PERM_WRITE);
	answer(fault.cookie, IOMMUFD_PAGE_RESP_INVALID);
	assert_int_equal(finish(&dma), -EFAULT);
	assert_true(dma.fault == VA);
}

/* A SUCCESS that repaired nothing leads to the next request. */
static void asks_again(void **state)
{
	struct iommu_hwpt_pgfault fault;
	uint64_t word;
	struct dma dma;

	start(&dma, PT_READ, VA, &word, 8);
	for (int i = 0; i < 3; i++) {
		read_faults(&fault, 1);
		answer(fault.cookie, IOMMUFD_PAGE_RESP_SUCCESS);
	}
	read_faults(&fault, 1);
	x86_map(&t, VA, DATA, 1, USER_RW);
	answer(fault.cookie, IOMMUFD_PAGE_RESP_SUCCESS);
	assert_int_equal(finish(&dma), 0);
}

/* What is missing of a transfer comes as one group: its requests share the index, and the last says so. */
static void group_of_pages(void **state)
{
	struct iommu_hwpt_pgfault faults[4];
	uint64_t words[5 * 512];
	struct dma dma;

	x86_map(&t, VA, DATA, 1, USER_RW);
	x86_map(&t, VA + 2 * PAGE, DATA + 2 * PAGE, 1, USER_RW);
	start(&dma, PT_READ, VA, words, sizeof(words));
	assert_int_equal(read_faults(faults, 4), 3);
	for (int i = 0; i < 3; i++) {
		static const uint64_t pages[] = {1, 3, 4};

		assert_true(faults[i].addr == VA + pages[i] * PAGE);
		assert_int_equal(faults[i].grpid, faults[0].grpid);
		assert_int_equal(faults[i].cookie, faults[0].cookie);
		assert_int_equal(faults[i].flags, i == 2 ? IOMMU_PGFAULT_FLAGS_LAST_PAGE : 0);
		x86_map(&t, faults[i].addr, DATA + pages[i] * PAGE, 1, USER_RW);
	}
	answer(faults[0].cookie, IOMMUFD_PAGE_RESP_SUCCESS);
	assert_int_equal(finish(&dma), 0);
	for (int i = 0; i < 5 * 512; i++)
		assert_true(words[i] == DATA + i * 8ull);
}

static void pasid_and_rights(void **state)
{
	const struct iommu_hwpt_vtd_s1 s1 = {
		.pgtbl_addr = t.root, .addr_width = 48, .flags = IOMMU_VTD_S1_SRE};
	struct iommu_hwpt_pgfault fault;
	uint32_t id;
	char c;
	struct dma dma = {.access = {9, PT_PRIV_READ | PT_PRIV_EXEC, VA, &c, 1}};

	world_detach(&w, 0);
	assert_int_equal(world_nest(&w, &s1, IOMMU_HWPT_ALLOC_PASID, &id), 0);
	assert_int_equal(world_attach(&w, 9, id), 0);
	assert_int_equal(pthread_create(&dma.thread, NULL, run, &dma), 0);
	read_faults(&fault, 1);
	assert_int_equal(fault.flags,
			 IOMMU_PGFAULT_FLAGS_LAST_PAGE | IOMMU_PGFAULT_FLAGS_PASID_VALID);
	assert_int_equal(fault.pasid, 9);
	assert_int_equal(fault.perm, IOMMU_PGFAULT_PERM_READ | IOMMU_PGFAULT_PERM_EXEC |
					     IOMMU_PGFAULT_PERM_PRIV);
	x86_map(&t, VA, DATA, 1, USER_RW);
	answer(fault.cookie, IOMMUFD_PAGE_RESP_SUCCESS);
	assert_int_equal(finish(&dma), 0);
	world_detach(&w, 9);
}

/* A page table without stage 1: the handler maps into the IOAS. */
static void absent_in_stage_2(void **state)
{
	struct iommu_hwpt_alloc alloc = {.size = sizeof(alloc),
					 .flags = IOMMU_HWPT_FAULT_ID_VALID,
					 .dev_id = w.device->object.id,
					 .pt_id = w.ioas,
					 .fault_id = w.fault_id};
	struct iommu_hwpt_pgfault fault;
	uint64_t word;
	struct dma dma;

	assert_int_equal(world_ioctl(&w, IOMMU_HWPT_ALLOC, &alloc), 0);
	assert_int_equal(world_attach(&w, 0, alloc.out_hwpt_id), 0);
	assert_int_equal(world_unmap(&w, 0, GUEST_SIZE), 0);
	start(&dma, PT_READ, DATA + 8, &word, 8);
	read_faults(&fault, 1);
	assert_true(fault.addr == DATA);
	assert_int_equal(world_map(&w, DATA, PAGE, IOMMU_IOAS_MAP_READABLE), 0);
	answer(fault.cookie, IOMMUFD_PAGE_RESP_SUCCESS);
	assert_int_equal(finish(&dma), 0);
	assert_true(word == DATA + 8);
}

/* What nobody could repair is no page request: malformed tables, addresses that aren't canonical. */
static void not_repairable(void **state)
{
	struct dma dma;
	char c;

	start(&dma, PT_READ, 1ull << 60, &c, 1);
	assert_int_equal(finish(&dma), -EFAULT);
	x86_map(&t, VA, 1ull << 50, 1, USER_RW);
	start(&dma, PT_READ, VA, &c, 1);
	assert_int_equal(finish(&dma), -EFAULT);
	start(&dma, PT_PRIV_READ, VA, &c, 1);
	assert_int_equal(finish(&dma), -EFAULT);
}

/* ---- what ends the wait ---- */

static bool queued(void)
{
	LOCK_SCOPED(&w.ctx->lock);
	return file_poll(w.faults) & EPOLLIN;
}

/* Raises a fault that is read if `take`, and lets `end` end it. */
static void ended_by(void (*end)(void), bool take, int rc)
{
	struct iommu_hwpt_pgfault fault;
	struct dma dma;
	char c;

	start(&dma, PT_READ, VA, &c, 1);
	if (take)
		read_faults(&fault, 1);
	else
		while (!queued())
			sched_yield();
	end();
	assert_int_equal(finish(&dma), rc);
	if (take && w.faults)
		assert_true(answer_is_refused(fault.cookie));
}

static void detach(void)
{
	world_detach(&w, 0);
}

static void replace(void)
{
	assert_int_equal(world_attach(&w, 0, w.parent), 0);
}

static void abort_faults(void)
{
	LOCK_SCOPED(&w.ctx->lock);
	stall_abort(w.device);
}

static void close_queue(void)
{
	file_put(w.faults);
	w.faults = NULL;
}

static void detach_ends_it(void **state)
{
	ended_by(detach, true, -EFAULT);
	assert_int_equal(world_attach(&w, 0, hwpt), 0);
	ended_by(detach, false, -EFAULT);
}

static void replace_ends_it(void **state)
{
	ended_by(replace, true, -EFAULT);
	assert_int_equal(world_attach(&w, 0, hwpt), 0);
	ended_by(replace, false, -EFAULT);
}

static void reset_ends_it(void **state)
{
	struct dma dma;
	char c;

	ended_by(abort_faults, true, -ECANCELED);
	start(&dma, PT_READ, VA, &c, 1); /* until it is allowed again, none waits */
	assert_int_equal(finish(&dma), -ECANCELED);
	lock_take(&w.ctx->lock);
	stall_allow(w.device);
	lock_release(&w.ctx->lock);
	ended_by(detach, true, -EFAULT);
}

static void death_of_the_handler_ends_it(void **state)
{
	struct dma dma;
	char c;

	ended_by(close_queue, true, -EFAULT);
	start(&dma, PT_READ, VA, &c, 1);
	assert_int_equal(finish(&dma), -EFAULT);
}

/* A device without page requests can't be attached to a page table that wants them. */
static void device_without_pri(void **state)
{
	static const struct vtd_device_options ats_only = {.ats = true};
	const struct iommu_hwpt_vtd_s1 s1 = {.pgtbl_addr = TABLES, .addr_width = 48};
	uint32_t id;

	nested_world_init(&w, NULL, &ats_only);
	world_add_fault_queue(&w);
	assert_int_equal(world_nest(&w, &s1, 0, &id), 0);
	assert_int_equal(world_attach(&w, 0, id), -ENODEV);
	nested_world_done(&w);
}

/* ---- a storm of faults ---- */

#define THREADS 4
#define FAULTS	400 /* for each thread, times SPEC_ROUNDS: 25,000 take a minute */

struct storm {
	atomic_bool stop;
	atomic_ulong done, failed, answers;
	pthread_mutex_t queue; /* the handler's descriptor, which comes and goes */
	atomic_uint nested;
};

struct storm_thread {
	struct storm *storm;
	unsigned int number;
	pthread_t thread;
};

static uint64_t va_of(unsigned int number)
{
	return VA + number * (1ull << 21);
}

/* Takes its page away each time, and touches it. */
static void *faulting(void *arg)
{
	struct storm_thread *self = arg;
	uint64_t va = va_of(self->number), word;
	_Atomic uint64_t *entry = (_Atomic uint64_t *)x86_entry(&t, va, 1);
	const struct dma_access access = {0, PT_READ, va, &word, 8};
	struct dma_port port;

	assert_int_equal(dma_port_init(&port, w.device), 0);
	for (unsigned int i = 0; i < FAULTS * spec_rounds();) {
		int rc;

		atomic_store(entry, 0);
		/* Whichever it is now: one that has just come is empty. */
		world_invalidate(&w, atomic_load(&self->storm->nested), va, 1,
				 IOMMU_VTD_INV_FLAGS_LEAF);
		rc = dma_copy_stalling(&port, &access, NULL);
		/* While the parent itself is attached the address is a guest-physical one, where nothing was written. */
		assert_true(rc == -EFAULT ||
			    (!rc && (!word || word == DATA + self->number * PAGE)));
		i += !rc && word;
		atomic_fetch_add(rc || !word ? &self->storm->failed : &self->storm->done, 1);
		if (rc || !word)
			sched_yield();
	}
	dma_port_done(&port);
	return NULL;
}

static void repair(const struct iommu_hwpt_pgfault *fault)
{
	unsigned int number = (fault->addr - VA) >> 21;
	_Atomic uint64_t *entry = (_Atomic uint64_t *)x86_entry(&t, fault->addr, 1);

	atomic_store(entry, (DATA + number * PAGE) | X86_P | USER_RW);
}

/* Answers what it reads, every fiftieth with INVALID. What has been answered meanwhile is refused. */
static void *handler(void *arg)
{
	struct iommu_hwpt_pgfault faults[THREADS];
	struct storm *storm = arg;

	while (!atomic_load(&storm->stop)) {
		ssize_t got;

		pthread_mutex_lock(&storm->queue);
		got = file_read(w.faults, &w.client, (uintptr_t)faults, sizeof(faults), -1);
		for (ssize_t i = 0; i < got / (ssize_t)sizeof(faults[0]); i++) {
			struct iommu_hwpt_page_response response = {.cookie = faults[i].cookie};

			repair(&faults[i]);
			response.code = atomic_fetch_add(&storm->answers, 1) % 50 == 49;
			file_write(w.faults, &w.client, (uintptr_t)&response, sizeof(response), -1);
		}
		pthread_mutex_unlock(&storm->queue);
		if (!got)
			sched_yield();
	}
	return NULL;
}

/* The handler dies: its descriptor is closed, and what it leaves is answered. Another one takes over. */
static void replace_handler(struct storm *storm)
{
	pthread_mutex_lock(&storm->queue);
	close_queue();
	world_add_fault_queue(&w);
	pthread_mutex_unlock(&storm->queue);
}

static void destroy(uint32_t id)
{
	struct iommu_destroy cmd = {.size = sizeof(cmd), .id = id};

	assert_int_equal(world_ioctl(&w, IOMMU_DESTROY, &cmd), 0);
}

/* Detaches, replaces, and kills handlers. */
static void *churn(void *arg)
{
	const struct iommu_hwpt_vtd_s1 s1 = {.pgtbl_addr = t.root, .addr_width = 48};
	struct storm *storm = arg;
	uint32_t id;

	for (unsigned int i = 0; !atomic_load(&storm->stop); i++) {
		unsigned long before = atomic_load(&storm->answers);

		for (int j = 0; j < 200 && atomic_load(&storm->answers) < before + 20; j++)
			sched_yield();
		if (i % 3 == 0)
			world_detach(&w, 0);
		else if (i % 3 == 1)
			assert_int_equal(world_attach(&w, 0, w.parent), 0);
		else
			replace_handler(storm);
		assert_int_equal(world_nest(&w, &s1, 0, &id), 0);
		assert_int_equal(world_attach(&w, 0, id), 0);
		destroy(atomic_exchange(&storm->nested, id));
	}
	return NULL;
}

static void storm_of_faults(void **state)
{
	struct storm storm = {.queue = PTHREAD_MUTEX_INITIALIZER, .nested = hwpt};
	struct storm_thread threads[THREADS];
	pthread_t hands, churns;

	for (unsigned int i = 0; i < THREADS; i++)
		x86_map(&t, va_of(i), 0, 1, 0); /* the tables, before threads race for them */
	assert_int_equal(pthread_create(&hands, NULL, handler, &storm), 0);
	assert_int_equal(pthread_create(&churns, NULL, churn, &storm), 0);
	for (unsigned int i = 0; i < THREADS; i++) {
		threads[i] = (struct storm_thread){&storm, i, 0};
		assert_int_equal(pthread_create(&threads[i].thread, NULL, faulting, &threads[i]),
				 0);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i].thread, NULL);
	atomic_store(&storm.stop, true);
	pthread_join(churns, NULL);
	pthread_join(hands, NULL);
	assert_true(atomic_load(&storm.done) >= (unsigned long)THREADS * FAULTS * spec_rounds());
	/* A page that was repaired too late for one access is there for the next. */
	assert_true(atomic_load(&storm.answers) >= atomic_load(&storm.done) / 2);
	assert_true(LIST_EMPTY(&w.device->stalls));
	assert_true(LIST_EMPTY(&w.device->partial));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(goes_on_with_the_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(invalid_ends_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(asks_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(group_of_pages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pasid_and_rights, set_up, tear_down),
		cmocka_unit_test_setup_teardown(absent_in_stage_2, set_up, tear_down),
		cmocka_unit_test_setup_teardown(not_repairable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(detach_ends_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(replace_ends_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reset_ends_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(death_of_the_handler_ends_it, set_up, tear_down),
		cmocka_unit_test(device_without_pri),
		cmocka_unit_test_setup_teardown(storm_of_faults, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
