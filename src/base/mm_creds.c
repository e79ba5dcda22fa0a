/* SPDX-License-Identifier: MIT */
/*
 * Rights and limits. Our own are the calling thread's, as they are for a system call; another process's are its first
 * thread's, from /proc, where everybody may look.
 */
#include "base/mm.h"
#include "base/mm_private.h"
#include "base/sys.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static uint64_t own_caps(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (sys_raw(SYS_capget, &header, data))
		return 0;
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

static void own_creds(struct mm_creds *creds)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	getrlimit(RLIMIT_MEMLOCK, &limit);
	creds->uid = (uid_t)sys_raw(SYS_getuid);
	creds->caps = own_caps();
	creds->memlock = limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

static void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* Calls fn for each line of /proc/PID/name. */
static void each_line(pid_t pid, const char *name,
		      void (*fn)(const char *line, struct mm_creds *creds), struct mm_creds *creds)
{
	char path[64], line[256];
	FILE *file __attribute__((cleanup(close_file))) = NULL;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		fn(line, creds);
}

static void status_line(const char *line, struct mm_creds *creds)
{
	unsigned int uid;
	uint64_t caps;

	if (sscanf(line, "Uid: %u", &uid) == 1)
		creds->uid = uid;
	else if (sscanf(line, "CapEff: %" SCNx64, &caps) == 1)
		creds->caps = caps;
}

static void limits_line(const char *line, struct mm_creds *creds)
{
	static const char name[] = "Max locked memory";
	uint64_t limit;

	if (strncmp(line, name, sizeof(name) - 1))
		return;
	if (sscanf(line + sizeof(name) - 1, "%" SCNu64, &limit) == 1)
		creds->memlock = limit;
	else
		creds->memlock = UINT64_MAX;
}

void mm_refresh_creds(struct mm *mm)
{
	if (mm->self) {
		own_creds(&mm->creds);
		return;
	}
	each_line(mm->pid, "status", status_line, &mm->creds);
	each_line(mm->pid, "limits", limits_line, &mm->creds);
}
