/* SPDX-License-Identifier: MIT */
/*
 * Memory that programs map through descriptors of ours: a memfd, and our own view of it.
 *
 * The descriptor that we keep is in the table of the process or thread that made the memory. Who wants it elsewhere, or after the program has
 * closed it, is led there by /proc.
 */
#ifndef UIOMMUFD_CORE_SHARED_MEMORY_H
#define UIOMMUFD_CORE_SHARED_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

struct shared_memory {
	char *host;	 /* our view */
	uint64_t length; /* whole pages */
	int fd;
	pid_t pid, tid; /* who has it */
	dev_t dev;
	ino_t ino;
};

/* Zeroed memory. -ENOMEM. */
int shared_memory_init(struct shared_memory *memory, uint64_t length);
void shared_memory_done(struct shared_memory *memory);
/* A descriptor of it, the caller's to close. -EMFILE, -ENOMEM. */
int shared_memory_open(const struct shared_memory *memory);

#endif
