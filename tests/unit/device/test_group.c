/* SPDX-License-Identifier: MIT */
/*
 * Groups of several devices, reserved regions and page requests. The mock's ioctls make neither, so the devices here are of a model
 * of the test's own, bound by the API that real models use.
 */
#include <errno.h>
#include <string.h>

#include <sys/epoll.h>

#include "base/alloc.h"
#include "device/device.h"
#include "world.h"

#define RW	 (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define NDEVICES 3
#define FREE	 0x4000000

/* ---- the model ---- */

struct model_device {
	struct iommu_dev dev;
	struct device *device;
	struct domain *rid; /* what is behind it */
	bool refuse;	    /* the next attach fails */
	bool faults_fail;   /* can't turn page requests on */
	bool faults_on;
	unsigned int answers[2]; /* by code */
	uint32_t last_answer;	 /* its group */
};

static bool capable(struct iommu_dev *dev, enum iommu_capability cap)
{
	return cap == IOMMU_CAN_CACHE_COHERENCY || cap == IOMMU_CAN_PASID_TABLES_BY_USER;
}

static void domain_free(struct domain *domain)
{
	free(domain);
}

static const struct domain_ops domain_ops = {.free = domain_free};
static const struct iommu_ops model_ops;

static int alloc_domain(struct domain **ret_domain)
{
	struct domain *domain = mem_zalloc(sizeof(*domain));

	if (!domain)
		return -ENOMEM;
	*domain = (struct domain){.ops = &domain_ops,
				  .owner = &model_ops,
				  .last = UINT64_MAX,
				  .page_sizes = ~(WORLD_PAGE - 1)};
	*ret_domain = domain;
	return 0;
}

static int alloc_paging(struct iommu_dev *dev, uint32_t flags, const struct user_data *data,
			struct domain **ret_domain)
{
	return alloc_domain(ret_domain);
}

static int alloc_nested(struct iommu_dev *dev, struct domain *parent, uint32_t flags,
			const struct user_data *data, struct domain **ret_domain)
{
	return alloc_domain(ret_domain);
}

static int attach(struct iommu_dev *dev, uint32_t pasid, struct domain *domain, struct domain *old)
{
	struct model_device *model = (struct model_device *)dev;

	if (domain && model->refuse) {
		model->refuse = false;
		return -EIO;
	}
	if (!pasid)
		model->rid = domain;
	return 0;
}

static int enable_faults(struct iommu_dev *dev, bool on)
{
	struct model_device *model = (struct model_device *)dev;

	if (on && model->faults_fail)
		return -ENODEV;
	assert_int_not_equal(model->faults_on, on);
	model->faults_on = on;
	return 0;
}

static void page_response(struct iommu_dev *dev, const struct page_request *last, int code)
{
	struct model_device *model = (struct model_device *)dev;

	assert_in_range(code, 0, 1);
	assert_true(last->last);
	model->answers[code]++;
	model->last_answer = last->grpid;
}

static const struct iommu_ops model_ops = {
	.capable = capable,
	.alloc_paging = alloc_paging,
	.alloc_nested = alloc_nested,
	.attach = attach,
	.enable_faults = enable_faults,
	.page_response = page_response,
};

/* ---- the fixture: a group of three, and two IOASes ---- */

struct fixture {
	struct bench bench;
	struct model_device models[NDEVICES];
	uint32_t ioas, other;
};

/* Each device keeps a page of its own to itself. */
static const struct reserved_region regions[NDEVICES] = {
	{0x10000, 0x10fff}, {0x20000, 0x20fff}, {0x30000, 0x30fff}};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct group *group = NULL;

	bench_init(&f->bench);
	f->ioas = bench_ioas(&f->bench);
	f->other = bench_ioas(&f->bench);
	lock_take(&f->bench.ctx->lock);
	for (int i = 0; i < NDEVICES; i++) {
		struct model_device *model = &f->models[i];

		model->dev = (struct iommu_dev){.ops = &model_ops, .iommu = f, .max_pasids = 16};
		assert_int_equal(device_bind(f->bench.ctx, &model->dev, group, &model->device), 0);
		model->device->reserved = &regions[i];
		model->device->n_reserved = 1;
		group = model->device->group;
	}
	lock_release(&f->bench.ctx->lock);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	lock_take(&f->bench.ctx->lock);
	for (int i = 0; i < NDEVICES; i++)
		device_unbind(f->models[i].device);
	lock_release(&f->bench.ctx->lock);
	for (int i = 0; i < NDEVICES; i++)
		assert_false(f->models[i].faults_on);
	bench_done(&f->bench);
	free(f);
	return 0;
}

/* The HWPT's id, or -errno. */
static long join(struct fixture *f, int i, uint32_t pasid, uint32_t pt_id)
{
	int rc;

	lock_take(&f->bench.ctx->lock);
	rc = device_attach(f->models[i].device, pasid, &pt_id);
	lock_release(&f->bench.ctx->lock);
	return rc ? rc : (long)pt_id;
}

static long replace(struct fixture *f, int i, uint32_t pasid, uint32_t pt_id)
{
	int rc;

	lock_take(&f->bench.ctx->lock);
	rc = device_replace(f->models[i].device, pasid, &pt_id);
	lock_release(&f->bench.ctx->lock);
	return rc ? rc : (long)pt_id;
}

static void leave(struct fixture *f, int i, uint32_t pasid)
{
	lock_take(&f->bench.ctx->lock);
	device_detach(f->models[i].device, pasid);
	lock_release(&f->bench.ctx->lock);
}

static uint32_t dev_id(struct fixture *f, int i)
{
	return f->models[i].device->object.id;
}

/* May this page be mapped in the IOAS? */
static bool may_map(struct fixture *f, uint32_t ioas, uint64_t iova)
{
	struct iommu_ioas_iova_ranges cmd = {.size = sizeof(cmd), .ioas_id = ioas};
	struct iommu_iova_range ranges[16];

	cmd.num_iovas = 16;
	cmd.allowed_iovas = (uintptr_t)ranges;
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_IOAS_IOVA_RANGES, &cmd), 0);
	for (uint32_t i = 0; i < cmd.num_iovas; i++)
		if (ranges[i].start <= iova && iova <= ranges[i].last)
			return true;
	return false;
}

/* ---- one page table for all ---- */

static void a_group_shares_its_page_table(void **state)
{
	struct fixture *f = *state;
	long hwpt = join(f, 0, 0, f->ioas), manual;

	assert_true(hwpt > 0);
	assert_int_equal(join(f, 0, 0, f->ioas), -EBUSY);
	assert_int_equal(join(f, 1, 0, f->ioas), hwpt);
	manual = bench_hwpt(&f->bench, dev_id(f, 2), f->ioas, 0);
	assert_int_equal(join(f, 2, 0, manual), -EINVAL);
	assert_int_equal(join(f, 2, 0, f->other), -EINVAL);
	assert_int_equal(join(f, 2, 0, hwpt), hwpt);
	/* It lives as long as one of them is attached. */
	leave(f, 0, 0);
	leave(f, 2, 0);
	assert_int_equal(bench_destroy(&f->bench, hwpt), -EBUSY);
	leave(f, 1, 0);
	assert_int_equal(bench_destroy(&f->bench, hwpt), -ENOENT);
	assert_int_equal(join(f, 2, 0, manual), manual);
}

static void replacing_moves_the_group(void **state)
{
	struct fixture *f = *state;
	long old = join(f, 0, 0, f->ioas), hwpt;

	assert_int_equal(join(f, 1, 0, f->ioas), old);
	assert_int_equal(replace(f, 2, 0, f->other), -EINVAL);
	hwpt = replace(f, 1, 0, f->other);
	assert_true(hwpt > 0 && hwpt != old);
	assert_ptr_equal(f->models[0].rid, f->models[1].rid);
	assert_int_equal(bench_destroy(&f->bench, old), -ENOENT);
	assert_int_equal(replace(f, 0, 0, hwpt), hwpt);
	assert_int_equal(join(f, 2, 0, f->ioas), -EINVAL);
	assert_int_equal(join(f, 2, 0, f->other), hwpt);
}

/* Whichever device refuses: all stay where they were. */
static void a_failed_replace_moves_nobody(void **state)
{
	struct fixture *f = *state;
	long old = join(f, 0, 0, f->ioas);
	long manual = bench_hwpt(&f->bench, dev_id(f, 0), f->other, 0);
	char *before, *after;

	for (int i = 1; i < NDEVICES; i++)
		assert_int_equal(join(f, i, 0, f->ioas), old);
	before = bench_describe(&f->bench);
	for (int i = 0; i < NDEVICES; i++) {
		f->models[i].refuse = true;
		assert_int_equal(replace(f, 0, 0, manual), -EIO);
		for (int j = 1; j < NDEVICES; j++)
			assert_ptr_equal(f->models[j].rid, f->models[0].rid);
		after = bench_describe(&f->bench);
		assert_string_equal(before, after);
		free(after);
	}
	free(before);
	assert_int_equal(replace(f, 0, 0, manual), manual);
}

/* ---- reserved regions ---- */

static void devices_reserve_their_regions(void **state)
{
	struct fixture *f = *state;
	long hwpt = join(f, 0, 0, f->ioas);

	assert_false(may_map(f, f->ioas, regions[0].first));
	assert_true(may_map(f, f->ioas, regions[1].first));
	assert_int_equal(join(f, 1, 0, f->ioas), hwpt);
	assert_false(may_map(f, f->ioas, regions[1].last));
	assert_true(replace(f, 0, 0, f->other) > 0);
	for (int i = 0; i < 2; i++) {
		assert_true(may_map(f, f->ioas, regions[i].first));
		assert_false(may_map(f, f->other, regions[i].first));
	}
	leave(f, 0, 0);
	assert_true(may_map(f, f->other, regions[0].first));
	assert_false(may_map(f, f->other, regions[1].first));
	leave(f, 1, 0);
	assert_true(may_map(f, f->other, regions[1].first));
}

static void an_area_in_a_region(void **state)
{
	struct fixture *f = *state;
	char *memory = bench_pages(1);
	long hwpt = join(f, 0, 0, f->ioas);
	char *before, *after;

	bench_map(&f->bench, f->ioas, memory, WORLD_PAGE, regions[1].first, RW);
	bench_map(&f->bench, f->other, memory, WORLD_PAGE, regions[0].first, RW);
	before = bench_describe(&f->bench);
	assert_int_equal(join(f, 1, 0, f->ioas), -EADDRINUSE);
	assert_int_equal(replace(f, 0, 0, f->other), -EADDRINUSE);
	after = bench_describe(&f->bench);
	assert_string_equal(before, after);
	free(before);
	free(after);
	assert_int_equal(bench_unmap(&f->bench, f->ioas, 0, UINT64_MAX), WORLD_PAGE);
	assert_int_equal(join(f, 1, 0, f->ioas), hwpt);
	bench_free_pages(memory, 1);
}

/* ---- PASIDs ---- */

static void pasids_of_a_group(void **state)
{
	struct fixture *f = *state;
	long with = bench_hwpt(&f->bench, dev_id(f, 0), f->ioas, IOMMU_HWPT_ALLOC_PASID);
	long other = bench_hwpt(&f->bench, dev_id(f, 0), f->ioas, IOMMU_HWPT_ALLOC_PASID);
	long without = bench_hwpt(&f->bench, dev_id(f, 0), f->ioas, 0);

	assert_int_equal(join(f, 0, 3, without), -EINVAL);
	assert_int_equal(join(f, 0, 3, f->ioas), -EINVAL);
	assert_int_equal(join(f, 0, 16, with), -EINVAL);
	assert_int_equal(join(f, 0, 15, with), with);
	assert_int_equal(join(f, 0, 3, with), with);
	assert_int_equal(join(f, 0, 3, f->ioas), -EBUSY);
	assert_int_equal(join(f, 1, 3, other), -EINVAL);
	assert_int_equal(join(f, 1, 3, with), with);
	/* With PASIDs in use the RID has to fit too, of whichever device. */
	assert_int_equal(join(f, 2, 0, without), -EINVAL);
	assert_int_equal(join(f, 2, 0, other), other);
	assert_int_equal(replace(f, 2, 0, without), -EINVAL);
	assert_int_equal(replace(f, 0, 3, other), other);
	assert_int_equal(replace(f, 0, 4, other), -EINVAL);
	leave(f, 0, 4);
	/* Reserved regions are the RID's alone. */
	assert_true(may_map(f, f->ioas, regions[0].first));
	assert_false(may_map(f, f->ioas, regions[2].first));
	leave(f, 0, 3);
	assert_int_equal(join(f, 0, 3, with), -EINVAL); /* device 1 is on the other */
	leave(f, 1, 3);
	assert_int_equal(join(f, 0, 3, with), with);
}

/* ---- page requests ---- */

static int request(struct fixture *f, int i, struct page_request request)
{
	int rc;

	lock_take(&f->bench.ctx->lock);
	rc = device_page_request(f->models[i].device, &request);
	lock_release(&f->bench.ctx->lock);
	return rc;
}

/* A page table that takes page requests. */
static long with_faults(struct fixture *f, uint32_t fault_id)
{
	struct iommu_hwpt_alloc cmd = {.size = sizeof(cmd),
				       .flags = IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID,
				       .dev_id = dev_id(f, 0),
				       .pt_id = f->ioas,
				       .fault_id = fault_id};

	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_ALLOC, &cmd), 0);
	return cmd.out_hwpt_id;
}

static unsigned int read_faults(struct fixture *f, int fd, struct iommu_hwpt_pgfault *faults)
{
	ssize_t n = bench_read(&f->bench, fd, faults, 16 * sizeof(*faults));

	assert_true(n >= 0);
	return n / sizeof(*faults);
}

static long answer(struct fixture *f, int fd, uint32_t cookie, uint32_t code)
{
	struct iommu_hwpt_page_response response = {.cookie = cookie, .code = code};

	return bench_write(&f->bench, fd, &response, sizeof(response));
}

static void groups_of_requests(void **state)
{
	struct fixture *f = *state;
	struct iommu_fault_alloc queue = bench_fault_queue(&f->bench);
	struct iommu_hwpt_pgfault faults[16];
	int fd = queue.out_fault_fd;
	long hwpt = with_faults(f, queue.out_fault_id);

	assert_int_equal(join(f, 0, 0, hwpt), hwpt);
	assert_true(f->models[0].faults_on);
	/* Two groups, interleaved, and one that never ends. */
	assert_int_equal(request(f, 0, (struct page_request){.grpid = 1, .addr = 0x1000}), 0);
	assert_int_equal(request(f, 0, (struct page_request){.grpid = 2, .addr = 0x2000}), 0);
	assert_int_equal(request(f, 0, (struct page_request){.grpid = 9, .addr = 0x9000}), 0);
	assert_int_equal(read_faults(f, fd, faults), 0);
	assert_int_equal(file_poll(bench_file(&f->bench, fd)), EPOLLOUT);
	assert_int_equal(
		request(f, 0, (struct page_request){.grpid = 2, .addr = 0x2001, .last = true}), 0);
	assert_int_equal(
		request(f, 0, (struct page_request){.grpid = 1, .addr = 0x1001, .last = true}), 0);
	assert_int_equal(file_poll(bench_file(&f->bench, fd)), EPOLLOUT | EPOLLIN | EPOLLRDNORM);
	/* Whole groups or nothing. */
	assert_int_equal(bench_read(&f->bench, fd, faults, 40), -EINVAL);
	assert_int_equal(bench_read(&f->bench, fd, faults, 41), -ESPIPE);
	assert_int_equal(bench_read(&f->bench, fd, faults, 120), 80);
	assert_int_equal(faults[0].addr, 0x2000);
	assert_int_equal(faults[1].addr, 0x2001);
	assert_int_equal(faults[0].flags, 0);
	assert_int_equal(faults[1].flags, IOMMU_PGFAULT_FLAGS_LAST_PAGE);
	assert_int_equal(faults[0].cookie, faults[1].cookie);
	assert_int_equal(faults[0].dev_id, dev_id(f, 0));
	assert_int_equal(answer(f, fd, faults[0].cookie, 2), -EINVAL);
	assert_int_equal(answer(f, fd, faults[0].cookie, 0), 8);
	assert_int_equal(answer(f, fd, faults[0].cookie, 0), -EINVAL);
	assert_int_equal(f->models[0].last_answer, 2);
	assert_int_equal(read_faults(f, fd, faults), 2);
	assert_int_equal(faults[0].addr, 0x1000);
	assert_int_equal(answer(f, fd, faults[0].cookie, 1), 8);
	assert_int_equal(f->models[0].answers[0], 1);
	assert_int_equal(f->models[0].answers[1], 1);
}

/* A group belongs to the attachment that it was raised through: it ends with it, read or not. */
static void detaching_answers(void **state)
{
	struct fixture *f = *state;
	struct iommu_fault_alloc queue = bench_fault_queue(&f->bench);
	struct iommu_hwpt_pgfault faults[16];
	int fd = queue.out_fault_fd;
	long hwpt = with_faults(f, queue.out_fault_id), other = with_faults(f, queue.out_fault_id);

	assert_int_equal(join(f, 0, 0, hwpt), hwpt);
	assert_int_equal(join(f, 1, 0, hwpt), hwpt);
	for (int i = 0; i < 2; i++)
		assert_int_equal(request(f, i, (struct page_request){.grpid = 1, .last = true}), 0);
	assert_int_equal(read_faults(f, fd, faults), 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(request(f, i, (struct page_request){.grpid = 2, .last = true}), 0);
	leave(f, 0, 0);
	assert_int_equal(f->models[0].answers[1], 2);
	assert_int_equal(f->models[1].answers[1], 0);
	assert_int_equal(answer(f, fd, faults[0].cookie, 0), -EINVAL);
	assert_int_equal(answer(f, fd, faults[1].cookie, 0), 8);
	/* Also when the queue stays the same. */
	assert_int_equal(replace(f, 1, 0, other), other);
	assert_int_equal(f->models[1].answers[1], 1);
	assert_int_equal(read_faults(f, fd, faults), 0);
	assert_true(f->models[1].faults_on);
	assert_false(f->models[0].faults_on);
	assert_int_equal(request(f, 0, (struct page_request){.grpid = 3, .last = true}), -EINVAL);
	assert_int_equal(f->models[0].answers[1], 3);
}

/* What was asked for before page requests were turned off is not part of a group afterwards. */
static void unfinished_groups_end(void **state)
{
	struct fixture *f = *state;
	struct iommu_fault_alloc queue = bench_fault_queue(&f->bench);
	struct iommu_hwpt_pgfault faults[16];
	long hwpt = with_faults(f, queue.out_fault_id);

	assert_int_equal(join(f, 0, 0, hwpt), hwpt);
	assert_int_equal(request(f, 0, (struct page_request){.grpid = 1, .addr = 0x1000}), 0);
	leave(f, 0, 0);
	assert_int_equal(join(f, 0, 0, hwpt), hwpt);
	assert_int_equal(
		request(f, 0, (struct page_request){.grpid = 1, .addr = 0x2000, .last = true}), 0);
	assert_int_equal(read_faults(f, queue.out_fault_fd, faults), 1);
	assert_int_equal(faults[0].addr, 0x2000);
}

static void pasids_fall_back(void **state)
{
	struct fixture *f = *state;
	struct iommu_fault_alloc queue = bench_fault_queue(&f->bench);
	struct page_request of_pasid = {.pasid_valid = true, .pasid = 5, .grpid = 1, .last = true};
	struct iommu_hwpt_pgfault faults[16];
	long hwpt = with_faults(f, queue.out_fault_id), parent, nested;

	/* Only a nested page table of the RID is meant by PASIDs that nobody attached. */
	assert_int_equal(join(f, 0, 0, hwpt), hwpt);
	assert_int_equal(request(f, 0, of_pasid), -EINVAL);
	assert_int_equal(f->models[0].answers[1], 1);
	parent = bench_hwpt(&f->bench, dev_id(f, 0), f->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT);
	nested = bench_nested(&f->bench, dev_id(f, 0), parent, queue.out_fault_id);
	assert_int_equal(replace(f, 0, 0, nested), nested);
	assert_int_equal(request(f, 0, of_pasid), 0);
	assert_int_equal(read_faults(f, queue.out_fault_fd, faults), 1);
	assert_int_equal(faults[0].pasid, 5);
	assert_int_equal(faults[0].flags,
			 IOMMU_PGFAULT_FLAGS_LAST_PAGE | IOMMU_PGFAULT_FLAGS_PASID_VALID);
	/* It belongs to the RID's attachment then. */
	leave(f, 0, 0);
	assert_int_equal(f->models[0].answers[1], 2);
}

static void page_requests_that_cannot_be(void **state)
{
	struct fixture *f = *state;
	struct iommu_fault_alloc queue = bench_fault_queue(&f->bench);
	long hwpt = with_faults(f, queue.out_fault_id);
	char *before, *after;

	f->models[0].faults_fail = true;
	before = bench_describe(&f->bench);
	assert_int_equal(join(f, 0, 0, hwpt), -ENODEV);
	after = bench_describe(&f->bench);
	assert_string_equal(before, after);
	free(before);
	free(after);
	f->models[0].faults_fail = false;
	assert_int_equal(join(f, 0, 0, hwpt), hwpt);
	assert_true(f->models[0].faults_on);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_group_shares_its_page_table),
		TEST(replacing_moves_the_group),
		TEST(a_failed_replace_moves_nobody),
		TEST(devices_reserve_their_regions),
		TEST(an_area_in_a_region),
		TEST(pasids_of_a_group),
		TEST(groups_of_requests),
		TEST(detaching_answers),
		TEST(unfinished_groups_end),
		TEST(pasids_fall_back),
		TEST(page_requests_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
