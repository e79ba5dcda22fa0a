/* SPDX-License-Identifier: MIT */
/* /dev/iommu by system calls. */
#include "iommu.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct iommu {
	int fd;
};

struct iommu *iommu_open(void)
{
	struct iommu *iommu = malloc(sizeof(*iommu));

	if (!iommu)
		err(1, NULL);
	iommu->fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (iommu->fd < 0)
		err(1, "/dev/iommu");
	return iommu;
}

long iommu_ioctl(struct iommu *iommu, unsigned long cmd, void *arg)
{
	int rc = ioctl(iommu->fd, cmd, arg);

	return rc < 0 ? -errno : rc;
}

void iommu_close(struct iommu *iommu)
{
	close(iommu->fd);
	free(iommu);
}
