/* SPDX-License-Identifier: MIT */
/* The way of an access through the guest's stream table entry, context descriptor and tables (IHI 0070, 3.3 and 3.4). */
#include "hw/smmuv3/translate.h"

#include <errno.h>
#include <string.h>

#include "hw/smmuv3/caches.h"
#include "hw/smmuv3/cd.h"
#include "hw/smmuv3/events.h"
#include "iommu/stage1.h"
#include "iommu/watch.h"

/* An access on its way. */
struct trip {
	struct smmu_domain *nested;
	struct smmu_viommu *viommu;
	struct smmuv3_device *device;
	const struct stage1_request *request;
	const struct pt_memory *memory;
	struct smmu_epochs epochs; /* from before anything was read */
	bool cached; /* the device is behind this page table still: what is found may be remembered */
	struct smmu_cd cd;
	struct smmu_fault fault;
};

static int answer(const struct trip *trip, const struct iotlb_hit *hit, struct stage1 *ret)
{
	*ret = stage1_found(trip->request->iova, hit);
	ret->final = true;
	return 0;
}

/* Stage 1 is passed by: addresses are the guest's physical ones. */
static int bypass(const struct trip *trip, struct stage1 *ret)
{
	const struct iotlb_hit same = {
		.address = trip->request->iova & ~(uint64_t)0xfff, .shift = 12, .perm = PT_ALL};

	return answer(trip, &same, ret);
}

/* ---- the context descriptor ---- */

/* Its words, which are remembered only if they are good: `known` ones need not be looked at again. */
static int get_cd(struct trip *trip, uint32_t ssid, uint64_t words[SMMU_CD_USED], bool *ret_known)
{
	*ret_known = trip->cached && smmu_cd_find(trip->viommu, trip->device, ssid, words);
	return *ret_known
		       ? 0
		       : smmu_cd_read(&trip->nested->ste, trip->memory, ssid, words, &trip->fault);
}

static int decode_cd(struct trip *trip, uint32_t ssid, const uint64_t words[SMMU_CD_USED],
		     bool known)
{
	if (smmu_cd_decode(&trip->nested->ste, words, &trip->cd)) {
		trip->fault = (struct smmu_fault){.type = EVT_C_BAD_CD, .class = EVT_CLASS_CD};
		return -EFAULT;
	}
	if (trip->cached && !known)
		smmu_cd_insert(trip->viommu, trip->device, trip->epochs.cds, ssid, words);
	return 0;
}

/* ---- permissions ---- */

/*
 * What the descriptor and the architecture take from what the tables allow (Arm DDI 0487, D8.4.1): PAN, no execution of what can be written.
 */
static uint32_t limit_perm(const void *arg, uint32_t perm)
{
	const struct smmu_cd *cd = arg;
	uint32_t limited = perm;

	if (perm & PT_WRITE)
		limited &= ~(uint32_t)PT_PRIV_EXEC;
	if (cd->wxn && perm & PT_PRIV_WRITE)
		limited &= ~(uint32_t)PT_PRIV_EXEC;
	if (cd->wxn && perm & PT_WRITE)
		limited &= ~(uint32_t)PT_EXEC;
	if (cd->pan && perm & (PT_READ | PT_WRITE))
		limited &= ~(uint32_t)(PT_PRIV_READ | PT_PRIV_WRITE);
	return limited;
}

/* ---- walks ---- */

static void walk_fault(struct trip *trip, enum pt_fault fault, const struct pt_walk *walk)
{
	static const uint8_t types[] = {
		[PT_FAULT_INPUT] = EVT_F_TRANSLATION,	  [PT_FAULT_ABSENT] = EVT_F_TRANSLATION,
		[PT_FAULT_PERMISSION] = EVT_F_PERMISSION, [PT_FAULT_ACCESS] = EVT_F_ACCESS,
		[PT_FAULT_RESERVED] = EVT_F_ADDR_SIZE,	  [PT_FAULT_FETCH] = EVT_F_TRANSLATION,
	};

	trip->fault = (struct smmu_fault){.type = types[fault], .class = EVT_CLASS_IN};
	if (fault != PT_FAULT_FETCH)
		return;
	trip->fault.class = EVT_CLASS_TT;
	trip->fault.stage2 = true;
	trip->fault.ipa = walk->trail[walk->trail_len].address;
}

static void remember(struct trip *trip, const struct pt_config *tables, uint64_t va,
		     const struct pt_walk *walk, struct iotlb_hit *hit)
{
	if (!trip->cached)
		return;
	smmu_tables_insert(trip->viommu, &trip->epochs, trip->cd.asid, va, tables, walk);
	smmu_tlb_insert(trip->viommu, &trip->epochs, trip->cd.asid, va, walk->leaf.global, hit);
}

static int translate_by_walk(struct trip *trip, const struct pt_config *tables, uint64_t va,
			     struct iotlb_hit *ret_hit)
{
	const struct stage1_walk job = {.config = tables,
					.memory = trip->memory,
					.va = va,
					.perm = trip->request->perm,
					.limit = limit_perm,
					.arg = &trip->cd};
	struct pt_walk walk;
	bool below;
	int rc;

	pt_walk_start(tables, &walk);
	below = trip->cached && smmu_tables_find(trip->viommu, trip->cd.asid, va, tables, &walk);
	rc = stage1_walk(&job, below, &walk);
	if (rc == -EFAULT)
		walk_fault(trip, walk.fault, &walk);
	if (rc)
		return rc;
	*ret_hit = stage1_hit(&walk);
	remember(trip, tables, va, &walk, ret_hit);
	return 0;
}

/* ---- the whole way ---- */

static bool has_atc(const struct trip *trip)
{
	return trip->cached && trip->device->options.ats && trip->nested->ste.eats == STE_EATS_FULL;
}

/* The tables of the half that the address is in. */
static int translate_by_tables(struct trip *trip, struct iotlb_hit *ret_hit)
{
	const struct smmu_ttb *ttb;
	uint64_t va;

	ttb = smmu_cd_ttb(&trip->cd, trip->request->iova, &va);
	if (!ttb) {
		walk_fault(trip, PT_FAULT_INPUT, NULL);
		return -EFAULT;
	}
	/* A descriptor that has just been read may be of an address space that is known by another. */
	if (trip->cached &&
	    smmu_tlb_find(trip->viommu, trip->cd.asid, va, trip->request->perm, ret_hit))
		return 0;
	return translate_by_walk(trip, &ttb->tables, va, ret_hit);
}

static int translate(struct trip *trip, uint32_t ssid, struct stage1 *ret)
{
	uint64_t words[SMMU_CD_USED], va = trip->request->iova;
	struct iotlb_hit hit;
	bool known;
	int rc = get_cd(trip, ssid, words, &known);

	if (rc)
		return rc;
	/* What is remembered of the address space needs no tables: the rest of the descriptor is left alone. */
	if (!known || !smmu_cd_reaches(words[0], va) ||
	    !smmu_tlb_find(trip->viommu, field_get(CD0_ASID, words[0]), va, trip->request->perm,
			   &hit)) {
		rc = decode_cd(trip, ssid, words, known);
		if (!rc)
			rc = translate_by_tables(trip, &hit);
		if (rc)
			return rc;
	}
	if (has_atc(trip))
		smmu_atc_insert(trip->device, trip->epochs.atc, trip->request->pasid, va, &hit);
	return answer(trip, &hit, ret);
}

/* Which faults of stage 1 wait for an answer (5.4, CD.S): those of the access itself. */
static bool stalls(const struct trip *trip)
{
	return trip->fault.type >= EVT_F_TRANSLATION && trip->fault.class == EVT_CLASS_IN &&
	       trip->cd.stall && trip->device->options.can_stall;
}

static bool recorded(const struct trip *trip)
{
	return trip->fault.type < EVT_F_TRANSLATION || trip->cd.record;
}

static void refused(const struct trip *trip, struct stage1 *ret)
{
	*ret = (struct stage1){.recoverable = stalls(trip)};
	if (trip->fault.type && recorded(trip))
		smmu_fault_pack(&trip->fault, ret);
}

struct smmu_watch {
	struct stage1_watch watch;
	const struct trip *trip;
	uint64_t va;
};

static bool begin_walk(const struct stage1_watch *watch, struct pt_walk *walk)
{
	const struct smmu_watch *look = (const struct smmu_watch *)watch;

	return smmu_tables_find(look->trip->viommu, look->trip->cd.asid, look->va, watch->config,
				walk);
}

/* In a machine with a sanitizer: is what was found still what the descriptor and the tables say? */
static int look_after(struct trip *trip, uint32_t ssid, struct stage1 *ret)
{
	struct sanitizer *sanitizer = trip->nested->iommu->machine->sanitizer;
	const struct stage1_caches caches = {&trip->device->atc, &trip->nested->iommu->tlb,
					     &trip->nested->iommu->walks};
	struct smmu_watch look = {
		.watch = {.dev = &trip->device->dev,
			  .caches = &caches,
			  .request = trip->request,
			  .memory = trip->memory,
			  .begin = begin_walk,
			  .say_missing = smmu_say_missing},
		.trip = trip,
	};
	uint64_t words[SMMU_CD_USED], cached[SMMU_CD_USED];
	const struct smmu_ttb *ttb;

	if (!sanitizer ||
	    smmu_cd_read(&trip->nested->ste, trip->memory, ssid, words, &trip->fault) ||
	    smmu_cd_decode(&trip->nested->ste, words, &trip->cd))
		return 0;
	ttb = smmu_cd_ttb(&trip->cd, trip->request->iova, &look.va);
	if (!ttb)
		return 0;
	look.watch.config = &ttb->tables;
	if (smmu_cd_find(trip->viommu, trip->device, ssid, cached) &&
	    memcmp(cached, words, sizeof(words)))
		look.watch.say_missing = smmu_say_missing_cd;
	return stage1_watch(sanitizer, &look.watch, ret);
}

int smmu_translate(struct domain *domain, struct iommu_dev *dev,
		   const struct stage1_request *request, const struct pt_memory *memory,
		   struct stage1 *ret)
{
	struct smmu_domain *nested = (struct smmu_domain *)domain;
	struct smmuv3_device *device = smmu_device_of(dev);
	struct trip trip = {
		.nested = nested,
		.viommu = nested->viommu,
		.device = device,
		.request = request,
		.memory = memory,
		.epochs = smmu_epochs(nested->viommu, device),
	};
	struct iotlb_hit hit;
	uint32_t ssid;
	int rc = -EFAULT;

	trip.cached = atomic_load(&device->nested) == domain;
	if (has_atc(&trip) &&
	    smmu_atc_find(device, request->pasid, request->iova, request->perm, &hit)) {
		answer(&trip, &hit, ret);
		return look_after(&trip, request->pasid, ret);
	}
	switch (smmu_ste_select(&nested->ste, request->pasid, &ssid, &trip.fault)) {
	case SMMU_S1_BYPASS:
		return bypass(&trip, ret);
	case SMMU_S1_TRANSLATE:
		rc = translate(&trip, ssid, ret);
		if (!rc)
			return look_after(&trip, ssid, ret);
		break;
	case SMMU_S1_FAULT:
		break;
	}
	if (rc)
		refused(&trip, ret);
	return rc;
}
