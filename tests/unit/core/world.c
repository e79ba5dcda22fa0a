/* SPDX-License-Identifier: MIT */
/* Making objects. */
#include "world.h"

#include <errno.h>
#include <sys/mman.h>

#define CALL(bench, number, cmd) assert_int_equal(bench_ioctl(bench, number, cmd), 0)

/* ---- calls ---- */

long bench_test(struct bench *bench, struct iommu_test_cmd *cmd)
{
	cmd->size = sizeof(*cmd);
	return bench_ioctl(bench, IOMMU_TEST_CMD, cmd);
}

uint32_t bench_ioas(struct bench *bench)
{
	struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};

	CALL(bench, IOMMU_IOAS_ALLOC, &cmd);
	return cmd.out_ioas_id;
}

struct bench_device bench_plug(struct bench *bench, uint32_t pt_id, uint32_t flags)
{
	struct iommu_test_cmd cmd = {.op = IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS,
				     .id = pt_id,
				     .mock_domain_flags = {.dev_flags = flags}};

	assert_int_equal(bench_test(bench, &cmd), 0);
	return (struct bench_device){cmd.mock_domain_flags.out_stdev_id,
				     cmd.mock_domain_flags.out_hwpt_id,
				     cmd.mock_domain_flags.out_idev_id};
}

long bench_try_map(struct bench *bench, uint32_t ioas, uint64_t va, uint64_t length, uint64_t *iova,
		   uint32_t flags)
{
	struct iommu_ioas_map cmd = {.size = sizeof(cmd),
				     .flags = flags,
				     .ioas_id = ioas,
				     .user_va = va,
				     .length = length,
				     .iova = *iova};
	long rc = bench_ioctl(bench, IOMMU_IOAS_MAP, &cmd);

	*iova = cmd.iova;
	return rc;
}

void bench_map(struct bench *bench, uint32_t ioas, const void *memory, uint64_t length,
	       uint64_t iova, uint32_t perm)
{
	assert_int_equal(bench_try_map(bench, ioas, (uintptr_t)memory, length, &iova,
				       perm | IOMMU_IOAS_MAP_FIXED_IOVA),
			 0);
}

int64_t bench_unmap(struct bench *bench, uint32_t ioas, uint64_t iova, uint64_t length)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = ioas, .iova = iova, .length = length};
	long rc = bench_ioctl(bench, IOMMU_IOAS_UNMAP, &cmd);

	return rc ? rc : (int64_t)cmd.length;
}

long bench_copy(struct bench *bench, struct iommu_ioas_copy cmd)
{
	cmd.size = sizeof(cmd);
	cmd.flags |= IOMMU_IOAS_MAP_FIXED_IOVA;
	return bench_ioctl(bench, IOMMU_IOAS_COPY, &cmd);
}

static uint32_t alloc_hwpt(struct bench *bench, struct iommu_hwpt_alloc cmd)
{
	cmd.size = sizeof(cmd);
	CALL(bench, IOMMU_HWPT_ALLOC, &cmd);
	return cmd.out_hwpt_id;
}

uint32_t bench_hwpt(struct bench *bench, uint32_t dev, uint32_t pt_id, uint32_t flags)
{
	return alloc_hwpt(bench,
			  (struct iommu_hwpt_alloc){.flags = flags, .dev_id = dev, .pt_id = pt_id});
}

uint32_t bench_nested(struct bench *bench, uint32_t dev, uint32_t pt_id, uint32_t fault_id)
{
	struct iommu_hwpt_selftest data = {.iotlb = IOMMU_TEST_IOTLB_DEFAULT};

	return alloc_hwpt(
		bench, (struct iommu_hwpt_alloc){.flags = fault_id ? IOMMU_HWPT_FAULT_ID_VALID : 0,
						 .dev_id = dev,
						 .pt_id = pt_id,
						 .data_type = IOMMU_HWPT_DATA_SELFTEST,
						 .data_len = sizeof(data),
						 .data_uptr = (uintptr_t)&data,
						 .fault_id = fault_id});
}

uint32_t bench_viommu(struct bench *bench, uint32_t dev, uint32_t parent)
{
	struct iommu_viommu_alloc cmd = {.size = sizeof(cmd),
					 .type = IOMMU_VIOMMU_TYPE_SELFTEST,
					 .dev_id = dev,
					 .hwpt_id = parent};

	CALL(bench, IOMMU_VIOMMU_ALLOC, &cmd);
	return cmd.out_viommu_id;
}

uint32_t bench_vdevice(struct bench *bench, uint32_t viommu, uint32_t dev, uint64_t virt_id)
{
	struct iommu_vdevice_alloc cmd = {
		.size = sizeof(cmd), .viommu_id = viommu, .dev_id = dev, .virt_id = virt_id};

	CALL(bench, IOMMU_VDEVICE_ALLOC, &cmd);
	return cmd.out_vdevice_id;
}

struct iommu_fault_alloc bench_fault_queue(struct bench *bench)
{
	struct iommu_fault_alloc cmd = {.size = sizeof(cmd)};

	CALL(bench, IOMMU_FAULT_QUEUE_ALLOC, &cmd);
	return cmd;
}

struct iommu_veventq_alloc bench_veventq(struct bench *bench, uint32_t viommu, uint32_t type,
					 uint32_t depth)
{
	struct iommu_veventq_alloc cmd = {
		.size = sizeof(cmd), .viommu_id = viommu, .type = type, .veventq_depth = depth};

	CALL(bench, IOMMU_VEVENTQ_ALLOC, &cmd);
	return cmd;
}

int bench_access(struct bench *bench, uint32_t ioas, uint32_t flags)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_CREATE_ACCESS, .id = ioas, .create_access = {.flags = flags}};

	assert_int_equal(bench_test(bench, &cmd), 0);
	return cmd.create_access.out_access_fd;
}

long bench_destroy(struct bench *bench, uint32_t id)
{
	struct iommu_destroy cmd = {.size = sizeof(cmd), .id = id};

	return bench_ioctl(bench, IOMMU_DESTROY, &cmd);
}

long bench_replace(struct bench *bench, uint32_t stdev, uint32_t pt_id)
{
	struct iommu_test_cmd cmd = {.op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
				     .id = stdev,
				     .mock_domain_replace = {.pt_id = pt_id}};

	return bench_test(bench, &cmd);
}

int64_t bench_pin(struct bench *bench, int access_fd, uint64_t iova, uint64_t length,
		  const void *uptr, uint32_t flags)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_ACCESS_PAGES,
		.id = access_fd,
		.access_pages = {
			.flags = flags, .iova = iova, .length = length, .uptr = (uintptr_t)uptr}};
	long rc = bench_test(bench, &cmd);

	return rc ? rc : (int64_t)cmd.access_pages.out_access_pages_id;
}

long bench_unpin(struct bench *bench, int access_fd, uint32_t pin)
{
	struct iommu_test_cmd cmd = {.op = IOMMU_TEST_OP_DESTROY_ACCESS_PAGES,
				     .id = access_fd,
				     .destroy_access_pages = {.access_pages_id = pin}};

	return bench_test(bench, &cmd);
}

long bench_rw(struct bench *bench, int access_fd, uint64_t iova, void *buf, uint64_t length,
	      uint32_t flags)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_ACCESS_RW,
		.id = access_fd,
		.access_rw = {
			.iova = iova, .length = length, .uptr = (uintptr_t)buf, .flags = flags}};

	return bench_test(bench, &cmd);
}

long bench_check_refs(struct bench *bench, const void *memory, uint64_t length, uint32_t refs)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_MD_CHECK_REFS,
		.check_refs = {.length = length, .uptr = (uintptr_t)memory, .refs = refs}};

	return bench_test(bench, &cmd);
}

long bench_iopf(struct bench *bench, uint32_t dev, uint32_t pasid, uint32_t grpid, uint64_t addr)
{
	struct iommu_test_cmd cmd = {
		.op = IOMMU_TEST_OP_TRIGGER_IOPF,
		.trigger_iopf = {.dev_id = dev, .pasid = pasid, .grpid = grpid, .addr = addr}};

	return bench_test(bench, &cmd);
}

/* ---- the world ---- */

static uint32_t alloc_hw_queue(struct world *world)
{
	struct iommu_hw_queue_alloc cmd = {.size = sizeof(cmd),
					   .viommu_id = world->id[W_VIOMMU],
					   .type = IOMMU_HW_QUEUE_TYPE_SELFTEST,
					   .nesting_parent_iova = WORLD_RO_IOVA,
					   .length = WORLD_PAGE};

	CALL(&world->bench, IOMMU_HW_QUEUE_ALLOC, &cmd);
	return cmd.out_hw_queue_id;
}

static int get_dmabuf(struct world *world)
{
	struct iommu_test_cmd cmd = {.op = IOMMU_TEST_OP_DMABUF_GET,
				     .dmabuf_get = {.length = 8 * WORLD_PAGE}};
	long fd = bench_test(&world->bench, &cmd);

	assert_true(fd >= 0);
	return fd;
}

static void add_memory(struct world *world)
{
	world->memory = bench_pages(WORLD_NPAGES);
	world->read_only = bench_pages(1);
	assert_int_equal(mprotect(world->read_only, WORLD_PAGE, PROT_READ), 0);
	world->memfd = memfd_create("world", MFD_CLOEXEC);
	assert_true(world->memfd >= 0);
	assert_int_equal(ftruncate(world->memfd, 4 * WORLD_PAGE), 0);
	world->id[W_MEMFD] = world->memfd;
	world->id[W_MEMORY] = (uintptr_t)world->memory;
	world->id[W_GUARD] = (uintptr_t)world->memory + WORLD_NPAGES * WORLD_PAGE;
	world->id[W_READ_ONLY] = (uintptr_t)world->read_only;
}

static void add_devices(struct world *world)
{
	struct bench *bench = &world->bench;
	uint64_t *id = world->id;
	struct bench_device device;

	id[W_IOAS] = bench_ioas(bench);
	id[W_IOAS_FREE] = bench_ioas(bench);
	device = bench_plug(bench, id[W_IOAS], MOCK_FLAGS_DEVICE_PASID);
	id[W_STDEV] = device.stdev;
	id[W_AUTO] = device.hwpt;
	id[W_DEV] = device.dev;
	id[W_DEV2] = bench_plug(bench, id[W_IOAS], 0).dev;
	bench_map(bench, id[W_IOAS], world->memory, WORLD_NPAGES * WORLD_PAGE, WORLD_RW_IOVA,
		  IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE);
	bench_map(bench, id[W_IOAS], world->memory, 2 * WORLD_PAGE, WORLD_RO_IOVA,
		  IOMMU_IOAS_MAP_READABLE);
}

static void add_nesting(struct world *world)
{
	struct bench *bench = &world->bench;
	struct iommu_veventq_alloc veventq;
	struct iommu_fault_alloc fault;
	uint64_t *id = world->id;

	id[W_PARENT] = bench_hwpt(bench, id[W_DEV], id[W_IOAS],
				  IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	fault = bench_fault_queue(bench);
	bench_close(bench, fault.out_fault_fd);
	id[W_FAULT] = fault.out_fault_id;
	id[W_FAULT_OPEN] = bench_fault_queue(bench).out_fault_id;
	id[W_NESTED] = bench_nested(bench, id[W_DEV], id[W_PARENT], 0);
	id[W_VIOMMU] = bench_viommu(bench, id[W_DEV], id[W_PARENT]);
	id[W_VDEVICE] = bench_vdevice(bench, id[W_VIOMMU], id[W_DEV2], 0x88);
	veventq = bench_veventq(bench, id[W_VIOMMU], 1, 4);
	bench_close(bench, veventq.out_veventq_fd);
	id[W_VEVENTQ] = veventq.out_veventq_id;
}

void world_init(struct world *world)
{
	struct iommu_test_cmd revoke = {.op = IOMMU_TEST_OP_DMABUF_REVOKE};
	uint64_t *id = world->id;

	*world = (struct world){0};
	bench_init(&world->bench);
	add_memory(world);
	add_devices(world);
	add_nesting(world);
	id[W_HW_QUEUE] = alloc_hw_queue(world);
	id[W_FREE] = 1000;
	id[W_ACCESS_FD] =
		bench_access(&world->bench, id[W_IOAS], MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
	id[W_DMABUF] = get_dmabuf(world);
	id[W_DMABUF_REVOKED] = get_dmabuf(world);
	revoke.dmabuf_revoke.dmabuf_fd = id[W_DMABUF_REVOKED];
	revoke.dmabuf_revoke.revoked = 1;
	assert_int_equal(bench_test(&world->bench, &revoke), 0);
}

void world_done(struct world *world)
{
	close(world->memfd);
	bench_done(&world->bench);
	bench_free_pages(world->memory, WORLD_NPAGES);
	bench_free_pages(world->read_only, 1);
}
