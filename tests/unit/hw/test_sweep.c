/* SPDX-License-Identifier: MIT */
/* Each resource that a model takes fails in turn: the call reports it, and leaves nothing behind. */
#include <errno.h>
#include <string.h>

#include "base/inject.h"
#include "device/device.h"
#include "hw/amd/amd.h"
#include "hw/smmuv3/smmuv3.h"
#include "world.h"

/* More points than any call passes. */
#define MANY 100u

struct fixture {
	struct bench bench;
	struct smmuv3_iommu smmu_iommu;
	struct smmuv3_device smmu;
	struct amd_iommu amd_iommu;
	struct amd_device amd;
	struct device *smmu_device, *amd_device;
	uint32_t ioas, parent, viommu, nested; /* of the SMMU */
	uint32_t amd_parent, amd_viommu;
	uint32_t made; /* by the call that is swept */
	char *memory;
};

typedef long call_fn(struct fixture *f);

/* 0 where the call goes through; every failure before that is one of resources. */
static void sweep(struct fixture *f, call_fn *call)
{
	unsigned int nth = 0, left;
	long rc;

	do {
		char *before = bench_describe(&f->bench), *after;

		inject_arm(++nth);
		rc = call(f);
		left = inject_left();
		inject_arm(0);
		after = bench_describe(&f->bench);
		if (!left) {
			assert_true(rc == -ENOMEM || rc == -EAGAIN);
			assert_string_equal(before, after);
		}
		free(before);
		free(after);
	} while (!left && nth < MANY);
	assert_true(rc >= 0);
	assert_in_range(nth, 2, MANY - 1);
}

/* ---- the calls ---- */

static long new_hwpt(struct fixture *f, struct device *device, uint32_t pt_id, uint32_t flags,
		     uint32_t type, const void *data)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = device->object.id,
		.pt_id = pt_id,
		.data_type = type,
		.data_len = type == IOMMU_HWPT_DATA_ARM_SMMUV3 ? 16
			    : type			       ? 32
							       : 0,
		.data_uptr = (uintptr_t)data,
	};
	long rc = bench_ioctl(&f->bench, IOMMU_HWPT_ALLOC, &cmd);

	f->made = cmd.out_hwpt_id;
	return rc;
}

static long smmu_paging(struct fixture *f)
{
	return new_hwpt(f, f->smmu_device, f->ioas, 0, 0, NULL);
}

static long smmu_nested(struct fixture *f)
{
	static const uint64_t ste[2] = {1 | 5 << 1};

	return new_hwpt(f, f->smmu_device, f->viommu, 0, IOMMU_HWPT_DATA_ARM_SMMUV3, ste);
}

static long amd_paging(struct fixture *f)
{
	return new_hwpt(f, f->amd_device, f->ioas, 0, 0, NULL);
}

static long amd_nested(struct fixture *f)
{
	static const uint64_t dte[4];

	return new_hwpt(f, f->amd_device, f->amd_viommu, 0, IOMMU_HWPT_DATA_AMD_GUEST, dte);
}

static long new_viommu(struct fixture *f, struct device *device, uint32_t type, uint32_t parent)
{
	struct iommu_viommu_tegra241_cmdqv out;
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.type = type,
		.dev_id = device->object.id,
		.hwpt_id = parent,
		.data_len = type == IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV ? sizeof(out) : 0,
		.data_uptr = (uintptr_t)&out,
	};
	long rc = bench_ioctl(&f->bench, IOMMU_VIOMMU_ALLOC, &cmd);

	f->made = cmd.out_viommu_id;
	return rc;
}

static long smmu_viommu(struct fixture *f)
{
	return new_viommu(f, f->smmu_device, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, f->parent);
}

static long cmdqv_viommu(struct fixture *f)
{
	return new_viommu(f, f->smmu_device, IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV, f->parent);
}

static long amd_viommu(struct fixture *f)
{
	return new_viommu(f, f->amd_device, 1, f->amd_parent);
}

static long smmu_vdevice(struct fixture *f)
{
	struct iommu_vdevice_alloc cmd = {.size = sizeof(cmd),
					  .viommu_id = f->viommu,
					  .dev_id = f->smmu_device->object.id,
					  .virt_id = 0x77};

	return bench_ioctl(&f->bench, IOMMU_VDEVICE_ALLOC, &cmd);
}

static long hw_queue(struct fixture *f)
{
	struct iommu_hw_queue_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = f->viommu,
		.type = IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV,
		.length = 4096,
	};
	long rc = bench_ioctl(&f->bench, IOMMU_HW_QUEUE_ALLOC, &cmd);

	f->made = cmd.out_hw_queue_id;
	return rc;
}

static long invalidate(struct fixture *f)
{
	uint64_t cmds[3][2] = {{0x30}, {0x30}, {0x30}};
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = f->viommu,
		.data_uptr = (uintptr_t)cmds,
		.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
		.entry_len = 16,
		.entry_num = 3,
	};

	return bench_ioctl(&f->bench, IOMMU_HWPT_INVALIDATE, &cmd);
}

static long attach(struct fixture *f)
{
	uint32_t pt_id = f->nested;

	LOCK_SCOPED(&f->bench.ctx->lock);
	return device_attach(f->smmu_device, 0, &pt_id);
}

/* ---- the tests ---- */

static void bind(struct fixture *f)
{
	LOCK_SCOPED(&f->bench.ctx->lock);
	assert_int_equal(device_bind(f->bench.ctx, &f->smmu.dev, NULL, &f->smmu_device), 0);
	assert_int_equal(device_bind(f->bench.ctx, &f->amd.dev, NULL, &f->amd_device), 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct bench *bench = &f->bench;

	bench_init(bench);
	assert_int_equal(smmuv3_iommu_init(&f->smmu_iommu, bench->machine,
					   &(struct smmuv3_options){.cmdqv = true}),
			 0);
	assert_int_equal(smmuv3_device_init(&f->smmu, &f->smmu_iommu, 1, NULL), 0);
	assert_int_equal(amd_iommu_init(&f->amd_iommu, bench->machine,
					&(struct amd_options){.nesting = true}),
			 0);
	assert_int_equal(amd_device_init(&f->amd, &f->amd_iommu, 2, NULL), 0);
	bind(f);
	f->memory = bench_pages(1);
	f->ioas = bench_ioas(bench);
	bench_map(bench, f->ioas, f->memory, 4096, 0,
		  IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE);
	f->parent =
		bench_hwpt(bench, f->smmu_device->object.id, f->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT);
	f->amd_parent =
		bench_hwpt(bench, f->amd_device->object.id, f->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	lock_take(&f->bench.ctx->lock);
	device_unbind(f->smmu_device);
	device_unbind(f->amd_device);
	lock_release(&f->bench.ctx->lock);
	bench_done(&f->bench);
	smmuv3_device_done(&f->smmu);
	smmuv3_iommu_done(&f->smmu_iommu);
	amd_device_done(&f->amd);
	amd_iommu_done(&f->amd_iommu);
	bench_free_pages(f->memory, 1);
	free(f);
	return 0;
}

static void smmuv3(void **state)
{
	struct fixture *f = *state;

	sweep(f, smmu_paging);
	sweep(f, smmu_viommu);
	f->viommu = f->made;
	sweep(f, smmu_vdevice);
	sweep(f, smmu_nested);
	f->nested = f->made;
	sweep(f, attach);
	sweep(f, invalidate);
}

static void cmdqv(void **state)
{
	struct fixture *f = *state;

	sweep(f, cmdqv_viommu);
	f->viommu = f->made;
	sweep(f, hw_queue);
	assert_int_equal(bench_destroy(&f->bench, f->made), 0);
}

static void amd(void **state)
{
	struct fixture *f = *state;

	sweep(f, amd_paging);
	sweep(f, amd_viommu);
	f->amd_viommu = f->made;
	sweep(f, amd_nested);
}

/* What a machine makes before there is a context. */
static void making_one(void **state)
{
	struct fixture *f = *state;
	struct smmuv3_iommu iommu;
	struct smmuv3_device device;

	for (unsigned int nth = 1; nth <= 2; nth++) {
		inject_arm(nth);
		assert_int_equal(smmuv3_iommu_init(&iommu, f->bench.machine, NULL), -ENOMEM);
		assert_int_equal(inject_left(), 0);
	}
	inject_arm(1);
	assert_int_equal(smmuv3_device_init(&device, &f->smmu_iommu, 3,
					    &(struct smmuv3_device_options){.ats = true}),
			 -ENOMEM);
	inject_arm(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(smmuv3),
		TEST(cmdqv),
		TEST(amd),
		TEST(making_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
