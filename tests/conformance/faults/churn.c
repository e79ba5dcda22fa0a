/* SPDX-License-Identifier: MIT */
/* What happens to devices while they do DMA. */
#include <stdio.h>
#include <sys/ioctl.h>

#include <uiommufd/vfio.h>

#include "storm.h"

static void begin(struct slot *slot)
{
	atomic_fetch_add(&slot->disturbed, 1);
}

static void end(struct slot *slot)
{
	atomic_fetch_add(&slot->disturbed, 1);
}

/* Until so many more groups were handled; or no more will be, for its handler stands still, or nobody drives it. */
static void let_pass(struct slot *slot, unsigned int groups)
{
	unsigned long until = atomic_load(&slot->counts->groups) + groups;
	unsigned int tries = 0;

	while (atomic_load(&slot->drivers) && atomic_load(&slot->counts->groups) < until &&
	       !atomic_load(&slot->counts->frozen)) {
		must(!atomic_load(&slot->counts->failed));
		pause_for(&tries);
	}
}

/* A moment in which the device meets what there is now; not to be relied on. */
static void moment(struct storm *storm)
{
	for (unsigned int i = random_below(&storm->random, 20), tries = 0; i; i--)
		pause_for(&tries);
}

static uint32_t object_for(struct slot *slot, uint32_t queue)
{
	return stage1_object(&slot->storm->tables, slot->vfio.id, queue);
}

/* Behind the tables again, with faults that the handler serves. */
static void put_back(struct slot *slot, uint32_t other)
{
	uint32_t before = slot->object;

	slot_attach(slot, object_for(slot, slot->handler->queue_id));
	if (before)
		stage1_destroy(&slot->storm->tables, before);
	if (other)
		stage1_destroy(&slot->storm->tables, other);
}

static void do_detach(struct slot *slot)
{
	uint32_t before = slot->object;

	slot_attach(slot, 0);
	moment(slot->storm);
	put_back(slot, before);
}

static void do_replace(struct slot *slot)
{
	put_back(slot, 0);
}

/* By one that takes no faults. */
static void do_replace_without(struct slot *slot)
{
	uint32_t before = slot->object;

	slot_attach(slot, object_for(slot, 0));
	moment(slot->storm);
	put_back(slot, before);
}

/* By the parent itself: nothing is where it was. */
static void do_replace_by_parent(struct slot *slot)
{
	uint32_t before = slot->object;

	slot_attach(slot, slot->storm->tables.parent);
	moment(slot->storm);
	put_back(slot, before);
}

static void do_death(struct slot *slot)
{
	struct handler *dead = slot->handler;

	handler_kill(dead);
	moment(slot->storm);
	/* Whose queue may be open still: then what it has left waits until now. */
	slot->handler = handler_start(slot, &slot->storm->random);
	put_back(slot, 0);
	handler_free(dead);
}

static void do_reset(struct slot *slot)
{
	atomic_fetch_add(&slot->resets, 1);
	must(!ioctl(slot->vfio.fd, VFIO_DEVICE_RESET));
	atomic_fetch_add(&slot->resets, 1);
}

static void (*const events[EVENTS])(struct slot *slot) = {
	[DETACH] = do_detach,
	[REPLACE] = do_replace,
	[REPLACE_WITHOUT] = do_replace_without,
	[REPLACE_BY_PARENT] = do_replace_by_parent,
	[DEATH] = do_death,
	[RESET] = do_reset,
};

void churn(struct storm *storm)
{
	unsigned int working;

	do {
		struct slot *slot = &storm->slots[random_below(&storm->random, SLOTS)];
		unsigned int event = random_below(&storm->random, EVENTS);

		let_pass(slot, random_below(&storm->random, 120));
		if (atomic_load(&slot->counts->frozen))
			event = DEATH;
		if (storm->clean && event == REPLACE_WITHOUT)
			event = REPLACE;
		begin(slot);
		events[event](slot);
		storm->events[event]++;
		end(slot);
		working = 0;
		for (unsigned int i = 0; i < SLOTS; i++) {
			working += atomic_load(&storm->slots[i].drivers);
			must(!atomic_load(&storm->slots[i].counts->failed));
		}
	} while (working);
}
