/* SPDX-License-Identifier: MIT */
/* A machine of libuiommufd. */
#include "iommu.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>

#include <uiommufd/uiommufd.h>

struct iommu {
	struct uiommufd_machine *machine;
	struct uiommufd_file *file;
};

struct iommu *iommu_open(void)
{
	struct iommu *iommu = malloc(sizeof(*iommu));
	int rc;

	if (!iommu)
		err(1, NULL);
	rc = uiommufd_machine_new(NULL, &iommu->machine);
	if (!rc)
		rc = uiommufd_open(iommu->machine, "iommu", 0, &iommu->file);
	if (rc) {
		errno = -rc;
		err(1, "libuiommufd");
	}
	return iommu;
}

long iommu_ioctl(struct iommu *iommu, unsigned long cmd, void *arg)
{
	return uiommufd_ioctl(iommu->file, cmd, arg);
}

void iommu_close(struct iommu *iommu)
{
	uiommufd_close(iommu->file);
	uiommufd_machine_unref(iommu->machine);
	free(iommu);
}
