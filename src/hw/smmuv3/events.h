/* SPDX-License-Identifier: MIT */
/* Event records (IHI 0070, 7.3), for the guest's event queue. */
#ifndef UIOMMUFD_HW_SMMUV3_EVENTS_H
#define UIOMMUFD_HW_SMMUV3_EVENTS_H

#include "hw/smmuv3/cd.h"
#include "iommu/watch.h"

/* Puts a fault into stage1->reason and detail, from where smmu_report() takes it. */
void smmu_fault_pack(const struct smmu_fault *fault, struct stage1 *stage1);

/* domain_ops.report: to the vEVENTQ of the vIOMMU, with the device's virtual StreamID. What stage 2 refused is not the guest's to know. */
void smmu_report(struct domain *domain, struct iommu_dev *dev, const struct stage1_request *request,
		 const struct stage1 *stage1);

/* For the sanitizer: the command that a guest has left out; the second: if it is a context descriptor that has changed. */
void smmu_say_missing(const struct stage1_watch *watch, const struct stage1 *found,
		      bool from_device, enum stage1_drop drop,
		      char text[static STAGE1_MISSING_BYTES]);
void smmu_say_missing_cd(const struct stage1_watch *watch, const struct stage1 *found,
			 bool from_device, enum stage1_drop drop,
			 char text[static STAGE1_MISSING_BYTES]);

#endif
