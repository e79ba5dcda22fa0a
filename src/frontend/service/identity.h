/* SPDX-License-Identifier: MIT */
/*
 * What a descriptor of ours is: one end (A) of a SOCK_SEQPACKET pair, bound to an abstract name that says so. The name
 * moves with the socket through dup, fork, exec and SCM_RIGHTS, and getsockname() reads it in any process and network
 * namespace, so nothing has to be remembered to know a descriptor again.
 *
 * The other end (B) belongs to whoever serves the file. A *newborn* is not served yet: its B is in flight inside A's own
 * receive queue, so that nobody has to be alive for it; the first who uses the descriptor takes B out and serves.
 * A newborn that is closed unused leaves nothing: the kernel frees both ends.
 *
 * A's queue also makes poll() right without our help: it holds one datagram, newborn or marker, while the file is readable.
 */
#ifndef UIOMMUFD_SERVICE_IDENTITY_H
#define UIOMMUFD_SERVICE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDENTITY_NODE_MAX 63

struct identity {
	uint64_t id[2];		      /* random: never equal for two files */
	int accmode;		      /* O_RDONLY, O_WRONLY, O_RDWR: what F_GETFL says */
	char node[IDENTITY_NODE_MAX]; /* "iommu", or the link text of a file that no path opens */
};

struct identity_pair {
	int a, b;
};

/*
 * A new pair under a new name. `flags` are open()'s: O_CLOEXEC, O_NONBLOCK and the access mode count for A; B is always
 * O_CLOEXEC | O_NONBLOCK. -EMFILE, -ENFILE, -ENOMEM, -ENAMETOOLONG.
 */
int identity_new(const char *node, int flags, struct identity *ret_identity,
		 struct identity_pair *ret_pair);
/* Whose is this descriptor? 0, -EBADF if closed, -ENOENT if not ours. Touches nothing. */
int identity_of(int fd, struct identity *ret_identity);

/* A newborn, from a node's path: -errno as identity_new(). */
int identity_open(const char *node, int flags, int *ret_fd);
/* Puts B into A's queue and closes it here. -errno: B is still open. */
int identity_abandon(int b);
/* Would identity_claim() have a chance? Looks only; may be wrong a moment later. */
bool identity_newborn(int a);
/* Takes B out of A: a descriptor for the caller to serve, or -EAGAIN if somebody else has it, -EMFILE (B is
 * lost then: call it where descriptors are plenty). */
int identity_claim(int a, int *ret_b);

/*
 * Makes A not writable to poll(), as descriptors are that can't be written: B's queue keeps a filler, which is sent again whenever
 * somebody has sent something else. -errno of the send.
 */
int identity_fill(int a);
/* Sends a byte and a descriptor over A, when there is room. -EPIPE: nobody has B any more; or another -errno of the send. */
int identity_send(int a, char byte, int fd);
/* Is A one of these? */
bool identity_filled(int a);
/*
 * Takes what was sent over A next, fillers aside: its bytes (what doesn't fit is lost), with *ret_fd as wire_recv_bytes() has it. -EAGAIN if there
 * is nothing; -EPIPE if nobody has A any more.
 */
int identity_receive(int b, void *data, size_t size, int *ret_fd);

/* Queues the datagram that makes A readable: 0, or -errno if nobody has A any more. */
int identity_mark(int b);
/* Is a datagram of B's waiting in A? */
bool identity_marked(int b);
/* Queues a message of the file's in place of the marker. */
int identity_offer(int b, const void *message, size_t len);
/* Takes marker or message out again, by A: true if there was one. */
bool identity_unmark(int a);

#endif
