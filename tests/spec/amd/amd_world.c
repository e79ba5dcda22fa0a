/* SPDX-License-Identifier: MIT */
#include "amd_world.h"

static void bind(struct amd_world *w, int i, struct amd_iommu *iommu)
{
	static const struct amd_device_options options = {.pasid_bits = 20};

	assert_int_equal(amd_device_init(&w->amd[i], iommu, 0x100 + i, &options), 0);
	LOCK_SCOPED(&w->bench.ctx->lock);
	assert_int_equal(device_bind(w->bench.ctx, &w->amd[i].dev, NULL, &w->devices[i]), 0);
}

static void make_viommu(struct amd_world *w)
{
	struct iommu_viommu_alloc cmd = {.size = sizeof(cmd),
					 .type = 1,
					 .dev_id = w->devices[0]->object.id,
					 .hwpt_id = w->parent};

	assert_int_equal(bench_ioctl(&w->bench, IOMMU_VIOMMU_ALLOC, &cmd), 0);
	w->viommu = cmd.out_viommu_id;
}

void amd_world_init(struct amd_world *w, const struct amd_options *options)
{
	const struct amd_options nesting = {.nesting = true};

	memset(w, 0, sizeof(*w));
	bench_init(&w->bench);
	assert_int_equal(amd_iommu_init(&w->iommu, w->bench.machine, options ? options : &nesting),
			 0);
	assert_int_equal(amd_iommu_init(&w->other, w->bench.machine, &nesting), 0);
	bind(w, 0, &w->iommu);
	bind(w, 1, &w->other);
	w->memory = guest_memory();
	w->ioas = bench_ioas(&w->bench);
	w->parent = bench_hwpt(&w->bench, w->devices[0]->object.id, w->ioas,
			       IOMMU_HWPT_ALLOC_NEST_PARENT);
	bench_map(&w->bench, w->ioas, w->memory, GUEST_SIZE, 0,
		  IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE);
	make_viommu(w);
	assert_int_equal(dma_port_init(&w->port, w->devices[0]), 0);
}

void amd_world_done(struct amd_world *w)
{
	dma_port_done(&w->port);
	lock_take(&w->bench.ctx->lock);
	device_unbind(w->devices[0]);
	device_unbind(w->devices[1]);
	lock_release(&w->bench.ctx->lock);
	bench_done(&w->bench);
	amd_device_done(&w->amd[0]);
	amd_device_done(&w->amd[1]);
	amd_iommu_done(&w->iommu);
	amd_iommu_done(&w->other);
}

/* A GCR3 table's address is in three pieces. */
void amd_make_dte(uint64_t dte[4], uint64_t gcr3, unsigned int glx, unsigned int levels)
{
	dte[0] = DTE_V | DTE_GV | DTE_GIOV | (uint64_t)glx << 56 | (gcr3 >> 12 & 7) << 58;
	dte[1] = (gcr3 >> 15 & 0xffff) << 16 | gcr3 >> 31 << 43;
	dte[2] = (uint64_t)(levels - 4) << 54;
	dte[3] = 0;
}

long amd_nest(struct amd_world *w, int device, const uint64_t dte[4])
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = w->devices[device]->object.id,
		.pt_id = w->viommu,
		.data_type = IOMMU_HWPT_DATA_AMD_GUEST,
		.data_len = 32,
		.data_uptr = (uintptr_t)dte,
	};
	long rc = bench_ioctl(&w->bench, IOMMU_HWPT_ALLOC, &cmd);

	return rc ? rc : cmd.out_hwpt_id;
}

void amd_enter(struct amd_world *w, const uint64_t dte[4])
{
	long id = amd_nest(w, 0, dte);
	uint32_t pt_id = (uint32_t)id;

	assert_true(id > 0);
	LOCK_SCOPED(&w->bench.ctx->lock);
	if (device_attachment_find(w->devices[0], 0))
		assert_int_equal(device_replace(w->devices[0], 0, &pt_id), 0);
	else
		assert_int_equal(device_attach(w->devices[0], 0, &pt_id), 0);
}

int amd_expect(struct amd_world *w, uint32_t pasid, uint64_t va, uint64_t gpa)
{
	uint64_t got;
	int rc = dma_read(&w->port, pasid, va, &got, 8, NULL);

	return rc ? rc : got != gpa;
}
