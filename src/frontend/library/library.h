/* SPDX-License-Identifier: MIT */
/*
 * What the library has of a process, for its own files: one client (the process itself), and one service behind all
 * descriptors, whatever machine they came from. So a machine can end before its descriptors, and nothing ever has to be stopped.
 *
 * It is made with the first machine and lives as long as the process. A child after fork has lost it: the descriptors, memory and
 * threads that it stands for are the parent's.
 */
#ifndef UIOMMUFD_LIBRARY_LIBRARY_H
#define UIOMMUFD_LIBRARY_LIBRARY_H

#include <stddef.h>
#include <sys/queue.h>

#include <uiommufd/uiommufd.h>

#include "base/lock.h"
#include "core/client.h"
#include "core/machine.h"
#include "frontend/service/identity.h"

struct endpoint;
struct service;

struct uiommufd_machine {
	LIST_ENTRY(uiommufd_machine) link; /* in the library's list */
	unsigned int generation;
	struct machine *machine;
};

struct uiommufd_file {
	unsigned int generation;
	struct file *file;
};

struct library {
	struct client client;	 /* the process itself */
	struct service *service; /* started with the first descriptor */
	struct lock lock;	 /* RANK_ENDPOINTS; guards machines */
	LIST_HEAD(, uiommufd_machine) machines;
};

/* This process's, or NULL if it has none yet. */
struct library *library_get(void);
/* ... made if there is none. -ENOMEM. */
int library_init(struct library **ret_library);
/* 0, or -ECHILD for what a process that this one was forked from has made. */
int library_check(unsigned int generation);
unsigned int library_generation(void);

/* client.c */
extern const struct client_ops library_client_ops;
/* Moves a descriptor of ours to a high number: the number, or -errno. */
int library_place(int fd);
/* After a call of the core that failed: descriptors that it took back see their last close now. */
void library_settle_withdrawn(struct library *library);

/* Copies what a caller of any version gives: -EINVAL if shorter than `first`, -E2BIG. NULL leaves zeros. */
int library_options(void *options, size_t size, size_t first, const void *given);

#endif
