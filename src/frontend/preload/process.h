/* SPDX-License-Identifier: MIT */
/* The shim's state of a process, for the shim's own files. */
#ifndef UIOMMUFD_PRELOAD_PROCESS_H
#define UIOMMUFD_PRELOAD_PROCESS_H

#include "core/client.h"
#include "core/machine.h"
#include "frontend/preload/descriptor.h"
#include "frontend/service/service.h"

struct process {
	pid_t pid; /* whose this is: a vfork child sees its parent's */
	struct machine *machine;
	struct service *service; /* started with the first file */
	struct lock claiming;	 /* one open at a time: none is done in vain */
	struct client client;	 /* the process itself */
	struct remotes remotes;	 /* services of other processes that it uses */
};

/* NULL while this process uses nothing of ours. */
static inline struct process *process_if_any(void)
{
	return descriptors ? atomic_load_explicit(&descriptors->process, memory_order_acquire)
			   : NULL;
}

/* client.c: the process's own descriptors, for the core. */
extern const struct client_ops process_client_ops;
/* ... and for the services of others. */
extern const struct remote_ops process_remote_ops;

/* A file of this process's machine, or a thread's. As machine_open(), or fail_nth_file(). */
int process_open(struct process *process, struct client *client, const char *node, int accmode,
		 struct file **ret_file);

/* After a call of the core: descriptors that it took back see their last close now. */
void process_settle_withdrawn(struct process *process);

/* Has this process, or one that its memory comes from, had a struct process? */
bool process_was_used(void);
/* process.c: one of our own descriptors has a new number. */
void process_moved_descriptor(int from, int to);

/* descriptor.c */
/* The state of this process if it has any descriptor of ours, attached to whoever serves those; or NULL. */
struct process *descriptors_attach_all(void);
void descriptor_forget_all(uintptr_t slot);
int descriptor_of(uintptr_t slot); /* or -1 */
void descriptor_remember(int fd, uintptr_t slot);
void descriptor_reserved_drop(void);

#endif
