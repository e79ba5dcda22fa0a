/* SPDX-License-Identifier: MIT */
/* Event records. */
#include "hw/smmuv3/events.h"

#include <stdio.h>

#define REASON_TYPE  FIELD_MASK(7, 0)
#define REASON_CLASS FIELD_MASK(9, 8)
#define REASON_S2    FIELD_MASK(16, 16)

void smmu_fault_pack(const struct smmu_fault *fault, struct stage1 *stage1)
{
	stage1->reason = field_put(REASON_TYPE, 0, fault->type) |
			 field_put(REASON_CLASS, 0, fault->class) |
			 field_put(REASON_S2, 0, fault->stage2);
	stage1->detail = fault->ipa;
}

/* Those that Linux hands to a guest. */
static bool for_guests(uint64_t type)
{
	switch (type) {
	case EVT_C_BAD_STE:
	case EVT_F_STREAM_DISABLED:
	case EVT_C_BAD_SUBSTREAMID:
	case EVT_C_BAD_CD:
	case EVT_F_TRANSLATION:
	case EVT_F_ADDR_SIZE:
	case EVT_F_ACCESS:
	case EVT_F_PERMISSION:
		return true;
	}
	return false;
}

static uint64_t word0(uint64_t type, uint32_t vsid, uint32_t pasid)
{
	uint64_t word = field_put(EVT0_SID, type, vsid);

	return pasid ? field_put(EVT0_SSID, word | EVT0_SSV, pasid) : word;
}

/* 7.3.13 to 7.3.16: what kind of access it was. */
static uint64_t word1(uint64_t class, uint32_t perm)
{
	uint64_t word = field_put(EVT1_CLASS, 0, class);

	if (perm & PT_PRIV)
		word |= EVT1_PNU;
	if (perm & PT_ANY_EXEC)
		word |= EVT1_IND;
	return perm & PT_ANY_WRITE ? word : word | EVT1_RNW;
}

void smmu_report(struct domain *domain, struct iommu_dev *dev, const struct stage1_request *request,
		 const struct stage1 *stage1)
{
	const struct smmuv3_device *device = smmu_device_of(dev);
	uint64_t type = field_get(REASON_TYPE, stage1->reason);
	struct iommu_vevent_arm_smmuv3 event = {.evt = {word0(type, device->vsid, request->pasid)}};

	if (!device->viommu || stage1->reason & REASON_S2 || !for_guests(type))
		return;
	if (type >= EVT_F_TRANSLATION) {
		event.evt[1] = word1(field_get(REASON_CLASS, stage1->reason), request->perm);
		event.evt[2] = request->iova;
	}
	/* Nobody may have asked for events, and memory for one may be missing: the queue tells that some were lost. */
	viommu_report(&device->viommu->viommu, IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, &event,
		      sizeof(event));
}

static unsigned int stream_of(const struct stage1_watch *watch)
{
	return smmu_device_of((struct iommu_dev *)watch->dev)->vsid;
}

/* What the device's own TLB has only ATC_INV drops. */
void smmu_say_missing(const struct stage1_watch *watch, const struct stage1 *found,
		      bool from_device, enum stage1_drop drop,
		      char text[static STAGE1_MISSING_BYTES])
{
	unsigned long long first = found->first, last = found->last;

	if (from_device)
		snprintf(text, STAGE1_MISSING_BYTES, "ATC_INV of StreamID %#x for [%#llx, %#llx]",
			 stream_of(watch), first, last);
	else
		snprintf(text, STAGE1_MISSING_BYTES, "TLBI_NH_VA for [%#llx, %#llx], %s", first,
			 last,
			 drop == STAGE1_LEAF ? "with Leaf"
					     : "without Leaf: a table above it has changed");
}

/* Translations are found by their ASID, so those of another one are no matter. */
void smmu_say_missing_cd(const struct stage1_watch *watch, const struct stage1 *found,
			 bool from_device, enum stage1_drop drop,
			 char text[static STAGE1_MISSING_BYTES])
{
	snprintf(text, STAGE1_MISSING_BYTES,
		 "CFGI_CD of StreamID %#x%s, and TLBI_NH_ASID if its ASID is what it was",
		 stream_of(watch), from_device ? ", ATC_INV" : "");
}
