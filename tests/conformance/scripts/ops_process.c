/* SPDX-License-Identifier: MIT */
/* The process around the operations: which context they go to, what it may pin, and what the kernel says it has pinned. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ops.h"

/* Operations go to that context from now on; it is opened when it is first named. */
static void op_context(struct world *world, const struct args *args)
{
	int *fd = &world->contexts[arg(args, "n") % CONTEXTS];

	if (!*fd)
		*fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (*fd < 0) {
		say_errno(world);
		*fd = 0;
		return;
	}
	world->iommu = *fd;
	say(world, "0");
}

static void op_memlock(struct world *world, const struct args *args)
{
	struct rlimit limit;

	getrlimit(RLIMIT_MEMLOCK, &limit);
	limit.rlim_cur = arg(args, "limit");
	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		say_errno(world);
	else
		say(world, "0");
}

int capset(void *header, const void *data);
int capget(void *header, void *data);

/* Without CAP_IPC_LOCK the limit counts; `on` brings it back. */
static void op_ipc_lock(struct world *world, const struct args *args)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	if (capget(&header, data)) {
		say_errno(world);
		return;
	}
	if (arg(args, "on"))
		data[0].effective |= data[0].permitted & 1u << CAP_IPC_LOCK;
	else
		data[0].effective &= ~(1u << CAP_IPC_LOCK);
	if (capset(&header, data))
		say_errno(world);
	else
		say(world, "0");
}

/* Kilobytes pinned and locked. */
static void op_status(struct world *world, const struct args *args)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];

	(void)args;
	while (file && fgets(line, sizeof(line), file)) {
		unsigned long kib;

		if (sscanf(line, "VmPin: %lu", &kib) == 1)
			say(world, "pin=%lu", kib);
		else if (sscanf(line, "VmLck: %lu", &kib) == 1)
			say(world, "locked=%lu ", kib);
	}
	if (file)
		fclose(file);
}

const struct op process_ops[] = {
	{"context", op_context},
	{"memlock", op_memlock},
	{"ipc_lock", op_ipc_lock},
	{"status", op_status},
	{},
};
