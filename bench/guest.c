/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include "bench.h"

void guest_init(struct guest *guest, const struct vtd_options *iommu,
		const struct vtd_device_options *device)
{
	struct world *w = &guest->world;

	world_init(w, GUEST_SIZE);
	if (vtd_iommu_init(&guest->iommu, w->machine, iommu) ||
	    vtd_device_init(&guest->vtd, &guest->iommu, 8, device))
		bench_fail("VT-d");
	lock_take(&w->ctx->lock);
	if (device_bind(w->ctx, &guest->vtd.dev, NULL, &w->device))
		bench_fail("bind");
	lock_release(&w->ctx->lock);
	w->dev = w->device->object.id;
}

static uint32_t nest(struct world *w, uint32_t queue)
{
	struct iommu_hwpt_vtd_s1 s1 = {.pgtbl_addr = GUEST_ROOT, .addr_width = 48};
	uint32_t parent =
		world_hwpt(w, (struct iommu_hwpt_alloc){.flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
							.pt_id = w->ioas});

	world_map(w, (uintptr_t)w->memory, GUEST_SIZE, 0);
	return world_hwpt(w,
			  (struct iommu_hwpt_alloc){.flags = queue ? IOMMU_HWPT_FAULT_ID_VALID : 0,
						    .fault_id = queue,
						    .pt_id = parent,
						    .data_type = IOMMU_HWPT_DATA_VTD_S1,
						    .data_len = sizeof(s1),
						    .data_uptr = (uintptr_t)&s1});
}

uint32_t guest_enter(struct guest *guest, uint32_t queue)
{
	struct world *w = &guest->world;
	uint32_t id = nest(w, queue), pt_id = id;

	lock_take(&w->ctx->lock);
	if (device_attach(w->device, 0, &pt_id) || dma_port_init(&guest->port, w->device))
		bench_fail("attach");
	lock_release(&w->ctx->lock);
	return id;
}

void guest_done(struct guest *guest)
{
	struct world *w = &guest->world;

	dma_port_done(&guest->port);
	lock_take(&w->ctx->lock);
	device_unbind(w->device);
	lock_release(&w->ctx->lock);
	vtd_device_done(&guest->vtd);
	vtd_iommu_done(&guest->iommu);
	world_done(w);
}
