/* SPDX-License-Identifier: MIT */
/* Bonds of PASIDs and processes. */
#include "device/sva.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/machine_impl.h"

struct sva_bond {
	struct sva_bond *_Atomic next;
	uint32_t pasid;
	uint32_t binds;
	struct mm *mm; /* a reference */
};

static struct sva_bond *find_bond(const struct device *device, uint32_t pasid)
{
	struct sva_bond *bond = atomic_load_explicit(&device->bonds, memory_order_acquire);

	while (bond && bond->pasid != pasid)
		bond = atomic_load_explicit(&bond->next, memory_order_acquire);
	return bond;
}

struct mm *sva_find(const struct device *device, uint32_t pasid)
{
	struct sva_bond *bond = find_bond(device, pasid);

	return bond ? bond->mm : NULL;
}

/* Another struct mm may stand for the same process. */
static bool same_process(const struct mm *a, const struct mm *b)
{
	return a == b || (a->self == b->self && a->pid == b->pid && !atomic_load(&a->gone));
}

int sva_bind(struct device *device, uint32_t pasid, struct mm *mm)
{
	struct sva_bond *bond = find_bond(device, pasid);

	if (!pasid || pasid >= device->iommu_dev->max_pasids)
		return -EINVAL;
	if (bond) {
		if (!same_process(bond->mm, mm))
			return -EBUSY;
		bond->binds++;
		return 0;
	}
	if (device_attachment_for(device, pasid))
		return -EBUSY;
	bond = mem_zalloc(sizeof(*bond));
	if (!bond)
		return -ENOMEM;
	bond->pasid = pasid;
	bond->binds = 1;
	bond->mm = mm_get(mm);
	atomic_init(&bond->next, atomic_load(&device->bonds));
	atomic_store_explicit(&device->bonds, bond, memory_order_release);
	return 0;
}

/* It can't be found any more: then nobody uses it. */
static void end(struct device *device, struct sva_bond *bond)
{
	struct sva_bond *_Atomic *at = &device->bonds;

	while (atomic_load(at) != bond)
		at = &atomic_load(at)->next;
	atomic_store(at, atomic_load(&bond->next));
	hazard_wait(&device->object.ctx->machine->hazard, 0, UINT64_MAX);
	mm_put(bond->mm);
	free(bond);
}

int sva_unbind(struct device *device, uint32_t pasid)
{
	struct sva_bond *bond = find_bond(device, pasid);

	if (!bond)
		return -ENOENT;
	if (!--bond->binds)
		end(device, bond);
	return 0;
}

void sva_unbind_all(struct device *device)
{
	struct sva_bond *bond;

	while ((bond = atomic_load(&device->bonds)))
		end(device, bond);
}
