/* SPDX-License-Identifier: MIT */
/*
 * Who calls: an address space, its rights and limits, and a way to look up and hand out descriptors. A frontend makes
 * one for each process that it serves; a call names it, so that a context can be used from several processes.
 */
#ifndef UIOMMUFD_CORE_CLIENT_H
#define UIOMMUFD_CORE_CLIENT_H

#include <linux/capability.h>

#include "base/mm.h"
#include "core/file.h"
#include "core/window.h"

struct client_ops {
	/* The file behind the caller's descriptor, with a reference: 0, -EBADF if closed, -ENOENT if open but not ours. */
	int (*fd_file)(struct client *client, int fd, struct file **ret_file);
	/* A native duplicate (O_CLOEXEC, ours to close) of the caller's descriptor, or -EBADF. */
	int (*fd_native)(struct client *client, int fd);
	/*
	 * Gives the caller a descriptor (O_RDWR | O_CLOEXEC) of a file, taking over the reference: its number, or -EMFILE,
	 * -ENFILE, -ENOMEM, and then the reference stays the caller's.
	 */
	int (*fd_install)(struct client *client, struct file *file);
	/* Takes it back: for a reply that could not be written. */
	void (*fd_close)(struct client *client, int fd);
	/*
	 * Its memory during a call, for clients with a window: what is outside, and all that a window which can't be written is given. 0 or
	 * -EFAULT. Empty: by the mm.
	 */
	int (*read)(struct client *client, void *dst, uint64_t src, size_t len);
	int (*write)(struct client *client, uint64_t dst, const void *src, size_t len);
};

struct client {
	const struct client_ops *ops;
	struct mm *mm;
	struct client_window *window; /* during a call that came with one; else NULL */
};

/*
 * Does the caller have a capability over the machine? CAP_IPC_LOCK is what it really has, for it decides how memory is charged. All
 * others it has: the machine belongs to who runs it, not to the host's root.
 */
static inline bool client_capable(const struct client *client, int cap)
{
	return cap != CAP_IPC_LOCK || client->mm->creds.caps >> CAP_IPC_LOCK & 1;
}

static inline int client_read(struct client *client, void *dst, uint64_t src, size_t len)
{
	if (__builtin_expect(client->window != NULL, 0))
		return client_window_read(client, dst, src, len);
	return mm_read(client->mm, dst, src, len);
}

static inline int client_write(struct client *client, uint64_t dst, const void *src, size_t len)
{
	if (__builtin_expect(client->window != NULL, 0))
		return client_window_write(client, dst, src, len);
	return mm_write(client->mm, dst, src, len);
}

#endif
