/* SPDX-License-Identifier: MIT */
/* Learning from results: one small function for each operation that changes the picture. */
#include <stdlib.h>
#include <string.h>

#include "picture.h"

#include <uiommufd/iommufd.h>

static void own(struct picture *p, uint32_t hwpt, uint32_t ioas)
{
	if (hwpt < OWNED_MAX)
		p->ioas_of[hwpt] = ioas;
}

static void see_hwpt(struct picture *p, const struct args *op, const struct args *result)
{
	uint32_t id = arg(result, "id"), flags = arg(op, "fl"), pt = arg(op, "pt");
	bool paging = picture_knows(p, K_IOAS, pt);

	picture_learn(p, paging ? K_HWPT : K_NESTED, id);
	if (picture_knows(p, K_VIOMMU, pt))
		picture_learn(p, K_VNESTED, id);
	if (!paging && id < OWNED_MAX)
		p->iotlb_of[id] = arg(op, "iotlb");
	own(p, id, paging ? pt : pt < OWNED_MAX ? p->ioas_of[pt] : 0);
	if (paging && flags & IOMMU_HWPT_ALLOC_NEST_PARENT)
		picture_learn(p, K_PARENT, id);
	if (paging && flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING)
		picture_learn(p, K_DIRTY, id);
	if (flags & IOMMU_HWPT_ALLOC_PASID)
		picture_learn(p, K_PASID, id);
	if (flags & IOMMU_HWPT_FAULT_ID_VALID)
		picture_learn(p, K_FAULT_HWPT, id);
}

static void see_mock_domain(struct picture *p, const struct args *op, const struct args *result)
{
	uint32_t stdev = arg(result, "stdev"), hwpt = arg(result, "hwpt"), pt = arg(op, "pt");

	picture_learn(p, K_STDEV, stdev);
	if (arg(op, "fl") & 4)
		picture_learn(p, K_PASID_STDEV, stdev);
	picture_learn(p, K_DEV, arg(result, "dev"));
	if (stdev < OWNED_MAX)
		p->dev_of[stdev] = arg(result, "dev");
	if (!picture_knows(p, K_HWPT, hwpt) && !picture_knows(p, K_NESTED, hwpt)) {
		picture_learn(p, K_HWPT, hwpt);
		own(p, hwpt, pt);
	}
}

static void see_replace(struct picture *p, const struct args *op)
{
	uint32_t stdev = arg(op, "stdev");

	if (picture_knows(p, K_FAULT_HWPT, arg(op, "pt")) && stdev < OWNED_MAX && p->dev_of[stdev])
		picture_learn(p, K_FAULT_DEV, p->dev_of[stdev]);
}

static void see_mapping(struct picture *p, const struct args *op, const struct args *result)
{
	uint64_t iova = arg(result, "iova"), length = arg(op, "len");

	if (!strcmp(op->name, "copy"))
		picture_add_area(p, arg(op, "dst"), iova, length,
				 picture_va_behind(p, arg(op, "src"), arg(op, "siova")));
	else if (!strcmp(op->name, "map"))
		picture_add_area(p, arg(op, "id"), iova, length, arg(op, "va"));
	else
		picture_add_area(p, arg(op, "id"), iova, length, F_BASE + arg(op, "start"));
}

static void see_vfio(struct picture *p, const struct args *op)
{
	uint64_t which = arg(op, "do"), iova = arg(op, "iova"), length = arg(op, "len");

	if (which == 3)
		picture_add_area(p, p->compat_ioas, iova, length, arg(op, "va"));
	else if (which == 4 && arg(op, "fl") & 2)
		picture_forget_areas(p, p->compat_ioas, 0, UINT64_MAX);
	else if (which == 4 && length)
		picture_forget_areas(p, p->compat_ioas, iova, iova + (length - 1));
}

static void see_cookies(struct picture *p, const struct args *op, const char *result)
{
	const char *at = result;

	while ((at = strstr(at, "cookie=")) && p->n_cookies < COOKIE_MAX) {
		at += strlen("cookie=");
		p->cookies[p->n_cookies].slot = arg(op, "slot");
		p->cookies[p->n_cookies++].cookie = strtoul(at, NULL, 10);
	}
}

static void see_answer(struct picture *p, const struct args *op)
{
	uint64_t numbers[2] = {};

	arg_list(op, "r", numbers, 2);
	for (unsigned int i = p->n_cookies; i-- > 0;)
		if (p->cookies[i].slot == arg(op, "slot") && p->cookies[i].cookie == numbers[0])
			p->cookies[i] = p->cookies[--p->n_cookies];
}

static void see_unpin(struct picture *p, const struct args *op)
{
	for (unsigned int i = p->n_pins; i-- > 0;)
		if (p->pins[i].slot == arg(op, "slot") && p->pins[i].item == arg(op, "item"))
			p->pins[i] = p->pins[--p->n_pins];
}

/* do= 0 attach, 1 replace, 2 detach. */
static void see_pasid(struct picture *p, const struct args *op, const struct args *result)
{
	struct attachment new = {arg(op, "stdev"), arg(op, "pasid"), arg(result, "pt")};
	uint64_t which = arg(op, "do");

	if (which > 2)
		return;
	for (unsigned int i = p->n_pasids; i-- > 0;)
		if (p->pasids[i].stdev == new.stdev && p->pasids[i].pasid == new.pasid)
			p->pasids[i] = p->pasids[--p->n_pasids];
	if (which < 2 && p->n_pasids < PASID_MAX)
		p->pasids[p->n_pasids++] = new;
}

static void see_access(struct picture *p, const struct world *world, const struct args *op,
		       const struct args *result)
{
	uint64_t slot = arg(op, "slot");

	if (!strcmp(op->name, "access_create") && world->accesses.n)
		p->access_ioas[world->accesses.n - 1] = arg(op, "id");
	else if (!strcmp(op->name, "access_replace") && slot < SLOTS)
		p->access_ioas[slot] = arg(op, "id");
	else if (!strcmp(op->name, "access_pages") && p->n_pins < PIN_MAX) {
		p->pins[p->n_pins].slot = slot;
		p->pins[p->n_pins++].item = arg(result, "item");
	} else if (!strcmp(op->name, "access_unpin")) {
		see_unpin(p, op);
	}
}

static enum kind kind_made(const char *name)
{
	static const struct {
		const char *name;
		enum kind kind;
	} makers[] = {
		{"ioas_alloc", K_IOAS},	      {"fault_alloc", K_FAULTQ},
		{"viommu_alloc", K_VIOMMU},   {"vdevice_alloc", K_VDEVICE},
		{"veventq_alloc", K_VEVENTQ}, {"hw_queue_alloc", K_HW_QUEUE},
	};

	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
		if (!strcmp(name, makers[i].name))
			return makers[i].kind;
	return K_NONE;
}

static void see_compat_ioas(struct picture *p, const struct args *op)
{
	if (arg(op, "op") == IOMMU_VFIO_IOAS_SET)
		p->compat_ioas = arg(op, "id");
	else if (arg(op, "op") == IOMMU_VFIO_IOAS_CLEAR)
		p->compat_ioas = 0;
}

static void see_unmap(struct picture *p, const struct args *op)
{
	uint64_t length = arg(op, "len");

	if (length)
		picture_forget_areas(p, arg(op, "id"), arg(op, "iova"),
				     arg(op, "iova") + (length - 1));
}

void picture_observe(struct picture *p, const struct world *world, const char *op_text,
		     const char *text)
{
	struct args op, result;
	enum kind kind;

	args_parse(&op, op_text);
	if (!strcmp(op.name, "fault_write"))
		see_answer(p, &op); /* if it failed, it would again */
	if (text[0] < '0' || text[0] > '9')
		return; /* failed */
	args_parse(&result, text);
	kind = kind_made(op.name);
	if (kind != K_NONE)
		picture_learn(p, kind, arg(&result, "id"));
	if (kind == K_VDEVICE)
		picture_learn(p, K_VDEV_DEV, arg(&op, "dev"));
	if (kind == K_VIOMMU && arg(&op, "hwpt") < OWNED_MAX)
		own(p, arg(&result, "id"), p->ioas_of[arg(&op, "hwpt")]);
	else if (!strcmp(op.name, "destroy"))
		picture_forget(p, arg(&op, "id"));
	else if (!strcmp(op.name, "hwpt_alloc"))
		see_hwpt(p, &op, &result);
	else if (!strcmp(op.name, "mock_domain"))
		see_mock_domain(p, &op, &result);
	else if (!strcmp(op.name, "mock_replace"))
		see_replace(p, &op);
	else if (!strcmp(op.name, "map") || !strcmp(op.name, "map_file") ||
		 !strcmp(op.name, "copy"))
		see_mapping(p, &op, &result);
	else if (!strcmp(op.name, "unmap"))
		see_unmap(p, &op);
	else if (!strcmp(op.name, "vfio_ioas"))
		see_compat_ioas(p, &op);
	else if (!strcmp(op.name, "vfio"))
		see_vfio(p, &op);
	else if (!strcmp(op.name, "pasid"))
		see_pasid(p, &op, &result);
	else if (!strcmp(op.name, "fault_read"))
		see_cookies(p, &op, text);
	else
		see_access(p, world, &op, &result);
}
