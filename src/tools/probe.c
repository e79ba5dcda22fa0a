/* SPDX-License-Identifier: MIT */
/* What the probes share, and the probes of uiommufd's own means: the library, the namespace. */
#include "tools/probe.h"

#include "tools/namespace.h"
#include "tools/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void finding_set(struct finding *finding, enum verdict verdict, const char *text, ...)
{
	va_list args;

	finding->verdict = verdict;
	va_start(args, text);
	vsnprintf(finding->text, sizeof(finding->text), text, args);
	va_end(args);
}

void finding_follows(struct finding *finding, const char *text, ...)
{
	va_list args;

	va_start(args, text);
	vsnprintf(finding->follows, sizeof(finding->follows), text, args);
	va_end(args);
}

int probe_in_child(int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(fn(arg));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ECHILD;
}

/* As a program would see it: an ordinary shell looks for the device. */
static int look_for_device(void *arg)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDERR_FILENO) < 0 || shim_preload(arg))
		return 254;
	execl("/bin/sh", "sh", "-c", "test -c /dev/iommu && exec 3<>/dev/iommu", NULL);
	return 254;
}

void probe_preload(struct finding *ret_finding)
{
	char path[PATH_MAX];

	if (shim_find(path)) {
		finding_set(ret_finding, VERDICT_BAD, "it is not beside this executable");
		finding_follows(ret_finding,
				"Nothing can be run: build or install uiommufd completely.");
		return;
	}
	if (probe_in_child(look_for_device, path)) {
		finding_set(ret_finding, VERDICT_BAD, "%s doesn't work", path);
		finding_follows(
			ret_finding,
			"A shell with it couldn't open /dev/iommu; "
			"'uiommufd run --trace -- sh -c \"exec 3<>/dev/iommu\"' may tell why.");
		return;
	}
	finding_set(ret_finding, VERDICT_GOOD, "a shell opens /dev/iommu with it");
	finding_follows(ret_finding, "'uiommufd run' works.");
}

static int try_namespace(void *arg)
{
	const char *step;
	int r = namespace_enter(&step);

	if (r)
		return -r < 254 ? -r : 254;
	return access("/dev/iommu", F_OK) ? EIO : 0;
}

static int try_user_namespace(void *arg)
{
	return unshare(CLONE_NEWUSER) ? errno : 0;
}

/* Allowed and good for something are two things: AppArmor, for one, lets them be made without any rights in them. */
void probe_namespaces(struct finding *ret_finding)
{
	int made = probe_in_child(try_user_namespace, NULL);
	int entered = probe_in_child(try_namespace, NULL);
	const char *can = made ? "they can't be made" : "they can be made";

	if (!entered) {
		finding_set(ret_finding, made ? VERDICT_LIMITED : VERDICT_GOOD,
			    "%s; a private /dev works", can);
		finding_follows(ret_finding,
				"'uiommufd run --namespace' works; without the option none "
				"is needed.");
		return;
	}
	finding_set(ret_finding, VERDICT_BAD, "%s; a private /dev doesn't work (%s)", can,
		    strerror(abs(entered)));
	finding_follows(ret_finding,
			"'uiommufd run --namespace' doesn't work; 'uiommufd run' does: programs "
			"see /dev/iommu through the preload library, static tools don't.");
}

void probe_real_device(struct finding *ret_finding)
{
	struct stat st;

	if (stat("/dev/iommu", &st)) {
		finding_set(ret_finding, VERDICT_BAD, "there is no /dev/iommu here");
		finding_follows(ret_finding, "Programs find one under 'uiommufd run' alone.");
		return;
	}
	finding_set(ret_finding, VERDICT_GOOD, "the kernel has a /dev/iommu");
	finding_follows(ret_finding,
			"Programs under 'uiommufd run' see uiommufd's, not the kernel's.");
}
