/* SPDX-License-Identifier: MIT */
#include "frontend/preload/bounce.h"

#include <limits.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/guard.h"
#include "frontend/mmio/access.h"
#include "frontend/preload/real.h"
#include "frontend/service/quiet.h"

static bool traps(const struct iovec *iov, bool brings)
{
	uintptr_t start = (uintptr_t)iov->iov_base;

	return mmio_near(start, iov->iov_len) && mmio_traps(start, iov->iov_len, brings);
}

/* The first `len` bytes of the program's buffers to or from memory. */
static int move(const struct bounce *bounce, size_t len)
{
	char *memory = bounce->memory.iov_base;
	size_t part;
	int rc = 0;
	QUIET;

	for (size_t i = 0; i < bounce->n && len && !rc; i++, memory += part, len -= part) {
		struct iovec iov = {NULL, 0};
		uintptr_t at;

		rc = guard_copy(&iov, &bounce->iov[i], sizeof(iov));
		at = (uintptr_t)iov.iov_base;
		part = iov.iov_len < len ? iov.iov_len : len;
		if (rc)
			break;
		rc = bounce->brings ? access_store(NULL, at, memory, part)
				    : access_load(NULL, at, memory, part);
	}
	return rc;
}

bool bounce_vector(struct bounce *bounce, const struct iovec *iov, size_t n, bool brings)
{
	bool needed = false;
	size_t total = 0;
	struct iovec one;

	if (!mmio_any() || n > IOV_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (guard_copy(&one, &iov[i], sizeof(one)))
			return false;
		needed = needed || traps(&one, brings);
		total += one.iov_len;
	}
	if (!needed || total > SSIZE_MAX)
		return false;
	bounce->iov = iov;
	bounce->n = n;
	bounce->brings = brings;
	bounce->memory = (struct iovec){mem_zalloc(total), total};
	if (bounce->memory.iov_base && !brings && move(bounce, total)) {
		free(bounce->memory.iov_base);
		bounce->memory.iov_base = NULL;
	}
	return true;
}

bool bounce_buffer(struct bounce *bounce, uintptr_t buf, size_t len, bool brings)
{
	if (!mmio_any())
		return false;
	bounce->program[0] = (struct iovec){(void *)buf, len};
	return bounce_vector(bounce, bounce->program, 1, brings);
}

ssize_t bounce_end(struct bounce *bounce, ssize_t rc)
{
	int saved = errno;
	size_t brought = rc < (ssize_t)bounce->memory.iov_len ? (size_t)rc : bounce->memory.iov_len;

	if (rc > 0 && bounce->brings && move(bounce, brought)) {
		saved = EFAULT;
		rc = -1;
	}
	free(bounce->memory.iov_base);
	errno = saved;
	return rc;
}
