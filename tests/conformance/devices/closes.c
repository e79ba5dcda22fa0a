/* SPDX-License-Identifier: MIT */
/*
 * A program that closes every descriptor but its own, as daemons do, before it first maps a BAR; a child of it, and a program that it executes, map it too.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IN_A_THREAD 1
#elif defined(__has_feature)
#define IN_A_THREAD (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define IN_A_THREAD 0
#endif

static void check(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

/* A register that can be read is at the beginning: IOAT's number of channels. */
static void map(int device)
{
	volatile uint8_t *bar;
	uint8_t there = 0;

	bar = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
	check(bar != MAP_FAILED, "mmap of a BAR");
	check(pread(device, &there, 1, 0) == 1, "pread of a BAR");
	check(there == bar[0] && there, "the registers");
	check(!munmap((void *)bar, 4096), "munmap");
}

static void in_child(int device)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		close_range((unsigned int)device + 1, ~0u, 0);
		map(device);
		exit(0);
	}
	check(waitpid(pid, &status, 0) == pid && !status, "a child");
}

int main(int argc, char **argv)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind)};
	char number[16];
	int device;

	if (argc > 1) {
		device = atoi(argv[1]);
		close_range((unsigned int)device + 1, ~0u, 0);
		map(device);
		in_child(device);
		return 0;
	}
	bind.iommufd = open("/dev/iommu", O_RDWR);
	check(bind.iommufd >= 0, "/dev/iommu");
	device = open("/dev/vfio/devices/vfio0", O_RDWR);
	check(device >= 0, "vfio0");
	check(!ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind), "BIND");
	close_range((unsigned int)device + 1, ~0u, 0);
	map(device);
	in_child(device);
	/* Under AddressSanitizer the service is a thread, and ends with the program. */
	if (IN_A_THREAD)
		return 0;
	snprintf(number, sizeof(number), "%d", device);
	execl(argv[0], argv[0], number, NULL);
	check(0, "exec");
}
