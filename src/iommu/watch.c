/* SPDX-License-Identifier: MIT */
/* Stale translations. */
#include "iommu/watch.h"

#include <errno.h>
#include <stdio.h>

#define TEXT_BYTES 160

/* Do the tables lead where the translation does, and allow what is asked? */
static bool backed(const struct stage1_watch *watch, const struct pt_walk *walk,
		   const struct stage1 *found)
{
	uint64_t iova = watch->request->iova;
	uint64_t offset = iova & (((uint64_t)1 << walk->leaf.shift) - 1);

	return walk->leaf.address + offset == found->address + (iova - found->first) &&
	       (walk->perm & watch->request->perm) == watch->request->perm;
}

static const char *rights(uint32_t perm)
{
	static const char *const names[] = {"nothing", "r", "w", "rw", "x", "rx", "wx", "rwx"};

	return names[(perm | perm >> 3) & 7];
}

/* What the tables say, in words. */
static void say_tables(const struct pt_walk *walk, bool failed, char text[static TEXT_BYTES])
{
	static const char *const faults[] = {
		[PT_FAULT_NONE] = "nothing",
		[PT_FAULT_INPUT] = "that it is no address of theirs",
		[PT_FAULT_ABSENT] = "that it is not present",
		[PT_FAULT_PERMISSION] = "that it is forbidden",
		[PT_FAULT_ACCESS] = "that it was not accessed",
		[PT_FAULT_RESERVED] = "what no table may say",
		[PT_FAULT_FETCH] = "nothing: they can't be read",
	};
	unsigned int last = failed ? walk->trail_len : walk->trail_len - 1u;
	unsigned long long entry = walk->trail[last].word, at = walk->trail[last].address;

	if (failed)
		snprintf(text, TEXT_BYTES, "%s (entry %#llx at %#llx, level %u)",
			 faults[walk->fault], entry, at, walk->level + 1u);
	else
		snprintf(text, TEXT_BYTES, "%#llx, %s (entry %#llx at %#llx)",
			 (unsigned long long)walk->leaf.address, rights(walk->perm), entry, at);
}

/* Which cache holds it, and since when. */
static struct iotlb_times *holder(const struct stage1_watch *watch, const struct stage1 *found,
				  const char **ret_name)
{
	const struct {
		const struct iotlb *cache;
		const char *name;
	} caches[] = {
		{watch->caches->device, "device TLB"},
		{watch->caches->iotlb, "IOTLB"},
	};

	for (unsigned int i = 0; i < 2 && found->version; i++) {
		struct iotlb_times *times =
			caches[i].cache ? iotlb_times_of(caches[i].cache, found->version) : NULL;

		if (!times)
			continue;
		*ret_name = caches[i].name;
		return times;
	}
	*ret_name = "paging-structure cache";
	return NULL;
}

static bool from_device(const struct stage1_watch *watch, const struct stage1 *found)
{
	return watch->caches->device && iotlb_times_of(watch->caches->device, found->version);
}

/*
 * What has to go: the translation alone, or tables above it too? Those only if a miss would begin at one that `walk`, which has come from the top, has not met.
 */
static enum stage1_drop needed(const struct stage1_watch *watch, const struct pt_walk *walk,
			       bool failed)
{
	const uint64_t in_table = ((uint64_t)1 << watch->config->page_shift) - 1;
	struct pt_walk cached = {0};
	unsigned int i, met = walk->trail_len + failed; /* with the entry that it failed at */

	pt_walk_start(watch->config, &cached);
	if (!watch->begin(watch, &cached))
		return STAGE1_LEAF;
	i = walk->trail_top - cached.level;
	return i < met && (walk->trail[i].address & ~in_table) == cached.table ? STAGE1_LEAF
									       : STAGE1_TABLES;
}

static double ms_since(uint64_t when)
{
	return (double)(sanitizer_now() - when) / 1e6;
}

static void tell(struct sanitizer *sanitizer, const struct stage1_watch *watch,
		 const struct stage1 *found, enum stage1_drop drop, const char *tables)
{
	const struct stage1_request *request = watch->request;
	const char *name;
	const struct iotlb_times *times = holder(watch, found, &name);
	char changed[TEXT_BYTES] = "", missing[STAGE1_MISSING_BYTES];

	if (times)
		snprintf(changed, sizeof(changed),
			 "; it came %.3f ms ago, and was right %.3f ms ago: changed since",
			 ms_since(times->born), ms_since(times->checked));
	watch->say_missing(watch, found, times && from_device(watch, found), drop, missing);
	sanitizer_found(sanitizer,
			(uintptr_t)found->version ^ found->seen << 48 ^ found->first ^
				(uint64_t)request->hwpt_id << 52,
			"uiommufd: stale translation: %s (device %u), PASID %u, %s at IOVA %#llx\n"
			"  the %s holds: [%#llx, %#llx] is %#llx, %s%s\n"
			"  the tables say: %s\n"
			"  missing: %s\n",
			watch->dev->name ? watch->dev->name : "a device", request->dev_id,
			request->pasid, request->perm & PT_ANY_WRITE ? "writes" : "reads",
			(unsigned long long)request->iova, name, (unsigned long long)found->first,
			(unsigned long long)found->last, (unsigned long long)found->address,
			rights(found->perm), changed, tables, missing);
}

int stage1_watch(struct sanitizer *sanitizer, const struct stage1_watch *watch,
		 struct stage1 *found)
{
	char tables[TEXT_BYTES];
	struct pt_walk walk = {0};
	const char *name;
	int rc;

	pt_walk_start(watch->config, &walk);
	rc = pt_walk(watch->config, watch->memory, watch->request->iova, &walk);
	if (rc == -EAGAIN)
		return rc;
	if (!rc && backed(watch, &walk, found)) {
		struct iotlb_times *times = holder(watch, found, &name);

		if (times)
			atomic_store(&times->checked, sanitizer_now());
	} else if (!watch->request->locked) {
		return -EAGAIN;
	} else {
		say_tables(&walk, rc, tables);
		tell(sanitizer, watch, found, needed(watch, &walk, rc), tables);
	}
	found->version = NULL;
	return 0;
}
