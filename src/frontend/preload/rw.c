/* SPDX-License-Identifier: MIT */
/* read(), write() and their kin: bytes of ours come from the file, not from the socket that stands for it. */
#include "base/guard.h"
#include "frontend/preload/bounce.h"
#include "frontend/preload/defer.h"
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"
#include "frontend/preload/trace.h"

#include <limits.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* What Linux cuts every count to. */
#define COUNT_MAX 0x7ffff000u

#define NO_POSITION (-1)
/* pread() at -1 must not look like read(). */
#define POSITION(at) ((at) < 0 ? INT64_MIN : (at))

struct transfer {
	uint64_t buf, count;
	int64_t at;
	bool write;
};

static ssize_t transfer_local(struct endpoint *endpoint, const struct transfer *transfer)
{
	struct client *client = process_client(process_get());
	ssize_t rc;

	defer_begin();
	rc = (transfer->write ? file_write : file_read)(endpoint->file, client, transfer->buf,
							transfer->count, transfer->at);
	defer_end();
	return rc;
}

static ssize_t transfer_remote(int fd, const struct descriptor *descriptor,
			       const struct transfer *transfer)
{
	struct wire_msg msg = {
		.op = transfer->write ? WIRE_WRITE : WIRE_READ,
		.arg = {transfer->buf, transfer->count, (uint64_t)transfer->at},
	};

	return descriptor_ask(fd, descriptor, &msg, NULL);
}

/* False: fd isn't ours. Else *ret_rc is the call's result, bytes or -errno. */
static bool transfer_ours(int fd, struct transfer transfer, ssize_t *ret_rc)
{
	struct descriptor descriptor;
	int rc;

	if (descriptor_slot(fd) == SLOT_FOREIGN)
		return false;
	rc = descriptor_find(fd, &descriptor);
	if (rc == -ENOENT)
		return false;
	if (transfer.count > COUNT_MAX)
		transfer.count = COUNT_MAX;
	if (rc)
		*ret_rc = rc;
	else if (descriptor.local)
		*ret_rc = transfer_local(descriptor.local, &transfer);
	else
		*ret_rc = transfer_remote(fd, &descriptor, &transfer);
	if (!rc)
		descriptor_done(&descriptor);
	return true;
}

/*
 * A call on one buffer. A negative position is the real call's to refuse. Where the kernel can't go to the buffer, the call is made on another one.
 */
#define SHIM_TRANSFER(name, params, args, is_write, position)                                      \
	static ssize_t call_##name params                                                          \
	{                                                                                          \
		struct transfer transfer = {(uintptr_t)buf, count, position, is_write};            \
		ssize_t rc;                                                                        \
                                                                                                   \
		if (transfer.at < -1 || !transfer_ours(fd, transfer, &rc))                         \
			return REAL(name) args;                                                    \
		rc = shim_result(rc);                                                              \
		if (trace_on)                                                                      \
			trace_transfer(#name, fd, buf, count, rc);                                 \
		return rc;                                                                         \
	}                                                                                          \
	BOUNCED(name, params, args, is_write)

#define BOUNCED(name, params, args, is_write)                                                      \
	ssize_t name params;                                                                       \
	SHIM ssize_t name params                                                                   \
	{                                                                                          \
		struct bounce bounce;                                                              \
                                                                                                   \
		if (__builtin_expect(!bounce_buffer(&bounce, (uintptr_t)buf, count, !(is_write)),  \
				     1))                                                           \
			return call_##name args;                                                   \
		buf = bounce.memory.iov_base;                                                      \
		return bounce_end(&bounce, call_##name args);                                      \
	}

/* Sockets are never ours. */
#define SHIM_SOCKET(name, params, args, is_write)                                                  \
	static ssize_t call_##name params                                                          \
	{                                                                                          \
		return REAL(name) args;                                                            \
	}                                                                                          \
	BOUNCED(name, params, args, is_write)

SHIM_TRANSFER(read, (int fd, void *buf, size_t count), (fd, buf, count), false, NO_POSITION)
SHIM_TRANSFER(write, (int fd, const void *buf, size_t count), (fd, buf, count), true, NO_POSITION)
SHIM_TRANSFER(pread, (int fd, void *buf, size_t count, off_t at), (fd, buf, count, at), false,
	      POSITION(at))
SHIM_TRANSFER(pread64, (int fd, void *buf, size_t count, off64_t at), (fd, buf, count, at), false,
	      POSITION(at))
SHIM_TRANSFER(pwrite, (int fd, const void *buf, size_t count, off_t at), (fd, buf, count, at), true,
	      POSITION(at))
SHIM_TRANSFER(pwrite64, (int fd, const void *buf, size_t count, off64_t at), (fd, buf, count, at),
	      true, POSITION(at))
/* _FORTIFY_SOURCE's: the real ones check the size, so what is too long goes to them. */
SHIM_TRANSFER(__read_chk, (int fd, void *buf, size_t count, size_t size), (fd, buf, count, size),
	      false, NO_POSITION)
SHIM_TRANSFER(__pread_chk, (int fd, void *buf, size_t count, off_t at, size_t size),
	      (fd, buf, count, at, size), false, POSITION(at))
SHIM_TRANSFER(__pread64_chk, (int fd, void *buf, size_t count, off64_t at, size_t size),
	      (fd, buf, count, at, size), false, POSITION(at))

/* From its first use on the process's guard stands. -ENOENT: not ours. -EINVAL: the file has no bytes, which is told before all else. */
static int look_at(int fd, bool write)
{
	struct descriptor descriptor;
	int rc = descriptor_find(fd, &descriptor);

	if (rc)
		return rc;
	if (descriptor.local && !(write ? (void *)descriptor.local->file->ops->write
					: (void *)descriptor.local->file->ops->read))
		rc = -EINVAL;
	descriptor_done(&descriptor);
	return rc;
}

/*
 * Vectors: a file without its own vector operation gets the buffers one after the other, as in Linux: the first short
 * or failed one ends it, and it knows no flags but RWF_HIPRI.
 */
struct vector {
	int fd;
	const struct iovec *iov;
	int n;
	int64_t at; /* NO_POSITION, or that of the first byte */
	int flags;
	bool write;
};

/* The whole vector is looked at before its first byte moves. */
static int check_vector(const struct vector *vector)
{
	struct iovec iov;

	for (int i = 0; i < vector->n; i++) {
		if (guard_copy(&iov, &vector->iov[i], sizeof(iov)))
			return -EFAULT;
		if (iov.iov_len > SSIZE_MAX)
			return -EINVAL;
	}
	return vector->flags & ~RWF_HIPRI ? -EOPNOTSUPP : 0;
}

/* Buffer number i, from the byte `total` of the file on. False: the descriptor isn't ours any more. */
static bool transfer_piece(const struct vector *vector, int i, ssize_t total, struct iovec *ret_iov,
			   ssize_t *ret_rc)
{
	struct transfer transfer = {.write = vector->write};

	*ret_rc = -EFAULT;
	if (guard_copy(ret_iov, &vector->iov[i], sizeof(*ret_iov)))
		return true;
	transfer.buf = (uintptr_t)ret_iov->iov_base;
	transfer.count = ret_iov->iov_len;
	transfer.at = vector->at == NO_POSITION ? NO_POSITION : vector->at + total;
	return transfer_ours(vector->fd, transfer, ret_rc);
}

static bool vector_ours(const struct vector *vector, ssize_t *ret_rc)
{
	ssize_t total = 0, rc = 0;
	struct iovec iov;

	if (descriptor_slot(vector->fd) == SLOT_FOREIGN || vector->n <= 0 || vector->n > IOV_MAX ||
	    vector->at < NO_POSITION)
		return false;
	rc = look_at(vector->fd, vector->write);
	if (rc == -ENOENT)
		return false;
	*ret_rc = rc ? rc : check_vector(vector);
	if (*ret_rc)
		return true;
	for (int i = 0; i < vector->n; i++) {
		if (!transfer_piece(vector, i, total, &iov, &rc))
			return false;
		if (rc < 0)
			break;
		total += rc;
		if ((size_t)rc < iov.iov_len)
			break;
	}
	*ret_rc = total ? total : rc;
	return true;
}

static ssize_t real_vector(const struct vector *vector)
{
	int fd = vector->fd, n = vector->n, flags = vector->flags;
	const struct iovec *iov = vector->iov;
	int64_t at = vector->at;

	if (at == NO_POSITION && !flags)
		return vector->write ? REAL(writev)(fd, iov, n) : REAL(readv)(fd, iov, n);
	return vector->write ? REAL(pwritev64v2)(fd, iov, n, at, flags)
			     : REAL(preadv64v2)(fd, iov, n, at, flags);
}

static ssize_t unbounced(const struct vector *vector)
{
	ssize_t rc;

	return vector_ours(vector, &rc) ? shim_result(rc) : real_vector(vector);
}

static ssize_t transfer_vector(struct vector vector)
{
	struct bounce bounce;

	if (vector.n <= 0 || vector.n > IOV_MAX ||
	    !bounce_vector(&bounce, vector.iov, (size_t)vector.n, !vector.write))
		return unbounced(&vector);
	vector.iov = &bounce.memory;
	vector.n = 1;
	return bounce_end(&bounce, unbounced(&vector));
}

SHIM ssize_t readv(int fd, const struct iovec *iov, int n)
{
	return transfer_vector((struct vector){fd, iov, n, NO_POSITION, 0, false});
}

SHIM ssize_t writev(int fd, const struct iovec *iov, int n)
{
	return transfer_vector((struct vector){fd, iov, n, NO_POSITION, 0, true});
}

/* With a position and flags; -1 is no position where there are flags, and wrong where there are none. */
#define SHIM_VECTOR(name, offset, is_write)                                                        \
	SHIM ssize_t name(int fd, const struct iovec *iov, int n, offset at)                       \
	{                                                                                          \
		struct vector vector = {fd, iov, n, POSITION(at), 0, is_write};                    \
                                                                                                   \
		return at < 0 ? REAL(name)(fd, iov, n, at) : transfer_vector(vector);              \
	}
#define SHIM_VECTOR_2(name, offset, is_write)                                                      \
	SHIM ssize_t name(int fd, const struct iovec *iov, int n, offset at, int flags)            \
	{                                                                                          \
		return transfer_vector((struct vector){fd, iov, n, at, flags, is_write});          \
	}

SHIM_VECTOR(preadv, off_t, false)
SHIM_VECTOR(preadv64, off64_t, false)
SHIM_VECTOR(pwritev, off_t, true)
SHIM_VECTOR(pwritev64, off64_t, true)
SHIM_VECTOR_2(preadv2, off_t, false)
SHIM_VECTOR_2(preadv64v2, off64_t, false)
SHIM_VECTOR_2(pwritev2, off_t, true)
SHIM_VECTOR_2(pwritev64v2, off64_t, true)

SHIM_SOCKET(recv, (int fd, void *buf, size_t count, int flags), (fd, buf, count, flags), false)
SHIM_SOCKET(send, (int fd, const void *buf, size_t count, int flags), (fd, buf, count, flags), true)
SHIM_SOCKET(recvfrom,
	    (int fd, void *buf, size_t count, int flags, struct sockaddr *from, socklen_t *len),
	    (fd, buf, count, flags, from, len), false)
SHIM_SOCKET(sendto,
	    (int fd, const void *buf, size_t count, int flags, const struct sockaddr *to,
	     socklen_t len),
	    (fd, buf, count, flags, to, len), true)
SHIM_SOCKET(__recv_chk, (int fd, void *buf, size_t count, size_t size, int flags),
	    (fd, buf, count, size, flags), false)
SHIM_SOCKET(__recvfrom_chk,
	    (int fd, void *buf, size_t count, size_t size, int flags, struct sockaddr *from,
	     socklen_t *len),
	    (fd, buf, count, size, flags, from, len), false)

SHIM ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct bounce bounce;
	struct msghdr bounced;

	if (!mmio_any() || guard_copy(&bounced, msg, sizeof(bounced)) ||
	    !bounce_vector(&bounce, bounced.msg_iov, bounced.msg_iovlen, false))
		return REAL(sendmsg)(fd, msg, flags);
	bounced.msg_iov = &bounce.memory;
	bounced.msg_iovlen = 1;
	return bounce_end(&bounce, REAL(sendmsg)(fd, &bounced, flags));
}
