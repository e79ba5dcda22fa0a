/* SPDX-License-Identifier: MIT */
/* What processes of one user may do to each other: memory, descriptors, system calls. */
#include "tools/probe.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Since Linux 6.6; the headers of older distributions don't have it. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define NOTIF_FD_SYNC_WAKE_UP 1ull

static int read_parent(void *arg)
{
	long copy = 0;
	struct iovec local = {&copy, sizeof(copy)}, remote = {arg, sizeof(copy)};

	if (process_vm_readv(getppid(), &local, 1, &remote, 1, 0) != sizeof(copy))
		return errno;
	return copy == *(long *)arg ? 0 : EIO;
}

/* -1 where there is no Yama. */
static int yama_scope(void)
{
	FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%d", &scope) != 1)
		scope = -1;
	fclose(file);
	return scope;
}

/* The way that a host needs: to a process that isn't its child. */
void probe_memory(struct finding *ret_finding)
{
	static long secret = 4711;
	int scope = yama_scope(), r = probe_in_child(read_parent, &secret);
	char yama[64] = "no Yama";

	if (scope >= 0)
		snprintf(yama, sizeof(yama), "Yama's ptrace_scope is %d", scope);
	if (!r) {
		finding_set(ret_finding, VERDICT_GOOD, "process_vm_readv works (%s)", yama);
		finding_follows(ret_finding,
				"A process can use a /dev/iommu that another one hosts.");
		return;
	}
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	r = probe_in_child(read_parent, &secret);
	prctl(PR_SET_PTRACER, 0, 0, 0, 0);
	if (!r) {
		finding_set(ret_finding, VERDICT_GOOD, "process_vm_readv works once allowed (%s)",
			    yama);
		finding_follows(ret_finding,
				"A process can use a /dev/iommu that another one hosts: "
				"the preload library allows the host to read it.");
		return;
	}
	finding_set(ret_finding, VERDICT_BAD, "process_vm_readv is forbidden (%s; %s)",
		    strerror(abs(r)), yama);
	finding_follows(ret_finding,
			"A /dev/iommu can be used in the process that uses it first; in "
			"others, after fork or over a socket, its ioctls fail with EFAULT.");
}

static int fetch_from_parent(void *arg)
{
	int pidfd = syscall(SYS_pidfd_open, getppid(), 0), fd;

	if (pidfd < 0)
		return errno;
	fd = syscall(SYS_pidfd_getfd, pidfd, *(int *)arg, 0);
	return fd < 0 ? errno : 0;
}

void probe_descriptors(struct finding *ret_finding)
{
	int pipes[2], r;

	if (pipe(pipes)) {
		finding_set(ret_finding, VERDICT_BAD, "no pipe can be made: %s", strerror(errno));
		finding_follows(ret_finding, "Nothing will run for long here.");
		return;
	}
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	r = probe_in_child(fetch_from_parent, &pipes[0]);
	prctl(PR_SET_PTRACER, 0, 0, 0, 0);
	close(pipes[0]);
	close(pipes[1]);
	if (!r) {
		finding_set(ret_finding, VERDICT_GOOD, "pidfd_getfd works");
		finding_follows(ret_finding,
				"The launcher needs that; others send descriptors over their "
				"connections.");
		return;
	}
	finding_set(ret_finding, VERDICT_LIMITED, "pidfd_getfd is forbidden (%s)",
		    strerror(abs(r)));
	finding_follows(ret_finding,
			"There is no launcher for static programs: it needs the descriptors "
			"that their calls name.");
}

static int try_listener(void *arg)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog filter = {1, &allow};
	int fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return errno;
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
		     &filter);
	if (fd < 0)
		return errno;
	return ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, NOTIF_FD_SYNC_WAKE_UP) ? 253 : 0;
}

void probe_seccomp(struct finding *ret_finding)
{
	int r = probe_in_child(try_listener, NULL);

	if (!r)
		finding_set(ret_finding, VERDICT_GOOD,
			    "a listener can be made, with quick wake-ups");
	else if (r == 253)
		finding_set(ret_finding, VERDICT_LIMITED,
			    "a listener can be made, without quick wake-ups (they need Linux 6.6)");
	else
		finding_set(ret_finding, VERDICT_BAD, "no listener can be made (%s)",
			    strerror(abs(r)));
	finding_follows(ret_finding,
			r && r != 253
				? "Static programs, Go programs and those of another C library "
				  "can't be served."
				: "Static programs, Go programs and those of another C library are "
				  "served by the launcher.");
}
