/* SPDX-License-Identifier: MIT */
#include "smmu_world.h"

#include <sys/mman.h>

#define FIRST_FD 100

sanitizer_report_fn smmu_world_report;

/* Test programs hold files by themselves. */
static int install(struct client *client, struct file *file)
{
	struct smmu_world *w = (struct smmu_world *)client;

	for (int i = 0; i < 4; i++) {
		if (w->files[i])
			continue;
		w->files[i] = file;
		return FIRST_FD + i;
	}
	return -EMFILE;
}

static void uninstall(struct client *client, int fd)
{
	struct smmu_world *w = (struct smmu_world *)client;

	file_put(w->files[fd - FIRST_FD]);
	w->files[fd - FIRST_FD] = NULL;
}

static const struct client_ops client_ops = {.fd_install = install, .fd_close = uninstall};

long world_ioctl(struct smmu_world *w, unsigned int cmd, void *arg)
{
	return file_ioctl(w->file, &w->client, cmd, (uintptr_t)arg);
}

long world_map(struct smmu_world *w, uint64_t gpa, uint64_t len, uint32_t perm)
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

long world_unmap(struct smmu_world *w, uint64_t gpa, uint64_t len)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = w->ioas, .iova = gpa, .length = len};

	return world_ioctl(w, IOMMU_IOAS_UNMAP, &cmd);
}

static void make_parent(struct smmu_world *w)
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

static void make_viommu(struct smmu_world *w)
{
	struct iommu_viommu_alloc viommu = {
		.size = sizeof(viommu),
		.type = w->iommu.options.cmdqv ? IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV
					       : IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
		.dev_id = w->device->object.id,
		.hwpt_id = w->parent,
	};
	struct iommu_vdevice_alloc vdevice = {
		.size = sizeof(vdevice), .dev_id = w->device->object.id, .virt_id = VSID};

	assert_int_equal(world_ioctl(w, IOMMU_VIOMMU_ALLOC, &viommu), 0);
	w->viommu = viommu.out_viommu_id;
	vdevice.viommu_id = w->viommu;
	assert_int_equal(world_ioctl(w, IOMMU_VDEVICE_ALLOC, &vdevice), 0);
	w->vdevice = vdevice.out_vdevice_id;
}

static void bind(struct smmu_world *w)
{
	LOCK_SCOPED(&w->ctx->lock);
	assert_int_equal(device_bind(w->ctx, &w->smmu.dev, NULL, &w->device), 0);
}

void smmu_world_init(struct smmu_world *w, const struct smmuv3_options *iommu,
		     const struct smmuv3_device_options *device)
{
	*w = (struct smmu_world){.client = {.ops = &client_ops, .mm = mm_self()}};
	assert_int_equal(machine_new(&w->machine), 0);
	if (smmu_world_report)
		assert_int_equal(machine_sanitize(w->machine, smmu_world_report, NULL), 0);
	assert_int_equal(smmuv3_iommu_init(&w->iommu, w->machine, iommu), 0);
	assert_int_equal(smmuv3_device_init(&w->smmu, &w->iommu, SID, device), 0);
	assert_int_equal(machine_open(w->machine, &w->client, "iommu", &w->file), 0);
	w->ctx = ctx_of_file(w->file);
	w->memory = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (uint64_t at = DATA; at < GUEST_SIZE; at += 8)
		*world_word(w, at) = at;
	bind(w);
	make_parent(w);
	assert_int_equal(
		world_map(w, 0, GUEST_SIZE, IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE), 0);
	make_viommu(w);
	assert_int_equal(dma_port_init(&w->port, w->device), 0);
}

void smmu_world_done(struct smmu_world *w)
{
	dma_port_done(&w->port);
	lock_take(&w->ctx->lock);
	device_unbind(w->device);
	lock_release(&w->ctx->lock);
	for (int i = 0; i < 4; i++)
		if (w->files[i])
			file_put(w->files[i]);
	file_put(w->file);
	smmuv3_device_done(&w->smmu);
	smmuv3_iommu_done(&w->iommu);
	machine_put(w->machine);
	mm_put(w->client.mm);
	munmap(w->memory, GUEST_SIZE);
}

/* ---- nesting ---- */

long world_nest(struct smmu_world *w, uint32_t pt_id, uint64_t ste0, uint64_t ste1,
		uint32_t fault_id, uint32_t *ret_id)
{
	struct iommu_hwpt_arm_smmuv3 ste = {.ste = {ste0, ste1}};
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = fault_id ? IOMMU_HWPT_FAULT_ID_VALID : 0,
		.dev_id = w->device->object.id,
		.pt_id = pt_id,
		.data_type = IOMMU_HWPT_DATA_ARM_SMMUV3,
		.data_len = sizeof(ste),
		.data_uptr = (uintptr_t)&ste,
		.fault_id = fault_id,
	};
	long rc = world_ioctl(w, IOMMU_HWPT_ALLOC, &cmd);

	if (!rc)
		*ret_id = cmd.out_hwpt_id;
	return rc;
}

int world_attach(struct smmu_world *w, uint32_t pasid, uint32_t pt_id)
{
	LOCK_SCOPED(&w->ctx->lock);
	if (device_attachment_find(w->device, pasid))
		return device_replace(w->device, pasid, &pt_id);
	return device_attach(w->device, pasid, &pt_id);
}

void world_detach(struct smmu_world *w, uint32_t pasid)
{
	LOCK_SCOPED(&w->ctx->lock);
	device_detach(w->device, pasid);
}

uint32_t world_enter(struct smmu_world *w, uint64_t ste0, uint64_t ste1)
{
	uint32_t id = 0;

	assert_int_equal(world_nest(w, w->viommu, ste0, ste1, 0, &id), 0);
	assert_int_equal(world_attach(w, 0, id), 0);
	return id;
}

void world_cd(struct smmu_world *w, uint64_t at, uint64_t word0, uint64_t ttb0)
{
	memset(w->memory + at, 0, 64);
	*world_word(w, at) = word0;
	*world_word(w, at + 8) = ttb0;
}

/* ---- commands ---- */

long world_commands(struct smmu_world *w, uint64_t (*cmds)[2], uint32_t n, uint32_t *ret_done)
{
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = w->viommu,
		.data_uptr = (uintptr_t)cmds,
		.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
		.entry_len = sizeof(*cmds),
		.entry_num = n,
	};
	long rc = world_ioctl(w, IOMMU_HWPT_INVALIDATE, &cmd);

	*ret_done = cmd.entry_num;
	return rc;
}

long world_command(struct smmu_world *w, uint64_t word0, uint64_t word1)
{
	uint64_t cmd[1][2] = {{word0, word1}};
	uint32_t done;
	long rc = world_commands(w, cmd, 1, &done);

	assert_int_equal(done, rc ? 0 : 1);
	return rc;
}

/* ---- events ---- */

int world_veventq(struct smmu_world *w, uint32_t type)
{
	struct iommu_veventq_alloc cmd = {
		.size = sizeof(cmd), .viommu_id = w->viommu, .type = type, .veventq_depth = 16};

	assert_int_equal(world_ioctl(w, IOMMU_VEVENTQ_ALLOC, &cmd), 0);
	return (int)cmd.out_veventq_fd - FIRST_FD;
}

bool world_event(struct smmu_world *w, int file, uint64_t ret_words[4])
{
	struct {
		struct iommufd_vevent_header header;
		uint64_t words[4];
	} event = {0};
	ssize_t n = file_read(w->files[file], &w->client, (uintptr_t)&event, sizeof(event), -1);

	assert_true(n >= 0);
	memcpy(ret_words, event.words, sizeof(event.words));
	return n;
}

/* ---- DMA ---- */

int world_expect(struct smmu_world *w, uint32_t pasid, uint64_t iova, uint64_t gpa)
{
	uint64_t word;
	int rc = dma_read(&w->port, pasid, iova, &word, sizeof(word), NULL);

	return rc ? rc : word != gpa;
}

/* A write puts a word there that it had. */
int world_access(struct smmu_world *w, uint32_t pasid, uint64_t iova, uint32_t perm)
{
	uint64_t word = DATA;
	const struct dma_access access = {pasid, perm, iova, &word, sizeof(word)};

	return dma_copy(&w->port, &access, NULL);
}
