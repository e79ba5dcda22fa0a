/* SPDX-License-Identifier: MIT */
/* What `uiommufd run` hands to this process: the description of its machine, and what is shared of it. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "core/share.h"
#include "frontend/preload/machine_view.h"
#include "frontend/preload/view.h"

static struct config *description;

static void give_up(const char *why, unsigned int line)
{
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "uiommufd: UIOMMUFD_MACHINE can't be used (line %u): %s.\n", line, why);

	(void)!write(STDERR_FILENO, text, n);
	_exit(127);
}

static void map_shares(void);

/* Before the tree is built, which asks. */
__attribute__((constructor(101))) static void description_init(void)
{
	const char *text = getenv("UIOMMUFD_MACHINE");
	struct config_error error = {};

	if (!text || !*text)
		return;
	if (config_new(&description))
		give_up("memory is out", 0);
	if (config_read(description, text, &error) || config_complete(description, NULL, &error))
		give_up(error.text, error.line);
	map_shares();
}

const struct config *preload_config(void)
{
	return description;
}

/* ---- what is shared ---- */

static struct {
	struct share *list;
	int fd; /* -1: it is nobody else's */
} shares = {.fd = -1};

/* The descriptor that the environment names, if it is still that. */
static int find_shares(void)
{
	const char *text = getenv(SHARES_VARIABLE);
	unsigned long long dev, ino;
	struct stat st;
	int fd;

	if (!text || sscanf(text, "%d:%llu:%llu", &fd, &dev, &ino) != 3 ||
	    sys_raw(SYS_fstat, fd, &st) || st.st_dev != dev || st.st_ino != ino)
		return -1;
	return fd;
}

static void map_shares(void)
{
	size_t size = description->device_count * sizeof(*shares.list);
	void *list;

	if (!size)
		return;
	shares.fd = find_shares();
	list = (void *)sys_raw(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE,
			       MAP_SHARED | (shares.fd < 0 ? MAP_ANONYMOUS : 0), shares.fd, 0);
	if ((uintptr_t)list > (uintptr_t)-4096)
		give_up("memory is out", 0);
	if (shares.fd < 0)
		share_init(list, description->device_count);
	shares.list = list;
}

struct share *preload_shares(void)
{
	return shares.list;
}

void preload_keep_shares(void)
{
	if (shares.fd >= 0)
		preload_keep_fd(shares.fd);
}

const struct sysfs_machine *preload_machine(void)
{
	static struct sysfs_machine machine;

	machine = (struct sysfs_machine){description, shares.list, preload_ask};
	return description ? &machine : NULL;
}
