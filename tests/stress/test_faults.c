/* SPDX-License-Identifier: MIT */
/*
 * Page requests are raised, read and answered by four threads, while devices detach, are replaced and page tables are destroyed. Each
 * group gets exactly one answer: by the reader, by the detach, or at once if nobody takes it.
 */
#include <errno.h>
#include <string.h>

#include "device/device.h"
#include "stress.h"

#define NGROUPS 100000

struct world_of_faults {
	struct bench *bench;
	struct iommu_dev dev;
	struct device *device;
	uint32_t ioas, fault_id;
	int fault_fd;
	struct file *faults; /* the descriptor's file */
	pthread_mutex_t lock;
	uint32_t hwpt; /* what is attached, or 0 */
	/* All guarded by the context's lock: */
	unsigned char raised[NGROUPS], answered[NGROUPS];
	uint32_t n_raised, n_valid;
	/* Answers that a reader gave and the queue took. */
	atomic_uint n_given;
};

/* ---- a model that counts answers ---- */

static struct world_of_faults *the_world; /* page_response has nothing else to find it by */

static bool capable(struct iommu_dev *dev, enum iommu_capability cap)
{
	return cap == IOMMU_CAN_CACHE_COHERENCY;
}

static void domain_free(struct domain *domain)
{
	free(domain);
}

static const struct iommu_ops model_ops;
static const struct domain_ops domain_ops = {.free = domain_free};

static int alloc_paging(struct iommu_dev *dev, uint32_t flags, const struct user_data *data,
			struct domain **ret_domain)
{
	struct domain *domain = calloc(1, sizeof(*domain));

	*domain = (struct domain){.ops = &domain_ops,
				  .owner = &model_ops,
				  .last = UINT64_MAX,
				  .page_sizes = ~(WORLD_PAGE - 1)};
	*ret_domain = domain;
	return 0;
}

static int attach(struct iommu_dev *dev, uint32_t pasid, struct domain *domain, struct domain *old)
{
	return 0;
}

static int enable_faults(struct iommu_dev *dev, bool on)
{
	return 0;
}

static void page_response(struct iommu_dev *dev, const struct page_request *last, int code)
{
	the_world->answered[last->grpid]++;
	the_world->n_valid += code == IOMMUFD_PAGE_RESP_SUCCESS;
}

static const struct iommu_ops model_ops = {
	.capable = capable,
	.alloc_paging = alloc_paging,
	.attach = attach,
	.enable_faults = enable_faults,
	.page_response = page_response,
};

/* ---- what the threads do ---- */

/* One group of one to three requests. */
static void step_raise(struct worker *worker)
{
	struct world_of_faults *world = worker->world;
	uint32_t n = 1 + worker_random(worker, 3), grpid;

	lock_take(&world->bench->ctx->lock);
	grpid = world->n_raised++;
	assert_true(grpid < NGROUPS);
	world->raised[grpid] = 1;
	for (uint32_t i = 0; i < n && world->device->fault_attachments; i++) {
		struct page_request request = {
			.grpid = grpid, .addr = i * WORLD_PAGE, .last = i == n - 1};

		device_page_request(world->device, &request);
	}
	if (!world->device->fault_attachments)
		world->answered[grpid]++; /* nobody there: not tried */
	lock_release(&world->bench->ctx->lock);
}

/* Reads what fits, checks that groups are whole, answers them in another order. */
static void step_answer(struct worker *worker)
{
	struct world_of_faults *world = worker->world;
	struct iommu_hwpt_pgfault faults[7];
	struct iommu_hwpt_page_response responses[7];
	ssize_t got = file_read(world->faults, &worker->bench.client, (uintptr_t)faults,
				sizeof(faults), -1);
	unsigned int n = 0;

	assert_true(got >= 0 && got % sizeof(faults[0]) == 0);
	for (unsigned int i = 0; i < got / sizeof(faults[0]); i++) {
		assert_int_equal(faults[i].addr % WORLD_PAGE, 0);
		if (faults[i].addr)
			assert_int_equal(faults[i].cookie, faults[i - 1].cookie);
		if (faults[i].flags & IOMMU_PGFAULT_FLAGS_LAST_PAGE)
			responses[n++] = (struct iommu_hwpt_page_response){faults[i].cookie, 0};
	}
	while (n--) {
		/* EINVAL: a detach has answered it meanwhile. */
		ssize_t rc = file_write(world->faults, &worker->bench.client,
					(uintptr_t)&responses[n], sizeof(responses[0]), -1);

		assert_true(rc == sizeof(responses[0]) || rc == -EINVAL);
		worker->done += rc > 0;
	}
}

static uint32_t alloc_hwpt(struct worker *worker)
{
	struct world_of_faults *world = worker->world;
	struct iommu_hwpt_alloc cmd = {.size = sizeof(cmd),
				       .flags = IOMMU_HWPT_FAULT_ID_VALID,
				       .dev_id = world->device->object.id,
				       .pt_id = world->ioas,
				       .fault_id = world->fault_id};

	assert_int_equal(bench_ioctl(&worker->bench, IOMMU_HWPT_ALLOC, &cmd), 0);
	return cmd.out_hwpt_id;
}

/* Attach, replace or detach; the page table from before is destroyed. */
static void step_change(struct worker *worker)
{
	struct world_of_faults *world = worker->world;
	uint32_t old, hwpt = worker_random(worker, 4) ? alloc_hwpt(worker) : 0;
	struct ctx *ctx = world->bench->ctx;
	uint32_t pt_id = hwpt;

	pthread_mutex_lock(&world->lock);
	old = world->hwpt;
	lock_take(&ctx->lock);
	if (!hwpt)
		device_detach(world->device, 0);
	else if (old)
		assert_int_equal(device_replace(world->device, 0, &pt_id), 0);
	else
		assert_int_equal(device_attach(world->device, 0, &pt_id), 0);
	lock_release(&ctx->lock);
	world->hwpt = hwpt;
	pthread_mutex_unlock(&world->lock);
	if (old)
		assert_int_equal(bench_destroy(&worker->bench, old), 0);
}

/* ---- the test ---- */

static void open_world(struct world_of_faults *world, struct bench *bench)
{
	struct iommu_fault_alloc queue;

	bench_init(bench);
	world->bench = bench;
	world->ioas = bench_ioas(bench);
	queue = bench_fault_queue(bench);
	world->fault_id = queue.out_fault_id;
	world->fault_fd = queue.out_fault_fd;
	world->faults = bench_file(bench, queue.out_fault_fd);
	world->dev = (struct iommu_dev){.ops = &model_ops, .iommu = world};
	pthread_mutex_init(&world->lock, NULL);
	lock_take(&bench->ctx->lock);
	assert_int_equal(device_bind(bench->ctx, &world->dev, NULL, &world->device), 0);
	lock_release(&bench->ctx->lock);
}

static void each_group_is_answered_once(void **state)
{
	struct world_of_faults *world = calloc(1, sizeof(*world));
	struct worker workers[4];
	unsigned long given = 0;
	struct bench bench;

	the_world = world;
	open_world(world, &bench);
	workers[0] = (struct worker){step_raise, world, 1, STRESS_STEPS(40000)};
	workers[1] = (struct worker){step_answer, world, 2, 0};
	workers[2] = (struct worker){step_answer, world, 3, 0};
	workers[3] = (struct worker){step_change, world, 4, STRESS_STEPS(8000)};
	workers_run(workers, 4, &bench);
	for (int i = 0; i < 4; i++)
		given += workers[i].done;
	lock_take(&bench.ctx->lock);
	device_unbind(world->device);
	lock_release(&bench.ctx->lock);
	for (uint32_t i = 0; i < world->n_raised; i++)
		if (world->answered[i] != 1)
			fail_msg("group %u: %u answers", i, world->answered[i]);
	print_message("%u groups raised, %lu answered by readers\n", world->n_raised, given);
	assert_int_equal(world->n_valid, given);
	bench_done(&bench);
	pthread_mutex_destroy(&world->lock);
	free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_group_is_answered_once)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
