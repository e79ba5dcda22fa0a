/* SPDX-License-Identifier: MIT */
/*
 * The sanitizer's look at stage 1: is what a cache says still what the tables say? For models, after each translation, in a machine that has a
 * sanitizer; all of it costs as much as a walk.
 */
#ifndef UIOMMUFD_IOMMU_WATCH_H
#define UIOMMUFD_IOMMU_WATCH_H

#include "core/sanitizer.h"
#include "iommu/stage1.h"

#define STAGE1_MISSING_BYTES 160

struct stage1_watch {
	const struct iommu_dev *dev;
	const struct pt_config *config;
	const struct stage1_caches *caches;
	const struct stage1_request *request;
	const struct pt_memory *memory;
	/* Begins a walk where a miss would: at the lowest table that is cached. False: none is. */
	bool (*begin)(const struct stage1_watch *watch, struct pt_walk *walk);
	/* What should have been done and no more, in words. `from_device`: it is the device's TLB that holds the translation. */
	void (*say_missing)(const struct stage1_watch *watch, const struct stage1 *found,
			    bool from_device, enum stage1_drop drop,
			    char text[static STAGE1_MISSING_BYTES]);
};

/*
 * Looks, and tells if DMA goes where it should not; the translation is used all the same, but not remembered, so that the next one is looked at, too.
 * 0; -EAGAIN: there is something to be told, or the tables can't be read from here: to be done again with request->locked.
 */
int stage1_watch(struct sanitizer *sanitizer, const struct stage1_watch *watch,
		 struct stage1 *found);

#endif
