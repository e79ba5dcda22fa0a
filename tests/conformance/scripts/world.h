/* SPDX-License-Identifier: MIT */
/*
 * What a script acts on: an open /dev/iommu (it may open more), two buffers at fixed addresses, and the descriptors
 * that the operations were given. Descriptors never appear in a script as numbers: each kind has
 * slots, numbered in order of creation.
 *
 * A process has one world (the buffers stand at fixed addresses) and runs one script.
 */
#ifndef REPLAY_WORLD_H
#define REPLAY_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "args.h"

/*
 * Where scripts have the buffers. The process has them there too, unless something else (a
 * sanitizer's shadow) is in the way: then they stand elsewhere, aligned as well, and addresses are
 * translated; no result depends on it.
 */
#define A_BASE	 UINT64_C(0x100000000000) /* private anonymous memory */
#define A_SIZE	 (UINT64_C(16) << 20)
#define F_BASE	 UINT64_C(0x110000000000) /* a memfd, shared, which map_file uses too */
#define F_SIZE	 (UINT64_C(8) << 20)
#define B_BASE	 UINT64_C(0x120000000000) /* a page with nothing behind it, for pointers */
#define R_BASE	 UINT64_C(0x120000010000) /* a page that can only be read, with nothing behind it */
#define SLOTS	 16
#define CONTEXTS 3 /* that a script may open */

struct slots {
	int fd[SLOTS]; /* -1 once closed */
	unsigned int n;
};

struct world {
	uint64_t a, f; /* where the buffers really are */
	int iommu, memfd;
	int contexts[CONTEXTS]; /* 0: not opened yet; iommu is one of them */
	bool read_only;		/* structs of ioctls are given in memory that can only be read */
	int scratch;		/* a file, through which bytes go that may fault */
	struct slots faults, vevents, accesses, dmabufs;
	struct {
		uint64_t offset, length; /* what a vIOMMU offers for mmap, in order of creation */
	} regions[SLOTS];
	unsigned int n_regions;
	struct {
		void *at;
		uint64_t length;
	} mappings[SLOTS];
	unsigned int n_mappings;
	char result[TEXT_MAX]; /* of the operation that runs */
	size_t length;
};

/* Exits with 2 and a message if there is no /dev/iommu or no room for the buffers. */
void world_init(struct world *world);

/* Before an operation whose pointers may lead to these pages. */
void world_reset_edges(void);

/* The real address for one of a script: in or near a buffer, or the same. */
uint64_t world_va(const struct world *world, uint64_t va);
/* Of `va=`. */
uint64_t arg_va(const struct world *world, const struct args *args);

/* What a struct is to point to: `ptr=`, an address that leads nowhere or to an edge, or else `fallback`. */
uint64_t arg_pointer(const struct args *args, const void *fallback);

/* Adds to the result. */
__attribute__((format(printf, 2, 3))) void say(struct world *world, const char *format, ...);
void say_errno(struct world *world);

/* One ioctl on /dev/iommu: says its return value or the errno's name; true on success. */
bool call(struct world *world, unsigned long command, void *argument);

/* The descriptor of the slot that `slot=` names; false (and `skip` said) if no such slot was ever
 * made. */
bool slot_fd(struct world *world, const struct slots *slots, const struct args *args, int *ret_fd);
/* True if there is room for one more, else says `skip`. */
bool slot_room(struct world *world, const struct slots *slots);
void slot_add(struct slots *slots, int fd);
/* Closes the slot's descriptor, says what close returned; says nothing if it was closed already. */
void slot_close(struct world *world, struct slots *slots, const struct args *args);

uint64_t hash(const void *data, size_t length);

#endif
