/* SPDX-License-Identifier: MIT */
/*
 * A guest's memory (guest.h), a VT-d IOMMU and a device behind it, for tests of what the specification says: calls go in by the uAPI, DMA
 * comes from ports. Guest-physical address 0 is the first byte of `memory`, all of which the parent maps.
 */
#ifndef UIOMMUFD_TESTS_SPEC_NESTED_WORLD_H
#define UIOMMUFD_TESTS_SPEC_NESTED_WORLD_H

#include "unit.h"

#include <errno.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "core/machine_impl.h"
#include "core/sanitizer.h"
#include "device/dma.h"
#include "device/stall.h"
#include "guest.h"
#include "hw/vtd/vtd.h"

#define PAGE 4096ull

struct nested_world {
	struct client client; /* first: the client's operations find the rest by it */
	struct machine *machine;
	struct vtd_iommu iommu;
	struct vtd_device vtd;
	struct file *file, *faults; /* faults: the fault queue's descriptor, if there is one */
	struct ctx *ctx;
	struct device *device;
	struct dma_port port;
	uint32_t ioas, parent; /* the parent: NEST_PARENT */
	uint32_t fault_id;     /* 0: none */
	char *memory;
};

/* Everything up to the parent, with the device bound and attached to nothing. Either of the options may be NULL. */
void nested_world_init(struct nested_world *w, const struct vtd_options *iommu,
		       const struct vtd_device_options *device);
/* The same in a machine with a sanitizer. */
void nested_world_init_sanitized(struct nested_world *w, const struct vtd_device_options *device,
				 sanitizer_report_fn report);
void nested_world_done(struct nested_world *w);

long world_ioctl(struct nested_world *w, unsigned int cmd, void *arg);
/* Maps guest memory at the same IOVA into the parent's IOAS. */
long world_map(struct nested_world *w, uint64_t gpa, uint64_t len, uint32_t perm);
long world_unmap(struct nested_world *w, uint64_t gpa, uint64_t len);
/* HWPT_ALLOC of a nested one: 0 with its id, or -errno. With the fault queue, if there is one. */
long world_nest(struct nested_world *w, const struct iommu_hwpt_vtd_s1 *s1, uint32_t flags,
		uint32_t *ret_id);
/* Attach, replace (if attached) or detach. */
int world_attach(struct nested_world *w, uint32_t pasid, uint32_t pt_id);
void world_detach(struct nested_world *w, uint32_t pasid);
/* Nests tables at `root` with 4 or 5 levels and attaches the RID. The page table's id. */
uint32_t world_enter(struct nested_world *w, uint64_t root, unsigned int levels, uint64_t flags);
/* HWPT_INVALIDATE of one entry. */
long world_invalidate(struct nested_world *w, uint32_t hwpt, uint64_t addr, uint64_t npages,
		      uint32_t flags);
void world_add_fault_queue(struct nested_world *w);

static inline int world_read(struct nested_world *w, uint64_t iova, void *buf, size_t len)
{
	return dma_read(&w->port, 0, iova, buf, len, NULL);
}

static inline int world_write(struct nested_world *w, uint64_t iova, const void *buf, size_t len)
{
	return dma_write(&w->port, 0, iova, buf, len, NULL);
}

#endif
