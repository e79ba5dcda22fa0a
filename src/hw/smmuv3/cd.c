/* SPDX-License-Identifier: MIT */
/* Context descriptors. */
#include "hw/smmuv3/cd.h"

#include <errno.h>

#include "pt/arm64.h"

/* ---- which one ---- */

static enum smmu_stage1 refuse(uint8_t type, struct smmu_fault *ret_fault)
{
	*ret_fault = (struct smmu_fault){.type = type, .class = EVT_CLASS_IN};
	return SMMU_S1_FAULT;
}

/* An access without a substream, where there are some: S1DSS says. */
static enum smmu_stage1 select_default(const struct smmu_ste *ste, struct smmu_fault *ret_fault)
{
	switch (ste->s1dss) {
	case STE_S1DSS_BYPASS:
		return SMMU_S1_BYPASS;
	case STE_S1DSS_SSID0:
		return SMMU_S1_TRANSLATE;
	case STE_S1DSS_TERMINATE:
		break;
	}
	return refuse(EVT_F_STREAM_DISABLED, ret_fault);
}

enum smmu_stage1 smmu_ste_select(const struct smmu_ste *ste, uint32_t pasid, uint32_t *ret_ssid,
				 struct smmu_fault *ret_fault)
{
	*ret_ssid = pasid;
	if (ste->config == STE_ABORT)
		return refuse(0, ret_fault); /* nothing is recorded */
	if (ste->config == STE_BYPASS)
		return pasid ? refuse(EVT_C_BAD_SUBSTREAMID, ret_fault) : SMMU_S1_BYPASS;
	/* More than the SMMU has, a reserved format or a reserved S1DSS: the entry is ILLEGAL. */
	if (ste->s1cdmax > SMMU_SSID_BITS ||
	    (ste->s1cdmax && (ste->s1fmt > STE_CD_2LEVEL_64K || ste->s1dss > STE_S1DSS_SSID0)))
		return refuse(EVT_C_BAD_STE, ret_fault);
	if (!pasid)
		return ste->s1cdmax ? select_default(ste, ret_fault) : SMMU_S1_TRANSLATE;
	return pasid >> ste->s1cdmax ? refuse(EVT_C_BAD_SUBSTREAMID, ret_fault) : SMMU_S1_TRANSLATE;
}

/* ---- what it says ---- */

/* The granules by their codes, which differ between TG0 and TG1. 0: reserved. */
static const uint8_t granule0[] = {12, 16, 14, 0}, granule1[] = {0, 14, 12, 16};

static unsigned int ips_bits(uint64_t ips)
{
	static const uint8_t bits[] = {32, 36, 40, 42, 44, 48, 52, 52};

	return bits[ips] < SMMU_ADDRESS_BITS ? bits[ips] : SMMU_ADDRESS_BITS;
}

static uint32_t table_flags(uint64_t word0, uint64_t ttb)
{
	uint32_t flags = 0;

	if (word0 & CD0_HA)
		flags |= ARM64_HA;
	if (word0 & CD0_HA && word0 & CD0_HD)
		flags |= ARM64_HD;
	if (word0 & CD0_AFFD)
		flags |= ARM64_AFFD;
	if (ttb & CD_HAD)
		flags |= ARM64_HAD;
	return flags;
}

/* One half: T0SZ, TG0, TTB0 or those of 1. -EFAULT: ILLEGAL. */
static int decode_ttb(uint64_t word0, uint64_t ttb, bool high, struct smmu_ttb *ret_ttb)
{
	unsigned int size = 64 - field_get(high ? CD0_T1SZ : CD0_T0SZ, word0);
	unsigned int granule =
		high ? granule1[field_get(CD0_TG1, word0)] : granule0[field_get(CD0_TG0, word0)];
	unsigned int bits = ips_bits(field_get(CD0_IPS, word0));

	*ret_ttb = (struct smmu_ttb){
		.disabled = word0 & (high ? CD0_EPD1 : CD0_EPD0),
		.tbi = word0 & (high ? CD0_TBI1 : CD0_TBI0),
	};
	if (ret_ttb->disabled)
		return 0;
	/* 25 to 48 bits of input, and a table within what can be addressed. */
	if (!granule || size < 25 || size > SMMU_ADDRESS_BITS || (ttb & CD_TTB) >> bits)
		return -EFAULT;
	arm64_config(&ret_ttb->tables, ttb & CD_TTB, size, granule, table_flags(word0, ttb));
	ret_ttb->tables.output_bits = bits;
	return 0;
}

int smmu_cd_decode(const struct smmu_ste *ste, const uint64_t words[SMMU_CD_USED],
		   struct smmu_cd *ret_cd)
{
	const uint64_t needed = CD0_V | CD0_AA64 | CD0_A; /* A, for IDR0.TERM_MODEL is 1 */
	uint64_t word0 = words[0];

	if ((word0 & needed) != needed || word0 & CD0_ENDI)
		return -EFAULT;
	if (word0 & CD0_S && ste->s1stalld)
		return -EFAULT;
	ret_cd->asid = field_get(CD0_ASID, word0);
	ret_cd->pan = word0 & CD0_PAN;
	ret_cd->wxn = word0 & CD0_WXN;
	ret_cd->stall = word0 & CD0_S;
	ret_cd->record = word0 & CD0_R;
	if (decode_ttb(word0, words[1], false, &ret_cd->ttb[0]))
		return -EFAULT;
	return decode_ttb(word0, words[2], true, &ret_cd->ttb[1]);
}

/* ---- reading it ---- */

static int fetch_failed(int rc, uint64_t ipa, struct smmu_fault *ret_fault)
{
	*ret_fault = (struct smmu_fault){
		.type = EVT_F_TRANSLATION, .class = EVT_CLASS_CD, .stage2 = true, .ipa = ipa};
	return rc;
}

static int bad(uint8_t type, struct smmu_fault *ret_fault)
{
	*ret_fault = (struct smmu_fault){.type = type, .class = EVT_CLASS_CD};
	return -EFAULT;
}

/* log2 of the descriptors in a table of the second level. */
static unsigned int leaf_bits(const struct smmu_ste *ste)
{
	return ste->s1fmt == STE_CD_2LEVEL_4K ? 6 : 10;
}

/* Where the descriptor is. */
static int find(const struct smmu_ste *ste, const struct pt_memory *memory, uint32_t ssid,
		uint64_t *ret_address, struct smmu_fault *ret_fault)
{
	unsigned int bits = leaf_bits(ste);
	uint64_t at, l1;
	int rc;

	if (!ste->s1cdmax || ste->s1fmt == STE_CD_LINEAR) {
		*ret_address = ste->s1context_ptr + (uint64_t)ssid * CD_BYTES;
		return 0;
	}
	at = ste->s1context_ptr + (uint64_t)(ssid >> bits) * L1CD_BYTES;
	rc = memory->read(memory, at, &l1);
	if (rc)
		return fetch_failed(rc, at, ret_fault);
	if (!(l1 & L1CD_V))
		return bad(EVT_C_BAD_SUBSTREAMID, ret_fault);
	*ret_address = (l1 & L1CD_L2PTR) + (ssid & ((1u << bits) - 1)) * (uint64_t)CD_BYTES;
	return 0;
}

int smmu_cd_read(const struct smmu_ste *ste, const struct pt_memory *memory, uint32_t ssid,
		 uint64_t ret_words[SMMU_CD_USED], struct smmu_fault *ret_fault)
{
	uint64_t address;
	int rc = find(ste, memory, ssid, &address, ret_fault);

	if (rc)
		return rc;
	for (unsigned int i = 0; i < SMMU_CD_USED; i++) {
		rc = memory->read(memory, address + 8ull * i, &ret_words[i]);
		if (rc)
			return fetch_failed(rc, address, ret_fault);
	}
	return 0;
}

/* ---- using it ---- */

bool smmu_cd_reaches(uint64_t word0, uint64_t va)
{
	bool high = va >> 55 & 1;
	bool tbi = word0 & (high ? CD0_TBI1 : CD0_TBI0);
	int64_t full = tbi ? (int64_t)(va << 8) >> 8 : (int64_t)va;

	return full >> SMMU_ADDRESS_BITS == (high ? -1 : 0);
}

const struct smmu_ttb *smmu_cd_ttb(const struct smmu_cd *cd, uint64_t va, uint64_t *ret_va)
{
	bool high = va >> 55 & 1;
	const struct smmu_ttb *ttb = &cd->ttb[high];
	int64_t full = ttb->tbi ? (int64_t)(va << 8) >> 8 : (int64_t)va;

	/* All bits above the input size are what bit 55 is. */
	if (ttb->disabled || full >> ttb->tables.input_bits != (high ? -1 : 0))
		return NULL;
	*ret_va = full;
	return ttb;
}
