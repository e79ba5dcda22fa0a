/* SPDX-License-Identifier: MIT */
/*
 * A bench with one of each kind of object on it, so that any call has something to work on: two devices on the mock, an IOAS with
 * areas, page tables of both kinds, a vIOMMU with all that hangs on it. Also the calls that tests make all the time, in short.
 */
#ifndef UIOMMUFD_TESTS_CORE_WORLD_H
#define UIOMMUFD_TESTS_CORE_WORLD_H

#include "bench.h"

#define WORLD_PAGE   ((uint64_t)4096)
#define WORLD_NPAGES 32

/* Where the IOAS has areas: all of the memory for reading and writing, and its first two pages for reading. */
#define WORLD_RW_IOVA 0x2000000
#define WORLD_RO_IOVA 0x3000000
/* What the IOAS has not, and a range that it may not have (below the mock's aperture). */
#define WORLD_FREE_IOVA	    0x4000000
#define WORLD_RESERVED_IOVA 0x1000

enum world_id {
	W_NONE,	     /* the number itself is meant */
	W_IOAS,	     /* with areas and page tables */
	W_IOAS_FREE, /* with nothing */
	W_AUTO,	     /* the page table that came with the devices */
	W_STDEV,
	W_DEV,	/* has PASIDs */
	W_DEV2, /* has a vDEVICE */
	W_PARENT,
	W_NESTED,
	W_VIOMMU,
	W_VDEVICE,
	W_FAULT, /* of which the descriptor is closed */
	W_VEVENTQ,
	W_HW_QUEUE,
	W_FREE, /* no object */
	/* Not ids, but numbers that are only known when the world stands: */
	W_FAULT_OPEN, /* of which it is open */
	W_ACCESS_FD,
	W_MEMFD,	  /* of four pages */
	W_DMABUF,	  /* of eight pages */
	W_DMABUF_REVOKED, /* of eight pages */
	W_MEMORY,	  /* an address of the memory */
	W_GUARD,	  /* an address where nothing is */
	W_READ_ONLY,	  /* an address that can be read */
	W_END
};

struct world {
	struct bench bench;
	uint64_t id[W_END];
	char *memory; /* WORLD_NPAGES */
	char *read_only;
	int memfd;
};

void world_init(struct world *world);
void world_done(struct world *world);

/* ---- calls, with what they made; the test fails if they do ---- */

uint32_t bench_ioas(struct bench *bench);
struct bench_device {
	uint32_t stdev, hwpt, dev;
};
struct bench_device bench_plug(struct bench *bench, uint32_t pt_id, uint32_t flags);
void bench_map(struct bench *bench, uint32_t ioas, const void *memory, uint64_t length,
	       uint64_t iova, uint32_t perm);
uint32_t bench_hwpt(struct bench *bench, uint32_t dev, uint32_t pt_id, uint32_t flags);
uint32_t bench_nested(struct bench *bench, uint32_t dev, uint32_t pt_id, uint32_t fault_id);
uint32_t bench_viommu(struct bench *bench, uint32_t dev, uint32_t parent);
uint32_t bench_vdevice(struct bench *bench, uint32_t viommu, uint32_t dev, uint64_t virt_id);
struct iommu_fault_alloc bench_fault_queue(struct bench *bench);
struct iommu_veventq_alloc bench_veventq(struct bench *bench, uint32_t viommu, uint32_t type,
					 uint32_t depth);
int bench_access(struct bench *bench, uint32_t ioas, uint32_t flags);

/* ---- calls, with their results ---- */

long bench_test(struct bench *bench, struct iommu_test_cmd *cmd);
long bench_destroy(struct bench *bench, uint32_t id);
/* *iova is where to map with FIXED_IOVA, and where it was mapped. */
long bench_try_map(struct bench *bench, uint32_t ioas, uint64_t va, uint64_t length, uint64_t *iova,
		   uint32_t flags);
/* Bytes that were unmapped, or -errno. */
int64_t bench_unmap(struct bench *bench, uint32_t ioas, uint64_t iova, uint64_t length);
/* To a fixed IOVA. */
long bench_copy(struct bench *bench, struct iommu_ioas_copy cmd);
long bench_replace(struct bench *bench, uint32_t stdev, uint32_t pt_id);
/* The pin's number, or -errno. */
int64_t bench_pin(struct bench *bench, int access_fd, uint64_t iova, uint64_t length,
		  const void *uptr, uint32_t flags);
long bench_unpin(struct bench *bench, int access_fd, uint32_t pin);
long bench_rw(struct bench *bench, int access_fd, uint64_t iova, void *buf, uint64_t length,
	      uint32_t flags);
/* 0 if each page of memory is pinned `refs` times, -EIO if not. */
long bench_check_refs(struct bench *bench, const void *memory, uint64_t length, uint32_t refs);
long bench_iopf(struct bench *bench, uint32_t dev, uint32_t pasid, uint32_t grpid, uint64_t addr);

#endif
