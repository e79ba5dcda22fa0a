/* SPDX-License-Identifier: MIT */
#include "nested_world.h"

/* Test programs hold files by themselves: a descriptor is only remembered. */
static int install(struct client *client, struct file *file)
{
	((struct nested_world *)client)->faults = file;
	return 100;
}

static void uninstall(struct client *client, int fd)
{
	struct nested_world *w = (struct nested_world *)client;

	file_put(w->faults);
	w->faults = NULL;
}

static const struct client_ops client_ops = {.fd_install = install, .fd_close = uninstall};

long world_ioctl(struct nested_world *w, unsigned int cmd, void *arg)
{
	return file_ioctl(w->file, &w->client, cmd, (uintptr_t)arg);
}

long world_map(struct nested_world *w, uint64_t gpa, uint64_t len, uint32_t perm)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | perm,
		.ioas_id = w->ioas,
		.user_va = (uintptr_t)w->memory + gpa,
		.length = len,
		.iova = gpa,
	};

	return world_ioctl(w, IOMMU_IOAS_MAP, &cmd);
}

long world_unmap(struct nested_world *w, uint64_t gpa, uint64_t len)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = w->ioas, .iova = gpa, .length = len};

	return world_ioctl(w, IOMMU_IOAS_UNMAP, &cmd);
}

static void bind(struct nested_world *w)
{
	LOCK_SCOPED(&w->ctx->lock);
	assert_int_equal(device_bind(w->ctx, &w->vtd.dev, NULL, &w->device), 0);
}

static void make_parent(struct nested_world *w)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt),
					.flags = IOMMU_HWPT_ALLOC_NEST_PARENT};

	assert_int_equal(world_ioctl(w, IOMMU_IOAS_ALLOC, &ioas), 0);
	w->ioas = ioas.out_ioas_id;
	hwpt.dev_id = w->device->object.id;
	hwpt.pt_id = w->ioas;
	assert_int_equal(world_ioctl(w, IOMMU_HWPT_ALLOC, &hwpt), 0);
	w->parent = hwpt.out_hwpt_id;
}

static void fill(struct nested_world *w, const struct vtd_options *iommu,
		 const struct vtd_device_options *device)
{
	assert_int_equal(vtd_iommu_init(&w->iommu, w->machine, iommu), 0);
	assert_int_equal(vtd_device_init(&w->vtd, &w->iommu, 0x20, device), 0);
	assert_int_equal(machine_open(w->machine, &w->client, "iommu", &w->file), 0);
	w->ctx = ctx_of_file(w->file);
	w->memory = guest_memory();
	bind(w);
	make_parent(w);
	assert_int_equal(
		world_map(w, 0, GUEST_SIZE, IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE), 0);
	assert_int_equal(dma_port_init(&w->port, w->device), 0);
}

void nested_world_init(struct nested_world *w, const struct vtd_options *iommu,
		       const struct vtd_device_options *device)
{
	*w = (struct nested_world){.client = {.ops = &client_ops, .mm = mm_self()}};
	assert_int_equal(machine_new(&w->machine), 0);
	fill(w, iommu, device);
}

void nested_world_init_sanitized(struct nested_world *w, const struct vtd_device_options *device,
				 sanitizer_report_fn report)
{
	*w = (struct nested_world){.client = {.ops = &client_ops, .mm = mm_self()}};
	assert_int_equal(machine_new(&w->machine), 0);
	assert_int_equal(machine_sanitize(w->machine, report, NULL), 0);
	fill(w, NULL, device);
}

void nested_world_done(struct nested_world *w)
{
	dma_port_done(&w->port);
	lock_take(&w->ctx->lock);
	device_unbind(w->device);
	lock_release(&w->ctx->lock);
	if (w->faults)
		file_put(w->faults);
	file_put(w->file);
	vtd_device_done(&w->vtd);
	vtd_iommu_done(&w->iommu);
	machine_put(w->machine);
	mm_put(w->client.mm);
}

long world_nest(struct nested_world *w, const struct iommu_hwpt_vtd_s1 *s1, uint32_t flags,
		uint32_t *ret_id)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags | (w->fault_id ? IOMMU_HWPT_FAULT_ID_VALID : 0),
		.dev_id = w->device->object.id,
		.pt_id = w->parent,
		.data_type = IOMMU_HWPT_DATA_VTD_S1,
		.data_len = sizeof(*s1),
		.data_uptr = (uintptr_t)s1,
		.fault_id = w->fault_id,
	};
	long rc = world_ioctl(w, IOMMU_HWPT_ALLOC, &cmd);

	if (!rc)
		*ret_id = cmd.out_hwpt_id;
	return rc;
}

int world_attach(struct nested_world *w, uint32_t pasid, uint32_t pt_id)
{
	LOCK_SCOPED(&w->ctx->lock);
	if (device_attachment_find(w->device, pasid))
		return device_replace(w->device, pasid, &pt_id);
	return device_attach(w->device, pasid, &pt_id);
}

void world_detach(struct nested_world *w, uint32_t pasid)
{
	LOCK_SCOPED(&w->ctx->lock);
	device_detach(w->device, pasid);
}

uint32_t world_enter(struct nested_world *w, uint64_t root, unsigned int levels, uint64_t flags)
{
	const struct iommu_hwpt_vtd_s1 s1 = {
		.flags = flags, .pgtbl_addr = root, .addr_width = levels == 5 ? 57 : 48};
	uint32_t id = 0;

	assert_int_equal(world_nest(w, &s1, 0, &id), 0);
	assert_int_equal(world_attach(w, 0, id), 0);
	return id;
}

long world_invalidate(struct nested_world *w, uint32_t hwpt, uint64_t addr, uint64_t npages,
		      uint32_t flags)
{
	struct iommu_hwpt_vtd_s1_invalidate entry = {
		.addr = addr, .npages = npages, .flags = flags};
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = hwpt,
		.data_uptr = (uintptr_t)&entry,
		.data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
		.entry_len = sizeof(entry),
		.entry_num = 1,
	};

	return world_ioctl(w, IOMMU_HWPT_INVALIDATE, &cmd);
}

void world_add_fault_queue(struct nested_world *w)
{
	struct iommu_fault_alloc cmd = {.size = sizeof(cmd)};

	assert_int_equal(world_ioctl(w, IOMMU_FAULT_QUEUE_ALLOC, &cmd), 0);
	w->fault_id = cmd.out_fault_id;
}
