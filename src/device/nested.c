/* SPDX-License-Identifier: MIT */
/* DMA through stage 1 of the user. */
#include "device/nested.h"

#include <errno.h>
#include <stdlib.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "base/guard.h"
#include "hwpt/dirty.h"

/*
 * What a port remembers of stage 1: a page that one of the model's caches holds. It is good as long as that entry stands, so it is no cache
 * of its own: nothing stays visible by it.
 */
struct nested_hit {
	uint64_t first, last; /* IOVAs; first > last: none */
	uint64_t address;
	const _Atomic uint64_t *version;
	uint64_t seen;
	uint64_t changes; /* of the device's attachments */
	uint32_t pasid;
	uint32_t perm;
};

#define HITS 64

static struct nested_hit *hit_of(const struct dma_port *port, uint32_t pasid, uint64_t iova)
{
	return &port->nested[((iova >> PAGE_SHIFT) ^ pasid) % HITS];
}

int nested_init(struct dma_port *port)
{
	port->nested = mem_alloc(HITS * sizeof(*port->nested));
	if (!port->nested)
		return -ENOMEM;
	for (unsigned int i = 0; i < HITS; i++)
		port->nested[i] = (struct nested_hit){.first = 1, .last = 0};
	return 0;
}

void nested_done(struct dma_port *port)
{
	free(port->nested);
}

/* ---- memory of tables, inside a section ---- */

struct port_memory {
	struct pt_memory memory;
	struct dma_port *port;
	uint32_t pasid; /* with DMA_STAGE2 */
};

/* NULL: not from here. */
static char *word_of(const struct pt_memory *memory, uint64_t address, bool write)
{
	const struct port_memory *by_port = (const struct port_memory *)memory;
	size_t len = sizeof(uint64_t);

	return dma_stage2(by_port->port, by_port->pasid, address, &len, write);
}

static int read_word(const struct pt_memory *memory, uint64_t address, uint64_t *ret_word)
{
	const char *word = word_of(memory, address, false);

	return word && !guard_copy(ret_word, word, sizeof(*ret_word)) ? 0 : -EAGAIN;
}

static int exchange_word(const struct pt_memory *memory, uint64_t address, uint64_t *expected,
			 uint64_t word)
{
	char *at = word_of(memory, address, true);

	return at && !guard_exchange(at, expected, word) ? 0 : -EAGAIN;
}

/* ---- in a section ---- */

/* Are all addresses announced? Then nothing that stage 1 leads to can go before the section ends. */
static bool section_is_wide(const struct dma_port *port)
{
	return !atomic_load_explicit(&port->slot->first, memory_order_relaxed) &&
	       atomic_load_explicit(&port->slot->last, memory_order_relaxed) == UINT64_MAX;
}

static bool still_good(const struct dma_port *port, const struct nested_hit *hit, uint32_t pasid,
		       uint64_t iova, uint32_t perm)
{
	return iova >= hit->first && iova <= hit->last && pasid == hit->pasid &&
	       (hit->perm & perm) == perm &&
	       atomic_load_explicit(&port->device->changes, memory_order_acquire) == hit->changes &&
	       atomic_load_explicit(hit->version, memory_order_acquire) == hit->seen;
}

static void remember(struct dma_port *port, uint32_t pasid, uint64_t iova, uint64_t changes,
		     const struct stage1 *found)
{
	if (!found->version)
		return;
	*hit_of(port, pasid, iova) = (struct nested_hit){
		.first = found->first,
		.last = found->last,
		.address = found->address,
		.version = found->version,
		.seen = found->seen,
		.changes = changes,
		.pasid = pasid,
		.perm = found->perm,
	};
}

/* Asks the model. */
static int ask(struct dma_port *port, struct stage1_request *request, struct stage1 *ret)
{
	const struct port_memory memory = {
		{read_word, exchange_word}, port, request->pasid | DMA_STAGE2};
	struct device_attachment *own = device_attachment_for(port->device, request->pasid);
	struct hwpt *hwpt;

	if (!own)
		return -EFAULT;
	hwpt = atomic_load_explicit(&own->hwpt, memory_order_acquire);
	if (!hwpt->domain->ops->translate)
		return -EFAULT;
	request->hwpt_id = hwpt->object.id;
	request->dev_id = port->device->object.id;
	return hwpt->domain->ops->translate(hwpt->domain, port->device->iommu_dev, request,
					    &memory.memory, ret);
}

static bool is_paging(const struct dma_port *port, uint32_t pasid)
{
	const struct device_attachment *own = device_attachment_find(port->device, pasid);

	return own && atomic_load_explicit(&own->hwpt, memory_order_acquire)->object.type ==
			      &hwpt_paging_type;
}

/* Stage 2, and the piece that both stages allow. */
static char *go_on(struct dma_port *port, uint32_t pasid, uint64_t address, uint64_t left,
		   size_t *len, uint32_t perm)
{
	if (left < *len - 1)
		*len = left + 1;
	return dma_stage2(port, pasid | DMA_STAGE2, address, len, perm & PT_ANY_WRITE);
}

char *nested_translate(struct dma_port *port, uint32_t pasid, uint64_t iova, size_t *len,
		       uint32_t perm)
{
	struct stage1_request request = {.pasid = pasid, .perm = perm, .iova = iova};
	const struct nested_hit *hit = hit_of(port, pasid, iova);
	struct stage1 found;
	uint64_t changes;

	if (!section_is_wide(port))
		return NULL;
	if (still_good(port, hit, pasid, iova, perm))
		return go_on(port, pasid, hit->address + (iova - hit->first), hit->last - iova, len,
			     perm);
	if (is_paging(port, pasid))
		return dma_stage2(port, pasid, iova, len, perm & PT_ANY_WRITE);
	changes = atomic_load_explicit(&port->device->changes, memory_order_acquire);
	if (ask(port, &request, &found))
		return NULL;
	remember(port, pasid, iova, changes, &found);
	return go_on(port, pasid, found.address + (iova - found.first), found.last - iova, len,
		     perm);
}

/* ---- under the lock ---- */

struct locked_memory {
	struct pt_memory memory;
	struct hwpt_paging *paging;
};

/* The area of stage 2 with this word. */
static int area_of(const struct pt_memory *memory, uint64_t address, uint32_t perm,
		   struct imap_entry *ret_entry)
{
	const struct locked_memory *locked = (const struct locked_memory *)memory;
	const struct area *area;

	if (!imap_first_in(&locked->paging->ioas->areas, address, address, ret_entry))
		return -EFAULT;
	area = ret_entry->value;
	return area->perm & perm ? 0 : -EFAULT;
}

static int read_locked(const struct pt_memory *memory, uint64_t address, uint64_t *ret_word)
{
	struct imap_entry entry;
	struct area *area;

	if (area_of(memory, address, IOMMU_IOAS_MAP_READABLE, &entry))
		return -EFAULT;
	area = entry.value;
	return pages_read(area->pages, area->offset + (address - entry.first), ret_word,
			  sizeof(*ret_word));
}

/* Memory that is not in this process can't be exchanged atomically: its owner may write in between. */
static int exchange_locked(const struct pt_memory *memory, uint64_t address, uint64_t *expected,
			   uint64_t word)
{
	const struct locked_memory *locked = (const struct locked_memory *)memory;
	struct imap_entry entry;
	struct area *area;
	uint64_t offset, now;
	char *host;

	if (area_of(memory, address, IOMMU_IOAS_MAP_WRITEABLE, &entry))
		return -EFAULT;
	area = entry.value;
	offset = area->offset + (address - entry.first);
	if (atomic_load_explicit(&locked->paging->tracking, memory_order_relaxed))
		dirty_mark_pages(locked->paging, address, address + sizeof(word) - 1);
	host = atomic_load(&area->host);
	if (host)
		return guard_exchange(host + (address - entry.first), expected, word);
	if (pages_read(area->pages, offset, &now, sizeof(now)))
		return -EFAULT;
	if (now == *expected && pages_write(area->pages, offset, &word, sizeof(word)))
		return -EFAULT;
	*expected = now;
	return 0;
}

int nested_resolve(struct dma_port *port, uint32_t pasid, uint32_t perm, uint64_t *address,
		   size_t *len)
{
	struct stage1_request request = {
		.pasid = pasid, .perm = perm, .iova = *address, .locked = true};
	struct device_attachment *own = device_attachment_for(port->device, pasid);
	struct locked_memory memory = {.memory = {read_locked, exchange_locked}};
	struct stage1 found;
	int rc;

	if (!own || !own->hwpt->domain->ops->translate) {
		port->repairable = false;
		return -EFAULT;
	}
	request.hwpt_id = own->hwpt->object.id;
	request.dev_id = port->device->object.id;
	memory.paging = own->hwpt->stage2;
	rc = own->hwpt->domain->ops->translate(own->hwpt->domain, port->device->iommu_dev, &request,
					       &memory.memory, &found);
	if (rc) {
		port->repairable = found.recoverable;
		port->refused = found;
		return -EFAULT;
	}
	port->repairable &= !found.final;
	if (found.last - *address < *len - 1)
		*len = found.last - *address + 1;
	*address = found.address + (*address - found.first);
	return 0;
}

void nested_report(struct dma_port *port, uint32_t pasid, uint32_t perm, uint64_t iova)
{
	const struct stage1_request request = {pasid, perm, iova};
	struct device_attachment *own = device_attachment_for(port->device, pasid);
	struct domain *domain = own ? own->hwpt->domain : NULL;

	if (!domain || !domain->ops->report || (port->repairable && own->hwpt->fault))
		return;
	domain->ops->report(domain, port->device->iommu_dev, &request, &port->refused);
}
