/* SPDX-License-Identifier: MIT */
/*
 * A guest's memory, an SMMUv3 and a device behind it, for tests of what the specification says: calls go in by the uAPI, DMA comes from
 * ports. Guest-physical address 0 is the first byte of `memory`, all of which the parent maps for reading and writing.
 */
#ifndef UIOMMUFD_TESTS_SPEC_SMMU_WORLD_H
#define UIOMMUFD_TESTS_SPEC_SMMU_WORLD_H

#include "unit.h"

#include <errno.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "core/machine_impl.h"
#include "core/sanitizer.h"
#include "device/dma.h"
#include "hw/smmuv3/smmuv3.h"

#define GUEST_SIZE (64ull << 20)
#define PAGE	   4096ull

/* Where things are in guest memory: context descriptors, tables, data of which each word is its own address. */
#define CDS	   (1ull << 20)
#define TABLES	   (2ull << 20)
#define TABLES_END (16ull << 20)
#define DATA	   (32ull << 20)

#define SID  0x20
#define VSID 0x77

/* Fields of stream table entries and context descriptors, by hand. */
#define STE_V	       1ull
#define STE_ABORTS     (0ull << 1)
#define STE_BYPASSES   (4ull << 1)
#define STE_TRANSLATES (5ull << 1)
#define STE_CDMAX(n)   ((uint64_t)(n) << 59)
#define STE_FMT(n)     ((uint64_t)(n) << 4)

#define CD_EPD0	   (1ull << 14)
#define CD_EPD1	   (1ull << 30)
#define CD_V	   (1ull << 31)
#define CD_IPS(n)  ((uint64_t)(n) << 32)
#define CD_AFFD	   (1ull << 35)
#define CD_WXN	   (1ull << 36)
#define CD_TBI0	   (1ull << 38)
#define CD_PAN	   (1ull << 40)
#define CD_AA64	   (1ull << 41)
#define CD_HD	   (1ull << 42)
#define CD_HA	   (1ull << 43)
#define CD_S	   (1ull << 44)
#define CD_R	   (1ull << 45)
#define CD_A	   (1ull << 46)
#define CD_ASID(n) ((uint64_t)(n) << 48)
/* 48 bits in and out, granules of 4 KiB, upper half off. */
#define CD_USUAL (16ull | CD_EPD1 | CD_V | CD_IPS(5) | CD_AA64 | CD_R | CD_A)

struct smmu_world {
	struct client client; /* first: the client's operations find the rest by it */
	struct machine *machine;
	struct smmuv3_iommu iommu;
	struct smmuv3_device smmu;
	struct file *file, *files[4]; /* files: descriptors that calls have given, 100 and up */
	struct ctx *ctx;
	struct device *device;
	struct dma_port port;
	uint32_t ioas, parent, viommu, vdevice;
	uint32_t viommu_type;
	char *memory;
};

/* If set, worlds have a sanitizer, whose findings go there. */
extern sanitizer_report_fn smmu_world_report;

/* Everything up to the vIOMMU and the vDEVICE; the device is bound and attached to nothing. Options may be NULL. */
void smmu_world_init(struct smmu_world *w, const struct smmuv3_options *iommu,
		     const struct smmuv3_device_options *device);
void smmu_world_done(struct smmu_world *w);

long world_ioctl(struct smmu_world *w, unsigned int cmd, void *arg);
long world_map(struct smmu_world *w, uint64_t gpa, uint64_t len, uint32_t perm);
long world_unmap(struct smmu_world *w, uint64_t gpa, uint64_t len);

/* HWPT_ALLOC on `pt_id`: 0 with its id, or -errno. `fault_id` 0: none. */
long world_nest(struct smmu_world *w, uint32_t pt_id, uint64_t ste0, uint64_t ste1,
		uint32_t fault_id, uint32_t *ret_id);
/* Attach, or replace if attached; and detach. */
int world_attach(struct smmu_world *w, uint32_t pasid, uint32_t pt_id);
void world_detach(struct smmu_world *w, uint32_t pasid);
/* Nests and attaches; the page table's id. */
uint32_t world_enter(struct smmu_world *w, uint64_t ste0, uint64_t ste1);
/* Writes a context descriptor and its TTB0 at `at`. */
void world_cd(struct smmu_world *w, uint64_t at, uint64_t word0, uint64_t ttb0);

/* One command, or several: *ret_done how many were handled. */
long world_command(struct smmu_world *w, uint64_t word0, uint64_t word1);
long world_commands(struct smmu_world *w, uint64_t (*cmds)[2], uint32_t n, uint32_t *ret_done);

/* A vEVENTQ of the vIOMMU's type: its number in `files`. */
int world_veventq(struct smmu_world *w, uint32_t type);
/* The next event's four words; false: there is none. */
bool world_event(struct smmu_world *w, int file, uint64_t ret_words[4]);

static inline uint64_t *world_word(struct smmu_world *w, uint64_t gpa)
{
	return (uint64_t *)(w->memory + gpa);
}

/* Reads a word that DATA has by DMA: 0 if it is the word of `gpa`, else -errno or 1. */
int world_expect(struct smmu_world *w, uint32_t pasid, uint64_t iova, uint64_t gpa);
int world_access(struct smmu_world *w, uint32_t pasid, uint64_t iova, uint32_t perm);

#endif
