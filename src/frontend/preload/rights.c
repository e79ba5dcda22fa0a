/* SPDX-License-Identifier: MIT */
/*
 * What the process may do and how much: pinning is charged against it, so those who charge look again after each of these.
 */
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"

#include <sys/resource.h>

static int rights_changed(int rc)
{
	struct process *process = descriptors ? atomic_load(&descriptors->process) : NULL;
	int saved = errno;

	if (!rc && process && process->pid == getpid()) {
		mm_refresh_creds(process->client.mm);
		remotes_tell(&process->remotes, WIRE_RIGHTS);
	}
	errno = saved;
	return rc;
}

#define SHIM_RIGHTS(name, params, args)                                                            \
	int name params;                                                                           \
	SHIM int name params                                                                       \
	{                                                                                          \
		return rights_changed(REAL(name) args);                                            \
	}

SHIM_RIGHTS(setuid, (uid_t uid), (uid))
SHIM_RIGHTS(seteuid, (uid_t uid), (uid))
SHIM_RIGHTS(setreuid, (uid_t ruid, uid_t euid), (ruid, euid))
SHIM_RIGHTS(setresuid, (uid_t ruid, uid_t euid, uid_t suid), (ruid, euid, suid))
SHIM_RIGHTS(capset, (void *header, const void *data), (header, data))
SHIM_RIGHTS(setrlimit, (__rlimit_resource_t resource, const struct rlimit *limit),
	    (resource, limit))
SHIM_RIGHTS(setrlimit64, (__rlimit_resource_t resource, const struct rlimit64 *limit),
	    (resource, limit))
SHIM_RIGHTS(prlimit,
	    (pid_t pid, enum __rlimit_resource resource, const struct rlimit *limit,
	     struct rlimit *old),
	    (pid, resource, limit, old))
SHIM_RIGHTS(prlimit64,
	    (pid_t pid, enum __rlimit_resource resource, const struct rlimit64 *limit,
	     struct rlimit64 *old),
	    (pid, resource, limit, old))
