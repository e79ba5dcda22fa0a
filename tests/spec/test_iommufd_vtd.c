/* SPDX-License-Identifier: MIT */
/* What iommufd shows of VT-d (shared/spec/iommufd.md, 1.2 and 1.3): hw_info, data of nested page tables, bad data, partial completion. */
#include "nested_world.h"

#define ROOT 0x100000

static struct nested_world w;

static const struct vtd_device_options with_pasids = {
	.pasid_bits = 16, .pasid_priv = true, .ats = true};

static int set_up(void **state)
{
	nested_world_init(&w, NULL, &with_pasids);
	return 0;
}

static int tear_down(void **state)
{
	nested_world_done(&w);
	return 0;
}

static const struct iommu_hwpt_vtd_s1 good = {.pgtbl_addr = ROOT, .addr_width = 48};

/* HWPT_ALLOC with everything as it should be, to be spoiled. */
static struct iommu_hwpt_alloc nesting(void)
{
	return (struct iommu_hwpt_alloc){
		.size = sizeof(struct iommu_hwpt_alloc),
		.dev_id = w.device->object.id,
		.pt_id = w.parent,
		.data_type = IOMMU_HWPT_DATA_VTD_S1,
		.data_len = sizeof(good),
		.data_uptr = (uintptr_t)&good,
	};
}

static long alloc(struct iommu_hwpt_alloc cmd)
{
	return world_ioctl(&w, IOMMU_HWPT_ALLOC, &cmd);
}

/* ---- GET_HW_INFO ---- */

static void hw_info(void **state)
{
	struct iommu_hw_info_vtd info = {0};
	struct iommu_hw_info cmd = {
		.size = sizeof(cmd),
		.dev_id = w.device->object.id,
		.data_len = sizeof(info),
		.data_uptr = (uintptr_t)&info,
	};

	assert_int_equal(world_ioctl(&w, IOMMU_GET_HW_INFO, &cmd), 0);
	assert_int_equal(cmd.out_data_type, IOMMU_HW_INFO_TYPE_INTEL_VTD);
	assert_int_equal(cmd.data_len, 24);
	assert_int_equal(cmd.out_max_pasid_log2, 16);
	assert_int_equal(cmd.out_capabilities,
			 IOMMU_HW_CAP_DIRTY_TRACKING | IOMMU_HW_CAP_PCI_PASID_PRIV);
	assert_int_equal(info.flags, IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17);
	/* VT-d 11.4.2: MGAW, SAGAW of 4 levels, pages of 2 MiB and 1 GiB, 5 levels in the first stage. */
	assert_int_equal((info.cap_reg >> 16 & 0x3f) + 1, 48);
	assert_int_equal(info.cap_reg >> 8 & 0x1f, 1 << 2);
	assert_int_equal(info.cap_reg >> 34 & 0xf, 3);
	assert_int_equal(info.cap_reg >> 60 & 1, 1);
	assert_int_equal(info.cap_reg >> 7 & 1, 0); /* CM: what is absent is not cached */
	/* 11.4.3: nesting, page requests, SRS, EAFS, PASIDs of 20 bits, scalable mode, SSADS, first and second stage. */
	assert_int_equal(info.ecap_reg >> 26 & 1, 1);
	assert_int_equal(info.ecap_reg >> 29 & 1, 1);
	assert_int_equal(info.ecap_reg >> 31 & 1, 1);
	assert_int_equal(info.ecap_reg >> 34 & 1, 1);
	assert_int_equal((info.ecap_reg >> 35 & 0x1f) + 1, 20);
	assert_int_equal(info.ecap_reg >> 43 & 1, 1);
	assert_int_equal(info.ecap_reg >> 45 & 7, 7);
	cmd.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE;
	cmd.in_data_type = IOMMU_HW_INFO_TYPE_ARM_SMMUV3;
	assert_int_equal(world_ioctl(&w, IOMMU_GET_HW_INFO, &cmd), -EOPNOTSUPP);
	cmd.in_data_type = IOMMU_HW_INFO_TYPE_INTEL_VTD;
	assert_int_equal(world_ioctl(&w, IOMMU_GET_HW_INFO, &cmd), 0);
}

/* ---- HWPT_ALLOC ---- */

static void paging_flags(void **state)
{
	struct iommu_hwpt_alloc cmd = nesting();

	cmd.pt_id = w.ioas;
	assert_int_equal(alloc(cmd), -EOPNOTSUPP); /* data for a paging one */
	cmd.data_type = cmd.data_len = 0;
	assert_int_equal(alloc(cmd), 0);
	cmd.flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING | IOMMU_HWPT_ALLOC_PASID |
		    IOMMU_HWPT_ALLOC_NEST_PARENT;
	assert_int_equal(alloc(cmd), 0);
	cmd.flags = 1u << 31;
	assert_int_equal(alloc(cmd), -EOPNOTSUPP);
	cmd.flags = IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_NEST_PARENT;
	assert_int_equal(alloc(cmd), -EOPNOTSUPP);
}

static void nested_data(void **state)
{
	struct iommu_hwpt_vtd_s1 bad = good;
	struct iommu_hwpt_alloc cmd = nesting();

	assert_int_equal(alloc(cmd), 0);
	cmd.data_type = IOMMU_HWPT_DATA_ARM_SMMUV3;
	assert_int_equal(alloc(cmd), -EOPNOTSUPP);
	cmd = nesting();
	cmd.data_len = sizeof(good) - 1;
	assert_int_equal(alloc(cmd), -EINVAL);
	cmd.data_len = sizeof(good) + 8;
	assert_int_equal(alloc(cmd), -EINVAL);
	cmd = nesting();
	cmd.data_uptr = 8;
	assert_int_equal(alloc(cmd), -EFAULT);
	cmd = nesting();
	cmd.flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	assert_int_equal(alloc(cmd), -EOPNOTSUPP);
	cmd.flags = IOMMU_HWPT_ALLOC_NEST_PARENT;
	assert_int_equal(alloc(cmd), -EOPNOTSUPP);
	cmd.flags = IOMMU_HWPT_ALLOC_PASID;
	assert_int_equal(alloc(cmd), 0);
	cmd = nesting();
	cmd.data_uptr = (uintptr_t)&bad;
	bad.flags = 1 << 3;
	assert_int_equal(alloc(cmd), -EOPNOTSUPP);
	bad.flags = 0;
	bad.__reserved = 1;
	assert_int_equal(alloc(cmd), -EOPNOTSUPP);
}

/* The parent must have been made for it, and not be nested itself. */
static void nested_parent(void **state)
{
	struct iommu_hwpt_alloc cmd = nesting();

	cmd.pt_id = w.ioas;
	cmd.data_type = cmd.data_len = 0;
	assert_int_equal(world_ioctl(&w, IOMMU_HWPT_ALLOC, &cmd), 0);
	cmd = (struct iommu_hwpt_alloc){.pt_id = cmd.out_hwpt_id};
	cmd.size = sizeof(cmd);
	cmd.dev_id = w.device->object.id;
	cmd.data_type = IOMMU_HWPT_DATA_VTD_S1;
	cmd.data_len = sizeof(good);
	cmd.data_uptr = (uintptr_t)&good;
	assert_int_equal(alloc(cmd), -EINVAL);
	assert_int_equal(world_nest(&w, &good, 0, &cmd.pt_id), 0);
	assert_int_equal(alloc(cmd), -EINVAL);
}

/* What tables ask of the IOMMU is looked at when a device shall use them. */
static void attach_checks(void **state)
{
	static const struct vtd_options four = {.no_five_levels = true};
	struct iommu_hwpt_vtd_s1 s1 = good;
	uint32_t id;

	s1.addr_width = 39;
	assert_int_equal(world_nest(&w, &s1, 0, &id), 0);
	assert_int_equal(world_attach(&w, 0, id), -EINVAL);
	s1.addr_width = 57;
	s1.flags = IOMMU_VTD_S1_SRE | IOMMU_VTD_S1_EAFE | IOMMU_VTD_S1_WPE;
	assert_int_equal(world_nest(&w, &s1, 0, &id), 0);
	assert_int_equal(world_attach(&w, 0, id), 0);
	nested_world_done(&w);
	nested_world_init(&w, &four, &with_pasids);
	assert_int_equal(world_nest(&w, &s1, 0, &id), 0);
	assert_int_equal(world_attach(&w, 0, id), -EINVAL);
}

static void without_nesting(void **state)
{
	static const struct vtd_options none = {.no_nesting = true, .no_dirty_tracking = true};
	struct vtd_iommu iommu;
	struct vtd_device vtd;
	struct device *device;
	struct iommu_hwpt_alloc cmd = nesting();

	assert_int_equal(vtd_iommu_init(&iommu, w.machine, &none), 0);
	assert_int_equal(vtd_device_init(&vtd, &iommu, 0x28, NULL), 0);
	lock_take(&w.ctx->lock);
	assert_int_equal(device_bind(w.ctx, &vtd.dev, NULL, &device), 0);
	lock_release(&w.ctx->lock);
	cmd.dev_id = device->object.id;
	assert_int_equal(alloc(cmd), -EOPNOTSUPP);
	cmd.pt_id = w.ioas;
	cmd.data_type = cmd.data_len = 0;
	assert_int_equal(alloc(cmd), 0);
	cmd.flags = IOMMU_HWPT_ALLOC_NEST_PARENT;
	assert_int_equal(alloc(cmd), -EOPNOTSUPP);
	cmd.flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	assert_int_equal(alloc(cmd), -EOPNOTSUPP);
	lock_take(&w.ctx->lock);
	device_unbind(device);
	lock_release(&w.ctx->lock);
	vtd_device_done(&vtd);
	vtd_iommu_done(&iommu);
}

/* ---- PASIDs ---- */

static void pasids(void **state)
{
	uint32_t plain, with_pasid;

	assert_int_equal(world_nest(&w, &good, 0, &plain), 0);
	assert_int_equal(world_nest(&w, &good, IOMMU_HWPT_ALLOC_PASID, &with_pasid), 0);
	assert_int_equal(world_attach(&w, 5, plain), -EINVAL);
	assert_int_equal(world_attach(&w, 5, with_pasid), 0);
	assert_int_equal(world_attach(&w, 1 << 16, with_pasid), -EINVAL);
	assert_int_equal(world_attach(&w, 0, plain), -EINVAL);
	assert_int_equal(world_attach(&w, 0, with_pasid), 0);
	world_detach(&w, 5);
}

/* The MSI window is taken from the IOAS below the RID. */
static void msi_window(void **state)
{
	struct iommu_iova_range ranges[8];
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = w.ioas,
		.num_iovas = 8,
		.allowed_iovas = (uintptr_t)ranges,
	};
	uint32_t id;

	assert_int_equal(world_nest(&w, &good, 0, &id), 0);
	assert_int_equal(world_attach(&w, 0, id), 0);
	assert_int_equal(world_ioctl(&w, IOMMU_IOAS_IOVA_RANGES, &cmd), 0);
	assert_int_equal(cmd.num_iovas, 2);
	assert_true(ranges[0].start == 0 && ranges[0].last == 0xfedfffff);
	assert_true(ranges[1].start == 0xfef00000 && ranges[1].last == (1ull << 48) - 1);
}

/* ---- HWPT_INVALIDATE ---- */

static struct iommu_hwpt_invalidate
cmd_for(uint32_t id, struct iommu_hwpt_vtd_s1_invalidate *entries, uint32_t n)
{
	return (struct iommu_hwpt_invalidate){
		.size = sizeof(struct iommu_hwpt_invalidate),
		.hwpt_id = id,
		.data_uptr = (uintptr_t)entries,
		.data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
		.entry_len = sizeof(*entries),
		.entry_num = n,
	};
}

static void invalidate_errors(void **state)
{
	struct iommu_hwpt_vtd_s1_invalidate entry[2] = {{.npages = 1}, {.npages = 1}};
	struct iommu_hwpt_invalidate cmd;
	uint32_t id;

	assert_int_equal(world_nest(&w, &good, 0, &id), 0);
	cmd = cmd_for(id, entry, 0);
	assert_int_equal(world_ioctl(&w, IOMMU_HWPT_INVALIDATE, &cmd), 0); /* is it supported? */
	cmd.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3;
	assert_int_equal(world_ioctl(&w, IOMMU_HWPT_INVALIDATE, &cmd), -EINVAL);
	cmd = cmd_for(w.parent, entry, 1);
	assert_int_equal(world_ioctl(&w, IOMMU_HWPT_INVALIDATE, &cmd), -EINVAL);
	assert_int_equal(world_invalidate(&w, id, 0, 1, 1 << 1), -EOPNOTSUPP);
	assert_int_equal(world_invalidate(&w, id, 0x800, 1, 0), -EINVAL);
	assert_int_equal(world_invalidate(&w, id, 0x1000, UINT64_MAX, 0), -EINVAL);
	assert_int_equal(world_invalidate(&w, id, 0, UINT64_MAX, 0), 0);
	cmd = cmd_for(id, entry, 1);
	cmd.entry_len = sizeof(entry[0]) + 8;
	assert_int_equal(world_ioctl(&w, IOMMU_HWPT_INVALIDATE, &cmd), -EINVAL);
	cmd.entry_len = sizeof(entry[0]) - 8;
	cmd.entry_num = 1;
	assert_int_equal(world_ioctl(&w, IOMMU_HWPT_INVALIDATE, &cmd), -EINVAL);
	/* The first is done, the second is bad. */
	entry[1].__reserved = 1;
	cmd = cmd_for(id, entry, 2);
	assert_int_equal(world_ioctl(&w, IOMMU_HWPT_INVALIDATE, &cmd), -EOPNOTSUPP);
	assert_int_equal(cmd.entry_num, 1);
	cmd = cmd_for(id, (void *)8, 1);
	assert_int_equal(world_ioctl(&w, IOMMU_HWPT_INVALIDATE, &cmd), -EFAULT);
	assert_int_equal(cmd.entry_num, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hw_info, set_up, tear_down),
		cmocka_unit_test_setup_teardown(paging_flags, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nested_data, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nested_parent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(attach_checks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_nesting, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pasids, set_up, tear_down),
		cmocka_unit_test_setup_teardown(msi_window, set_up, tear_down),
		cmocka_unit_test_setup_teardown(invalidate_errors, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
