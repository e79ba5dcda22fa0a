/* SPDX-License-Identifier: MIT */
/* The rig: its IOMMU, its toy, and short calls. */
#include "rig.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio/vfio.h"

/* ---- the IOMMU ---- */

static bool capable(struct iommu_dev *dev, enum iommu_capability cap)
{
	return cap == IOMMU_CAN_CACHE_COHERENCY;
}

static void domain_free(struct domain *domain)
{
	free(domain);
}

static const struct domain_ops domain_ops = {.free = domain_free};

static int alloc_paging(struct iommu_dev *dev, uint32_t flags, const struct user_data *data,
			struct domain **ret_domain)
{
	struct domain *domain = calloc(1, sizeof(*domain));

	domain->ops = &domain_ops;
	domain->owner = dev->ops;
	domain->last = UINT64_MAX >> 8;
	domain->page_sizes = 0x40201000;
	domain->coherent = true;
	*ret_domain = domain;
	return 0;
}

static int attach(struct iommu_dev *dev, uint32_t pasid, struct domain *domain, struct domain *old)
{
	return 0;
}

static const struct iommu_ops iommu_ops = {
	.capable = capable,
	.alloc_paging = alloc_paging,
	.attach = attach,
};

/* ---- the toy ---- */

struct toy {
	struct uiommufd_device *device;
	uint64_t *registers;
	uint64_t loads;
};

static int toy_create(struct uiommufd_device *device, void **ret_state)
{
	struct toy *toy = calloc(1, sizeof(*toy));

	toy->device = device;
	toy->registers = uiommufd_bar(device, 0);
	*ret_state = toy;
	return 0;
}

static void toy_destroy(void *state)
{
	free(state);
}

static void toy_reset(void *state)
{
	struct toy *toy = state;

	for (size_t i = 0; i < TOY_PAGES * (size_t)512; i++)
		__atomic_store_n(&toy->registers[i], 0, __ATOMIC_RELAXED);
	toy->loads = 0;
}

static void toy_raise(struct toy *toy, uint64_t what)
{
	if (what == 0x80000000 || what == 0x40000000)
		uiommufd_intx(toy->device, what == 0x80000000);
	else
		uiommufd_interrupt(toy->device, (unsigned int)what);
}

static uint64_t *reg(struct toy *toy, uint64_t offset)
{
	return &toy->registers[offset / 8];
}

static void toy_write(void *state, unsigned int bar, uint64_t offset, uint64_t value,
		      unsigned int len)
{
	struct toy *toy = state;

	if (bar)
		return;
	/* Loads of the driver's come without the lock. */
	if (len == 8)
		__atomic_store_n(reg(toy, offset), value, __ATOMIC_RELAXED);
	else
		memcpy((char *)toy->registers + offset, &value, len);
	__atomic_fetch_add(reg(toy, TOY_STORES), 1, __ATOMIC_RELAXED);
	if (offset == TOY_COMMAND)
		uiommufd_kick(toy->device, 0);
	else if (offset == TOY_RAISE)
		toy_raise(toy, value);
}

static uint64_t toy_read(void *state, unsigned int bar, uint64_t offset, unsigned int len)
{
	struct toy *toy = state;

	return ++toy->loads;
}

static void toy_run(void *state, struct uiommufd_port *port, unsigned int queue)
{
	struct toy *toy = state;
	uint64_t command, iova;
	int rc = 0;

	uiommufd_lock(toy->device);
	command = __atomic_load_n(reg(toy, TOY_COMMAND), __ATOMIC_RELAXED);
	iova = __atomic_load_n(reg(toy, TOY_IOVA), __ATOMIC_RELAXED);
	uiommufd_unlock(toy->device);
	if (command == TOY_READ)
		rc = uiommufd_dma_read(port, UIOMMUFD_NO_PASID, iova, reg(toy, TOY_VALUE), 8);
	else if (command == TOY_WRITE)
		rc = uiommufd_dma_write(port, UIOMMUFD_NO_PASID, iova, reg(toy, TOY_VALUE), 8);
	__atomic_store_n(reg(toy, TOY_COMMAND), (uint64_t)(int64_t)rc, __ATOMIC_RELEASE);
	uiommufd_interrupt(toy->device, 0);
}

static const struct uiommufd_window windows[] = {
	{0, UIOMMUFD_WINDOW_READ_HOOK, TOY_HOOKED, 0x1000},
	{0, UIOMMUFD_WINDOW_NO_MMAP, TOY_NO_MMAP, 0x1000},
	{0, UIOMMUFD_WINDOW_MEMORY, TOY_MEMORY, 0x1000},
	{},
};

const struct uiommufd_model rig_toy = {
	.size = sizeof(rig_toy),
	.name = "toy",
	.summary = "for tests",
	.flags = UIOMMUFD_MODEL_PCIE | UIOMMUFD_MODEL_FLR,
	.vendor_id = 0x1234,
	.device_id = 0x5678,
	.subsystem_vendor_id = 0x1af4,
	.subsystem_id = 0x1100,
	.class_code = 0x088000,
	.revision = 3,
	.intx_pin = 1,
	.msi_vectors = 4,
	.msix_vectors = TOY_VECTORS,
	.msix_bar = TOY_MSIX_BAR,
	.msix_table = 0,
	.msix_pba = 0x800,
	.bars = {[0] = {TOY_PAGES * 4096, UIOMMUFD_BAR_MMAP},
		 [2] = {0x10000, UIOMMUFD_BAR_64BIT | UIOMMUFD_BAR_PREFETCHABLE},
		 [TOY_MSIX_BAR] = {0x1000, UIOMMUFD_BAR_MMAP},
		 [5] = {0x20, UIOMMUFD_BAR_IO}},
	.windows = windows,
	.create = toy_create,
	.destroy = toy_destroy,
	.reset = toy_reset,
	.bar_write = toy_write,
	.bar_read = toy_read,
	.run = toy_run,
};

/* ---- the rig ---- */

static void plug(struct rig *rig, unsigned int i, unsigned int group, struct pci_setup setup)
{
	setup.slot = (struct pci_slot){.bus = 1, .function = (uint8_t)i};
	setup.iommu = &rig->iommu[i].dev;

	rig->iommu[i].dev = (struct iommu_dev){.ops = &iommu_ops, .iommu = (void *)&iommu_ops};
	pci_assign_addresses(i, 1, setup.model->bars, setup.addresses);
	assert_int_equal(pci_function_new(rig->bench.machine, &setup, &rig->function[i]), 0);
	assert_int_equal(vfio_plug(rig->bench.machine, rig->function[i], 3 + i, group), 0);
}

static void begin(struct rig *rig)
{
	*rig = (struct rig){0};
	bench_init(&rig->bench);
}

static void map(struct rig *rig)
{
	rig->ioas = bench_ioas(&rig->bench);
	rig->memory = bench_pages(RIG_PAGES);
	bench_map(&rig->bench, rig->ioas, rig->memory, RIG_PAGES * 4096, RIG_IOVA,
		  IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE);
}

void rig_init(struct rig *rig, unsigned int devices)
{
	begin(rig);
	for (unsigned int i = 0; i < devices; i++)
		plug(rig, i, 7, (struct pci_setup){.model = &rig_toy});
	map(rig);
}

void rig_init_model(struct rig *rig, const struct uiommufd_model *model,
		    const struct pci_option *options, size_t n_options)
{
	begin(rig);
	plug(rig, 0, 7,
	     (struct pci_setup){.model = model, .options = options, .n_options = n_options});
	map(rig);
}

void rig_init_sriov(struct rig *rig)
{
	static struct uiommufd_model model;

	model = rig_toy;
	model.flags |= UIOMMUFD_MODEL_SRIOV | UIOMMUFD_MODEL_PASID;
	model.pasid_bits = 20;
	model.bars[5].size = 0;
	begin(rig);
	plug(rig, 0, 7, (struct pci_setup){.model = &model, .sriov = {.total = 1, .first = 1}});
	plug(rig, 1, 8, (struct pci_setup){.model = &model, .pf = rig->function[0]});
	map(rig);
}

void rig_done(struct rig *rig)
{
	if (rig->cdev)
		file_put(rig->cdev);
	bench_done(&rig->bench);
	bench_free_pages(rig->memory, RIG_PAGES);
}

struct file *rig_open(struct rig *rig, const char *node)
{
	struct file *file;

	assert_int_equal(machine_open(rig->bench.machine, &rig->bench.client, node, &file), 0);
	return file;
}

long rig_call(struct rig *rig, struct file *file, unsigned int cmd, const void *arg)
{
	return file_ioctl(file, &rig->bench.client, cmd, (uintptr_t)arg);
}

int64_t rig_bind(struct rig *rig, struct file *cdev)
{
	struct bench *bench = &rig->bench;
	int fd = bench->client.ops->fd_install(&bench->client, file_get(bench->file));
	struct vfio_device_bind_iommufd cmd = {.argsz = sizeof(cmd), .iommufd = fd};
	long rc;

	assert_true(fd >= 0);
	rc = rig_call(rig, cdev, VFIO_DEVICE_BIND_IOMMUFD, &cmd);
	bench_close(bench, fd);
	return rc ? rc : cmd.out_devid;
}

long rig_attach(struct rig *rig, struct file *cdev, uint32_t pt_id)
{
	struct vfio_device_attach_iommufd_pt cmd = {.argsz = sizeof(cmd), .pt_id = pt_id};

	return rig_call(rig, cdev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd);
}

void rig_start(struct rig *rig)
{
	int64_t id;

	rig->cdev = rig_open(rig, "vfio/devices/vfio3");
	id = rig_bind(rig, rig->cdev);
	assert_true(id > 0);
	rig->devid = (uint32_t)id;
	assert_int_equal(rig_attach(rig, rig->cdev, rig->ioas), 0);
	rig_config_store(rig, rig->cdev, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

#define CONFIG ((int64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)

uint64_t rig_load(struct rig *rig, struct file *file, uint64_t offset, size_t len)
{
	uint64_t value = 0;

	assert_int_equal(
		file_read(file, &rig->bench.client, (uintptr_t)&value, len, (int64_t)offset), len);
	return value;
}

void rig_store(struct rig *rig, struct file *file, uint64_t offset, uint64_t value, size_t len)
{
	assert_int_equal(
		file_write(file, &rig->bench.client, (uintptr_t)&value, len, (int64_t)offset), len);
}

uint32_t rig_config_load(struct rig *rig, struct file *file, unsigned int offset, size_t len)
{
	return (uint32_t)rig_load(rig, file, CONFIG + offset, len);
}

void rig_config_store(struct rig *rig, struct file *file, unsigned int offset, uint32_t value,
		      size_t len)
{
	rig_store(rig, file, CONFIG + offset, value, len);
}

void *rig_map(struct rig *rig, struct file *file, uint64_t offset, uint64_t length)
{
	struct file_mapping mapping = {
		.offset = offset,
		.length = length,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_SHARED,
		.fd = -1,
	};
	void *memory;

	assert_int_equal(file_mmap(file, &rig->bench.client, &mapping), 0);
	assert_int_equal(mapping.trap, FILE_TRAP_NONE);
	memory = mmap(NULL, mapping.length, mapping.prot, mapping.flags, mapping.fd,
		      (off_t)mapping.fd_offset);
	assert_ptr_not_equal(memory, MAP_FAILED);
	close(mapping.fd);
	return memory;
}

uint64_t rig_command(struct rig *rig, struct file *file, uint64_t iova, uint64_t command)
{
	uint64_t now;

	rig_store(rig, file, TOY_IOVA, iova, 8);
	rig_store(rig, file, TOY_COMMAND, command, 8);
	while ((now = rig_load(rig, file, TOY_COMMAND, 8)) == command)
		sched_yield();
	return now;
}

long rig_irqs(struct rig *rig, struct file *file, struct rig_irqs irqs)
{
	size_t size = irqs.flags & VFIO_IRQ_SET_DATA_EVENTFD ? 4 : 1;
	struct {
		struct vfio_irq_set head;
		char data[32];
	} cmd = {.head = {sizeof(cmd), irqs.flags, irqs.index, irqs.start, irqs.count}};

	if (irqs.data)
		memcpy(cmd.data, irqs.data, irqs.count * size);
	return rig_call(rig, file, VFIO_DEVICE_SET_IRQS, &cmd);
}

uint64_t rig_events(int fd)
{
	struct pollfd now = {.fd = fd, .events = POLLIN};
	uint64_t count = 0;

	if (poll(&now, 1, 0) == 1)
		assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	return count;
}
