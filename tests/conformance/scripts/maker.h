/* SPDX-License-Identifier: MIT */
/*
 * The generator's inside: what a maker of one operation can use, and the tables of makers.
 *
 * A table row says how often an operation is tried in each topic, and what must exist for it to mean something (else
 * another is mostly tried). Tables end with an empty row.
 */
#ifndef REPLAY_MAKER_H
#define REPLAY_MAKER_H

#include "args.h"
#include "picture.h"

enum topic {
	T_MIX,
	T_VFIO,	  /* the VFIO calls, with areas cut in two */
	T_PASID,  /* PASIDs and page tables for them */
	T_VIOMMU, /* vIOMMUs, vDEVICEs, events, invalidations, hardware queues */
	T_ACCESS, /* pins and copies between IOASes */
	T_PAGES,  /* HUGE_PAGES=0 */
	T_LIMIT,  /* little temporary memory */
	T_DIRTY,  /* dirty tracking with several page tables */
	T_FAULT,  /* page faults */
	T_MEMORY, /* the program changes its memory under the mappings */
	/* These are done on top of the first's. */
	T_ABUSE, /* pointers that lead nowhere, structs that can't be written */
	T_MANY,	 /* several contexts, memlock limits, dma-bufs, devices that go */
	TOPICS,
};

struct gen {
	uint64_t rng;
	enum topic topic;
	struct world world;
	struct picture picture;
	struct picture others[CONTEXTS]; /* while operations go to another context */
	unsigned int context;
	char line[TEXT_MAX]; /* the operation that is being made */
	int length;
};

struct maker {
	void (*make)(struct gen *gen);
	enum kind need;
	unsigned char weight[TOPICS];
};

extern const struct maker map_makers[], table_makers[], event_makers[], access_makers[],
	memory_makers[], compat_makers[], process_makers[];

/* Sets up a working arrangement of the topic, so that what follows is not all refused for want of one. */
void prologue(struct gen *gen);

/* Does gen->line's operation, prints it with its result and learns from it. */
void gen_record(struct gen *gen);

/* Starts gen->line, or adds to it. */
__attribute__((format(printf, 2, 3))) void put(struct gen *gen, const char *format, ...);
__attribute__((format(printf, 2, 3))) void add(struct gen *gen, const char *format, ...);

/* Below `below` (0 gives 0); true in so many of a hundred. */
uint64_t rnd(struct gen *gen, uint64_t below);
bool chance(struct gen *gen, unsigned int percent);

/* An id of that kind, mostly; now and then any other one. The newest: 0 if there is none. */
uint32_t pick(struct gen *gen, enum kind kind);
uint32_t newest(const struct gen *gen, enum kind kind);
/* One that is open, mostly; 0 if there are none. */
unsigned int pick_slot(struct gen *gen, const struct slots *slots);

uint64_t some_length(struct gen *gen);
uint64_t some_va(struct gen *gen);
uint64_t some_iova(struct gen *gen);
uint32_t some_map_flags(struct gen *gen);
/* Adds a reserved field that is not zero, in so many of a hundred. */
void add_reserved_word(struct gen *gen, unsigned int percent);

/* Adds a pointer that leads nowhere, in topics that want it; `edges`: or to where a part can still be copied. */
void add_bad_pointer(struct gen *gen, bool edges);

/* A range at or near what is mapped in area.ioas (0: in any, and it is then set), or anywhere. */
struct area near_area(struct gen *gen, uint32_t ioas);
/* The same for what a page table or a vIOMMU translates. */
struct area near_area_of(struct gen *gen, uint32_t table);

#endif
