/* SPDX-License-Identifier: MIT */
/* What a script sets up before its random part, by topic; each in a few variants. */
#include "maker.h"

#include <uiommufd/mock.h>

#define PLACE	   0x2000000u /* where the prologue maps */
#define PLACE_STEP 0x100000u

#define DO(gen, ...)                                                                               \
	do {                                                                                       \
		put(gen, __VA_ARGS__);                                                             \
		gen_record(gen);                                                                   \
	} while (0)

static void maps(struct gen *g, uint32_t ioas, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		DO(g, "map id=%u fl=%d va=0x%lx len=0x%lx iova=0x%x", ioas, chance(g, 80) ? 7 : 5,
		   A_BASE + (rnd(g, 1024) << 12), (1 + rnd(g, 32)) << 12, PLACE + i * PLACE_STEP);
}

static uint32_t space(struct gen *g, unsigned int n_maps)
{
	DO(g, "ioas_alloc fl=0");
	maps(g, newest(g, K_IOAS), n_maps);
	return newest(g, K_IOAS);
}

static void device(struct gen *g, uint32_t ioas, unsigned int flags)
{
	DO(g, "mock_domain pt=%u fl=%u", ioas, flags);
}

static void attach(struct gen *g, enum kind kind)
{
	DO(g, "mock_replace stdev=%u pt=%u", newest(g, K_STDEV), newest(g, kind));
}

static void table(struct gen *g, unsigned int flags)
{
	DO(g, "hwpt_alloc fl=%u dev=%u pt=%u fault=0", flags, newest(g, K_DEV), newest(g, K_IOAS));
}

static void nested(struct gen *g, unsigned int flags, enum kind on, uint32_t fault)
{
	DO(g, "hwpt_alloc fl=%u dev=%u pt=%u dtype=0x%x dlen=8 iotlb=0x%lx pt_type=0 fault=%u",
	   flags, newest(g, K_DEV), newest(g, on), IOMMU_HWPT_DATA_SELFTEST, 0x1000 + rnd(g, 8),
	   fault);
}

static void set_up_vfio(struct gen *g)
{
	uint32_t ioas;

	if (chance(g, 50)) {
		ioas = space(g, rnd(g, 2));
		if (chance(g, 70))
			device(g, ioas, 0);
		DO(g, "vfio_ioas op=1 id=%u", ioas);
	} else {
		ioas = space(g, 0);
		DO(g, "vfio_ioas op=1 id=%u", ioas);
	}
	DO(g, "vfio do=2 val=%d", chance(g, 75) ? 1 : 3);
	for (unsigned int i = 0; i < 4; i++)
		DO(g, "vfio do=3 fl=3 va=0x%lx iova=0x%lx len=0x%lx", A_BASE + (rnd(g, 2048) << 12),
		   0x1000000ul + i * 0x10000, (1 + rnd(g, 16)) << 12);
	if (chance(g, 30))
		device(g, ioas, 0);
	if (chance(g, 30))
		DO(g, "access_create id=%u fl=1", ioas);
}

static void set_up_pasid(struct gen *g)
{
	space(g, 2);
	device(g, newest(g, K_IOAS), MOCK_FLAGS_DEVICE_PASID);
	table(g, IOMMU_HWPT_ALLOC_PASID);
	if (chance(g, 50))
		attach(g, K_PASID);
	if (chance(g, 40)) {
		table(g, IOMMU_HWPT_ALLOC_NEST_PARENT);
		nested(g, IOMMU_HWPT_ALLOC_PASID, K_PARENT, 0);
	}
	table(g, IOMMU_HWPT_ALLOC_PASID);
	DO(g, "pasid do=0 stdev=%u pasid=2 pt=%u", newest(g, K_STDEV), newest(g, K_PASID));
	if (chance(g, 50))
		device(g, newest(g, K_IOAS), MOCK_FLAGS_DEVICE_PASID);
}

static void set_up_viommu(struct gen *g)
{
	space(g, 2);
	device(g, newest(g, K_IOAS), 0);
	table(g, IOMMU_HWPT_ALLOC_NEST_PARENT);
	attach(g, K_PARENT);
	DO(g, "viommu_alloc fl=0 type=0x%x dev=%u hwpt=%u dlen=%d in=7", IOMMU_VIOMMU_TYPE_SELFTEST,
	   newest(g, K_DEV), newest(g, K_PARENT), chance(g, 50) ? 24 : 0);
	DO(g, "vdevice_alloc viommu=%u dev=%u virt=0x%lx", newest(g, K_VIOMMU), newest(g, K_DEV),
	   1 + rnd(g, 3));
	DO(g, "veventq_alloc fl=0 viommu=%u type=0x%x depth=%lu", newest(g, K_VIOMMU),
	   IOMMU_VEVENTQ_TYPE_SELFTEST, 1 + rnd(g, 4));
	nested(g, 0, K_VIOMMU, 0);
	if (chance(g, 85))
		attach(g, K_NESTED);
	if (chance(g, 50))
		device(g, newest(g, K_IOAS), 0);
}

static void set_up_access(struct gen *g)
{
	for (unsigned int i = 2 + rnd(g, 2); i > 0; i--) {
		space(g, 1 + rnd(g, 2));
		DO(g, "access_create id=%u fl=%d", newest(g, K_IOAS), chance(g, 85));
	}
	if (chance(g, 60))
		device(g, newest(g, K_IOAS), 0);
}

static void set_up_pages(struct gen *g)
{
	uint32_t ioas = space(g, chance(g, 30) ? 1 : 0);

	DO(g, "option opt=1 op=0 id=%u val=0", ioas);
	maps(g, ioas, 2);
	device(g, ioas, 0);
	if (chance(g, 50))
		space(g, 1);
}

static void set_up_limit(struct gen *g)
{
	DO(g, "memory_limit limit=%lu", 12 + rnd(g, 100));
	space(g, 3);
	device(g, newest(g, K_IOAS), 0);
	if (chance(g, 60)) {
		table(g, IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
		attach(g, K_DIRTY);
	}
	if (chance(g, 60))
		DO(g, "access_create id=%u fl=1", newest(g, K_IOAS));
	if (chance(g, 50))
		space(g, 2);
}

static void set_up_dirty(struct gen *g)
{
	uint32_t ioas = space(g, 3);

	device(g, ioas, 0);
	for (unsigned int i = 1 + rnd(g, 3); i > 0; i--) {
		table(g, IOMMU_HWPT_ALLOC_DIRTY_TRACKING | (chance(g, 20) ? 1 : 0));
		if (chance(g, 70))
			DO(g, "set_dirty hwpt=%u fl=1", newest(g, K_DIRTY));
		DO(g, "mock_dirty hwpt=%u fl=0 iova=0x%x len=0x1000 pg=2048 step=%lu",
		   newest(g, K_DIRTY), PLACE + (unsigned int)rnd(g, 3) * PLACE_STEP, 1 + rnd(g, 2));
	}
	if (chance(g, 60))
		attach(g, K_DIRTY);
	if (chance(g, 30))
		space(g, 2);
}

static void set_up_fault(struct gen *g)
{
	bool on_parent = chance(g, 70);

	space(g, 2);
	device(g, newest(g, K_IOAS), chance(g, 30) ? MOCK_FLAGS_DEVICE_PASID : 0);
	DO(g, "fault_alloc fl=0");
	if (on_parent) {
		table(g, IOMMU_HWPT_ALLOC_NEST_PARENT);
		attach(g, K_PARENT);
		nested(g, IOMMU_HWPT_FAULT_ID_VALID, K_PARENT, newest(g, K_FAULTQ));
	} else {
		DO(g, "hwpt_alloc fl=4 dev=%u pt=%u fault=%u", newest(g, K_DEV), newest(g, K_IOAS),
		   newest(g, K_FAULTQ));
	}
	attach(g, K_FAULT_HWPT);
	if (chance(g, 50))
		device(g, newest(g, K_IOAS), 0);
}

static void set_up_many(struct gen *g)
{
	if (chance(g, 50))
		DO(g, "ipc_lock on=0");
	if (chance(g, 40))
		DO(g, "memlock limit=%lu", (16 + rnd(g, 200)) << 12);
	if (chance(g, 40))
		DO(g, "option opt=0 op=0 id=0 val=1");
	space(g, 2);
	device(g, newest(g, K_IOAS), 0);
	DO(g, "dmabuf_get len=%lu fl=0", (1 + rnd(g, 16)) << 12);
	DO(g, "status");
}

static void set_up_nothing(struct gen *g)
{
	if (chance(g, 50))
		space(g, rnd(g, 3));
}

void prologue(struct gen *gen)
{
	static void (*const set_ups[TOPICS])(struct gen *) = {
		set_up_nothing, set_up_vfio,   set_up_pasid,   set_up_viommu,
		set_up_access,	set_up_pages,  set_up_limit,   set_up_dirty,
		set_up_fault,	set_up_access, set_up_nothing, set_up_many,
	};
	enum topic topic = gen->topic;

	if (topic == T_MIX || topic == T_ABUSE)
		topic = rnd(gen, T_ABUSE);
	set_ups[topic](gen);
}
