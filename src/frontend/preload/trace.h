/* SPDX-License-Identifier: MIT */
/*
 * `uiommufd run --trace`: each call on a descriptor of ours in words, as strace prints it. The calls of the shim come here
 * when trace_on; nothing else pays for it. All keep errno.
 */
#ifndef UIOMMUFD_PRELOAD_TRACE_H
#define UIOMMUFD_PRELOAD_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "frontend/preload/view.h"

/* Constant once the constructor has run. */
extern bool trace_on;

typedef int (*trace_ioctl_fn)(int fd, unsigned long cmd, uint64_t arg);

/* Makes the call, by `call`, and tells of it if fd is one of ours: the call's own result and errno. */
int trace_ioctl(int fd, unsigned long cmd, uint64_t arg, trace_ioctl_fn call);
/* After read(), write() and their kin: `name` is the call's, result as it returned (then errno counts). */
void trace_transfer(const char *name, int fd, const void *buf, size_t count, ssize_t result);
/* After an open() of the view: fd or -errno. */
void trace_open(int dirfd, const char *path, int flags, int result);
/* A load of a register or a store to it, trapped. */
struct trace_access {
	const char *node;
	bool store;
	uint64_t offset;
	const void *value;
	size_t len;	/* 8 at most */
	ssize_t result; /* bytes, or -errno */
};
void trace_access(const struct trace_access *access);
/* After mmap(). */
void trace_mmap(const struct mmap_call *call, const void *result);
/* After close(): `link` is what preload_fd_link(fd) said before it, NULL if it wasn't ours. */
void trace_close(int fd, const char *link, int result);

#endif
