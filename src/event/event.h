/* SPDX-License-Identifier: MIT */
/*
 * Event files: the descriptor of a fault queue or vEVENTQ. The file and the object live apart: an open file holds a use of the
 * object, so that DESTROY is refused, and a reference on the context.
 */
#ifndef UIOMMUFD_EVENT_EVENT_H
#define UIOMMUFD_EVENT_EVENT_H

#include "core/client.h"
#include "core/ctx.h"
#include "core/ioctl.h"

struct event;

/* All with the context's lock held. */
struct event_ops {
	const char *link;
	/* As read(2) and write(2) without a position. Empty write: -EINVAL. */
	ssize_t (*read)(struct event *event, struct client *client, uint64_t buf, size_t count);
	ssize_t (*write)(struct event *event, struct client *client, uint64_t buf, size_t count);
	unsigned int (*poll)(struct event *event);
	/*
	 * What a read would give first, to be offered to readers that nobody sees (core/file.h): its length, 0 if there is nothing. Its
	 * memory stays until `offered` tells what became of it; meanwhile it must stay the first, or event_settle() be called before.
	 */
	size_t (*next)(struct event *event, const void **ret_message);
	void (*offered)(struct event *event, bool read);
	/* The descriptor has been closed everywhere. May be empty. */
	void (*closed)(struct event *event);
};

/* An object with a descriptor: embedded in the fault queue and the vEVENTQ. */
struct event {
	struct object object;
	const struct event_ops *ops;
	struct event_file *file;    /* while a descriptor is open */
	bool offering;		    /* the first message is also in the descriptor's own queue */
	bool stuck;		    /* one that is no longer the first has stayed there */
	_Atomic unsigned int ready; /* what ops->poll said last: poll() takes no lock */
};

/*
 * Hands out the descriptor of an object that is not published yet: its number. The context's lock is dropped meanwhile. -ENOMEM,
 * -EMFILE, -ENFILE.
 */
int event_open(struct event *event, struct client *client);
/*
 * Answers and publishes, as ucmd_respond_new(); `fd` is what event_open() has given. What fails takes the descriptor back and abandons the
 * object.
 */
int event_respond_new(struct ucmd *ucmd, size_t size, struct event *event, int fd);
/* Is nothing offered from here on? Calls `offered` if it was. To be followed by event_changed(). */
void event_settle(struct event *event);
/*
 * Has somebody read what is offered, before it was heard of? Then it is settled. If nobody has, it stays out of reach or is taken back. To be followed by
 * event_changed().
 */
bool event_was_read(struct event *event);
/* Answers of poll, or the first message, may have changed. */
void event_changed(struct event *event);

#endif
