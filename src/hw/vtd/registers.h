/* SPDX-License-Identifier: MIT */
/* VT-d's capability registers: the fields that we set. */
#ifndef UIOMMUFD_HW_VTD_REGISTERS_H
#define UIOMMUFD_HW_VTD_REGISTERS_H

#include "base/field.h"

/* VT-d 11.4.2 "Capability Register" */
#define CAP_ND	     FIELD_MASK(2, 0) /* domain ids: 4 + 2 * ND bits */
#define CAP_SAGAW    FIELD_MASK(12, 8)
#define CAP_SAGAW_48 (1u << 2)
#define CAP_SAGAW_57 (1u << 3)
#define CAP_MGAW     FIELD_MASK(21, 16) /* bits of address, less one */
#define CAP_ZLR	     FIELD_MASK(22, 22) /* reads of no bytes */
#define CAP_FRO	     FIELD_MASK(33, 24) /* fault records at 16 * FRO */
#define CAP_SSLPS    FIELD_MASK(37, 34)
#define CAP_SSLPS_2M (1u << 0)
#define CAP_SSLPS_1G (1u << 1)
#define CAP_PSI	     FIELD_MASK(39, 39) /* page-selective invalidation */
#define CAP_MAMV     FIELD_MASK(53, 48) /* of at most 2^MAMV pages */
#define CAP_DWD	     FIELD_MASK(54, 54) /* drains writes */
#define CAP_DRD	     FIELD_MASK(55, 55) /* and reads */
#define CAP_FS1GP    FIELD_MASK(56, 56) /* first stage: pages of 1 GiB */
#define CAP_FS5LP    FIELD_MASK(60, 60) /* first stage: 5 levels */

/* VT-d 11.4.3 "Extended Capability Register" */
#define ECAP_C	    FIELD_MASK(0, 0)   /* walks are coherent with the caches */
#define ECAP_QI	    FIELD_MASK(1, 1)   /* queued invalidation */
#define ECAP_DT	    FIELD_MASK(2, 2)   /* device TLBs */
#define ECAP_SC	    FIELD_MASK(7, 7)   /* snoop control */
#define ECAP_IRO    FIELD_MASK(17, 8)  /* IOTLB registers at 16 * IRO */
#define ECAP_NEST   FIELD_MASK(26, 26) /* nested translation */
#define ECAP_PRS    FIELD_MASK(29, 29) /* page requests */
#define ECAP_ERS    FIELD_MASK(30, 30) /* requests to execute */
#define ECAP_SRS    FIELD_MASK(31, 31) /* supervisor requests */
#define ECAP_EAFS   FIELD_MASK(34, 34) /* extended accessed flag */
#define ECAP_PSS    FIELD_MASK(39, 35) /* bits of PASID, less one */
#define ECAP_PASID  FIELD_MASK(40, 40)
#define ECAP_PDS    FIELD_MASK(42, 42) /* drains page requests */
#define ECAP_SMTS   FIELD_MASK(43, 43) /* scalable mode */
#define ECAP_SSADS  FIELD_MASK(45, 45) /* second stage: accessed and dirty bits */
#define ECAP_SSTS   FIELD_MASK(46, 46) /* second stage */
#define ECAP_FSTS   FIELD_MASK(47, 47) /* first stage */
#define ECAP_SMPWCS FIELD_MASK(48, 48) /* walks snoop the caches */

#endif
