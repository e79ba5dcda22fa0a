/* SPDX-License-Identifier: MIT */
/* Ports: the way of a byte from an IOVA to memory. */
#include "device/dma.h"

#include <errno.h>
#include <stdlib.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "base/guard.h"
#include "core/machine_impl.h"
#include "device/nested.h"
#include "device/sva.h"
#include "device/watch.h"
#include "hwpt/dirty.h"

#define LARGE ((uint64_t)1 << DMA_LARGE_SHIFT)
/* How long a port looks for an answer before it sleeps: as long as it takes to wake up who gives it (ns). */
#define SPIN 60000

#define HITS (DMA_LARGE_HITS + DMA_SMALL_HITS)

int dma_port_init(struct dma_port *port, struct device *device)
{
	struct dma_hit *hits = mem_alloc(HITS * sizeof(*hits));
	int rc;

	if (!hits)
		return -ENOMEM;
	for (unsigned int i = 0; i < HITS; i++)
		hits[i] = (struct dma_hit){.pasid = DMA_NOTHING};
	*port = (struct dma_port){
		.device = device, .hits = hits, .last = {hits, hits}, .table.pasid = DMA_NOTHING};
	port->spin.limit = SPIN;
	rc = nested_init(port);
	if (!rc)
		rc = hazard_register(&device->object.ctx->machine->hazard, &port->slot);
	if (rc) {
		nested_done(port);
		free(hits);
	}
	return rc;
}

void dma_port_done(struct dma_port *port)
{
	hazard_unregister(port->slot);
	nested_done(port);
	free(port->hits);
}

/* ---- translation, inside a section ---- */

/* The page table whose IOAS an address is looked up in: of a RID or PASID, or the stage 2 below it (DMA_STAGE2). */
static struct hwpt_paging *find_paging(struct device *device, uint32_t pasid)
{
	struct device_attachment *own = device_attachment_find(device, pasid & ~DMA_STAGE2);
	struct hwpt *hwpt;

	if (!own)
		own = device_attachment_for(device, pasid & ~DMA_STAGE2);

	if (!own)
		return NULL;
	hwpt = atomic_load_explicit(&own->hwpt, memory_order_acquire);
	if (pasid & DMA_STAGE2)
		return hwpt->stage2;
	return hwpt->object.type == &hwpt_paging_type ? (struct hwpt_paging *)hwpt : NULL;
}

static struct dma_hit *large_hit(const struct dma_port *port, uint32_t pasid, uint64_t iova)
{
	return &port->hits[((iova >> DMA_LARGE_SHIFT) ^ pasid) % DMA_LARGE_HITS];
}

static struct dma_hit *small_hit(const struct dma_port *port, uint32_t pasid, uint64_t iova)
{
	return &port->hits[DMA_LARGE_HITS + ((iova >> PAGE_SHIFT) ^ pasid) % DMA_SMALL_HITS];
}

/* Looks an IOVA up and remembers what it finds. NULL: it is not mapped, or can only be copied. */
static const struct dma_hit *look_up(struct dma_port *port, uint32_t pasid, uint64_t iova)
{
	uint64_t changes = atomic_load_explicit(&port->device->changes, memory_order_acquire);
	struct hwpt_paging *paging = find_paging(port->device, pasid);
	const _Atomic uint64_t *version;
	struct imap_entry entry;
	struct dma_hit *hit;
	struct area *area;
	uint64_t seen;
	char *host;

	if (!paging)
		return NULL;
	version = imap_version(&paging->ioas->areas, iova);
	seen = atomic_load_explicit(version, memory_order_acquire);
	if (!imap_lookup(&paging->ioas->areas, iova, &entry))
		return NULL;
	area = entry.value;
	host = atomic_load_explicit(&area->host, memory_order_acquire);
	if (!host)
		return NULL;
	hit = entry.last - entry.first >= LARGE - 1 ? large_hit(port, pasid, iova)
						    : small_hit(port, pasid, iova);
	*hit = (struct dma_hit){
		.first = entry.first,
		.span = entry.last - entry.first,
		.host = host,
		.version = version,
		.seen = seen,
		.changes = changes,
		.paging = paging,
		.pasid = pasid,
		.perm = area->perm,
	};
	return hit;
}

__attribute__((noinline)) char *dma_mark(char *host, struct hwpt_paging *paging, uint64_t iova,
					 size_t len)
{
	dirty_mark_pages(paging, iova, iova + len - 1);
	return host;
}

/*
 * Translation tries one way after the other. Each is a function of its own, which calls the next at its end: so the first ones, that are taken nearly
 * always, save no registers for the last.
 */

/* By an entry, which will be tried first the next time. NULL: there is none, or no permission. */
static inline char *by_hit(struct dma_port *port, const struct dma_hit *hit, uint64_t iova,
			   size_t *len, bool write)
{
	if (!hit || !(hit->perm & dma_perm(write)))
		return NULL;
	port->last[write] = hit;
	return dma_use_hit(hit, iova, len, write);
}

/* By what is remembered of smaller areas, and by the map, which costs most. */
static __attribute__((noinline)) char *by_map(struct dma_port *port, uint32_t pasid, uint64_t iova,
					      size_t *len, bool write)
{
	const struct dma_hit *hit = small_hit(port, pasid, iova);

	if (!dma_hit_is_good(port, hit, pasid, iova))
		hit = look_up(port, pasid, iova);
	return by_hit(port, hit, iova, len, write);
}

/* Remembers the page table, so that what stands in front of its map is found at once the next time. */
static __attribute__((noinline)) char *by_new_table(struct dma_port *port, uint32_t pasid,
						    uint64_t iova, size_t *len, bool write)
{
	port->table.changes = atomic_load_explicit(&port->device->changes, memory_order_acquire);
	port->table.paging = find_paging(port->device, pasid);
	port->table.pasid = port->table.paging ? pasid : DMA_NOTHING;
	return by_map(port, pasid, iova, len, write);
}

/* By the front of the IOAS, which knows single pages where there are many: it needs no memory of the port's. */
static inline char *by_front(struct dma_port *port, uint32_t pasid, uint64_t iova, size_t *len,
			     bool write)
{
	const struct dma_table *table = &port->table;
	uint64_t word, left = PAGE_SIZE - page_offset(iova);
	char *host;

	if (table->pasid != pasid ||
	    table->changes != atomic_load_explicit(&port->device->changes, memory_order_acquire))
		return by_new_table(port, pasid, iova, len, write);
	word = dense_get(&table->paging->ioas->front, iova >> PAGE_SHIFT);
	if (!word)
		return by_map(port, pasid, iova, len, write);
	if (!(word & dma_perm(write)))
		return NULL;
	if (left < *len)
		*len = left;
	host = (char *)(uintptr_t)(word & ~IOAS_FRONT_PERM) + page_offset(iova);
	if (write && atomic_load_explicit(&table->paging->tracking, memory_order_relaxed))
		return dma_mark(host, table->paging, iova, *len);
	return host;
}

/* By the page table of the pasid itself, or stage 2 below it. */
static inline char *by_table(struct dma_port *port, uint32_t pasid, uint64_t iova, size_t *len,
			     bool write)
{
	const struct dma_hit *hit = large_hit(port, pasid, iova);

	return dma_hit_is_good(port, hit, pasid, iova) ? by_hit(port, hit, iova, len, write)
						       : by_front(port, pasid, iova, len, write);
}

char *dma_stage2(struct dma_port *port, uint32_t pasid, uint64_t iova, size_t *len, bool write)
{
	return by_table(port, pasid, iova, len, write);
}

/* The page in front of the map. */
static bool find_front(const struct dma_port *port, uint32_t pasid, uint64_t iova,
		       struct dma_hit *ret)
{
	struct hwpt_paging *paging = find_paging(port->device, pasid);
	const _Atomic uint64_t *version;
	uint64_t seen, word;

	if (!paging)
		return false;
	version = imap_version(&paging->ioas->areas, iova);
	seen = atomic_load_explicit(version, memory_order_acquire);
	word = dense_get(&paging->ioas->front, iova >> PAGE_SHIFT);
	*ret = (struct dma_hit){
		.first = iova & -(uint64_t)PAGE_SIZE,
		.span = PAGE_SIZE - 1,
		.host = (char *)(uintptr_t)(word & ~IOAS_FRONT_PERM),
		.version = version,
		.seen = seen,
		.paging = paging,
		.perm = word & IOAS_FRONT_PERM,
	};
	return word;
}

/* What the port remembers of stage 2, or NULL. */
static const struct dma_hit *remembered(const struct dma_port *port, uint32_t pasid, uint64_t iova)
{
	const struct dma_hit *hit = large_hit(port, pasid, iova);

	if (dma_hit_is_good(port, hit, pasid, iova))
		return hit;
	hit = small_hit(port, pasid, iova);
	return dma_hit_is_good(port, hit, pasid, iova) ? hit : NULL;
}

bool dma_stage2_find(struct dma_port *port, uint32_t pasid, uint64_t iova, struct dma_hit *ret)
{
	const struct dma_hit *hit = remembered(port, pasid, iova);

	if (!hit) {
		if (find_front(port, pasid, iova, ret))
			return true;
		hit = look_up(port, pasid, iova);
	}
	if (hit)
		*ret = *hit;
	return hit;
}

static char *translate(struct dma_port *port, uint32_t pasid, uint64_t iova, size_t *len,
		       uint32_t perm)
{
	if (!atomic_load_explicit(&port->device->nested, memory_order_relaxed))
		return dma_stage2(port, pasid, iova, len, perm & PT_ANY_WRITE);
	return nested_translate(port, pasid, iova, len, perm);
}

/* The process whose addresses a PASID's are, or NULL. */
static struct mm *shared_mm(const struct dma_port *port, uint32_t pasid)
{
	return pasid ? sva_find(port->device, pasid) : NULL;
}

static __attribute__((noinline)) char *by_process(struct dma_port *port, uint32_t pasid,
						  uint64_t iova, size_t *len, bool write)
{
	const struct mm *mm = shared_mm(port, pasid);

	if (mm)
		return mm->self ? (char *)iova : NULL;
	return translate(port, pasid, iova, len, write ? PT_WRITE : PT_READ);
}

char *dma_search(struct dma_port *port, uint32_t pasid, uint64_t iova, size_t *len, bool write)
{
	if (pasid)
		return by_process(port, pasid, iova, len, write);
	if (atomic_load_explicit(&port->device->nested, memory_order_relaxed))
		return nested_translate(port, 0, iova, len, write ? PT_WRITE : PT_READ);
	/* Compiled for each, so that neither asks which it is. */
	return write ? by_table(port, 0, iova, len, true) : by_table(port, 0, iova, len, false);
}

/* ---- copies ---- */

static bool writes(const struct dma_access *copy)
{
	return copy->perm & PT_ANY_WRITE;
}

/* Where an access goes in the end: an area of stage 2. */
struct target {
	struct hwpt_paging *paging;
	struct imap_entry entry;
	uint64_t address;
	size_t len; /* in: what is wanted */
};

/* The slow way: under the lock. */
static int find_target(struct dma_port *port, const struct dma_access *copy, struct target *target)
{
	const struct area *area;

	port->repairable = !port->device->iommu_dev->no_page_requests;
	port->refused = (struct stage1){0};
	target->address = copy->iova;
	target->len = copy->len;
	target->paging = find_paging(port->device, copy->pasid);
	if (!target->paging) {
		int rc = nested_resolve(port, copy->pasid, copy->perm, &target->address,
					&target->len);

		if (rc)
			return rc;
		target->paging = find_paging(port->device, copy->pasid | DMA_STAGE2);
	}
	if (!imap_first_in(&target->paging->ioas->areas, target->address, target->address,
			   &target->entry))
		return -EFAULT;
	area = target->entry.value;
	if (target->entry.last - target->address < target->len - 1)
		target->len = target->entry.last - target->address + 1;
	return area->perm & dma_perm(writes(copy)) ? 0 : -EFAULT;
}

bool dma_would_fault(struct dma_port *port, uint32_t pasid, uint64_t iova, uint32_t perm)
{
	const struct dma_access copy = {pasid, perm, iova, NULL, 1};
	struct target target;

	return find_target(port, &copy, &target);
}

static int copy_locked(struct dma_port *port, const struct dma_access *copy, size_t *len)
{
	struct target target;
	struct area *area;
	uint64_t offset;
	int rc;

	LOCK_SCOPED(&port->device->object.ctx->lock);
	rc = find_target(port, copy, &target);
	if (rc && port->device->object.ctx->machine->sanitizer)
		watch_fault(port, copy, target.address);
	if (rc) {
		nested_report(port, copy->pasid, copy->perm, copy->iova);
		return rc;
	}
	*len = target.len;
	area = target.entry.value;
	offset = area->offset + (target.address - target.entry.first);
	if (writes(copy))
		dma_written(target.paging, target.address, *len);
	return writes(copy) ? pages_write(area->pages, offset, copy->buf, *len)
			    : pages_read(area->pages, offset, copy->buf, *len);
}

/* A process's page at most, so that it is known where an access failed. */
static int copy_shared(struct dma_port *port, struct mm *mm, const struct dma_access *copy,
		       size_t *len)
{
	uint64_t left = PAGE_SIZE - page_offset(copy->iova);
	int rc;

	if (left < *len)
		*len = left;
	rc = writes(copy) ? mm_write(mm, copy->iova, copy->buf, *len)
			  : mm_read(mm, copy->buf, copy->iova, *len);
	port->repairable &= !rc;
	return rc;
}

/* As much as lies in one piece; *len says how much that was. */
static int copy_piece(struct dma_port *port, const struct dma_access *copy, size_t *len)
{
	uint64_t last = copy->iova + (copy->len - 1);
	const struct dma_hit *hit;
	struct mm *mm = NULL;
	char *host;
	int rc = -EFAULT;

	*len = copy->len;
	dma_enter(port, copy->iova, last < copy->iova ? UINT64_MAX : last);
	hit = dma_last_hit(port, copy->pasid, copy->iova, writes(copy));
	if (!hit)
		mm = shared_mm(port, copy->pasid);
	if (mm) {
		rc = copy_shared(port, mm, copy, len);
		dma_leave(port);
		return rc;
	}
	host = hit ? dma_use_hit(hit, copy->iova, len, writes(copy))
		   : translate(port, copy->pasid, copy->iova, len, copy->perm);
	if (host)
		rc = writes(copy) ? guard_copy(host, copy->buf, *len)
				  : guard_copy(copy->buf, host, *len);
	dma_leave(port);
	return rc ? copy_locked(port, copy, len) : 0;
}

int dma_copy(struct dma_port *port, const struct dma_access *access, uint64_t *ret_fault)
{
	struct dma_access left = *access;

	while (left.len) {
		size_t n;
		int rc = copy_piece(port, &left, &n);

		if (rc) {
			if (ret_fault)
				*ret_fault = left.iova;
			return rc;
		}
		left.iova += n;
		left.buf = (char *)left.buf + n;
		left.len -= n;
	}
	return 0;
}

int dma_read(struct dma_port *port, uint32_t pasid, uint64_t iova, void *buf, size_t len,
	     uint64_t *ret_fault)
{
	return dma_copy(port, &(struct dma_access){pasid, PT_READ, iova, buf, len}, ret_fault);
}

int dma_write(struct dma_port *port, uint32_t pasid, uint64_t iova, const void *buf, size_t len,
	      uint64_t *ret_fault)
{
	return dma_copy(port, &(struct dma_access){pasid, PT_WRITE, iova, (void *)buf, len},
			ret_fault);
}
