/* SPDX-License-Identifier: MIT */
/*
 * A piece of a client's memory that came with its call: mostly the call's struct. Reads and writes of it need no way into the client's
 * memory; what is written goes back with the reply.
 */
#ifndef UIOMMUFD_CORE_WINDOW_H
#define UIOMMUFD_CORE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#define CLIENT_WINDOW_MAX 256 /* bytes */

struct client;

struct client_window {
	uint64_t at;	   /* the client's address */
	uint32_t len;	   /* 0: there is none */
	uint32_t writable; /* the client could write there when the call began */
	/* What was written, within bytes[]; nothing if both are equal. */
	uint32_t dirty_first, dirty_end;
	unsigned char bytes[CLIENT_WINDOW_MAX];
};

/*
 * For client_read() and client_write() of a client that has a window. Everything has the effect that it would have without one, in the order of
 * the calls. 0 or -EFAULT.
 */
int client_window_read(struct client *client, void *dst, uint64_t src, size_t len);
int client_window_write(struct client *client, uint64_t dst, const void *src, size_t len);

#endif
