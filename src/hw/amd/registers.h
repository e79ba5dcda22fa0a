/* SPDX-License-Identifier: MIT */
/* Registers and tables of AMD's IOMMU by their fields (AMD 48882). */
#ifndef UIOMMUFD_HW_AMD_REGISTERS_H
#define UIOMMUFD_HW_AMD_REGISTERS_H

#include "base/field.h"

/* 3.4.2: Extended Feature Register */
#define EFR_PREFSUP FIELD_MASK(0, 0)
#define EFR_PPRSUP  FIELD_MASK(1, 1)
#define EFR_NXSUP   FIELD_MASK(3, 3)
#define EFR_GTSUP   FIELD_MASK(4, 4)
#define EFR_IASUP   FIELD_MASK(6, 6)
#define EFR_HATS    FIELD_MASK(11, 10) /* host levels: 0 is 4, 2 is 6 */
#define EFR_GATS    FIELD_MASK(13, 12) /* guest levels: 0 is 4, 1 is 5 */
#define EFR_GLXSUP  FIELD_MASK(15, 14) /* levels of GCR3 tables: 2 is 3 */
#define EFR_PASMAX  FIELD_MASK(36, 32) /* bits of PASIDs less one */
#define EFR_HASUP   FIELD_MASK(49, 49)
#define EFR_HDSUP   FIELD_MASK(52, 52)

/* 2.2.2.1: device table entries, four words */
#define DTE0_V		FIELD_MASK(0, 0)
#define DTE0_TV		FIELD_MASK(1, 1)
#define DTE0_MODE	FIELD_MASK(11, 9)
#define DTE0_HOST_ROOT	FIELD_MASK(51, 12)
#define DTE0_GIOV	FIELD_MASK(54, 54)
#define DTE0_GV		FIELD_MASK(55, 55)
#define DTE0_GLX	FIELD_MASK(57, 56)
#define DTE0_GCR3_14_12 FIELD_MASK(60, 58)
#define DTE1_GCR3_30_15 FIELD_MASK(31, 16)
#define DTE1_GCR3_51_31 FIELD_MASK(63, 43)
#define DTE2_GPM	FIELD_MASK(55, 54) /* levels of guest tables: 0 is 4, 1 is 5 */

/* 2.2.6.3: entries of GCR3 tables */
#define GCR3_VALID   FIELD_MASK(0, 0)
#define GCR3_ADDRESS FIELD_MASK(51, 12)

#endif
