/* SPDX-License-Identifier: MIT */
/* What users of an SMMUv3 see, error by error: information, page tables, vIOMMUs, vDEVICEs, attaching, invalidation. */
#include <errno.h>
#include <string.h>

#include "device/device.h"
#include "hw/smmuv3/smmuv3.h"
#include "world.h"

#define VSID 0x88

/* Two SMMUs; two devices behind the first, one behind the second. */
struct fixture {
	struct bench bench;
	struct smmuv3_iommu iommu, other;
	struct smmuv3_device smmu[3];
	struct device *devices[3];
	uint32_t dev[3], ioas, parent, other_parent, viommu;
};

static void bind(struct fixture *f, int i, struct smmuv3_iommu *iommu,
		 const struct smmuv3_device_options *options)
{
	assert_int_equal(smmuv3_device_init(&f->smmu[i], iommu, 0x100 + i, options), 0);
	LOCK_SCOPED(&f->bench.ctx->lock);
	assert_int_equal(device_bind(f->bench.ctx, &f->smmu[i].dev, NULL, &f->devices[i]), 0);
	f->dev[i] = f->devices[i]->object.id;
}

static long new_viommu(struct fixture *f, uint32_t type, uint32_t dev, uint32_t parent,
		       uint32_t *ret_id)
{
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd), .type = type, .dev_id = dev, .hwpt_id = parent};
	long rc = bench_ioctl(&f->bench, IOMMU_VIOMMU_ALLOC, &cmd);

	if (!rc)
		*ret_id = cmd.out_viommu_id;
	return rc;
}

static long new_vdevice(struct fixture *f, uint32_t dev, uint64_t virt_id, uint32_t *ret_id)
{
	struct iommu_vdevice_alloc cmd = {
		.size = sizeof(cmd), .viommu_id = f->viommu, .dev_id = dev, .virt_id = virt_id};
	long rc = bench_ioctl(&f->bench, IOMMU_VDEVICE_ALLOC, &cmd);

	if (!rc)
		*ret_id = cmd.out_vdevice_id;
	return rc;
}

static int set_up_with(void **state, const struct smmuv3_options *options)
{
	static const struct smmuv3_device_options plain = {.pasid_bits = 8, .ats = true};
	static const struct smmuv3_device_options silent = {.streams = 2, .ats = true};
	struct fixture *f = calloc(1, sizeof(*f));

	bench_init(&f->bench);
	assert_int_equal(smmuv3_iommu_init(&f->iommu, f->bench.machine, options), 0);
	assert_int_equal(smmuv3_iommu_init(&f->other, f->bench.machine, NULL), 0);
	bind(f, 0, &f->iommu, &plain);
	bind(f, 1, &f->iommu, &silent);
	bind(f, 2, &f->other, NULL);
	f->ioas = bench_ioas(&f->bench);
	f->parent = bench_hwpt(&f->bench, f->dev[0], f->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT);
	f->other_parent = bench_hwpt(&f->bench, f->dev[2], f->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT);
	assert_int_equal(
		new_viommu(f, IOMMU_VIOMMU_TYPE_ARM_SMMUV3, f->dev[0], f->parent, &f->viommu), 0);
	*state = f;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, NULL);
}

static int set_up_reporting(void **state)
{
	return set_up_with(state, &(struct smmuv3_options){.report_invalidations = true});
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	lock_take(&f->bench.ctx->lock);
	for (int i = 0; i < 3; i++)
		device_unbind(f->devices[i]);
	lock_release(&f->bench.ctx->lock);
	bench_done(&f->bench);
	for (int i = 0; i < 3; i++)
		smmuv3_device_done(&f->smmu[i]);
	smmuv3_iommu_done(&f->iommu);
	smmuv3_iommu_done(&f->other);
	free(f);
	return 0;
}

/* ---- information ---- */

static long hw_info(struct fixture *f, uint32_t type, void *buf, uint32_t len,
		    struct iommu_hw_info *cmd)
{
	*cmd = (struct iommu_hw_info){
		.size = sizeof(*cmd),
		.flags = type ? IOMMU_HW_INFO_FLAG_INPUT_TYPE : 0,
		.dev_id = f->dev[0],
		.data_len = len,
		.data_uptr = (uintptr_t)buf,
		.in_data_type = type,
	};
	return bench_ioctl(&f->bench, IOMMU_GET_HW_INFO, cmd);
}

static void information(void **state)
{
	struct fixture *f = *state;
	struct iommu_hw_info_arm_smmuv3 info;
	struct iommu_hw_info cmd;

	assert_int_equal(hw_info(f, 0, &info, sizeof(info), &cmd), 0);
	assert_int_equal(cmd.out_data_type, IOMMU_HW_INFO_TYPE_ARM_SMMUV3);
	assert_int_equal(cmd.data_len, sizeof(info));
	assert_int_equal(cmd.out_max_pasid_log2, 8);
	assert_int_equal(cmd.out_capabilities, IOMMU_HW_CAP_DIRTY_TRACKING);
	assert_int_equal(info.flags, 0);
	/* Stages 1 and 2, AArch64, coherent, HTTU of dirty state, ATS, little-endian, stalls; no PRI. */
	assert_int_equal(info.idr[0] & 0x3, 3);
	assert_int_equal(info.idr[0] >> 2 & 3, 2);
	assert_int_equal(info.idr[0] >> 6 & 3, 2);
	assert_int_equal(info.idr[0] >> 10 & 1, 1);
	assert_int_equal(info.idr[0] >> 16 & 1, 0);
	assert_int_equal(info.idr[1] >> 6 & 31, 20);
	assert_int_equal(info.idr[3] >> 10 & 1, 1);
	assert_int_equal(info.idr[5] & 0x77, 0x75);
	assert_int_equal(info.aidr, 2);
	assert_int_equal(hw_info(f, IOMMU_HW_INFO_TYPE_ARM_SMMUV3, &info, sizeof(info), &cmd), 0);
	for (uint32_t type = 1; type < 6; type++)
		if (type != IOMMU_HW_INFO_TYPE_ARM_SMMUV3)
			assert_int_equal(hw_info(f, type, &info, sizeof(info), &cmd), -EOPNOTSUPP);
}

/* ---- page tables ---- */

static long new_hwpt(struct fixture *f, uint32_t dev, uint32_t pt_id, uint32_t flags,
		     const struct iommu_hwpt_arm_smmuv3 *ste)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = dev,
		.pt_id = pt_id,
		.data_type = ste ? IOMMU_HWPT_DATA_ARM_SMMUV3 : 0,
		.data_len = ste ? sizeof(*ste) : 0,
		.data_uptr = (uintptr_t)ste,
	};
	long rc = bench_ioctl(&f->bench, IOMMU_HWPT_ALLOC, &cmd);

	return rc ? rc : cmd.out_hwpt_id;
}

static void paging_flags(void **state)
{
	const uint32_t nest = IOMMU_HWPT_ALLOC_NEST_PARENT, pasid = IOMMU_HWPT_ALLOC_PASID,
		       dirty = IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	const struct iommu_hwpt_arm_smmuv3 ste = {0};
	struct fixture *f = *state;

	assert_true(new_hwpt(f, f->dev[0], f->ioas, 0, NULL) > 0);
	assert_true(new_hwpt(f, f->dev[0], f->ioas, pasid, NULL) > 0);
	assert_true(new_hwpt(f, f->dev[0], f->ioas, dirty, NULL) > 0);
	assert_true(new_hwpt(f, f->dev[0], f->ioas, dirty | pasid, NULL) > 0);
	assert_true(new_hwpt(f, f->dev[0], f->ioas, nest, NULL) > 0);
	assert_int_equal(new_hwpt(f, f->dev[0], f->ioas, nest | pasid, NULL), -EOPNOTSUPP);
	assert_int_equal(new_hwpt(f, f->dev[0], f->ioas, nest | dirty, NULL), -EOPNOTSUPP);
	assert_int_equal(new_hwpt(f, f->dev[0], f->ioas, 16, NULL), -EOPNOTSUPP);
	assert_int_equal(new_hwpt(f, f->dev[0], f->ioas, 0, &ste), -EOPNOTSUPP);
}

/* Another length or type of data; a parent that is no vIOMMU; another SMMU; flags. */
static void nested_calls(void **state)
{
	const struct iommu_hwpt_arm_smmuv3 ste[2] = {{.ste = {1 | 4 << 1}}};
	struct fixture *f = *state;
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = f->dev[0],
		.pt_id = f->viommu,
		.data_type = IOMMU_HWPT_DATA_ARM_SMMUV3,
		.data_len = sizeof(*ste),
		.data_uptr = (uintptr_t)ste,
	};

	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_ALLOC, &cmd), 0);
	cmd.data_len = sizeof(*ste) - 1;
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_ALLOC, &cmd), -EINVAL);
	cmd.data_len = sizeof(*ste) + 1;
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_ALLOC, &cmd), -EINVAL);
	cmd.data_len = sizeof(*ste);
	cmd.data_type = IOMMU_HWPT_DATA_VTD_S1;
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_ALLOC, &cmd), -EINVAL);
	cmd.data_type = IOMMU_HWPT_DATA_ARM_SMMUV3;
	cmd.data_uptr = 8;
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_ALLOC, &cmd), -EFAULT);
	assert_int_equal(new_hwpt(f, f->dev[0], f->parent, 0, ste), -EOPNOTSUPP);
	assert_int_equal(new_hwpt(f, f->dev[0], f->viommu, IOMMU_HWPT_ALLOC_PASID, ste),
			 -EOPNOTSUPP);
	assert_int_equal(new_hwpt(f, f->dev[2], f->viommu, 0, ste), -EINVAL);
	assert_int_equal(new_hwpt(f, f->dev[0], f->viommu, 0, NULL), -EOPNOTSUPP);
}

/* Every bit of a stream table entry; Config; EATS. */
static void stream_table_entries(void **state)
{
	const uint64_t may0 = 0xf80fffffffffffffull, may1 = 1ull << 27 | 3ull << 28 | 0xff;
	struct iommu_hwpt_arm_smmuv3 ste;
	struct fixture *f = *state;

	for (unsigned int bit = 4; bit < 64; bit++) {
		ste = (struct iommu_hwpt_arm_smmuv3){.ste = {1 | 5 << 1 | 1ull << bit}};
		assert_int_equal(new_hwpt(f, f->dev[0], f->viommu, 0, &ste) > 0, may0 >> bit & 1);
	}
	for (unsigned int bit = 0; bit < 64; bit++) {
		bool good = may1 >> bit & 1 && bit != 29; /* EATS 2 */

		ste = (struct iommu_hwpt_arm_smmuv3){.ste = {1 | 5 << 1, 1ull << bit}};
		long id = new_hwpt(f, f->dev[0], f->viommu, 0, &ste);

		assert_true(good ? id > 0 : id == -EIO);
	}
}

/* V 0: nothing else counts. */
static void configs(void **state)
{
	struct iommu_hwpt_arm_smmuv3 ste = {.ste = {~1ull, ~0ull}};
	struct fixture *f = *state;

	assert_true(new_hwpt(f, f->dev[0], f->viommu, 0, &ste) > 0);
	for (uint64_t config = 0; config < 8; config++) {
		bool good = config == 0 || config == 4 || config == 5;

		ste = (struct iommu_hwpt_arm_smmuv3){.ste = {1 | config << 1}};
		assert_int_equal(new_hwpt(f, f->dev[0], f->viommu, 0, &ste) > 0, good);
		if (!good)
			assert_int_equal(new_hwpt(f, f->dev[0], f->viommu, 0, &ste), -EIO);
	}
	for (uint64_t eats = 0; eats < 4; eats++) {
		ste = (struct iommu_hwpt_arm_smmuv3){.ste = {1 | 4 << 1, eats << 28}};
		assert_int_equal(new_hwpt(f, f->dev[0], f->viommu, 0, &ste) > 0, eats < 2);
	}
}

/* ---- vIOMMUs and vDEVICEs ---- */

static void viommus(void **state)
{
	struct fixture *f = *state;
	uint32_t id;

	assert_int_equal(new_viommu(f, IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV, f->dev[0], f->parent, &id),
			 -EOPNOTSUPP);
	assert_int_equal(new_viommu(f, 3, f->dev[0], f->parent, &id), -EOPNOTSUPP);
	assert_int_equal(new_viommu(f, 1, f->dev[0], f->other_parent, &id), -EINVAL);
	assert_int_equal(new_viommu(f, 1, f->dev[2], f->other_parent, &id), 0);
}

static void vdevices(void **state)
{
	struct fixture *f = *state;
	uint32_t id;

	/* Two streams can't be one virtual StreamID. */
	assert_int_equal(new_vdevice(f, f->dev[1], VSID, &id), -EOPNOTSUPP);
	assert_int_equal(new_vdevice(f, f->dev[2], VSID, &id), -EINVAL);
	assert_int_equal(new_vdevice(f, f->dev[0], VSID, &id), 0);
	assert_int_equal(new_vdevice(f, f->dev[0], VSID + 1, &id), -EEXIST);
}

/* ---- attaching ---- */

static int attach(struct fixture *f, int i, uint32_t pasid, uint32_t pt_id)
{
	LOCK_SCOPED(&f->bench.ctx->lock);
	if (device_attachment_find(f->devices[i], pasid))
		return device_replace(f->devices[i], pasid, &pt_id);
	return device_attach(f->devices[i], pasid, &pt_id);
}

static void detach(struct fixture *f, int i, uint32_t pasid)
{
	LOCK_SCOPED(&f->bench.ctx->lock);
	device_detach(f->devices[i], pasid);
}

static uint32_t nested(struct fixture *f, uint64_t config)
{
	const struct iommu_hwpt_arm_smmuv3 ste = {.ste = {1 | config << 1}};
	long id = new_hwpt(f, f->dev[0], f->viommu, 0, &ste);

	assert_true(id > 0);
	return id;
}

static void attaching(void **state)
{
	struct fixture *f = *state;
	uint32_t translate = nested(f, 5), bypass = nested(f, 4), stop = nested(f, 0), vdevice = 0;

	/* Without a virtual StreamID only what needs none. */
	assert_int_equal(attach(f, 0, 0, translate), -ENOENT);
	assert_int_equal(attach(f, 0, 0, bypass), 0);
	assert_int_equal(attach(f, 0, 0, translate), -ENOENT);
	assert_int_equal(attach(f, 0, 0, stop), 0);
	assert_int_equal(attach(f, 2, 0, bypass), -EINVAL);
	assert_int_equal(attach(f, 2, 0, f->parent), -EINVAL);
	assert_int_equal(new_vdevice(f, f->dev[0], VSID, &vdevice), 0);
	assert_int_equal(attach(f, 0, 0, translate), 0);
	/* The page table keeps what it was attached with. */
	assert_int_equal(bench_destroy(&f->bench, vdevice), 0);
	assert_int_equal(attach(f, 0, 0, stop), 0);
	assert_int_equal(attach(f, 0, 0, translate), -ENOENT);
}

static void pasids_in_use(void **state)
{
	struct fixture *f = *state;
	uint32_t bypass = nested(f, 4);
	uint32_t plain = bench_hwpt(&f->bench, f->dev[0], f->ioas, IOMMU_HWPT_ALLOC_PASID);
	struct smmuv3_device *smmu = &f->smmu[0];
	struct domain *domain;

	assert_int_equal(attach(f, 0, 0, plain), 0);
	assert_int_equal(attach(f, 0, 3, plain), 0);
	/* The core refuses what was not made for PASIDs; what remains is the model's own word. */
	assert_int_equal(attach(f, 0, 0, bypass), -EINVAL);
	lock_take(&f->bench.ctx->lock);
	domain = hwpt_find(f->bench.ctx, bypass)->domain;
	assert_int_equal(smmu->dev.ops->attach(&smmu->dev, 0, domain, NULL), -EBUSY);
	domain = hwpt_find(f->bench.ctx, f->parent)->domain;
	assert_int_equal(smmu->dev.ops->attach(&smmu->dev, 0, domain, NULL), -EBUSY);
	assert_int_equal(smmu->dev.ops->attach(&smmu->dev, 4, domain, NULL), -EINVAL);
	lock_release(&f->bench.ctx->lock);
	detach(f, 0, 3);
	assert_int_equal(attach(f, 0, 0, bypass), 0);
}

/* ---- invalidation ---- */

struct command {
	uint64_t words[2];
};

static long invalidate(struct fixture *f, void *cmds, uint32_t len, uint32_t n, uint32_t *ret_done)
{
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = f->viommu,
		.data_uptr = (uintptr_t)cmds,
		.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
		.entry_len = len,
		.entry_num = n,
	};
	long rc = bench_ioctl(&f->bench, IOMMU_HWPT_INVALIDATE, &cmd);

	*ret_done = cmd.entry_num;
	return rc;
}

static void invalidation_calls(void **state)
{
	struct fixture *f = *state;
	struct command cmds[4] = {{{0x30}}, {{0x30}}, {{0x30}}, {{0x30}}};
	uint64_t longer[3] = {0x30, 0, 0};
	struct iommu_hwpt_invalidate cmd = {.size = sizeof(cmd),
					    .hwpt_id = f->viommu,
					    .data_uptr = (uintptr_t)cmds,
					    .data_type = 0,
					    .entry_len = 16,
					    .entry_num = 1};
	uint32_t done;

	assert_int_equal(invalidate(f, cmds, 16, 4, &done), 0);
	assert_int_equal(done, 4);
	/* Nothing to do is an error here; another type; entries that are longer, shorter, nowhere. */
	assert_int_equal(invalidate(f, cmds, 16, 0, &done), -EINVAL);
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_INVALIDATE, &cmd), -EINVAL);
	assert_int_equal(cmd.entry_num, 0);
	assert_int_equal(invalidate(f, longer, 24, 1, &done), 0);
	longer[2] = 1;
	assert_int_equal(invalidate(f, longer, 24, 1, &done), -E2BIG);
	assert_int_equal(invalidate(f, longer, 8, 1, &done), 0);
	assert_int_equal(invalidate(f, (void *)8, 16, 1, &done), -EFAULT);
	assert_int_equal(done, 0);
	cmd.hwpt_id = nested(f, 4);
	cmd.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3;
	cmd.entry_num = 1;
	assert_int_equal(bench_ioctl(&f->bench, IOMMU_HWPT_INVALIDATE, &cmd), -EOPNOTSUPP);
}

#define MANY 200

/* EIO at the index of the bad command, which counts those too that were only looked at. */
static void bad_commands(void **state)
{
	struct fixture *f = *state;
	struct command cmds[MANY];
	uint32_t done;

	for (uint32_t bad = 0; bad < MANY; bad += 13) {
		for (uint32_t i = 0; i < MANY; i++)
			cmds[i] = (struct command){{i == bad ? 0x31 : 0x30}};
		assert_int_equal(invalidate(f, cmds, 16, MANY, &done), -EIO);
		assert_int_equal(done, bad);
	}
	/* An unknown virtual StreamID. */
	cmds[0] = (struct command){{0x06 | (uint64_t)VSID << 32}};
	assert_int_equal(invalidate(f, cmds, 16, 1, &done), -EIO);
	assert_int_equal(done, 0);
}

static void silent_device(struct fixture *f)
{
	uint32_t id;

	f->smmu[0].options.ignores_invalidations = true;
	assert_int_equal(new_vdevice(f, f->dev[0], VSID, &id), 0);
}

/* A device that does not answer: nobody is told, as with Linux. */
static void no_answer(void **state)
{
	struct fixture *f = *state;
	struct command cmds[2] = {{{0x40 | (uint64_t)VSID << 32, 0xfffff00000001000}}, {{0x30}}};
	uint32_t done;

	silent_device(f);
	assert_int_equal(invalidate(f, cmds, 16, 2, &done), 0);
	assert_int_equal(done, 2);
	assert_true(cmds[0].words[1] == 0xfffff00000001000);
}

/* ... or CERROR_ATC_INV in the last word, at its index. */
static void no_answer_reported(void **state)
{
	struct fixture *f = *state;
	struct command cmds[3] = {
		{{0x30}}, {{0x40 | (uint64_t)VSID << 32, 0xfffff00000001000}}, {{0x30}}};
	uint32_t done;

	silent_device(f);
	assert_int_equal(invalidate(f, cmds, 16, 3, &done), 0);
	assert_int_equal(done, 1);
	assert_true(cmds[1].words[1] == (3ull << 32 | 0x1000));
	/* The last one is told from success by the count; one without room for the code by an errno. */
	assert_int_equal(invalidate(f, cmds, 16, 2, &done), 0);
	assert_int_equal(done, 1);
	assert_int_equal(invalidate(f, &cmds[1], 8, 1, &done), -EIO);
	assert_int_equal(done, 0);
	/* A malformed command before it comes first. */
	cmds[0].words[0] = 0x31;
	assert_int_equal(invalidate(f, cmds, 16, 3, &done), -EIO);
	assert_int_equal(done, 0);
	cmds[0].words[0] = 0x30;
	f->smmu[0].options.ignores_invalidations = false;
	assert_int_equal(invalidate(f, cmds, 16, 3, &done), 0);
}

/* ---- options ---- */

static void options_out_of_range(void **state)
{
	struct smmuv3_iommu iommu;
	struct smmuv3_device device;
	struct fixture *f = *state;

	assert_int_equal(smmuv3_iommu_init(&iommu, f->bench.machine,
					   &(struct smmuv3_options){.ssid_bits = 21}),
			 -EINVAL);
	assert_int_equal(smmuv3_device_init(&device, &f->iommu, 1,
					    &(struct smmuv3_device_options){.pasid_bits = 21}),
			 -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(information),
		TEST(paging_flags),
		TEST(nested_calls),
		TEST(stream_table_entries),
		TEST(configs),
		TEST(viommus),
		TEST(vdevices),
		TEST(attaching),
		TEST(pasids_in_use),
		TEST(invalidation_calls),
		TEST(bad_commands),
		TEST(no_answer),
		cmocka_unit_test_setup_teardown(no_answer_reported, set_up_reporting, tear_down),
		TEST(options_out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
