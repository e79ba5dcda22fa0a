/* SPDX-License-Identifier: MIT */
/*
 * SMMUv3: registers, stream table entries, context descriptors, commands and events by their fields. Arm IHI 0070 (SMMUv3 architecture);
 * the section is named at each group. All structures are little-endian arrays of 64-bit words.
 */
#ifndef UIOMMUFD_HW_SMMUV3_REGS_H
#define UIOMMUFD_HW_SMMUV3_REGS_H

#include "base/field.h"

/* ---- SMMU_IDR0 to IDR5, IIDR, AIDR (6.3.1 to 6.3.8) ---- */

#define IDR0_S2P	 FIELD_MASK(0, 0)
#define IDR0_S1P	 FIELD_MASK(1, 1)
#define IDR0_TTF	 FIELD_MASK(3, 2) /* 2: AArch64 */
#define IDR0_COHACC	 FIELD_MASK(4, 4)
#define IDR0_HTTU	 FIELD_MASK(7, 6) /* 2: accessed flag and dirty state */
#define IDR0_ATS	 FIELD_MASK(10, 10)
#define IDR0_ASID16	 FIELD_MASK(12, 12)
#define IDR0_PRI	 FIELD_MASK(16, 16)
#define IDR0_VMID16	 FIELD_MASK(18, 18)
#define IDR0_CD2L	 FIELD_MASK(19, 19)
#define IDR0_TTENDIAN	 FIELD_MASK(22, 21) /* 2: little-endian */
#define IDR0_STALL_MODEL FIELD_MASK(25, 24) /* 0: stall and terminate */
#define IDR0_TERM_MODEL	 FIELD_MASK(26, 26) /* 1: terminated accesses are aborted */
#define IDR0_ST_LEVEL	 FIELD_MASK(28, 27) /* 1: two levels */

#define IDR1_SIDSIZE  FIELD_MASK(5, 0)
#define IDR1_SSIDSIZE FIELD_MASK(10, 6)
#define IDR1_EVENTQS  FIELD_MASK(20, 16)
#define IDR1_CMDQS    FIELD_MASK(25, 21)

#define IDR3_HAD FIELD_MASK(2, 2)
#define IDR3_FWB FIELD_MASK(8, 8)
#define IDR3_RIL FIELD_MASK(10, 10)

#define IDR5_OAS       FIELD_MASK(2, 0) /* 5: 48 bits */
#define IDR5_GRAN4K    FIELD_MASK(4, 4)
#define IDR5_GRAN16K   FIELD_MASK(5, 5)
#define IDR5_GRAN64K   FIELD_MASK(6, 6)
#define IDR5_STALL_MAX FIELD_MASK(31, 16)

#define AIDR_SMMUV3_2 2

/* ---- stream table entries (5.2) ---- */

#define STE0_V	      FIELD_MASK(0, 0)
#define STE0_CONFIG   FIELD_MASK(3, 1)
#define STE0_S1FMT    FIELD_MASK(5, 4)
#define STE0_S1CTXPTR FIELD_MASK(51, 6)
#define STE0_S1CDMAX  FIELD_MASK(63, 59)
#define STE1_S1DSS    FIELD_MASK(1, 0)
#define STE1_S1CIR    FIELD_MASK(3, 2)
#define STE1_S1COR    FIELD_MASK(5, 4)
#define STE1_S1CSH    FIELD_MASK(7, 6)
#define STE1_S1STALLD FIELD_MASK(27, 27)
#define STE1_EATS     FIELD_MASK(29, 28)

/* What a guest's entry may hold. */
#define STE0_NESTED (STE0_V | STE0_CONFIG | STE0_S1FMT | STE0_S1CTXPTR | STE0_S1CDMAX)
#define STE1_NESTED (STE1_S1DSS | STE1_S1CIR | STE1_S1COR | STE1_S1CSH | STE1_S1STALLD | STE1_EATS)

enum ste_config {
	STE_ABORT = 0,
	STE_BYPASS = 4,
	STE_S1_TRANSLATE = 5,
};

enum ste_s1fmt {
	STE_CD_LINEAR = 0,
	STE_CD_2LEVEL_4K = 1,
	STE_CD_2LEVEL_64K = 2,
};

enum ste_s1dss {
	STE_S1DSS_TERMINATE = 0,
	STE_S1DSS_BYPASS = 1,
	STE_S1DSS_SSID0 = 2,
};

enum ste_eats {
	STE_EATS_ABORT = 0,
	STE_EATS_FULL = 1,
};

/* ---- context descriptors: level 1 (5.3), and themselves (5.4) ---- */

#define L1CD_V	   FIELD_MASK(0, 0)
#define L1CD_L2PTR FIELD_MASK(51, 12)
#define CD_BYTES   64
#define L1CD_BYTES 8

#define CD0_T0SZ FIELD_MASK(5, 0)
#define CD0_TG0	 FIELD_MASK(7, 6) /* 0: 4 KiB, 1: 64, 2: 16 */
#define CD0_EPD0 FIELD_MASK(14, 14)
#define CD0_ENDI FIELD_MASK(15, 15)
#define CD0_T1SZ FIELD_MASK(21, 16)
#define CD0_TG1	 FIELD_MASK(23, 22) /* 1: 16 KiB, 2: 4, 3: 64 */
#define CD0_EPD1 FIELD_MASK(30, 30)
#define CD0_V	 FIELD_MASK(31, 31)
#define CD0_IPS	 FIELD_MASK(34, 32)
#define CD0_AFFD FIELD_MASK(35, 35)
#define CD0_WXN	 FIELD_MASK(36, 36)
#define CD0_TBI0 FIELD_MASK(38, 38)
#define CD0_TBI1 FIELD_MASK(39, 39)
#define CD0_PAN	 FIELD_MASK(40, 40)
#define CD0_AA64 FIELD_MASK(41, 41)
#define CD0_HD	 FIELD_MASK(42, 42)
#define CD0_HA	 FIELD_MASK(43, 43)
#define CD0_S	 FIELD_MASK(44, 44)
#define CD0_R	 FIELD_MASK(45, 45)
#define CD0_A	 FIELD_MASK(46, 46)
#define CD0_ASET FIELD_MASK(47, 47)
#define CD0_ASID FIELD_MASK(63, 48)
/* Words 1 and 2: a table's address and the hierarchical attributes of TTBR0 and TTBR1. */
#define CD_HAD FIELD_MASK(1, 1)
#define CD_TTB FIELD_MASK(51, 4)

/* ---- commands (4.1 to 4.5) ---- */

enum smmu_opcode {
	CMD_CFGI_CD = 0x05,
	CMD_CFGI_CD_ALL = 0x06,
	CMD_TLBI_NH_ALL = 0x10,
	CMD_TLBI_NH_ASID = 0x11,
	CMD_TLBI_NH_VA = 0x12,
	CMD_TLBI_NH_VAA = 0x13,
	CMD_TLBI_NSNH_ALL = 0x30,
	CMD_ATC_INV = 0x40,
	CMD_SYNC = 0x46,
};

#define CMD0_OPCODE   FIELD_MASK(7, 0)
#define CMD0_SSV      FIELD_MASK(11, 11)
#define CMD0_SSID     FIELD_MASK(31, 12)
#define CMD0_SID      FIELD_MASK(63, 32)
#define CFGI1_LEAF    FIELD_MASK(0, 0)
#define TLBI0_NUM     FIELD_MASK(16, 12)
#define TLBI0_SCALE   FIELD_MASK(24, 20)
#define TLBI0_VMID    FIELD_MASK(47, 32)
#define TLBI0_ASID    FIELD_MASK(63, 48)
#define TLBI1_LEAF    FIELD_MASK(0, 0)
#define TLBI1_TTL     FIELD_MASK(9, 8)
#define TLBI1_TG      FIELD_MASK(11, 10)
#define TLBI1_ADDRESS FIELD_MASK(63, 12)
#define ATC0_GLOBAL   FIELD_MASK(9, 9)
#define ATC1_SIZE     FIELD_MASK(5, 0)
#define ATC1_ADDRESS  FIELD_MASK(63, 12)
#define SYNC0_CS      FIELD_MASK(13, 12) /* 0: no signal, 1: interrupt, 2: event */
#define SYNC0_MSH     FIELD_MASK(23, 22)
#define SYNC0_MSIATTR FIELD_MASK(27, 24)
#define SYNC0_MSIDATA FIELD_MASK(63, 32)

/* Why a queue stopped: SMMU_CMDQ_CONS.ERR (7.1, 6.3.28). */
enum smmu_cerror {
	CERROR_NONE = 0,
	CERROR_ILL = 1,
	CERROR_ABT = 2,
	CERROR_ATC_INV = 3,
};

/* ---- events (7.3) ---- */

enum smmu_event_type {
	EVT_C_BAD_STE = 0x04,
	EVT_F_STREAM_DISABLED = 0x06,
	EVT_C_BAD_SUBSTREAMID = 0x08,
	EVT_F_CD_FETCH = 0x09,
	EVT_C_BAD_CD = 0x0a,
	EVT_F_WALK_EABT = 0x0b,
	EVT_F_TRANSLATION = 0x10,
	EVT_F_ADDR_SIZE = 0x11,
	EVT_F_ACCESS = 0x12,
	EVT_F_PERMISSION = 0x13,
};

#define EVT0_TYPE  FIELD_MASK(7, 0)
#define EVT0_SSV   FIELD_MASK(11, 11)
#define EVT0_SSID  FIELD_MASK(31, 12)
#define EVT0_SID   FIELD_MASK(63, 32)
#define EVT1_STAG  FIELD_MASK(15, 0)
#define EVT1_STALL FIELD_MASK(31, 31)
#define EVT1_PNU   FIELD_MASK(33, 33)
#define EVT1_IND   FIELD_MASK(34, 34)
#define EVT1_RNW   FIELD_MASK(35, 35)
#define EVT1_S2	   FIELD_MASK(39, 39)
#define EVT1_CLASS FIELD_MASK(41, 40)

enum smmu_event_class {
	EVT_CLASS_CD = 0,
	EVT_CLASS_TT = 1,
	EVT_CLASS_IN = 2,
};

#endif
