/* SPDX-License-Identifier: MIT */
/* What the processes of a program share of its machine, beside the description. */
#include "tools/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/share.h"
#include "tools/tool.h"

/* Out of the way of programs that count on low numbers. */
#define HIGH_FD 1000

static int fill(int fd, size_t count)
{
	size_t size = count * sizeof(struct share);
	struct share *shares;

	if (ftruncate(fd, (off_t)size))
		return -errno;
	shares = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shares == MAP_FAILED)
		return -errno;
	share_init(shares, count);
	munmap(shares, size);
	return 0;
}

static int tell(int fd)
{
	char text[80];
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	snprintf(text, sizeof(text), "%d:%llu:%llu", fd, (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	return setenv(SHARES_VARIABLE, text, 1) ? -ENOMEM : 0;
}

static int make(size_t count)
{
	int fd = memfd_create("uiommufd shares", MFD_CLOEXEC), high, r;

	if (fd < 0)
		return -errno;
	r = fill(fd, count);
	high = fcntl(fd, F_DUPFD, HIGH_FD);
	if (high < 0)
		high = fcntl(fd, F_DUPFD, 3);
	if (high < 0)
		r = -errno;
	return r ? r : tell(high);
}

int machine_share(const struct config *config)
{
	bool any = false;
	int r;

	for (size_t i = 0; i < config->device_count; i++)
		any = any || config->devices[i].vfs;
	if (!any)
		return unsetenv(SHARES_VARIABLE) ? -ENOMEM : 0;
	r = make(config->device_count);
	if (r)
		tool_say("there can't be virtual functions: %s.", strerror(-r));
	return r;
}
