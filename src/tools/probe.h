/* SPDX-License-Identifier: MIT */
/*
 * What this computer allows, tried out: a probe does the thing and reports what happened, in a child where that would
 * change the process. What follows from it is said by whoever prints it.
 */
#ifndef UIOMMUFD_TOOLS_PROBE_H
#define UIOMMUFD_TOOLS_PROBE_H

enum verdict {
	VERDICT_GOOD,
	VERDICT_LIMITED, /* works with a limit that somebody may run into */
	VERDICT_BAD,
};

#define FINDING_BYTES 256

struct finding {
	enum verdict verdict;
	char text[FINDING_BYTES];    /* what was found */
	char follows[FINDING_BYTES]; /* what that means for a user */
};

/* All descriptors, processes and mappings of a probe are gone when it returns. */
void probe_preload(struct finding *ret_finding);
void probe_namespaces(struct finding *ret_finding);
void probe_memory(struct finding *ret_finding);
void probe_descriptors(struct finding *ret_finding);
void probe_areas(struct finding *ret_finding);
void probe_hugepages(struct finding *ret_finding);
void probe_memlock(struct finding *ret_finding);
void probe_files(struct finding *ret_finding);
void probe_seccomp(struct finding *ret_finding);
void probe_fuse(struct finding *ret_finding);
void probe_real_device(struct finding *ret_finding);

/* Helpers of the probes. */
void finding_set(struct finding *finding, enum verdict verdict, const char *text, ...)
	__attribute__((format(printf, 3, 4)));
void finding_follows(struct finding *finding, const char *text, ...)
	__attribute__((format(printf, 2, 3)));
/* Runs fn(arg) in a child: its result (0 to 254), or -errno if there could be none. */
int probe_in_child(int (*fn)(void *arg), void *arg);

#endif
