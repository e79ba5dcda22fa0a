/* SPDX-License-Identifier: MIT */
/*
 * What goes over a connection to a service: datagrams of one size, with at most one descriptor each. A request is
 * answered by callbacks (the service asks for something of the caller's: a descriptor, mostly), each of which is
 * answered, and then by the reply. A connection serves one request at a time; a process has as many as it has threads
 * in a call.
 */
#ifndef UIOMMUFD_SERVICE_WIRE_H
#define UIOMMUFD_SERVICE_WIRE_H

#include <stddef.h>
#include <stdint.h>

enum wire_op {
	/* What any client asks. id names the file. */
	/* The first, over the socket, with a ring's memory; arg: cookie; the reply: the service's id and pid, and WIRE_RING */
	WIRE_HELLO = 1,
	WIRE_IOCTL, /* arg: cmd, argument */
	WIRE_READ,  /* arg: address, count, position; carries a descriptor of the file */
	WIRE_WRITE,
	WIRE_POLL,
	WIRE_MMAP, /* arg: offset, length, prot, flags; the reply: fd, fd_offset, length, piece, trap */
	WIRE_CLOSED, /* id: a descriptor of the file was closed: settle it if it was the last */
	WIRE_GOING,  /* arg: address, length: memory of the client's that is about to go */
	WIRE_BYE,    /* the client's process is about to go */
	WIRE_RIGHTS, /* the client has other rights or limits now */
	WIRE_ACCOUNT, /* arg: a process; the reply: pages pinned and locked on its behalf, -ENOENT if unknown */
	/* What the process in which the files live asks, over the link. arg[0]: struct endpoint */
	WIRE_INSTALL,  /* make a pair and serve it; the reply carries A */
	WIRE_CLAIM,    /* serve what the descriptor with it is; -EAGAIN: somebody else does */
	WIRE_CATCH_UP, /* take out all that have seen their last close; the reply: a chain */
	WIRE_LEND,     /* the reply carries a duplicate of the file's B */
	WIRE_READY,    /* put the marker in */
	WIRE_OFFER,  /* arg[1], [2]: put this message in, of the memory that both share: 1, or 0 */
	WIRE_UNREAD, /* is what was put in still there? 1 or 0 */
	/* For the machine's devices (host.c). arg[0]: struct host_event, but for THREAD */
	WIRE_THREAD,	   /* run a function; arg: struct host_start */
	WIRE_EVENT_TAKE,   /* carries the eventfd; the reply: arg[0] */
	WIRE_EVENT_SIGNAL, /* add 1 */
	WIRE_EVENT_WATCH,  /* arg[1], [2]: function and its argument */
	WIRE_EVENT_STOP,
	WIRE_EVENT_FREE,
	/* arg[0]: struct shared_memory */
	WIRE_MEMORY_SHARE,
	WIRE_MEMORY_OPEN, /* the reply carries a duplicate */
	WIRE_MEMORY_CLOSE,
	/* What the service asks while it serves a request. arg[0]: descriptor number */
	WIRE_FD_FILE,	 /* what is it? result 0 and id, or -EBADF, -ENOENT */
	WIRE_FD_NATIVE,	 /* the answer carries a duplicate */
	WIRE_FD_INSTALL, /* carries A; the result is its number */
	WIRE_FD_CLOSE,
	/* An answer or a reply: result. */
	WIRE_REPLY,
};

struct wire_msg {
	uint32_t op;
	uint32_t flags;
	/*
	 * The injection counter (base/inject.h) of the thread that calls: it goes to the service with the request and comes
	 * back with the reply, so that the points that the call passes there count.
	 */
	uint32_t inject, unused;
	int64_t result;
	uint64_t id[2];
	uint64_t arg[4];
};

/* In WIRE_REPLY's flags: mappings of the client's memory exist, so it has to tell when memory goes. */
#define WIRE_MAPPED 1u
/* ... there is no such file: nothing was done. */
#define WIRE_NO_FILE 4u
/* In a request's: the ring's window holds a piece of the caller's memory. */
#define WIRE_WINDOW 8u
/* In WIRE_REPLY's of the first: from now on there is a ring. */
#define WIRE_RING 2u

/* 0 or -errno (-EPIPE: the other side is gone; -EMFILE: too many descriptors are on their way). fd < 0: none. */
int wire_send(int sock, const struct wire_msg *msg, int fd);
/* Waits. *ret_fd is -1 if none came; with ret_fd NULL a descriptor is closed. -EPIPE at the end, -EMFILE if a descriptor
 * came that could not be taken. */
int wire_recv(int sock, struct wire_msg *ret_msg, int *ret_fd);

/* The same for bytes; receiving returns their number. `flags` are recvmsg()'s. */
int wire_send_bytes(int sock, const void *data, size_t len, int fd);
/* The same, at once: -EAGAIN if there is no room. */
int wire_send_now(int sock, const void *data, size_t len, int fd);
int wire_recv_bytes(int sock, void *data, size_t len, int flags, int *ret_fd);

#endif
