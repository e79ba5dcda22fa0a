/* SPDX-License-Identifier: MIT */
/* Is a model well-formed? */
#include "pci/model.h"

#include <string.h>

#include "mem/page.h"

#define IO_BAR_MIN     4
#define MEMORY_BAR_MIN 16
#define MAX_BAR	       ((uint64_t)1 << 40) /* a region of VFIO is no larger */
#define MAX_LOW_BAR    ((uint64_t)2 << 20) /* pci_assign_addresses() has room for six */
#define MSIX_ENTRY     16
#define MAX_MSIX       2048
#define MAX_MSI	       32
#define MAX_PASID_BITS 20

/* What the first version of the struct had. */
#define MODEL_FIRST (offsetof(struct uiommufd_model, quiesce) + sizeof(void (*)(void)))

static bool is_power(uint64_t value)
{
	return value && !(value & (value - 1));
}

static const char *check_bar(const struct uiommufd_model *model, unsigned int i)
{
	const struct uiommufd_bar *bar = &model->bars[i];
	bool io = bar->flags & UIOMMUFD_BAR_IO;

	if (!bar->size)
		return NULL;
	if (!is_power(bar->size) || bar->size < (io ? IO_BAR_MIN : MEMORY_BAR_MIN) ||
	    bar->size > MAX_BAR)
		return "a BAR's size must be a power of two, of at least 16 bytes";
	if (bar->flags & UIOMMUFD_BAR_MMAP && (io || bar->size < PAGE_SIZE))
		return "a BAR that programs can map must be memory, of at least 4096 bytes";
	if (bar->flags & UIOMMUFD_BAR_64BIT && (i == 5 || model->bars[i + 1].size))
		return "a 64-bit BAR needs the next slot too";
	if (!(bar->flags & UIOMMUFD_BAR_64BIT) && bar->size > MAX_LOW_BAR)
		return "a BAR of more than 2 MiB must be a 64-bit BAR";
	return NULL;
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static const char *check_msix(const struct uiommufd_model *model)
{
	uint64_t size, table = (uint64_t)model->msix_vectors * MSIX_ENTRY;
	uint64_t pba = (uint64_t)(model->msix_vectors + 63) / 64 * 8;

	if (!model->msix_vectors)
		return NULL;
	if (model->msix_vectors > MAX_MSIX)
		return "there can be 2048 MSI-X vectors at most";
	if (model->msix_bar > 5)
		return "msix_bar must name a BAR";
	size = model->bars[model->msix_bar].size;
	if (model->msix_table % 8 || model->msix_pba % 8 || model->msix_table + table > size ||
	    model->msix_pba + pba > size)
		return "the MSI-X table and PBA must lie in their BAR, at multiples of 8";
	if (overlap(model->msix_table, table, model->msix_pba, pba))
		return "the MSI-X table and PBA must not overlap";
	return NULL;
}

static const char *check_window(const struct uiommufd_model *model,
				const struct uiommufd_window *window)
{
	const struct uiommufd_bar *bar;

	if (window->bar > 5)
		return "a window must name a BAR";
	bar = &model->bars[window->bar];
	if (!window->length || window->length > bar->size ||
	    window->offset > bar->size - window->length)
		return "a window must lie in its BAR";
	if (bar->flags & UIOMMUFD_BAR_MMAP && (window->offset | window->length) % PAGE_SIZE)
		return "a window of a BAR that programs can map must be whole pages";
	if (window->flags & UIOMMUFD_WINDOW_READ_HOOK && !model->bar_read)
		return "a window with READ_HOOK needs bar_read";
	return NULL;
}

static const char *check_interrupts(const struct uiommufd_model *model)
{
	if (model->intx_pin > 4)
		return "intx_pin must be 0 to 4";
	if (model->msi_vectors && (!is_power(model->msi_vectors) || model->msi_vectors > MAX_MSI))
		return "msi_vectors must be a power of two up to 32";
	return check_msix(model);
}

/* PCI Express Base 9.2.2.2, 9.3.3.14: each VF has FLR, and BARs of whole pages of memory. */
static const char *check_sriov(const struct uiommufd_model *model)
{
	if (!(model->flags & UIOMMUFD_MODEL_FLR))
		return "SRIOV needs FLR";
	for (unsigned int i = 0; i < PCI_BARS; i++)
		if (model->bars[i].size &&
		    (model->bars[i].flags & UIOMMUFD_BAR_IO || model->bars[i].size < PAGE_SIZE))
			return "SRIOV needs BARs of memory, of at least 4096 bytes";
	return NULL;
}

static const char *check(const struct uiommufd_model *model)
{
	const uint32_t extended = UIOMMUFD_MODEL_FLR | UIOMMUFD_MODEL_ATS | UIOMMUFD_MODEL_PRI |
				  UIOMMUFD_MODEL_PASID | UIOMMUFD_MODEL_SRIOV;
	const struct uiommufd_window *window;
	const char *wrong = NULL;

	if (!model->name || !*model->name)
		return "it has no name";
	if (model->flags & extended && !(model->flags & UIOMMUFD_MODEL_PCIE))
		return "FLR, ATS, PRI, PASID and SRIOV need PCIE";
	if (model->pasid_bits > MAX_PASID_BITS ||
	    !(model->flags & UIOMMUFD_MODEL_PASID) != !model->pasid_bits)
		return "pasid_bits must be 1 to 20 with PASID, else 0";
	if (model->queues > PCI_MAX_QUEUES || model->workers > PCI_MAX_WORKERS)
		return "there are too many queues or workers";
	for (unsigned int i = 0; i < PCI_BARS && !wrong; i++)
		wrong = check_bar(model, i);
	if (!wrong)
		wrong = check_interrupts(model);
	if (!wrong && model->flags & UIOMMUFD_MODEL_SRIOV)
		wrong = check_sriov(model);
	for (window = model->windows; !wrong && window && window->flags; window++)
		wrong = check_window(model, window);
	return wrong;
}

const char *pci_model_take(const struct uiommufd_model *given, struct uiommufd_model *ret_model)
{
	size_t size = given->size;

	if (size < MODEL_FIRST)
		return "its struct is shorter than any that is known";
	memset(ret_model, 0, sizeof(*ret_model));
	memcpy(ret_model, given, size < sizeof(*ret_model) ? size : sizeof(*ret_model));
	if (!ret_model->queues)
		ret_model->queues = 1;
	if (!ret_model->workers)
		ret_model->workers = 1;
	if (ret_model->workers > ret_model->queues)
		ret_model->workers = ret_model->queues;
	return check(ret_model);
}
