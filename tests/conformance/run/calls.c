/* SPDX-License-Identifier: MIT */
/* Makes a few calls, in a child after a fork, with all other descriptors closed: for the lines of --trace. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>

static int calls(void)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_destroy destroy = {.size = sizeof(destroy)};
	int fd = open("/dev/iommu", O_RDWR);

	close_range(fd + 1, ~0u, 0);
	if (ioctl(fd, IOMMU_IOAS_ALLOC, &alloc))
		return 1;
	destroy.id = alloc.out_ioas_id;
	if (ioctl(fd, IOMMU_DESTROY, &destroy) || !ioctl(fd, IOMMU_DESTROY, &destroy))
		return 2;
	return close(fd);
}

int main(void)
{
	int status;

	if (!fork())
		_exit(calls());
	wait(&status);
	return WEXITSTATUS(status);
}
