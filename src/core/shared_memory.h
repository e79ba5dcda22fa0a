/* SPDX-License-Identifier: MIT */
/*
 * Memory that programs map through descriptors of ours.
 *
 * At first it is ordinary memory of this process. What is shared is a memfd, whose descriptor the host keeps where no program can close it
 * (core/host.h); it hands a duplicate out for each mapping.
 */
#ifndef UIOMMUFD_CORE_SHARED_MEMORY_H
#define UIOMMUFD_CORE_SHARED_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

struct machine_host;

struct shared_memory {
	char *host;		     /* our view */
	uint64_t length;	     /* whole pages */
	struct machine_host *keeper; /* who keeps the descriptor; NULL: not shared */
	int fd;			     /* its number there */
	dev_t dev;
	ino_t ino;
};

/* Zeroed memory, not shared. -ENOMEM. */
int shared_memory_init(struct shared_memory *memory, uint64_t length);
/*
 * Shares it: from now on it can be opened, dev and ino say what it is. Address and bytes stay; nobody may store to it meanwhile. Again, it is nothing. -ENOMEM, and errors of
 * the host.
 */
int shared_memory_share(struct shared_memory *memory, struct machine_host *host);
/* A descriptor of what is shared, the caller's to close. -EMFILE, -ENOMEM, and errors of the host. */
int shared_memory_open(const struct shared_memory *memory);
void shared_memory_done(struct shared_memory *memory);

/* ---- for hosts: where the descriptor is ---- */

/* Makes the memfd, and puts it in the memory's place. -ENOMEM. */
int shared_memory_make_fd(struct shared_memory *memory);
/* A duplicate. -EMFILE. */
int shared_memory_dup_fd(const struct shared_memory *memory);
void shared_memory_close_fd(const struct shared_memory *memory);

#endif
