/* SPDX-License-Identifier: MIT */
/*
 * System calls whose buffers are registers that a program has mapped: the kernel can't go there, so the call is made on ordinary memory, and what it brings is
 * stored, or what it takes is loaded, as if by the program. For the calls that the shim stands in front of; others give EFAULT.
 */
#ifndef UIOMMUFD_PRELOAD_BOUNCE_H
#define UIOMMUFD_PRELOAD_BOUNCE_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "frontend/mmio/space.h"

struct bounce {
	struct iovec program[1]; /* for calls with one buffer */
	const struct iovec *iov;
	size_t n;
	bool brings;
	struct iovec
		memory; /* what the call is to use; no address: there is no memory, or the program may not load there */
};

/* Is that needed? Then the call is made with `memory` in place of the buffers. `brings`: the call writes to them. */
bool bounce_vector(struct bounce *bounce, const struct iovec *iov, size_t n, bool brings);
bool bounce_buffer(struct bounce *bounce, uintptr_t buf, size_t len, bool brings);
/* After the call, which returned rc: rc, or -1 and errno. */
ssize_t bounce_end(struct bounce *bounce, ssize_t rc);

#endif
