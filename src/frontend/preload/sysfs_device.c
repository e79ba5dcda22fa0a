/* SPDX-License-Identifier: MIT */
/* One PCI device in sysfs (Documentation/ABI/testing/sysfs-bus-pci, filesystems/sysfs-pci). */
#include <errno.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/share.h"
#include "frontend/preload/machine_view.h"
#include "pci/function.h"

static const struct config_device *device_of(const struct vnode *vnode)
{
	return vnode->data;
}

static const struct uiommufd_model *model_of(const struct vnode *vnode)
{
	return &device_of(vnode)->identity;
}

/* ---- what is in its files ---- */

#define NUMBER_TEXT(name, format, value)                                                           \
	static ssize_t name##_text(const struct vnode *vnode, char *buf, size_t size)              \
	{                                                                                          \
		return snprintf(buf, size, format "\n", value);                                    \
	}

NUMBER_TEXT(vendor, "0x%04x", model_of(vnode)->vendor_id)
NUMBER_TEXT(device, "0x%04x", model_of(vnode)->device_id)
NUMBER_TEXT(subsystem_vendor, "0x%04x", model_of(vnode)->subsystem_vendor_id)
NUMBER_TEXT(subsystem_device, "0x%04x", model_of(vnode)->subsystem_id)
NUMBER_TEXT(class, "0x%06x", model_of(vnode)->class_code)
NUMBER_TEXT(revision, "0x%02x", model_of(vnode)->revision)

#define CONSTANT_TEXT(name, text)                                                                  \
	static ssize_t name##_text(const struct vnode *vnode, char *buf, size_t size)              \
	{                                                                                          \
		return snprintf(buf, size, "%s\n", text);                                          \
	}

CONSTANT_TEXT(zero, "0")
CONSTANT_TEXT(one, "1")
CONSTANT_TEXT(no_node, "-1")
CONSTANT_TEXT(mask_bits, "64")
CONSTANT_TEXT(power_state, "D0")
CONSTANT_TEXT(reset_method, "flr")
CONSTANT_TEXT(link_speed, "8.0 GT/s PCIe")
CONSTANT_TEXT(link_width, "4")
CONSTANT_TEXT(control, "on")
CONSTANT_TEXT(runtime_status, "active")
CONSTANT_TEXT(no_override, "(null)")

static int write_modalias(const struct uiommufd_model *model, char *buf, size_t size)
{
	return snprintf(buf, size, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X\n",
			model->vendor_id, model->device_id, model->subsystem_vendor_id,
			model->subsystem_id, model->class_code >> 16 & 0xff,
			model->class_code >> 8 & 0xff, model->class_code & 0xff);
}

static ssize_t modalias_text(const struct vnode *vnode, char *buf, size_t size)
{
	return write_modalias(model_of(vnode), buf, size);
}

static ssize_t uevent_text(const struct vnode *vnode, char *buf, size_t size)
{
	const struct uiommufd_model *model = model_of(vnode);
	char address[CONFIG_ADDRESS_BYTES], modalias[80];

	config_address_write(&device_of(vnode)->address, address);
	write_modalias(model, modalias, sizeof(modalias));
	return snprintf(buf, size,
			"%sPCI_CLASS=%X\nPCI_ID=%04X:%04X\n"
			"PCI_SUBSYS_ID=%04X:%04X\nPCI_SLOT_NAME=%s\nMODALIAS=%s",
			sysfs_bound(sysfs_machine(vnode), device_of(vnode)) ? "DRIVER=vfio-pci\n"
									    : "",
			model->class_code, model->vendor_id, model->device_id,
			model->subsystem_vendor_id, model->subsystem_id, address, modalias);
}

/* As groups of 32 bits, the highest first. */
static ssize_t local_cpus_text(const struct vnode *vnode, char *buf, size_t size)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	int n = 0;

	for (long first = (cpus - 1) / 32 * 32; first >= 0; first -= 32) {
		long here = cpus - first;
		uint32_t mask = here >= 32 ? UINT32_MAX : (1u << here) - 1;

		n += snprintf(buf + n, size - (size_t)n, "%x%c", mask, first ? ',' : '\n');
	}
	return n;
}

static ssize_t local_cpulist_text(const struct vnode *vnode, char *buf, size_t size)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);

	return cpus > 1 ? snprintf(buf, size, "0-%ld\n", cpus - 1) : snprintf(buf, size, "0\n");
}

/* ---- addresses ---- */

/* As the kernel's resource flags (include/linux/ioport.h says them in /proc and sysfs): I/O, memory, prefetchable, 64 bits, its size is its alignment. */
#define RESOURCE_IO	  0x100u
#define RESOURCE_MEMORY	  0x200u
#define RESOURCE_PREFETCH 0x2000u
#define RESOURCE_ALIGNED  0x40000u
#define RESOURCE_64	  0x100000u

static uint64_t resource_flags(const struct uiommufd_bar *bar)
{
	uint64_t flags = RESOURCE_ALIGNED;

	if (bar->flags & UIOMMUFD_BAR_IO)
		return flags | RESOURCE_IO | PCI_BASE_ADDRESS_SPACE_IO;
	flags |= RESOURCE_MEMORY;
	if (bar->flags & UIOMMUFD_BAR_PREFETCHABLE)
		flags |= RESOURCE_PREFETCH | PCI_BASE_ADDRESS_MEM_PREFETCH;
	if (bar->flags & UIOMMUFD_BAR_64BIT)
		flags |= RESOURCE_64 | PCI_BASE_ADDRESS_MEM_TYPE_64;
	return flags;
}

/* A BAR's line, or several's: of `count` VFs. */
static int write_resource(char *buf, size_t size, const struct uiommufd_bar *bar, uint64_t address,
			  unsigned int count)
{
	bool there = bar && bar->size && count;

	return snprintf(buf, size, "0x%016" PRIx64 " 0x%016" PRIx64 " 0x%016" PRIx64 "\n",
			there ? address : 0, there ? address + bar->size * count - 1 : 0,
			there ? resource_flags(bar) : 0);
}

static ssize_t resource_text(const struct vnode *vnode, char *buf, size_t size)
{
	const struct config_device *device = device_of(vnode);
	const struct uiommufd_bar *bars = device->identity.bars;
	uint64_t own[6], vfs[6];
	int n = 0;

	sysfs_addresses(sysfs_machine(vnode)->config, device, own, vfs);
	for (unsigned int i = 0; i < 6; i++)
		n += write_resource(buf + n, size - (size_t)n, &bars[i], own[i], 1);
	n += write_resource(buf + n, size - (size_t)n, NULL, 0, 0); /* ROM */
	for (unsigned int i = 0; i < 6; i++)
		n += write_resource(buf + n, size - (size_t)n, &bars[i], vfs[i], device->vfs);
	return n;
}

static size_t config_size(const struct uiommufd_model *model)
{
	return model->flags & UIOMMUFD_MODEL_PCIE ? PCI_EXT_CONFIG_SIZE : PCI_CONFIG_SIZE;
}

/* What the kernel reads there: see pci_config_describe(). What a model puts beside it is not in it. */
static ssize_t config_text(const struct vnode *vnode, char *buf, size_t size)
{
	const struct sysfs_machine *machine = sysfs_machine(vnode);
	const struct config_device *device = device_of(vnode);
	const struct config_address *at = &device->address;
	uint8_t image[PCI_EXT_CONFIG_SIZE];
	struct pci_setup setup = {.model = &device->identity,
				  .slot = {at->domain, at->bus, at->device, at->function},
				  .sriov.total = (uint16_t)device->vfs};
	struct share none = {};
	int r;

	setup.share = machine->shares ? &machine->shares[vnode->index] : &none;
	if (device->vfs)
		setup.sriov.first = sysfs_vf_offset(machine->config, device);
	sysfs_addresses(machine->config, device, setup.addresses, setup.sriov.addresses);
	r = pci_config_describe(&setup, device->is_vf, image);
	if (r)
		return r;
	size = size < config_size(setup.model) ? size : config_size(setup.model);
	memcpy(buf, image, size);
	return (ssize_t)size;
}

static const struct vnode_file config_file[] = {{"config", 0644, config_text, NULL}, {}};

/* ---- the folder ---- */

static const struct vnode_file files[] = {
	{"vendor", 0444, vendor_text, NULL},
	{"device", 0444, device_text, NULL},
	{"subsystem_vendor", 0444, subsystem_vendor_text, NULL},
	{"subsystem_device", 0444, subsystem_device_text, NULL},
	{"class", 0444, class_text, NULL},
	{"revision", 0444, revision_text, NULL},
	{"modalias", 0444, modalias_text, NULL},
	{"uevent", 0644, uevent_text, NULL},
	{"resource", 0444, resource_text, NULL},
	{"irq", 0444, zero_text, NULL},
	{"numa_node", 0644, no_node_text, NULL},
	{"local_cpus", 0444, local_cpus_text, NULL},
	{"local_cpulist", 0444, local_cpulist_text, NULL},
	{"enable", 0644, zero_text, NULL},
	{"broken_parity_status", 0644, zero_text, NULL},
	{"msi_bus", 0644, one_text, NULL},
	{"dma_mask_bits", 0444, mask_bits_text, NULL},
	{"consistent_dma_mask_bits", 0444, mask_bits_text, NULL},
	{"power_state", 0444, power_state_text, NULL},
	{"driver_override", 0644, no_override_text, NULL},
	{"power/control", 0644, control_text, NULL},
	{"power/runtime_status", 0444, runtime_status_text, NULL},
	{},
};

static const struct vnode_file express_files[] = {
	{"current_link_speed", 0444, link_speed_text, NULL},
	{"current_link_width", 0444, link_width_text, NULL},
	{"max_link_speed", 0444, link_speed_text, NULL},
	{"max_link_width", 0444, link_width_text, NULL},
	{"d3cold_allowed", 0644, one_text, NULL},
	{},
};

static const struct vnode_file reset_files[] = {
	{"reset", 0200, NULL, NULL},
	{"reset_method", 0644, reset_method_text, NULL},
	{},
};

static int add_bars(struct vtree *tree, struct vnode *dir, const struct uiommufd_model *model)
{
	int r = 0;

	for (unsigned int i = 0; i < 6 && !r; i++) {
		char name[] = "resource0";
		const struct vnode_file bar_files[] = {{name, 0600, NULL, NULL}, {}};

		name[strlen(name) - 1] = (char)('0' + i);
		if (model->bars[i].size)
			r = vtree_make_files(tree, dir, bar_files, model->bars[i].size);
	}
	return r;
}

static int add_files(struct vtree *tree, struct vnode *dir, const struct uiommufd_model *model)
{
	int r = vtree_make_files(tree, dir, files, SYSFS_FILE_SIZE);

	if (!r)
		r = vtree_make_files(tree, dir, config_file, config_size(model));
	if (!r && model->flags & UIOMMUFD_MODEL_PCIE)
		r = vtree_make_files(tree, dir, express_files, SYSFS_FILE_SIZE);
	if (!r && model->flags & UIOMMUFD_MODEL_FLR)
		r = vtree_make_files(tree, dir, reset_files, SYSFS_FILE_SIZE);
	return r ? r : add_bars(tree, dir, model);
}

static int add_links(struct vtree *tree, struct vnode *dir, const struct config *config,
		     const struct config_device *device)
{
	char iommu[SYSFS_IOMMU_BYTES];
	int r = sysfs_link(tree, dir, "subsystem", "../../../bus/pci");

	sysfs_iommu_name(&config->iommus[device->iommu], iommu);
	sysfs_while(tree, SYSFS_BOUND, device);
	r = r ? r : sysfs_link(tree, dir, "driver", "../../../bus/pci/drivers/vfio-pci");
	sysfs_while(tree, SYSFS_EXISTS, device);
	r = r ? r
	      : sysfs_link(tree, dir, "iommu_group", "../../../kernel/iommu_groups/%d",
			   device->group);
	return r ? r : sysfs_link(tree, dir, "iommu", "../../virtual/iommu/%s", iommu);
}

/* Links elsewhere that lead to it. */
static int add_entrances(struct vtree *tree, const struct config_device *device)
{
	char place[SYSFS_PLACE_BYTES], path[80];
	const char *address = place + strlen("pci1000:00/");
	int r;

	sysfs_place(device, place);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
	r = sysfs_link(tree, NULL, path, "../../../devices/%s", place);
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/vfio-pci/%s", address);
	sysfs_while(tree, SYSFS_BOUND, device);
	r = r ? r : sysfs_link(tree, NULL, path, "../../../../devices/%s", place);
	sysfs_while(tree, SYSFS_EXISTS, device);
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/devices/%s", device->group,
		 address);
	return r ? r : sysfs_link(tree, NULL, path, "../../../../devices/%s", place);
}

/* The character device of VFIO. */
static int add_cdev(struct vtree *tree, const struct config_device *device)
{
	char place[SYSFS_PLACE_BYTES], node[32], folder[80], path[64];
	const struct sysfs_char cdev = {.node = node,
					.mode = 0600,
					.major = VFIO_DEVICE_MAJOR,
					.minor = (unsigned int)device->number,
					.folder = folder};
	struct vnode *dir;
	int r;

	sysfs_place(device, place);
	snprintf(node, sizeof(node), "vfio/devices/vfio%d", device->number);
	snprintf(folder, sizeof(folder), "%s/vfio-dev/vfio%d", place, device->number);
	r = sysfs_add_char(tree, &cdev);
	r = r ? r : sysfs_dir(tree, &dir, "/sys/devices/%s", folder);
	r = r ? r : sysfs_link(tree, dir, "device", "../../../%s", place + strlen("pci1000:00/"));
	r = r ? r : sysfs_link(tree, dir, "subsystem", "../../../../../class/vfio-dev");
	snprintf(path, sizeof(path), "/sys/class/vfio-dev/vfio%d", device->number);
	return r ? r : sysfs_link(tree, NULL, path, "../../devices/%s", folder);
}

int sysfs_add_device(struct vtree *tree, const struct config *config, size_t index)
{
	const struct config_device *device = &config->devices[index];
	char place[SYSFS_PLACE_BYTES];
	struct vnode *dir, *power;
	int r;

	sysfs_place(device, place);
	sysfs_while(tree, SYSFS_EXISTS, device);
	r = sysfs_dir(tree, &dir, "/sys/devices/%s", place);
	if (r)
		return r;
	dir->data = device;
	dir->index = (unsigned int)index;
	r = vtree_make_dir(tree, dir, "power", &power);
	r = r ? r : add_files(tree, dir, &device->identity);
	r = r ? r : add_links(tree, dir, config, device);
	r = r ? r : add_entrances(tree, device);
	r = r ? r : sysfs_add_sriov(tree, dir, config, device);
	sysfs_while(tree, SYSFS_BOUND, device);
	r = r ? r : add_cdev(tree, device);
	sysfs_while(tree, SYSFS_ALWAYS, NULL);
	return r;
}
