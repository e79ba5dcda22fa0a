/* SPDX-License-Identifier: MIT */
/*
 * Virtual functions in sysfs (Documentation/ABI/testing/sysfs-bus-pci), and giving devices to the driver and taking them away. Both change what all processes
 * of the program see.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/share.h"
#include "frontend/preload/number.h"
#include "frontend/preload/machine_view.h"
#include "pci/config_space.h"

static const struct config_device *device_of(const struct vnode *vnode)
{
	return vnode->data;
}

static struct share *share_of(const struct sysfs_machine *machine,
			      const struct config_device *device)
{
	return &machine->shares[device - machine->config->devices];
}

static const struct config_device *first_vf(const struct config *config,
					    const struct config_device *pf)
{
	return config_first_vf(config, (size_t)(pf - config->devices));
}

void sysfs_addresses(const struct config *config, const struct config_device *device,
		     uint64_t ret_own[6], uint64_t ret_vfs[6])
{
	const struct config_device *at = device->is_vf ? device - device->vf : device;
	const struct uiommufd_bar *bars = device->identity.bars;
	unsigned int count = device->is_vf ? config->devices[device->pf].vfs : 1;

	pci_assign_addresses((unsigned int)(at - config->devices), count, bars, ret_own);
	for (unsigned int i = 0; i < 6 && device->is_vf; i++)
		ret_own[i] += device->vf * bars[i].size;
	memset(ret_vfs, 0, 6 * sizeof(*ret_vfs));
	if (device->vfs)
		pci_assign_addresses((unsigned int)(first_vf(config, device) - config->devices),
				     device->vfs, bars, ret_vfs);
}

uint16_t sysfs_vf_offset(const struct config *config, const struct config_device *pf)
{
	return (uint16_t)(config_requester(&first_vf(config, pf)->address) -
			  config_requester(&pf->address));
}

/* ---- a physical function's files ---- */

/* NULL: the view shares nothing. */
static struct share *share(const struct vnode *vnode)
{
	const struct sysfs_machine *machine = sysfs_machine(vnode);

	return machine->shares ? share_of(machine, device_of(vnode)) : NULL;
}

#define NUMBER_TEXT(name, format, value)                                                           \
	static ssize_t name##_text(const struct vnode *vnode, char *buf, size_t size)              \
	{                                                                                          \
		return snprintf(buf, size, format "\n", value);                                    \
	}

NUMBER_TEXT(totalvfs, "%u", device_of(vnode)->vfs)
NUMBER_TEXT(numvfs, "%u", share(vnode) ? atomic_load(&share(vnode)->vfs) : 0)
NUMBER_TEXT(offset, "%u", sysfs_vf_offset(sysfs_machine(vnode)->config, device_of(vnode)))
NUMBER_TEXT(stride, "%u", 1)
NUMBER_TEXT(vf_device, "%x", device_of(vnode)->identity.device_id)
NUMBER_TEXT(vf_total_msix, "%u", 0)
NUMBER_TEXT(autoprobe, "%u", !share(vnode) || !atomic_load(&share(vnode)->no_autoprobe))

static int set_vfs(const struct sysfs_machine *machine, const struct config_device *pf,
		   unsigned int count)
{
	struct share *vfs = share_of(machine, first_vf(machine->config, pf));

	return share_set_vfs(share_of(machine, pf), vfs, pf->vfs, count, machine->ask);
}

static int numvfs_store(const struct vnode *vnode, const char *text, size_t length)
{
	const struct sysfs_machine *machine = sysfs_machine(vnode);
	const struct config_device *pf = device_of(vnode);
	unsigned int count;
	int r = number_read(text, UINT16_MAX, &count);

	(void)length;
	if (r)
		return r;
	if (count <= pf->vfs && !sysfs_bound(machine, pf))
		return -ENOENT;
	return set_vfs(machine, pf, count);
}

/* As the kernel reads truth: of it the first one or two letters count. */
static int read_bool(const char *text, bool *ret_value)
{
	bool on = (*text | 32) == 'o';
	char c = (char)((on ? text[1] : text[0]) | 32);

	if (on ? c != 'n' && c != 'f' : !c || !strchr("yt1nf0", c))
		return -EINVAL;
	*ret_value = on ? c == 'n' : strchr("yt1", c) != NULL;
	return 0;
}

static int autoprobe_store(const struct vnode *vnode, const char *text, size_t length)
{
	bool value;
	int r = read_bool(text, &value);

	(void)length;
	if (!r)
		atomic_store(&share(vnode)->no_autoprobe, !value);
	return r;
}

static const struct vnode_file pf_files[] = {
	{"sriov_totalvfs", 0444, totalvfs_text, NULL},
	{"sriov_numvfs", 0644, numvfs_text, numvfs_store},
	{"sriov_offset", 0444, offset_text, NULL},
	{"sriov_stride", 0444, stride_text, NULL},
	{"sriov_vf_device", 0444, vf_device_text, NULL},
	{"sriov_vf_total_msix", 0444, vf_total_msix_text, NULL},
	{"sriov_drivers_autoprobe", 0644, autoprobe_text, autoprobe_store},
	{},
};

/* virtfnN: as long as the VF is there. */
static int add_virtfn(struct vtree *tree, struct vnode *dir, const struct config_device *vf)
{
	char name[24], address[CONFIG_ADDRESS_BYTES];

	config_address_write(&vf->address, address);
	snprintf(name, sizeof(name), "virtfn%u", vf->vf);
	sysfs_while(tree, SYSFS_EXISTS, vf);
	return sysfs_link(tree, dir, name, "../%s", address);
}

static int add_physfn(struct vtree *tree, struct vnode *dir, const struct config_device *vf)
{
	char address[CONFIG_ADDRESS_BYTES];

	config_address_write(&vf->pf_address, address);
	return sysfs_link(tree, dir, "physfn", "../%s", address);
}

int sysfs_add_sriov(struct vtree *tree, struct vnode *dir, const struct config *config,
		    const struct config_device *device)
{
	const struct config_device *vf =
		config_first_vf(config, (size_t)(device - config->devices));
	int r = 0;

	if (device->is_vf)
		return add_physfn(tree, dir, device);
	if (device->vfs)
		r = vtree_make_files(tree, dir, pf_files, SYSFS_FILE_SIZE);
	for (unsigned int i = 0; i < device->vfs && !r; i++)
		r = add_virtfn(tree, dir, &vf[i]);
	return r;
}

/* ---- the driver ---- */

/* In machines without virtual functions what is written there has no effect, as devices are where they should be. */
static bool has_vfs(const struct config *config)
{
	for (size_t i = 0; i < config->device_count; i++)
		if (config->devices[i].vfs)
			return true;
	return false;
}

/* A device that is there, or NULL. */
static const struct config_device *find_device(const struct sysfs_machine *machine,
					       const char *text)
{
	const struct config *config = machine->config;
	size_t length = strcspn(text, "\n");
	char address[CONFIG_ADDRESS_BYTES];

	for (size_t i = 0; i < config->device_count; i++) {
		const struct config_device *device = &config->devices[i];

		config_address_write(&device->address, address);
		if (length == strlen(address) && !memcmp(address, text, length))
			return sysfs_exists(machine, device) ? device : NULL;
	}
	return NULL;
}

int sysfs_bind(const struct vnode *vnode, const char *text, size_t length)
{
	const struct sysfs_machine *machine = sysfs_machine(vnode);
	const struct config_device *device = find_device(machine, text);
	unsigned int yes = 1;

	(void)length;
	if (!has_vfs(machine->config))
		return 0;
	if (!device)
		return -ENODEV;
	return atomic_compare_exchange_strong(&share_of(machine, device)->unbound, &yes, 0)
		       ? 0
		       : -EBUSY;
}

/* Without its driver a physical function has no virtual ones. */
int sysfs_unbind(const struct vnode *vnode, const char *text, size_t length)
{
	const struct sysfs_machine *machine = sysfs_machine(vnode);
	const struct config_device *device = find_device(machine, text);
	struct share *share;

	(void)length;
	if (!has_vfs(machine->config))
		return 0;
	if (!device || !sysfs_bound(machine, device))
		return -ENODEV;
	if (device->vfs)
		set_vfs(machine, device, 0);
	share = share_of(machine, device);
	share_leave(share, machine->ask);
	atomic_store(&share->unbound, 1);
	share_settle(share);
	return 0;
}
