/* SPDX-License-Identifier: MIT */
/* What the SMMU and its devices remember. */
#include "hw/smmuv3/caches.h"

#include "container/hazard.h"
#include "core/machine_impl.h"

/* Pages are counted in 4 KiB, 37 bits of them: caches' shifts are less by 12 than those of addresses. */
#define PAGE_BITS 37
#define PAGE_LOW  12

/* 48 bits of an address and its half, as a page number; tagged. */
static uint64_t key_of(uint64_t tag, uint64_t va)
{
	uint64_t page = (va & FIELD_MASK(47, 0)) >> PAGE_LOW | (va >> 55 & 1) << (PAGE_BITS - 1);

	return tag << PAGE_BITS | page;
}

void smmu_caches_init(struct smmu_viommu *viommu)
{
	uint64_t id = 1 + atomic_fetch_add(&viommu->iommu->machine->spaces, 3);

	iotlb_space_init(&viommu->pages, id);
	iotlb_space_init(&viommu->globals, id + 1);
	iotlb_space_init(&viommu->tables, id + 2);
	iotlb_space_init(&viommu->cds, id);
}

struct smmu_epochs smmu_epochs(const struct smmu_viommu *viommu, const struct smmuv3_device *device)
{
	return (struct smmu_epochs){
		.pages = iotlb_space_epoch(&viommu->pages),
		.globals = iotlb_space_epoch(&viommu->globals),
		.tables = iotlb_space_epoch(&viommu->tables),
		.cds = iotlb_space_epoch(&viommu->cds),
		.atc = iotlb_space_epoch(&device->atc_space),
	};
}

/* ---- translations ---- */

static bool find(const struct iotlb *cache, const struct iotlb_space *space, uint64_t key,
		 uint32_t perm, struct iotlb_hit *ret_hit)
{
	if (!iotlb_find(cache, space, iotlb_space_sizes(space), key, perm, ret_hit))
		return false;
	ret_hit->shift += PAGE_LOW;
	return true;
}

static void insert(struct iotlb *cache, struct iotlb_space *space, uint64_t epoch, uint64_t key,
		   struct iotlb_hit *hit)
{
	hit->shift -= PAGE_LOW;
	iotlb_space_has(space, hit->shift);
	iotlb_insert(cache, space, epoch, key, hit);
	hit->shift += PAGE_LOW;
}

bool smmu_tlb_find(const struct smmu_viommu *viommu, uint16_t asid, uint64_t va, uint32_t perm,
		   struct iotlb_hit *ret_hit)
{
	const struct iotlb *tlb = &viommu->iommu->tlb;

	return find(tlb, &viommu->pages, key_of(asid, va), perm, ret_hit) ||
	       find(tlb, &viommu->globals, key_of(0, va), perm, ret_hit);
}

/* Before anything of an ASID is inserted: who invalidates all ASIDs goes through those that were ever seen. */
static void note_asid(struct smmu_viommu *viommu, uint16_t asid)
{
	_Atomic uint64_t *word = &viommu->asids[asid / 64];

	if (!(atomic_load_explicit(word, memory_order_acquire) >> asid % 64 & 1))
		atomic_fetch_or(word, (uint64_t)1 << asid % 64);
}

void smmu_tlb_insert(struct smmu_viommu *viommu, const struct smmu_epochs *epochs, uint16_t asid,
		     uint64_t va, bool global, struct iotlb_hit *hit)
{
	struct iotlb *tlb = &viommu->iommu->tlb;

	note_asid(viommu, asid);
	if (global)
		insert(tlb, &viommu->globals, epochs->globals, key_of(0, va), hit);
	else
		insert(tlb, &viommu->pages, epochs->pages, key_of(asid, va), hit);
}

/* ---- tables ---- */

/* The level of the table below entries that cover 1 << shift bytes; false if the tables in use have none such. */
static bool level_below(const struct pt_config *config, unsigned int shift, uint8_t *ret_level)
{
	for (unsigned int level = 1; level < config->levels; level++) {
		if (pt_shift(config, level) == shift) {
			*ret_level = level - 1;
			return true;
		}
	}
	return false;
}

bool smmu_tables_find(const struct smmu_viommu *viommu, uint16_t asid, uint64_t va,
		      const struct pt_config *config, struct pt_walk *walk)
{
	struct iotlb_hit hit;
	uint8_t level;

	if (!find(&viommu->iommu->walks, &viommu->tables, key_of(asid, va), 0, &hit) ||
	    !level_below(config, hit.shift, &level))
		return false;
	walk->table = hit.address;
	walk->perm = hit.perm;
	walk->level = level;
	return true;
}

void smmu_tables_insert(struct smmu_viommu *viommu, const struct smmu_epochs *epochs, uint16_t asid,
			uint64_t va, const struct pt_config *config, const struct pt_walk *walk)
{
	uint64_t bytes = (uint64_t)1 << config->page_shift;

	note_asid(viommu, asid);
	for (unsigned int i = 0; i + 1 < walk->trail_len; i++) {
		struct iotlb_hit hit = {
			.address = walk->trail[i + 1].address & ~(bytes - 1),
			.perm = walk->trail[i].perm,
			.shift = pt_shift(config, walk->trail_top - i),
		};

		insert(&viommu->iommu->walks, &viommu->tables, epochs->tables, key_of(asid, va),
		       &hit);
	}
}

/* ---- TLBI ---- */

/* The keys of [first, last] with a tag. What wraps in the 48 bits goes to the end. */
static void keys_of(uint64_t tag, uint64_t first, uint64_t last, uint64_t *ret_first,
		    uint64_t *ret_last)
{
	bool all = last - first >= FIELD_MASK(47, 0);
	uint64_t end = ((tag + 1) << PAGE_BITS) - 1;

	*ret_first = all ? tag << PAGE_BITS : key_of(tag, first);
	*ret_last = all ? end : key_of(tag, last);
	if (*ret_last < *ret_first)
		*ret_last = end;
}

static void drop(const struct smmu_viommu *viommu, const struct smmu_tlbi *tlbi, uint64_t tag,
		 bool globals)
{
	struct iotlb *tlb = &viommu->iommu->tlb, *walks = &viommu->iommu->walks;
	const struct iotlb_space *pages = globals ? &viommu->globals : &viommu->pages;
	uint64_t first, last;

	keys_of(tag, tlbi->first, tlbi->last, &first, &last);
	iotlb_invalidate(tlb, pages, iotlb_space_sizes(pages), first, last);
	if (!globals && !tlbi->leaf)
		iotlb_invalidate(walks, &viommu->tables, iotlb_space_sizes(&viommu->tables), first,
				 last);
}

static void drop_all_asids(const struct smmu_viommu *viommu, const struct smmu_tlbi *tlbi)
{
	for (uint64_t i = 0; i < SMMU_ASIDS / 64; i++)
		for (uint64_t seen = atomic_load(&viommu->asids[i]); seen; seen &= seen - 1)
			drop(viommu, tlbi, i * 64 + __builtin_ctzll(seen), false);
}

/* By address also what is global (IHI 0070, 4.4.2); by ASID alone what is not. */
void smmu_tlb_invalidate(struct smmu_viommu *viommu, const struct smmu_tlbi *tlbi)
{
	bool by_asid = !tlbi->any_asid && !tlbi->first && tlbi->last == UINT64_MAX;

	iotlb_space_change(&viommu->pages);
	iotlb_space_change(&viommu->globals);
	iotlb_space_change(&viommu->tables);
	if (tlbi->any_asid)
		drop_all_asids(viommu, tlbi);
	else
		drop(viommu, tlbi, tlbi->asid, false);
	if (!by_asid)
		drop(viommu, tlbi, 0, true);
	iotlb_space_settle(&viommu->tables);
	iotlb_space_settle(&viommu->globals);
	iotlb_space_settle(&viommu->pages);
}

/* ---- device TLBs ---- */

/* Substream n has the tag n: PASID 0 is no PASID. */
bool smmu_atc_find(const struct smmuv3_device *device, uint32_t ssid, uint64_t va, uint32_t perm,
		   struct iotlb_hit *ret_hit)
{
	return find(&device->atc, &device->atc_space, key_of(ssid, va), perm, ret_hit);
}

void smmu_atc_insert(struct smmuv3_device *device, uint64_t epoch, uint32_t ssid, uint64_t va,
		     struct iotlb_hit *hit)
{
	insert(&device->atc, &device->atc_space, epoch, key_of(ssid, va), hit);
}

static void drop_substream(struct smmuv3_device *device, uint64_t ssid, uint64_t first,
			   uint64_t last)
{
	uint64_t first_key, last_key;

	keys_of(ssid, first, last, &first_key, &last_key);
	iotlb_invalidate(&device->atc, &device->atc_space, iotlb_space_sizes(&device->atc_space),
			 first_key, last_key);
}

void smmu_atc_invalidate(struct smmuv3_device *device, const struct smmu_atc_inv *inv)
{
	struct iotlb_space *space = &device->atc_space;
	uint32_t ssid = 0;

	iotlb_space_change(space);
	if (!inv->global)
		drop_substream(device, inv->ssid_valid ? inv->ssid : 0, inv->first, inv->last);
	else if (inv->last - inv->first >= FIELD_MASK(47, 0))
		iotlb_invalidate(&device->atc, space, iotlb_space_sizes(space), 0, UINT64_MAX);
	else
		do
			drop_substream(device, ssid, inv->first, inv->last);
		while (++ssid < device->dev.max_pasids);
	iotlb_space_settle(space);
}

void smmu_invalidate_finish(const struct smmu_viommu *viommu)
{
	hazard_wait(&viommu->viommu.object.ctx->machine->hazard, 0, UINT64_MAX);
}
