/* SPDX-License-Identifier: MIT */
/* The device nodes that a machine shows: for the view, and for the real folder of `run --namespace`. */
#ifndef UIOMMUFD_PRELOAD_NODES_H
#define UIOMMUFD_PRELOAD_NODES_H

#include <sys/types.h>

struct node {
	const char *path;
	mode_t mode;
	unsigned int major, minor;
};

/* Ends with a path of NULL. */
extern const struct node nodes[];

#endif
