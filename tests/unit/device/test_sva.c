/* SPDX-License-Identifier: MIT */
/* Shared virtual addressing: PASIDs bound to processes. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "base/inject.h"
#include "device/dma.h"
#include "device/sva.h"
#include "world.h"

#define PASID 7
#define PAGE  4096ul

struct fixture {
	struct bench bench;
	struct bench_device plugged;
	uint32_t ioas;
	struct device *device;
	struct dma_port port;
	char *memory; /* two pages */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	bench_init(&f->bench);
	f->ioas = bench_ioas(&f->bench);
	f->plugged = bench_plug(&f->bench, f->ioas, MOCK_FLAGS_DEVICE_PASID);
	lock_take(&f->bench.ctx->lock);
	f->device = device_find(f->bench.ctx, f->plugged.dev);
	lock_release(&f->bench.ctx->lock);
	assert_int_equal(dma_port_init(&f->port, f->device), 0);
	f->memory =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	dma_port_done(&f->port);
	bench_done(&f->bench);
	munmap(f->memory, 2 * PAGE);
	free(f);
	return 0;
}

static int bind(struct fixture *f, uint32_t pasid, struct mm *mm)
{
	LOCK_SCOPED(&f->bench.ctx->lock);
	return sva_bind(f->device, pasid, mm);
}

static int unbind(struct fixture *f, uint32_t pasid)
{
	LOCK_SCOPED(&f->bench.ctx->lock);
	return sva_unbind(f->device, pasid);
}

static int attach(struct fixture *f, uint32_t pasid, uint32_t pt_id)
{
	LOCK_SCOPED(&f->bench.ctx->lock);
	return device_attach(f->device, pasid, &pt_id);
}

static int put(struct fixture *f, const void *to, const char *text)
{
	return dma_write(&f->port, PASID, (uintptr_t)to, text, strlen(text) + 1, NULL);
}

/* Nothing is mapped by ioctls. Pages that were never touched come when the device touches them. */
static void addresses_of_the_process(void **state)
{
	struct fixture *f = *state;
	char got[16];

	assert_int_equal(put(f, f->memory, "no"), -EFAULT);
	assert_int_equal(bind(f, PASID, f->bench.client.mm), 0);
	assert_int_equal(put(f, f->memory + PAGE - 2, "across"), 0);
	assert_string_equal(f->memory + PAGE - 2, "across");
	assert_int_equal(dma_read(&f->port, PASID, (uintptr_t)f->memory + PAGE, got, 16, NULL), 0);
	assert_string_equal(got, "ross");
	/* The RID has its page table, other PASIDs nothing. */
	assert_int_equal(dma_read(&f->port, 0, (uintptr_t)f->memory, got, 1, NULL), -EFAULT);
	assert_int_equal(dma_read(&f->port, PASID + 1, (uintptr_t)f->memory, got, 1, NULL),
			 -EFAULT);
	assert_int_equal(unbind(f, PASID), 0);
	assert_int_equal(put(f, f->memory, "no"), -EFAULT);
}

/* As the process itself could. */
static void what_the_process_cannot_do(void **state)
{
	struct fixture *f = *state;
	uint64_t fault;
	char got[2 * PAGE];

	assert_int_equal(bind(f, PASID, f->bench.client.mm), 0);
	assert_int_equal(mprotect(f->memory + PAGE, PAGE, PROT_READ), 0);
	assert_int_equal(dma_read(&f->port, PASID, (uintptr_t)f->memory, got, 2 * PAGE, NULL), 0);
	assert_int_equal(dma_write(&f->port, PASID, (uintptr_t)f->memory, got, 2 * PAGE, &fault),
			 -EFAULT);
	assert_true(fault == (uintptr_t)f->memory + PAGE);
	assert_false(f->port.repairable);
	assert_int_equal(dma_read(&f->port, PASID, 0, got, 1, NULL), -EFAULT);
	assert_int_equal(dma_read(&f->port, PASID, 1ull << 63, got, 1, NULL), -EFAULT);
}

static void in_place(void **state)
{
	struct fixture *f = *state;
	size_t len = 8;

	assert_int_equal(bind(f, PASID, f->bench.client.mm), 0);
	dma_enter(&f->port, (uintptr_t)f->memory, (uintptr_t)f->memory + 7);
	assert_ptr_equal(dma_translate(&f->port, PASID, (uintptr_t)f->memory, &len, true),
			 f->memory);
	dma_leave(&f->port);
}

/* ---- bonds ---- */

static void bonds_are_found_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(bind(f, PASID, f->bench.client.mm), 0);
	assert_int_equal(bind(f, PASID, f->bench.client.mm), 0);
	assert_int_equal(unbind(f, PASID), 0);
	assert_int_equal(put(f, f->memory, "yes"), 0);
	assert_int_equal(unbind(f, PASID), 0);
	assert_int_equal(put(f, f->memory, "no"), -EFAULT);
	assert_int_equal(unbind(f, PASID), -ENOENT);
}

static void pasids(void **state)
{
	struct fixture *f = *state;
	uint32_t hwpt = bench_hwpt(&f->bench, f->plugged.dev, f->ioas, IOMMU_HWPT_ALLOC_PASID);

	assert_int_equal(bind(f, 0, f->bench.client.mm), -EINVAL);
	assert_int_equal(bind(f, 1 << MOCK_PASID_WIDTH, f->bench.client.mm), -EINVAL);
	assert_int_equal(bind(f, (1 << MOCK_PASID_WIDTH) - 1, f->bench.client.mm), 0);
	assert_int_equal(bind(f, PASID, f->bench.client.mm), 0);
	/* A PASID has one thing behind it. */
	assert_int_equal(bench_replace(&f->bench, f->plugged.stdev, hwpt), 0);
	assert_int_equal(attach(f, PASID, hwpt), -EBUSY);
	assert_int_equal(attach(f, PASID + 1, hwpt), 0);
	assert_int_equal(bind(f, PASID + 1, f->bench.client.mm), -EBUSY);
}

static void out_of_memory(void **state)
{
	struct fixture *f = *state;

	inject_arm(1);
	assert_int_equal(bind(f, PASID, f->bench.client.mm), -ENOMEM);
	inject_arm(0);
	assert_int_equal(put(f, f->memory, "no"), -EFAULT);
}

/* ---- another process ---- */

static pid_t start_child(const char *memory, int *ret_stop)
{
	int ready[2], stop[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready) | pipe(stop), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
		strcpy((char *)memory, "child");
		c = write(ready[1], "", 1);
		close(stop[1]);
		c = read(stop[0], &c, 1);
		_exit(strcmp(memory, "device"));
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	close(stop[0]);
	*ret_stop = stop[1];
	return pid;
}

static void another_process(void **state)
{
	struct fixture *f = *state;
	int status, stop;
	char got[8] = "";
	pid_t pid;
	struct mm *mm, *again;

	pid = start_child(f->memory, &stop);
	assert_int_equal(mm_new_remote(pid, &mm), 0);
	assert_int_equal(mm_new_remote(pid, &again), 0);
	assert_int_equal(bind(f, PASID, mm), 0);
	assert_int_equal(bind(f, PASID, again), 0);
	assert_int_equal(bind(f, PASID, f->bench.client.mm), -EBUSY);
	assert_int_equal(dma_read(&f->port, PASID, (uintptr_t)f->memory, got, 6, NULL), 0);
	assert_string_equal(got, "child");
	assert_int_equal(put(f, f->memory, "device"), 0);
	assert_string_equal(f->memory, "");
	close(stop);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(unit_exited(status, 0));
	/* Its memory has gone with it. */
	assert_int_equal(put(f, f->memory, "device"), -EFAULT);
	assert_int_equal(unbind(f, PASID), 0);
	assert_int_equal(unbind(f, PASID), 0);
	mm_put(mm);
	mm_put(again);
}

/* ---- the end of a bond ---- */

static void *write_all_the_time(void *arg)
{
	struct fixture *f = arg;
	char word[64];
	unsigned long n = 0;

	memset(word, 1, sizeof(word));
	while (!dma_write(&f->port, PASID, (uintptr_t)f->memory, word, sizeof(word), NULL))
		n++;
	return (void *)n;
}

/* When unbind returns no DMA through it is running. */
static void nothing_after_unbind(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	for (int round = 0; round < 20; round++) {
		assert_int_equal(bind(f, PASID, f->bench.client.mm), 0);
		assert_int_equal(pthread_create(&thread, NULL, write_all_the_time, f), 0);
		while (!__atomic_load_n(&f->memory[63], __ATOMIC_ACQUIRE))
			;
		assert_int_equal(unbind(f, PASID), 0);
		memset(f->memory, 0, 64);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(f->memory[0], 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(addresses_of_the_process),
		TEST(what_the_process_cannot_do),
		TEST(in_place),
		TEST(bonds_are_found_again),
		TEST(pasids),
		TEST(out_of_memory),
		TEST(another_process),
		TEST(nothing_after_unbind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
