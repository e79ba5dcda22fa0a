/* SPDX-License-Identifier: MIT */
/*
 * Two sides that take turns, by a page that both have mapped: one writes a message and passes the turn on, the other waits for it. It says
 * whose turn it is and whether the other sleeps; how a side sleeps and is woken up is not known here (channel.h).
 *
 * Who waits looks at the page for a short time first, if that seems worth it (base/spin.h).
 */
#ifndef UIOMMUFD_SERVICE_RING_H
#define UIOMMUFD_SERVICE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/spin.h"
#include "core/window.h"
#include "frontend/service/wire.h"

#define RING_BYTES 4096

enum ring_side { RING_CLIENT, RING_SERVICE };

/* How a side sleeps. */
enum ring_sleep { RING_AWAKE, RING_ON_PAGE, RING_ON_SOCKET };

/* All zero is a ring of which the client has the turn. The other side may be hostile: nothing here is believed, each word is read once. */
struct ring {
	_Alignas(64) atomic_uint turn; /* whose, and how the other one sleeps */
	atomic_uint cpu[2]; /* where each side was when it passed the turn on: spin_here() */
	/* For who has the turn: */
	uint32_t by_socket; /* the message went over the socket, for it carries a descriptor */
	_Alignas(64) struct wire_msg msg;
	struct client_window
		window; /* of a request; of its reply: what the service has written there */
};

_Static_assert(sizeof(struct ring) <= RING_BYTES, "a ring is a page");

/* Passes the turn to the other side. How that sleeps: it has to be woken up. */
enum ring_sleep ring_pass(struct ring *ring, enum ring_side side);
/* Is it this side's turn? What the other side wrote before is visible then. */
bool ring_mine(struct ring *ring, enum ring_side side);
/*
 * This side is about to sleep so. True: whoever passes the turn from now on sees that. False: it has the turn. *ret_word is what stands at
 * &ring->turn until then.
 */
bool ring_sleep(struct ring *ring, enum ring_side side, enum ring_sleep how,
		unsigned int *ret_word);

/* Looks for the turn as long as it seems worth it. True: this side has it. */
bool ring_spin(struct ring *ring, enum ring_side side, struct spin *spin);

#endif
