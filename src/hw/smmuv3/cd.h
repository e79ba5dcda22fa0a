/* SPDX-License-Identifier: MIT */
/* Context descriptors: the settings of one address space, in the guest's memory (IHI 0070, 5.3 and 5.4). */
#ifndef UIOMMUFD_HW_SMMUV3_CD_H
#define UIOMMUFD_HW_SMMUV3_CD_H

#include "hw/smmuv3/smmu.h"
#include "pt/pt.h"

/* Why an access was refused: what an event record says of it. */
struct smmu_fault {
	uint8_t type;  /* enum smmu_event_type; 0: nothing is recorded */
	uint8_t class; /* enum smmu_event_class */
	bool stage2;   /* refused by stage 2: the host's affair, no event for the guest */
	uint64_t ipa;  /* stage2: what it was asked for */
};

/* One TTBR's half of an address space. */
struct smmu_ttb {
	bool disabled; /* EPD: nothing is translated */
	bool tbi;      /* the top byte of addresses is ignored */
	struct pt_config tables;
};

struct smmu_cd {
	struct smmu_ttb ttb[2];
	uint16_t asid;
	bool pan, wxn;
	bool stall;  /* S: accesses that fault wait */
	bool record; /* R: accesses that fault are told of */
};

/* Which context descriptor an access needs, or none. */
enum smmu_stage1 {
	SMMU_S1_FAULT,
	SMMU_S1_BYPASS,
	SMMU_S1_TRANSLATE,
};

/*
 * What a stream table entry does with an access (IHI 0070, 3.9 "Substreams", 5.2 S1DSS): *ret_ssid is the index of the descriptor. Faults:
 * *ret_fault.
 */
enum smmu_stage1 smmu_ste_select(const struct smmu_ste *ste, uint32_t pasid, uint32_t *ret_ssid,
				 struct smmu_fault *ret_fault);

/*
 * Reads the words of a substream's descriptor that are used. -EFAULT: *ret_fault; -EAGAIN of the memory.
 */
int smmu_cd_read(const struct smmu_ste *ste, const struct pt_memory *memory, uint32_t ssid,
		 uint64_t ret_words[SMMU_CD_USED], struct smmu_fault *ret_fault);

/* What they say. -EFAULT: the descriptor is ILLEGAL (C_BAD_CD). */
int smmu_cd_decode(const struct smmu_ste *ste, const uint64_t words[SMMU_CD_USED],
		   struct smmu_cd *ret_cd);

/* Can any page be remembered for this address: are its bits above 48 as they have to be? `word0` is the descriptor's. */
bool smmu_cd_reaches(uint64_t word0, uint64_t va);

/*
 * The half that translates an address, whose bits above the input size have to be right (IHI 0070, 3.4.1). NULL: none does. *ret_va is the address
 * as tables and caches know it: without an ignored top byte.
 */
const struct smmu_ttb *smmu_cd_ttb(const struct smmu_cd *cd, uint64_t va, uint64_t *ret_va);

#endif
