/* SPDX-License-Identifier: MIT */
/*
 * A machine: the IOMMUs, devices and groups that contexts are opened on. Everything that programs of one machine share
 * is here; there are no global variables.
 */
#ifndef UIOMMUFD_CORE_MACHINE_H
#define UIOMMUFD_CORE_MACHINE_H

#include "core/client.h"
#include "core/file.h"

struct machine;

/* Reads a description (NULL: the default machine, the mock IOMMU alone). -ENOMEM. */
int machine_new(struct machine **ret_machine);
void machine_put(struct machine *machine);

/*
 * Opens a node of the machine by its path below /dev ("iommu", "vfio/vfio"): a file with one reference.
 * -ENOENT if there is no such node, -ENOMEM.
 */
int machine_open(struct machine *machine, struct client *client, const char *node,
		 struct file **ret_file);

#endif
