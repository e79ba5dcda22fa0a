/* SPDX-License-Identifier: MIT */
/* A vfork child shares its parent's memory, and with it what the shim believes of descriptors; but not the descriptors. */
#include "toy.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                 \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

int main(void)
{
	int fd = open("/dev/iommu", O_RDWR), event, status;
	uint64_t number = 7;
	char buf[8];

	CHECK(fd >= 0 && !ioctl(fd, TOY_SET, &number));
	event = ioctl(fd, TOY_EVENT);
	CHECK(event > fd && !ioctl(event, TOY_READABLE, 1));
	for (int i = 0; i < 3; i++) {
		pid_t pid = vfork();

		if (!pid) {
			close(fd);
			dup2(0, event);
			(void)!read(event, buf, 0);
			open("/dev/null", O_RDONLY);
			_exit(0);
		}
		CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
	}
	number = 0;
	CHECK(!ioctl(fd, TOY_GET, &number) && number == 7);
	CHECK(ioctl(fd, TOY_LIVE) == 2);
	CHECK(read(event, buf, sizeof(buf)) == 5);
	CHECK(ioctl(fd, TOY_HOST) == getpid());
	return 0;
}
