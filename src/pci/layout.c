/* SPDX-License-Identifier: MIT */
/* What is where in config space at first: header, capabilities, and the addresses of BARs. */
#include <linux/pci_regs.h>

#include "pci/function.h"
#include "pci/registers.h"

/* Where our capabilities are. What is between them and behind is the model's. */
#define PM_AT	0x40
#define MSI_AT	0x50
#define MSIX_AT 0x70
#define PCIE_AT 0x80

#define MSI_SIZE  24 /* with 64-bit address and mask bits */
#define PCIE_SIZE 60

#define ATS_AT	 0x100
#define PRI_AT	 0x110
#define PASID_AT 0x120
#define SRIOV_AT 0x130

/* Of capability headers. */
#define LAST 0

/* [offset, offset + size) is ours, and not writable but for what is said so. */
static void own(struct pci_config *config, unsigned int offset, unsigned int size)
{
	for (unsigned int at = offset; at < offset + size; at += 4)
		config->owned[at / 32] |= (uint8_t)(1 << at / 4 % 8);
}

static void lay(struct pci_config *config, unsigned int offset, uint32_t value, unsigned int len)
{
	pci_put(config->image, offset, value, len);
}

static void allow(struct pci_config *config, unsigned int offset, uint32_t bits, unsigned int len)
{
	pci_put(config->writable, offset, bits, len);
}

/* ---- the header ---- */

/* The low bits say what a BAR is; those of the address that are below its size are 0, whatever is written (PCI 3.0, 6.2.5.1). */
static void lay_bar_at(struct pci_function *function, unsigned int i, unsigned int at,
		       uint64_t address)
{
	const struct pci_bar *bar = &function->bars[i];
	uint32_t flags = bar->flags & UIOMMUFD_BAR_IO ? PCI_BASE_ADDRESS_SPACE_IO : 0;

	if (bar->flags & UIOMMUFD_BAR_64BIT)
		flags |= PCI_BASE_ADDRESS_MEM_TYPE_64;
	if (bar->flags & UIOMMUFD_BAR_PREFETCHABLE)
		flags |= PCI_BASE_ADDRESS_MEM_PREFETCH;
	lay(&function->config, at, (uint32_t)address | flags, 4);
	if (bar->flags & UIOMMUFD_BAR_64BIT)
		lay(&function->config, at + 4, (uint32_t)(address >> 32), 4);
}

static void lay_bar(struct pci_function *function, unsigned int i)
{
	const struct pci_bar *bar = &function->bars[i];
	unsigned int at = PCI_BASE_ADDRESS_0 + 4 * i;
	uint64_t mask = ~(bar->size - 1);

	lay_bar_at(function, i, at, bar->address);
	allow(&function->config, at, (uint32_t)mask, 4);
	if (bar->flags & UIOMMUFD_BAR_64BIT)
		allow(&function->config, at + 4, (uint32_t)(mask >> 32), 4);
}

static void lay_bars(struct pci_function *function)
{
	for (unsigned int i = 0; i < PCI_BARS; i++)
		if (function->bars[i].size)
			lay_bar(function, i);
}

void pci_config_put_back(struct pci_function *function)
{
	lay_bars(function);
	lay(&function->config, PCI_INTERRUPT_LINE, 0, 1);
}

void pci_config_lay_header(struct pci_function *function, uint16_t command)
{
	const struct uiommufd_model *model = &function->model;
	struct pci_config *config = &function->config;

	own(config, 0, PCI_STD_HEADER_SIZEOF);
	lay(config, PCI_VENDOR_ID, model->vendor_id, 2);
	lay(config, PCI_DEVICE_ID, model->device_id, 2);
	allow(config, PCI_COMMAND, command, 2);
	lay(config, PCI_REVISION_ID, model->revision, 1);
	lay(config, PCI_CLASS_PROG, model->class_code & 0xff, 1);
	lay(config, PCI_CLASS_DEVICE, model->class_code >> 8, 2);
	allow(config, PCI_CACHE_LINE_SIZE, 0xff, 1);
	lay(config, PCI_SUBSYSTEM_VENDOR_ID, model->subsystem_vendor_id, 2);
	lay(config, PCI_SUBSYSTEM_ID, model->subsystem_id, 2);
	allow(config, PCI_INTERRUPT_LINE, 0xff, 1);
	lay(config, PCI_INTERRUPT_PIN, model->intx_pin, 1);
	lay_bars(function);
}

/* ---- capabilities ---- */

/* Links a capability in before those that were linked before: *list is its neighbour. */
static void link(struct pci_config *config, unsigned int at, unsigned int id, unsigned int size,
		 unsigned int *list)
{
	own(config, at, size);
	lay(config, at + PCI_CAP_LIST_ID, id, 1);
	lay(config, at + PCI_CAP_LIST_NEXT, *list, 1);
	*list = at;
}

/* PCI Power Management 1.2, 3.2: D0 and D3hot; a return to D0 changes nothing. */
static void lay_pm(struct pci_config *config, unsigned int *list)
{
	config->pm = PM_AT;
	link(config, PM_AT, PCI_CAP_ID_PM, PCI_PM_SIZEOF, list);
	lay(config, PM_AT + PCI_PM_PMC, 3, 2);
	lay(config, PM_AT + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET, 2);
	allow(config, PM_AT + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK, 2);
}

/* PCI 3.0, 6.8.1. */
static void lay_msi(struct pci_config *config, unsigned int vectors, unsigned int *list)
{
	uint32_t flags = PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT;

	if (!vectors)
		return;
	config->msi = MSI_AT;
	link(config, MSI_AT, PCI_CAP_ID_MSI, MSI_SIZE, list);
	flags |= (uint32_t)__builtin_ctz(vectors) << 1; /* Multiple Message Capable */
	lay(config, MSI_AT + PCI_MSI_FLAGS, flags, 2);
	allow(config, MSI_AT + PCI_MSI_FLAGS, PCI_MSI_FLAGS_QSIZE, 2);
	allow(config, MSI_AT + PCI_MSI_ADDRESS_LO, 0xfffffffc, 4);
	allow(config, MSI_AT + PCI_MSI_ADDRESS_HI, 0xffffffff, 4);
	allow(config, MSI_AT + PCI_MSI_DATA_64, 0xffff, 2);
	allow(config, MSI_AT + PCI_MSI_MASK_64, 0xffffffff, 4);
}

/* PCI 3.0, 6.8.2. A user of VFIO turns it on by an ioctl: nothing is writable. */
static void lay_msix(struct pci_config *config, const struct uiommufd_model *model,
		     unsigned int *list)
{
	if (!model->msix_vectors)
		return;
	config->msix = MSIX_AT;
	link(config, MSIX_AT, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF, list);
	lay(config, MSIX_AT + PCI_MSIX_FLAGS, model->msix_vectors - 1u, 2);
	lay(config, MSIX_AT + PCI_MSIX_TABLE, model->msix_table | model->msix_bar, 4);
	lay(config, MSIX_AT + PCI_MSIX_PBA, model->msix_pba | model->msix_bar, 4);
}

/* PCI Express Base 7.5.3: an endpoint on a link of 4 lanes at 8 GT/s. */
static void lay_pcie(struct pci_config *config, uint32_t model_flags, unsigned int *list)
{
	const uint32_t link_speed_and_width = PCI_EXP_LNKSTA_CLS_8_0GB | 4 << 4;
	uint32_t devcap = PCI_EXP_DEVCAP_RBER;

	if (!(model_flags & UIOMMUFD_MODEL_PCIE))
		return;
	if (model_flags & UIOMMUFD_MODEL_FLR)
		devcap |= PCI_EXP_DEVCAP_FLR;
	config->pcie = PCIE_AT;
	link(config, PCIE_AT, PCI_CAP_ID_EXP, PCIE_SIZE, list);
	lay(config, PCIE_AT + PCI_EXP_FLAGS, 2 | PCI_EXP_TYPE_ENDPOINT << 4, 2);
	lay(config, PCIE_AT + PCI_EXP_DEVCAP, devcap, 4);
	allow(config, PCIE_AT + PCI_EXP_DEVCTL, 0xffff & ~PCI_EXP_DEVCTL_BCR_FLR, 2);
	lay(config, PCIE_AT + PCI_EXP_LNKCAP, link_speed_and_width, 4);
	lay(config, PCIE_AT + PCI_EXP_LNKSTA, link_speed_and_width, 2);
	allow(config, PCIE_AT + PCI_EXP_DEVCTL2, 0xffff & ~PCI_EXP_DEVCTL2_ARI, 2);
	lay(config, PCIE_AT + PCI_EXP_LNKCAP2,
	    PCI_EXP_LNKCAP2_SLS_2_5GB | PCI_EXP_LNKCAP2_SLS_5_0GB | PCI_EXP_LNKCAP2_SLS_8_0GB, 4);
	lay(config, PCIE_AT + PCI_EXP_LNKCTL2, PCI_EXP_LNKCTL2_TLS_8_0GT, 2);
}

/* ---- extended capabilities ---- */

/* The list has to begin at 0x100, so it is built forwards: *last is the one that this one follows, 0 at first. */
static unsigned int append(struct pci_config *config, unsigned int at, unsigned int id,
			   unsigned int size, unsigned int *last)
{
	unsigned int first = PCI_CFG_SPACE_SIZE;

	if (!*last)
		at = first;
	own(config, at, size);
	lay(config, at, id | 1u << 16, 4);
	if (*last)
		lay(config, *last, pci_get(config->image, *last, 4) | at << 20, 4);
	*last = at;
	return at;
}

/* 4 KiB to 4 MiB, as PCI Express Base 9.3.3.12 asks for; 4 KiB are in use. */
#define PAGE_SIZES   0x553
#define PAGE_SIZE_4K 1

/*
 * PCI Express Base 9.3.3. NumVFs and what enables VFs are shown as they are when they are read. Nothing is writable: VFs are the machine's to make, and
 * Linux shows its users no more.
 */
static void lay_sriov(struct pci_function *function, unsigned int at)
{
	const struct pci_sriov *sriov = &function->sriov;
	struct pci_config *config = &function->config;

	config->sriov = (uint16_t)at;
	lay(config, at + PCI_SRIOV_INITIAL_VF, sriov->total, 2);
	lay(config, at + PCI_SRIOV_TOTAL_VF, sriov->total, 2);
	lay(config, at + PCI_SRIOV_FUNC_LINK, (uint32_t)function->slot.function, 1);
	lay(config, at + PCI_SRIOV_VF_OFFSET, sriov->first, 2);
	lay(config, at + PCI_SRIOV_VF_STRIDE, 1, 2);
	lay(config, at + PCI_SRIOV_VF_DID, function->model.device_id, 2);
	lay(config, at + PCI_SRIOV_SUP_PGSIZE, PAGE_SIZES, 4);
	lay(config, at + PCI_SRIOV_SYS_PGSIZE, PAGE_SIZE_4K, 4);
	for (unsigned int i = 0; i < PCI_BARS; i++)
		if (function->bars[i].size)
			lay_bar_at(function, i, at + PCI_SRIOV_BAR + 4 * i, sriov->addresses[i]);
}

/* PCI Express Base 7.8.8, 7.8.9, 10.5. They follow from what the device is attached to: nothing is writable. */
static void lay_extended(struct pci_function *function)
{
	const struct uiommufd_model *model = &function->model;
	struct pci_config *config = &function->config;
	unsigned int at, last = 0;

	if (model->flags & UIOMMUFD_MODEL_ATS) {
		at = append(config, ATS_AT, PCI_EXT_CAP_ID_ATS, PCI_EXT_CAP_ATS_SIZEOF, &last);
		lay(config, at + PCI_ATS_CAP, PCI_ATS_CAP_PAGE_ALIGNED, 2);
	}
	if (model->flags & UIOMMUFD_MODEL_PRI) {
		at = append(config, PRI_AT, PCI_EXT_CAP_ID_PRI, PCI_EXT_CAP_PRI_SIZEOF, &last);
		lay(config, at + PCI_PRI_STATUS, PCI_PRI_STATUS_STOPPED, 2);
		lay(config, at + PCI_PRI_MAX_REQ, 1u << 16, 4);
	}
	if (model->flags & UIOMMUFD_MODEL_PASID) {
		at = append(config, PASID_AT, PCI_EXT_CAP_ID_PASID, PCI_EXT_CAP_PASID_SIZEOF,
			    &last);
		lay(config, at + PCI_PASID_CAP, (uint32_t)model->pasid_bits << 8, 2);
	}
	if (function->sriov.total) {
		at = append(config, SRIOV_AT, PCI_EXT_CAP_ID_SRIOV, PCI_EXT_CAP_SRIOV_SIZEOF,
			    &last);
		lay_sriov(function, at);
	}
}

void pci_config_lay_capabilities(struct pci_function *function)
{
	const struct uiommufd_model *model = &function->model;
	struct pci_config *config = &function->config;
	unsigned int list = LAST;

	lay_pcie(config, model->flags, &list);
	lay_msix(config, model, &list);
	lay_msi(config, model->msi_vectors, &list);
	lay_pm(config, &list);
	lay(config, PCI_CAPABILITY_LIST, list, 1);
	lay(config, PCI_STATUS, PCI_STATUS_CAP_LIST, 2);
	lay_extended(function);
}

/* ---- addresses ---- */

/*
 * A window of 32-bit addresses and one of 64-bit ones for each function. No CPU ever uses them: they are for who compares BARs.
 */
#define LOW_WINDOW  ((uint64_t)0x80000000)
#define HIGH_WINDOW ((uint64_t)0x10000000000)
#define IO_WINDOW   ((uint64_t)0x1000)

#define LOW_EACH  ((uint64_t)1 << 24)
#define HIGH_EACH ((uint64_t)1 << 42)
#define IO_EACH	  ((uint64_t)1 << 8)

/* The next multiple of the size. */
static uint64_t place(uint64_t *at, uint64_t size, unsigned int count)
{
	uint64_t address = (*at + size - 1) & ~(size - 1);

	*at = address + size * count;
	return address;
}

void pci_assign_addresses(unsigned int index, unsigned int count, const struct uiommufd_bar bars[6],
			  uint64_t ret_addresses[6])
{
	uint64_t low = LOW_WINDOW + index * LOW_EACH, high = HIGH_WINDOW + index * HIGH_EACH;
	uint64_t io = IO_WINDOW + index * IO_EACH;

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		uint64_t *from = bars[i].flags & UIOMMUFD_BAR_64BIT ? &high
				 : bars[i].flags & UIOMMUFD_BAR_IO  ? &io
								    : &low;

		ret_addresses[i] = bars[i].size ? place(from, bars[i].size, count) : 0;
	}
}
