/* SPDX-License-Identifier: MIT */
/* Config space by all calls that read and write at a position: one buffer or several, with and without flags. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#define CONFIG ((off_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)

static void check(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static int bound_device(void)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	int device = open("/dev/vfio/devices/vfio0", O_RDWR);

	bind.iommufd = open("/dev/iommu", O_RDWR);
	check(device >= 0 && bind.iommufd >= 0, "open");
	check(!ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind), "BIND");
	return device;
}

int main(void)
{
	uint8_t whole[16], parts[16] = {0};
	const struct iovec iov[] = {{parts, 2}, {parts + 2, 6}, {parts + 8, 8}};
	const struct iovec line = {parts, 1};
	int device = bound_device();

	check(pread(device, whole, 16, CONFIG) == 16, "pread");
	check(preadv(device, iov, 3, CONFIG) == 16 && !memcmp(whole, parts, 16), "preadv");
	memset(parts, 0, sizeof(parts));
	check(preadv2(device, iov, 3, CONFIG, 0) == 16 && !memcmp(whole, parts, 16), "preadv2");
	check(preadv2(device, iov, 3, CONFIG, RWF_NOWAIT) == -1 && errno == EOPNOTSUPP,
	      "preadv2 with a flag");
	check(preadv(device, iov, 3, -1) == -1 && errno == EINVAL, "preadv before the beginning");
	check(preadv(device, iov, 3, CONFIG + 4090) == 2 || errno == EFAULT, "preadv at the end");
	parts[0] = 0x5a;
	check(pwritev(device, &line, 1, CONFIG + 0x3c) == 1, "pwritev");
	check(pread(device, whole, 1, CONFIG + 0x3c) == 1 && whole[0] == 0x5a, "what it wrote");
	parts[0] = 0xa5;
	check(pwritev2(device, &line, 1, CONFIG + 0x3c, 0) == 1, "pwritev2");
	check(pread(device, whole, 1, CONFIG + 0x3c) == 1 && whole[0] == 0xa5, "what it wrote");
	return 0;
}
