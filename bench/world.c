/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const struct client_ops no_descriptors;

static void check(long rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-rc));
	exit(1);
}

long world_call(struct world *world, unsigned int cmd, void *arg)
{
	long rc = file_ioctl(world->file, &world->client, cmd, (uintptr_t)arg);

	if (rc < 0) {
		fprintf(stderr, "ioctl 0x%x: %s\n", cmd, strerror(-rc));
		exit(1);
	}
	return rc;
}

void world_map(struct world *world, uint64_t va, uint64_t length, uint64_t iova)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = world->ioas,
		.user_va = va,
		.length = length,
		.iova = iova,
	};

	world_call(world, IOMMU_IOAS_MAP, &cmd);
}

void world_unmap(struct world *world, uint64_t iova, uint64_t length)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = world->ioas, .iova = iova, .length = length};

	world_call(world, IOMMU_IOAS_UNMAP, &cmd);
}

uint32_t world_ioas(struct world *world)
{
	struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};

	world_call(world, IOMMU_IOAS_ALLOC, &cmd);
	return cmd.out_ioas_id;
}

void world_init(struct world *world, uint64_t memory_size)
{
	*world = (struct world){.memory_size = memory_size};
	check(machine_new(&world->machine), "machine_new");
	world->client.ops = &no_descriptors;
	world->client.mm = mm_self();
	mm_track(world->client.mm,
		 true); /* as the shim does: this program tells of changes, for it makes none */
	check(machine_open(world->machine, &world->client, "iommu", &world->file), "machine_open");
	world->ctx = ctx_of_file(world->file);
	world->ioas = world_ioas(world);
	world->memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(world->memory == MAP_FAILED ? -12 : 0, "mmap");
}

/* With a page table that maps low IOVAs: the mock's other format. */
void world_plug(struct world *world)
{
	struct iommu_test_cmd plug = {
		.size = sizeof(plug), .op = IOMMU_TEST_OP_MOCK_DOMAIN, .id = world->ioas};

	world_call(world, IOMMU_TEST_CMD, &plug);
	world->stdev = plug.mock_domain.out_stdev_id;
	world->hwpt = plug.mock_domain.out_hwpt_id;
	world->dev = plug.mock_domain.out_idev_id;
	lock_take(&world->ctx->lock);
	world->device = device_find(world->ctx, world->dev);
	lock_release(&world->ctx->lock);
}

uint32_t world_hwpt(struct world *world, struct iommu_hwpt_alloc cmd)
{
	cmd.size = sizeof(cmd);
	cmd.dev_id = world->dev;
	world_call(world, IOMMU_HWPT_ALLOC, &cmd);
	return cmd.out_hwpt_id;
}

void world_plug_wide(struct world *world)
{
	struct iommu_hwpt_selftest format = {.pagetable_type = MOCK_IOMMUPT_HUGE};
	struct iommu_test_cmd replace = {.size = sizeof(replace),
					 .op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE};

	world_plug(world);
	world->hwpt = world_hwpt(world, (struct iommu_hwpt_alloc){
						.flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
						.pt_id = world->ioas,
						.data_type = IOMMU_HWPT_DATA_SELFTEST,
						.data_len = sizeof(format),
						.data_uptr = (uintptr_t)&format,
					});
	replace.id = world->stdev;
	replace.mock_domain_replace.pt_id = world->hwpt;
	world_call(world, IOMMU_TEST_CMD, &replace);
}

void world_done(struct world *world)
{
	file_put(world->file);
	machine_put(world->machine);
	mm_put(world->client.mm);
	munmap(world->memory, world->memory_size);
}
