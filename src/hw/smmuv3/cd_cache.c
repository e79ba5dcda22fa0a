/* SPDX-License-Identifier: MIT */
/* The configuration cache: context descriptors as they were read (IHI 0070, 3.18 "Configuration caches"). */
#include "hw/smmuv3/caches.h"

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

static void store(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

/* 32 bits of StreamID, 20 of SubstreamID; never 0. */
static uint64_t key_of(const struct smmuv3_device *device, uint32_t ssid)
{
	return (uint64_t)1 << 63 | (uint64_t)device->sid << SMMU_SSID_BITS | ssid;
}

static struct smmu_cd_entry *entry_of(struct smmu_viommu *viommu, uint64_t key)
{
	return &viommu->cd_entries[(key ^ key >> SMMU_SSID_BITS) % SMMU_CDS];
}

bool smmu_cd_find(struct smmu_viommu *viommu, const struct smmuv3_device *device, uint32_t ssid,
		  uint64_t ret_words[SMMU_CD_USED])
{
	uint64_t key = key_of(device, ssid), version;
	struct smmu_cd_entry *entry = entry_of(viommu, key);

	version = load(&entry->version);
	if (version & 1 || load(&entry->key) != key)
		return false;
	for (unsigned int i = 0; i < SMMU_CD_USED; i++)
		ret_words[i] = load(&entry->words[i]);
	return load(&entry->version) == version;
}

/* Makes the version odd. False: another thread has done so. */
static bool lock_entry(struct smmu_cd_entry *entry, uint64_t *ret_version)
{
	*ret_version = load(&entry->version);
	return !(*ret_version & 1) &&
	       atomic_compare_exchange_strong(&entry->version, ret_version, *ret_version + 1);
}

/* First the entry, then the epoch: see iommu/iotlb.h. */
void smmu_cd_insert(struct smmu_viommu *viommu, const struct smmuv3_device *device, uint64_t epoch,
		    uint32_t ssid, const uint64_t words[SMMU_CD_USED])
{
	uint64_t key = key_of(device, ssid), version;
	struct smmu_cd_entry *entry = entry_of(viommu, key);

	if (viommu->iommu->options.no_caches || epoch & 1 || !lock_entry(entry, &version))
		return;
	if (atomic_load(&viommu->cds.epoch) == epoch) {
		store(&entry->key, key);
		for (unsigned int i = 0; i < SMMU_CD_USED; i++)
			store(&entry->words[i], words[i]);
	}
	store(&entry->version, version + 2);
}

static bool matches(const struct smmuv3_device *device, uint64_t key, bool all, uint32_t ssid)
{
	return all ? key >> SMMU_SSID_BITS == key_of(device, 0) >> SMMU_SSID_BITS
		   : key == key_of(device, ssid);
}

static void drop(struct smmu_cd_entry *entry, const struct smmuv3_device *device, bool all,
		 uint32_t ssid)
{
	uint64_t version;

	while (!lock_entry(entry, &version))
		; /* whoever is writing is a few stores away from its end */
	if (matches(device, load(&entry->key), all, ssid))
		store(&entry->key, 0);
	store(&entry->version, version + 2);
}

void smmu_cd_invalidate(struct smmu_viommu *viommu, struct smmuv3_device *device, bool all,
			uint32_t ssid)
{
	iotlb_space_change(&viommu->cds);
	for (unsigned int i = 0; i < SMMU_CDS; i++)
		drop(&viommu->cd_entries[i], device, all, ssid);
	/* Who remembers translations past the descriptor (device/dma.h) has to look again. */
	iotlb_touch(&viommu->iommu->tlb);
	iotlb_space_settle(&viommu->cds);
}

void smmu_device_forget(struct smmu_viommu *viommu, struct smmuv3_device *device)
{
	const struct smmu_atc_inv all = {.global = true, .last = UINT64_MAX};

	smmu_atc_invalidate(device, &all);
	if (viommu)
		smmu_cd_invalidate(viommu, device, true, 0);
}
