/* SPDX-License-Identifier: MIT */
/* Command queues that a guest owns: registers in a mapped page, commands in guest memory, errors by register and event. */
#include <sched.h>
#include <sys/mman.h>

#include "arm_tables.h"
#include "smmu_world.h"
#include "viommu/viommu.h"

#define VA	   0x7f0012345000ull
#define USUAL	   (A_AF | A_USER | A_NG)
#define QUEUE	   0x100000ull /* in guest memory */
#define QUEUE_SIZE 0x1000u
#define ENTRIES	   (QUEUE_SIZE / 16)

enum { CONS, PROD, CONFIG, STATUS, GERROR, GERRORN };

static struct smmu_world w;
static struct arm_tables t;
static char *page; /* of registers */
static uint32_t prod[2];

static const struct smmuv3_options options = {.cmdqv = true};
static const struct smmuv3_device_options with_atc = {.ats = true};

static _Atomic uint32_t *reg(unsigned int queue, unsigned int which)
{
	return (_Atomic uint32_t *)(page + queue * 0x80) + which;
}

static void map_page(void)
{
	struct viommu *viommu = (struct viommu *)object_find(w.ctx, w.viommu, NULL);

	page = viommu->region->memory.host;
	assert_int_equal(viommu->region->length, 0x10000);
}

static int set_up(void **state)
{
	smmu_world_init(&w, &options, &with_atc);
	arm_init(&t, w.memory, TABLES, TABLES_END, 12, 48);
	arm_map(&t, VA, DATA, 3, USUAL);
	world_cd(&w, CDS, CD_USUAL | CD_ASID(5), t.root);
	world_enter(&w, STE_V | STE_TRANSLATES | CDS, 0);
	map_page();
	memset(prod, 0, sizeof(prod));
	return 0;
}

static int tear_down(void **state)
{
	smmu_world_done(&w);
	return 0;
}

static long new_queue_at(uint32_t index, uint64_t iova, uint64_t length, uint32_t *ret_id)
{
	struct iommu_hw_queue_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = w.viommu,
		.type = IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV,
		.index = index,
		.nesting_parent_iova = iova,
		.length = length,
	};
	long rc = world_ioctl(&w, IOMMU_HW_QUEUE_ALLOC, &cmd);

	*ret_id = cmd.out_hw_queue_id;
	return rc;
}

static uint32_t new_queue(uint32_t index)
{
	uint32_t id;

	assert_int_equal(new_queue_at(index, QUEUE + index * QUEUE_SIZE, QUEUE_SIZE, &id), 0);
	return id;
}

static long destroy(uint32_t id)
{
	struct iommu_destroy cmd = {.size = sizeof(cmd), .id = id};

	return world_ioctl(&w, IOMMU_DESTROY, &cmd);
}

/* Waits as a guest does, which looks at a register; it takes as long as it takes. */
static void wait_for(unsigned int queue, unsigned int which, uint32_t value)
{
	while (*reg(queue, which) != value)
		sched_yield();
}

static void enable(unsigned int queue)
{
	*reg(queue, CONFIG) = 1;
	wait_for(queue, STATUS, 1);
}

static void put(unsigned int queue, uint64_t word0, uint64_t word1)
{
	uint64_t at = QUEUE + queue * QUEUE_SIZE + prod[queue] % ENTRIES * 16;

	*world_word(&w, at) = word0;
	*world_word(&w, at + 8) = word1;
	prod[queue] = (prod[queue] + 1) % (2 * ENTRIES);
}

static void ring(unsigned int queue)
{
	*reg(queue, PROD) = prod[queue];
}

#define NH_ASID (0x11ull | 5ull << 48)
#define NH_VA	(0x12ull | 5ull << 48)
#define SYNC	0x46ull
#define ATC_INV (0x40ull | (uint64_t)VSID << 32)

static void move(uint64_t to)
{
	uint64_t *entry = arm_entry(&t, VA, 3);

	*entry = (*entry & ~0xfffffffff000ull) | to;
}

/* ---- what it does ---- */

static void information(void **state)
{
	struct iommu_hw_info_tegra241_cmdqv info;
	struct iommu_hw_info cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
		.dev_id = w.device->object.id,
		.data_len = sizeof(info),
		.data_uptr = (uintptr_t)&info,
		.in_data_type = IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV,
	};

	assert_int_equal(world_ioctl(&w, IOMMU_GET_HW_INFO, &cmd), 0);
	assert_int_equal(cmd.out_data_type, IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV);
	assert_int_equal(cmd.data_len, 8);
	assert_int_equal(info.log2vcmdqs, 1);
	assert_int_equal(info.log2vsids, 4);
}

/* The page can be mapped by the file, and the vIOMMU stays while it is. */
static void the_page(void **state)
{
	struct iommu_viommu_tegra241_cmdqv out = {0};
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.type = IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV,
		.dev_id = w.device->object.id,
		.hwpt_id = w.parent,
		.data_len = sizeof(out),
		.data_uptr = (uintptr_t)&out,
	};

	assert_int_equal(world_ioctl(&w, IOMMU_VIOMMU_ALLOC, &cmd), 0);
	assert_int_equal(out.out_vintf_mmap_length, 0x10000);
	assert_true(out.out_vintf_mmap_offset >= PAGE);
	cmd.data_len = 8;
	assert_int_equal(world_ioctl(&w, IOMMU_VIOMMU_ALLOC, &cmd), -EINVAL);
	cmd.data_len = sizeof(out);
	cmd.data_uptr = 8;
	assert_int_equal(world_ioctl(&w, IOMMU_VIOMMU_ALLOC, &cmd), -EFAULT);
}

/* A stale translation is there until the queue has run the commands: no ioctl is made. */
static void commands_are_run(void **state)
{
	new_queue(0);
	enable(0);
	for (unsigned int round = 0; round < 3 * ENTRIES; round++) {
		uint64_t before = round % 2 ? DATA + PAGE : DATA,
			 after = DATA + PAGE - (before - DATA);

		if (round < 3)
			assert_int_equal(world_expect(&w, 0, VA, before), 0);
		move(after);
		if (round < 3)
			assert_int_equal(world_expect(&w, 0, VA, before), 0);
		put(0, round % 3 ? NH_VA : NH_ASID, round % 3 ? VA : 0);
		if (round % 2)
			put(0, SYNC, 0);
		ring(0);
		wait_for(0, CONS, prod[0]);
		assert_int_equal(world_expect(&w, 0, VA, after), 0);
	}
}

/* A command that fails stops the queue; CONS names it and tells why; an event tells which queue. */
static void failing(unsigned int queue, int events, uint64_t word0, uint32_t code)
{
	uint32_t at = prod[queue], good = queue * QUEUE_SIZE + QUEUE;
	uint64_t map[4];

	put(queue, word0, 0);
	put(queue, SYNC, 0);
	ring(queue);
	while ((*reg(queue, GERROR) ^ *reg(queue, GERRORN)) != 1)
		sched_yield();
	assert_int_equal(*reg(queue, CONS) >> 24 & 0x7f, code);
	assert_int_equal(*reg(queue, CONS) & 0xfffff, at);
	while (!world_event(&w, events, map))
		sched_yield();
	assert_true(map[0] == 1ull << queue);
	/* It is mended, and goes on where it stopped. */
	*world_word(&w, good + at % ENTRIES * 16) = SYNC;
	*reg(queue, GERRORN) = *reg(queue, GERROR);
	wait_for(queue, CONS, prod[queue]);
}

static void commands_that_fail(void **state)
{
	int events = world_veventq(&w, IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV);

	new_queue(0);
	new_queue(1);
	enable(0);
	enable(1);
	failing(0, events, 0x30, 1); /* not a guest's */
	failing(1, events, 0x05, 1);
	failing(0, events, NH_ASID | 1 << 20, 1); /* a bit that it has not */
	failing(1, events, 0x40 | 5ull << 32, 1); /* an unknown StreamID */
	w.smmu.options.ignores_invalidations = true;
	failing(0, events, ATC_INV, 3);
}

static void off_is_off(void **state)
{
	new_queue(0);
	enable(0);
	*reg(0, CONFIG) = 0;
	wait_for(0, STATUS, 0);
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	move(DATA + PAGE);
	put(0, NH_ASID, 0);
	ring(0);
	assert_int_equal(world_expect(&w, 0, VA, DATA), 0);
	assert_int_equal(*reg(0, CONS), 0);
	enable(0);
	wait_for(0, CONS, 1);
	assert_int_equal(world_expect(&w, 0, VA, DATA + PAGE), 0);
}

/* ---- making and destroying ---- */

static void queue_errors(void **state)
{
	uint32_t id, first;

	assert_int_equal(new_queue_at(2, QUEUE, QUEUE_SIZE, &id), -EINVAL);
	assert_int_equal(new_queue_at(1, QUEUE, QUEUE_SIZE, &id), -EIO);
	assert_int_equal(new_queue_at(0, QUEUE, 16, &id), -EINVAL);
	assert_int_equal(new_queue_at(0, QUEUE, 48, &id), -EINVAL);
	assert_int_equal(new_queue_at(0, QUEUE + 16, 32, &id), -EINVAL);
	assert_int_equal(new_queue_at(0, QUEUE + 32, 32, &first), 0);
	assert_int_equal(new_queue_at(0, QUEUE, 32, &id), -EEXIST);
	assert_int_equal(new_queue_at(1, QUEUE, 32, &id), 0);
	/* In the opposite order. What they are in can't be unmapped. */
	assert_int_equal(destroy(first), -EBUSY);
	assert_int_equal(world_unmap(&w, 0, GUEST_SIZE), -EBUSY);
	assert_int_equal(destroy(id), 0);
	assert_int_equal(destroy(first), 0);
	assert_int_equal(world_unmap(&w, 0, GUEST_SIZE), 0);
}

/* As many virtual StreamIDs as can be matched. */
static void too_many_devices(void **state)
{
	struct smmuv3_device smmu[16];
	struct device *devices[16];

	for (unsigned int i = 0; i < 16; i++) {
		struct iommu_vdevice_alloc cmd = {
			.size = sizeof(cmd), .viommu_id = w.viommu, .virt_id = VSID + 1 + i};

		assert_int_equal(smmuv3_device_init(&smmu[i], &w.iommu, 0x100 + i, NULL), 0);
		lock_take(&w.ctx->lock);
		assert_int_equal(device_bind(w.ctx, &smmu[i].dev, NULL, &devices[i]), 0);
		cmd.dev_id = devices[i]->object.id;
		lock_release(&w.ctx->lock);
		if (i == 0) {
			cmd.virt_id = 1ull << 32;
			assert_int_equal(world_ioctl(&w, IOMMU_VDEVICE_ALLOC, &cmd), -EINVAL);
			cmd.virt_id = VSID + 1;
		}
		assert_int_equal(world_ioctl(&w, IOMMU_VDEVICE_ALLOC, &cmd), i < 15 ? 0 : -ENOSPC);
	}
	lock_take(&w.ctx->lock);
	for (unsigned int i = 0; i < 16; i++)
		device_unbind(devices[i]);
	lock_release(&w.ctx->lock);
	for (unsigned int i = 0; i < 16; i++)
		smmuv3_device_done(&smmu[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(information),	  TEST(the_page),   TEST(commands_are_run),
		TEST(commands_that_fail), TEST(off_is_off), TEST(queue_errors),
		TEST(too_many_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
