/* SPDX-License-Identifier: MIT */
/*
 * What a generator knows of the objects so far. It learns from results alone, so it needs no rules of its own; it may be
 * behind (an automatic page table goes with its last device unseen), which only makes some operations fail.
 */
#ifndef REPLAY_PICTURE_H
#define REPLAY_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "world.h"

/* Kinds of objects, by what they are good for; an object may be in several. */
enum kind {
	K_NONE,
	K_ANY,
	K_IOAS,
	K_HWPT,	  /* paging, automatic ones too */
	K_PARENT, /* may be nested upon */
	K_DIRTY,
	K_PASID, /* page tables for PASIDs */
	K_NESTED,
	K_VNESTED,    /* nested on a vIOMMU */
	K_FAULT_HWPT, /* page tables that deliver faults */
	K_STDEV,
	K_PASID_STDEV,
	K_DEV,
	K_FAULT_DEV, /* devices attached to a K_FAULT_HWPT */
	K_VDEV_DEV,  /* devices with a vDEVICE */
	K_FAULTQ,
	K_VIOMMU,
	K_VDEVICE,
	K_VEVENTQ,
	K_HW_QUEUE,
	K_FAULT_SLOT, /* the last three are counted by the world */
	K_VEVENT_SLOT,
	K_ACCESS_SLOT,
	KINDS,
};

#define POOL_MAX   64
#define AREAS_MAX  96
#define COOKIE_MAX 32
#define PIN_MAX	   32
#define PASID_MAX  32
#define OWNED_MAX  1024

struct pool {
	uint32_t id[POOL_MAX];
	unsigned int n;
};

struct area {
	uint32_t ioas;
	uint64_t iova, length, va;
};

struct picture {
	struct pool pools[KINDS];
	struct area areas[AREAS_MAX];
	unsigned int n_areas;
	uint32_t ioas_of[OWNED_MAX]; /* by id of a page table: the IOAS behind it */
	uint32_t dev_of[OWNED_MAX];  /* by stdev: the device object */
	uint32_t access_ioas[SLOTS]; /* by slot */
	uint32_t compat_ioas;	     /* what VFIO calls act on, or 0 */
	struct {
		unsigned int slot, cookie;
	} cookies[COOKIE_MAX]; /* faults that were read and not answered */
	unsigned int n_cookies;
	struct {
		unsigned int slot, item;
	} pins[PIN_MAX];
	unsigned int n_pins;
	struct attachment {
		uint32_t stdev, pasid, hwpt;
	} pasids[PASID_MAX];
	unsigned int n_pasids;
	uint32_t iotlb_of[OWNED_MAX]; /* by id of a nested table: what its IOTLB starts with */
};

/* Takes in one operation and its result. */
void picture_observe(struct picture *picture, const struct world *world, const char *op,
		     const char *result);

/* The parts that learning is made of. */
void picture_learn(struct picture *picture, enum kind kind, uint32_t id);
bool picture_knows(const struct picture *picture, enum kind kind, uint32_t id);
void picture_forget(struct picture *picture, uint32_t id);
void picture_add_area(struct picture *picture, uint32_t ioas, uint64_t iova, uint64_t length,
		      uint64_t va);
void picture_forget_areas(struct picture *picture, uint32_t ioas, uint64_t first, uint64_t last);
/* The memory behind an IOVA, if an area that is known holds it; else A_BASE. */
uint64_t picture_va_behind(const struct picture *picture, uint32_t ioas, uint64_t iova);

bool picture_has(const struct picture *picture, const struct world *world, enum kind kind);

#endif
