/* SPDX-License-Identifier: MIT */
/* Loads and stores of BARs: to the image, to the model, or to what the host keeps itself. */
#include <endian.h>
#include <linux/pci_regs.h>

#include "core/file.h"
#include "mem/page.h"
#include "core/host.h"
#include "core/machine_impl.h"
#include "pci/function.h"

#define MSIX_ENTRY 16

/* ---- the image ---- */

static uint64_t image_load(const char *at, unsigned int len)
{
	switch (len) {
	case 1:
		return __atomic_load_n((const uint8_t *)at, __ATOMIC_RELAXED);
	case 2:
		return le16toh(__atomic_load_n((const uint16_t *)at, __ATOMIC_RELAXED));
	case 4:
		return le32toh(__atomic_load_n((const uint32_t *)at, __ATOMIC_RELAXED));
	default:
		return le64toh(__atomic_load_n((const uint64_t *)at, __ATOMIC_RELAXED));
	}
}

static void image_store(char *at, uint64_t value, unsigned int len)
{
	switch (len) {
	case 1:
		__atomic_store_n((uint8_t *)at, (uint8_t)value, __ATOMIC_RELAXED);
		break;
	case 2:
		__atomic_store_n((uint16_t *)at, htole16((uint16_t)value), __ATOMIC_RELAXED);
		break;
	case 4:
		__atomic_store_n((uint32_t *)at, htole32((uint32_t)value), __ATOMIC_RELAXED);
		break;
	default:
		__atomic_store_n((uint64_t *)at, htole64(value), __ATOMIC_RELAXED);
	}
}

/* ---- what is special ---- */

struct span {
	uint64_t offset, length;
};

static bool meets(struct span span, uint64_t offset, uint64_t length)
{
	return span.length && offset < span.offset + span.length && span.offset < offset + length;
}

/* The bytes of MSI-X, which are the host's. */
static struct span msix_table(const struct uiommufd_model *model, unsigned int bar)
{
	struct span span = {model->msix_table, (uint64_t)model->msix_vectors * MSIX_ENTRY};

	return bar == model->msix_bar ? span : (struct span){0};
}

static struct span msix_pba(const struct uiommufd_model *model, unsigned int bar)
{
	struct span span = {model->msix_pba, (uint64_t)(model->msix_vectors + 63) / 64 * 8};

	return bar == model->msix_bar ? span : (struct span){0};
}

static bool is_hosts(const struct uiommufd_model *model, unsigned int bar, uint64_t offset,
		     unsigned int len)
{
	return meets(msix_table(model, bar), offset, len) ||
	       meets(msix_pba(model, bar), offset, len);
}

bool pci_bar_is_msix_table(const struct pci_function *function, unsigned int bar, uint64_t offset,
			   unsigned int len)
{
	return meets(msix_table(&function->model, bar), offset, len);
}

/* The window that an offset is in, or NULL. */
static const struct uiommufd_window *find_window(const struct uiommufd_model *model,
						 unsigned int bar, uint64_t offset)
{
	const struct uiommufd_window *window = model->windows;

	for (; window && window->flags; window++)
		if (window->bar == bar && offset >= window->offset &&
		    offset - window->offset < window->length)
			return window;
	return NULL;
}

/* ---- accesses ---- */

/* A VF's memory is decoded by its physical function's VF MSE (PCI Express Base 9.3.3.3.4), on as long as there are VFs. */
bool pci_memory_decoded(const struct pci_function *function)
{
	return function->pf ? pci_exists(function) : pci_command(function) & PCI_COMMAND_MEMORY;
}

bool pci_bar_decoded(const struct pci_function *function, unsigned int bar)
{
	if (function->bars[bar].flags & UIOMMUFD_BAR_IO)
		return pci_command(function) & PCI_COMMAND_IO;
	return pci_memory_decoded(function);
}

uint64_t pci_bar_read(struct pci_function *function, unsigned int bar, uint64_t offset,
		      unsigned int len)
{
	const struct uiommufd_window *window = find_window(&function->model, bar, offset);

	if (window && window->flags & UIOMMUFD_WINDOW_READ_HOOK) {
		LOCK_SCOPED(&function->lock);
		return function->model.bar_read(function->state, bar, offset, len);
	}
	return image_load(function->bars[bar].memory.host + offset, len);
}

void pci_bar_write(struct pci_function *function, unsigned int bar, uint64_t offset, uint64_t value,
		   unsigned int len)
{
	const struct uiommufd_model *model = &function->model;
	const struct uiommufd_window *window = find_window(model, bar, offset);

	if (is_hosts(model, bar, offset, len))
		return;
	if (!model->bar_write || (window && window->flags & UIOMMUFD_WINDOW_MEMORY)) {
		image_store(function->bars[bar].memory.host + offset, value, len);
		return;
	}
	LOCK_SCOPED(&function->lock);
	model->bar_write(function->state, bar, offset, value, len);
}

/* ---- mapping ---- */

static enum pci_piece window_piece(const struct uiommufd_window *window)
{
	if (window->flags & UIOMMUFD_WINDOW_NO_MMAP)
		return PCI_PIECE_NONE;
	if (window->flags & UIOMMUFD_WINDOW_READ_HOOK)
		return PCI_PIECE_ALL;
	return window->flags & UIOMMUFD_WINDOW_MEMORY ? PCI_PIECE_MEMORY : PCI_PIECE_STORES;
}

static bool has_hosts(const struct uiommufd_model *model, unsigned int bar, uint64_t page)
{
	return is_hosts(model, bar, page, PAGE_SIZE);
}

/* What holds for a page. */
static enum pci_piece page_piece(const struct pci_function *function, unsigned int bar,
				 uint64_t page)
{
	const struct uiommufd_window *window = find_window(&function->model, bar, page);
	enum pci_piece piece = function->model.bar_write ? PCI_PIECE_STORES : PCI_PIECE_MEMORY;

	if (!(function->bars[bar].flags & UIOMMUFD_BAR_MMAP) || function->machine->host->no_mmap)
		return PCI_PIECE_NONE;
	if (window)
		piece = window_piece(window);
	if (piece == PCI_PIECE_MEMORY && has_hosts(&function->model, bar, page))
		piece = PCI_PIECE_STORES;
	return FILE_TRAPS || piece == PCI_PIECE_MEMORY ? piece : PCI_PIECE_NONE;
}

/* Kinds change only where windows, or what is the host's, begin or end. */
static void stop_at(uint64_t edge, uint64_t offset, uint64_t *end)
{
	edge = page_floor(edge);
	if (edge > offset && edge < *end)
		*end = edge;
}

static void stop_at_span(struct span span, uint64_t offset, uint64_t *end)
{
	if (!span.length)
		return;
	stop_at(span.offset, offset, end);
	stop_at(page_ceil(span.offset + span.length), offset, end);
}

bool pci_bar_can_map(const struct pci_function *function, unsigned int bar, uint64_t offset,
		     uint64_t length)
{
	const uint64_t size = function->bars[bar].memory.length;
	uint64_t end = offset + length, piece;

	if (!length || offset >= size || length > size - offset)
		return false;
	for (; offset < end; offset += piece)
		if (pci_bar_piece(function, bar, offset, &piece) == PCI_PIECE_NONE)
			return false;
	return true;
}

enum pci_piece pci_bar_piece(const struct pci_function *function, unsigned int bar, uint64_t offset,
			     uint64_t *ret_length)
{
	const struct uiommufd_window *window = function->model.windows;
	uint64_t end = function->bars[bar].memory.length;

	for (; window && window->flags; window++)
		if (window->bar == bar)
			stop_at_span((struct span){window->offset, window->length}, offset, &end);
	stop_at_span(msix_table(&function->model, bar), offset, &end);
	stop_at_span(msix_pba(&function->model, bar), offset, &end);
	*ret_length = end - offset;
	return page_piece(function, bar, offset);
}
