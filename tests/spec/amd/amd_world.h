/* SPDX-License-Identifier: MIT */
/*
 * A guest's memory (guest.h), an AMD IOMMU with nesting and a device behind it (AMD 48882). Guest-physical address 0 is the first byte of `memory`, all of
 * which the parent maps for reading and writing.
 */
#ifndef UIOMMUFD_TESTS_SPEC_AMD_WORLD_H
#define UIOMMUFD_TESTS_SPEC_AMD_WORLD_H

#include <errno.h>
#include <string.h>

#include "device/dma.h"
#include "guest.h"
#include "hw/amd/amd.h"
#include "world.h"

#define PAGE 4096ull

struct amd_world {
	struct bench bench;
	struct amd_iommu iommu, other;
	struct amd_device amd[2]; /* the second is behind `other` */
	struct device *devices[2];
	struct dma_port port; /* of the first */
	uint32_t ioas, parent, viommu;
	char *memory;
};

/* `options` may be NULL: nesting, and all else as by default. */
void amd_world_init(struct amd_world *w, const struct amd_options *options);
void amd_world_done(struct amd_world *w);

/* 2.2.2.1: fields of a device table entry's first word. */
#define DTE_V	 1ull
#define DTE_GIOV (1ull << 54)
#define DTE_GV	 (1ull << 55)

/* A good entry. `glx`: levels of GCR3 tables less one; `levels`: of guest tables. */
void amd_make_dte(uint64_t dte[4], uint64_t gcr3, unsigned int glx, unsigned int levels);
/* HWPT_ALLOC for one of the devices: the id, or -errno. */
long amd_nest(struct amd_world *w, int device, const uint64_t dte[4]);
/* The first device goes behind a page table of this entry. */
void amd_enter(struct amd_world *w, const uint64_t dte[4]);

static inline uint64_t *amd_word(struct amd_world *w, uint64_t gpa)
{
	return (uint64_t *)(w->memory + gpa);
}

/* Reads a word that is its own address: 0 if it is that of `gpa`, else -errno or 1. */
int amd_expect(struct amd_world *w, uint32_t pasid, uint64_t va, uint64_t gpa);

#endif
