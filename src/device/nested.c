/* SPDX-License-Identifier: MIT */
/* DMA through stage 1 of the user. */
#include "device/nested.h"

#include <errno.h>
#include <stdlib.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "base/guard.h"

/*
 * What a port remembers: a piece that one page of stage 1 and one area of stage 2 map, so both stages are one comparison. It is good as long as the
 * entry of the model's cache stands that the page came from, and the map of stage 2 is what it was; so it is no cache of its own: nothing stays
 * visible by it.
 */
struct nested_hit {
	uint64_t first, last; /* IOVAs */
	const _Atomic uint64_t *version;
	uint64_t seen;
	const _Atomic uint64_t *stage2_version; /* of its map (imap_version()) */
	uint64_t stage2_seen;
	uint64_t changes; /* of the device's attachments */
	uint32_t pasid;
	uint32_t perm;	  /* enum pt_perm: what both stages allow; 0: none */
	char *host;	  /* of `first` */
	uint64_t address; /* of `first`, to stage 2 */
	struct hwpt_paging *paging;
};

#define HITS 1024

static struct nested_hit *hit_of(const struct dma_port *port, uint32_t pasid, uint64_t iova)
{
	return &port->nested[((iova >> PAGE_SHIFT) ^ pasid) % HITS];
}

int nested_init(struct dma_port *port)
{
	port->nested = mem_zalloc(HITS * sizeof(*port->nested));
	return port->nested ? 0 : -ENOMEM;
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
	/* The device's attachments first: while they are the same, the map and the model's caches are alive. */
	return iova >= hit->first && iova <= hit->last && pasid == hit->pasid &&
	       (hit->perm & perm) == perm &&
	       atomic_load_explicit(&port->device->changes, memory_order_acquire) == hit->changes &&
	       atomic_load_explicit(hit->version, memory_order_acquire) == hit->seen &&
	       atomic_load_explicit(hit->stage2_version, memory_order_acquire) == hit->stage2_seen;
}

/* What stage 2 leaves of what stage 1 allows. */
static uint32_t limit_perm(uint32_t perm, uint32_t stage2)
{
	if (!(stage2 & IOMMU_IOAS_MAP_WRITEABLE))
		perm &= ~(uint32_t)PT_ANY_WRITE;
	return stage2 & IOMMU_IOAS_MAP_READABLE ? perm : perm & PT_ANY_WRITE;
}

/* The piece around an IOVA that one page of stage 1 and what stage 2 has there have in common. */
static struct nested_hit both_stages(uint64_t iova, const struct stage1 *page,
				     const struct dma_hit *stage2)
{
	uint64_t address = page->address + (iova - page->first);
	uint64_t before = address - stage2->first, after = stage2->span - before;

	if (iova - page->first < before)
		before = iova - page->first;
	if (page->last - iova < after)
		after = page->last - iova;
	return (struct nested_hit){
		.first = iova - before,
		.last = iova + after,
		.version = page->version,
		.seen = page->seen,
		.stage2_version = stage2->version,
		.stage2_seen = stage2->seen,
		.perm = limit_perm(page->perm, stage2->perm),
		.host = stage2->host + (address - before - stage2->first),
		.address = address - before,
		.paging = stage2->paging,
	};
}

/* What has the stage 1 of a RID or PASID, or NULL. */
static struct hwpt *find_stage1(const struct dma_port *port, uint32_t pasid)
{
	struct device_attachment *own = device_attachment_for(port->device, pasid);
	struct hwpt *hwpt;

	if (!own)
		return NULL;
	hwpt = atomic_load_explicit(&own->hwpt, memory_order_acquire);
	return hwpt->domain->ops->translate ? hwpt : NULL;
}

/* Asks its model. */
static int ask(const struct dma_port *port, const struct hwpt *hwpt, struct stage1_request *request,
	       const struct pt_memory *memory, struct stage1 *ret)
{
	request->hwpt_id = hwpt->object.id;
	request->dev_id = port->device->object.id;
	return hwpt->domain->ops->translate(hwpt->domain, port->device->iommu_dev, request, memory,
					    ret);
}

static bool is_paging(const struct dma_port *port, uint32_t pasid)
{
	const struct device_attachment *own = device_attachment_find(port->device, pasid);

	return own && atomic_load_explicit(&own->hwpt, memory_order_acquire)->object.type ==
			      &hwpt_paging_type;
}

/* What the device gets of it: see dma_translate(). */
static inline char *use(const struct nested_hit *hit, uint64_t iova, size_t *len, uint32_t perm)
{
	if (hit->last - iova < *len - 1)
		*len = hit->last - iova + 1;
	if (perm & PT_ANY_WRITE)
		dma_written(hit->paging, hit->address + (iova - hit->first), *len);
	return hit->host + (iova - hit->first);
}

/* By the model, and the map of stage 2. */
static __attribute__((noinline)) char *by_model(struct dma_port *port, uint32_t pasid,
						uint64_t iova, size_t *len, uint32_t perm)
{
	uint64_t changes = atomic_load_explicit(&port->device->changes, memory_order_acquire);
	const struct port_memory memory = {{read_word, exchange_word}, port, pasid | DMA_STAGE2};
	struct stage1_request request = {.pasid = pasid, .perm = perm, .iova = iova};
	const struct hwpt *hwpt = find_stage1(port, pasid);
	struct dma_hit stage2;
	struct nested_hit hit;
	struct stage1 page;

	if (!hwpt || ask(port, hwpt, &request, &memory.memory, &page) ||
	    !dma_stage2_find(port, pasid | DMA_STAGE2, page.address + (iova - page.first), &stage2))
		return NULL;
	hit = both_stages(iova, &page, &stage2);
	if ((hit.perm & perm) != perm)
		return NULL;
	hit.changes = changes;
	hit.pasid = pasid;
	if (hit.version)
		*hit_of(port, pasid, iova) = hit;
	return use(&hit, iova, len, perm);
}

char *nested_translate(struct dma_port *port, uint32_t pasid, uint64_t iova, size_t *len,
		       uint32_t perm)
{
	const struct nested_hit *hit = hit_of(port, pasid, iova);

	if (!section_is_wide(port))
		return NULL;
	if (still_good(port, hit, pasid, iova, perm))
		return use(hit, iova, len, perm);
	if (is_paging(port, pasid))
		return dma_stage2(port, pasid, iova, len, perm & PT_ANY_WRITE);
	return by_model(port, pasid, iova, len, perm);
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
	dma_written(locked->paging, address, sizeof(word));
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
	struct locked_memory memory = {.memory = {read_locked, exchange_locked}};
	const struct hwpt *hwpt = find_stage1(port, pasid);
	struct stage1 found;

	if (!hwpt) {
		port->repairable = false;
		return -EFAULT;
	}
	memory.paging = hwpt->stage2;
	if (ask(port, hwpt, &request, &memory.memory, &found)) {
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
