/* SPDX-License-Identifier: MIT */
/*
 * An open file that mappings of this process keep open and whose trapped accesses are performed: here if it is hosted here, over a connection if not.
 * One for each file; a child after fork goes on with its copy.
 */
#ifndef UIOMMUFD_PRELOAD_HELD_H
#define UIOMMUFD_PRELOAD_HELD_H

struct mmio_target;

/* For a descriptor of ours; the reference is the caller's. -ENOMEM, -EMFILE. */
int held_get(int fd, struct mmio_target **ret_target);
/* A reserved number has changed. */
void held_moved(int from, int to);

#endif
