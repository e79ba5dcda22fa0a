/* SPDX-License-Identifier: MIT */
/*
 * A connection: a socket, and mostly a ring beside it. Messages go through the ring's page; over the socket go those with a descriptor, and all
 * where there is no ring. Sides take turns, the client begins.
 *
 * Who waits for long sleeps on the socket, so that it hears of the other's end. It sleeps on the page before, for some milliseconds: that costs
 * half as much.
 */
#ifndef UIOMMUFD_SERVICE_CHANNEL_H
#define UIOMMUFD_SERVICE_CHANNEL_H

#include <stdatomic.h>

#include "frontend/service/ring.h"

struct channel {
	atomic_int sock; /* the owner's: it may get another number while nobody waits */
	enum ring_side side;
	struct ring *ring; /* NULL: there is none */
	struct spin spin;
	long page_ns; /* how long at most it sleeps on the page */
};

/* The sides. `mode`: whether to look for messages before one sleeps. */
void channel_init(struct channel *channel, int sock, enum ring_side side, enum spin_mode mode);
/* Unmaps the ring. */
void channel_done(struct channel *channel);

/* The client's: makes a ring, and a descriptor for the service to map it by. -errno: there is none. */
int channel_make_ring(struct channel *channel);
/* The service's: maps it. Memory that could vanish under us is refused: -EINVAL; or -errno. */
int channel_map_ring(struct channel *channel, int fd);

/* As wire_send() and wire_recv(). */
int channel_send(struct channel *channel, const struct wire_msg *msg, int fd);
/* For answers and replies, which the other side waits for: if the descriptor can't go along, msg->result says why, and it goes without. */
int channel_reply(struct channel *channel, struct wire_msg *msg, int fd);
int channel_recv(struct channel *channel, struct wire_msg *ret_msg, int *ret_fd);

#endif
