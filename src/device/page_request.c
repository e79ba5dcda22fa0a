/* SPDX-License-Identifier: MIT */
/* The way of a page request from the device to a fault queue. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "device/device.h"
#include "device/stall.h"

/* Page requests of a group that has not ended. */
struct partial_group {
	LIST_ENTRY(partial_group) link;
	uint32_t n;
	struct page_request requests[];
};

static bool same_group(const struct page_request *a, const struct page_request *b)
{
	return a->grpid == b->grpid && a->pasid_valid == b->pasid_valid &&
	       (!a->pasid_valid || a->pasid == b->pasid);
}

static struct partial_group *find_partial(struct device *device, const struct page_request *request)
{
	struct partial_group *partial;

	LIST_FOREACH(partial, &device->partial, link)
		if (same_group(&partial->requests[0], request))
			return partial;
	return NULL;
}

static void forget_partial(struct partial_group *partial)
{
	LIST_REMOVE(partial, link);
	free(partial);
}

/* The group so far with one more request; replaces `partial`, which may be NULL. */
static struct partial_group *append(struct device *device, struct partial_group *partial,
				    const struct page_request *request)
{
	uint32_t n = partial ? partial->n : 0;
	struct partial_group *grown;

	if (partial)
		LIST_REMOVE(partial, link);
	grown = mem_realloc(partial, sizeof(*grown) + (n + 1) * sizeof(*request));
	if (!grown) {
		if (partial)
			LIST_INSERT_HEAD(&device->partial, partial, link);
		return NULL;
	}
	grown->requests[n] = *request;
	grown->n = n + 1;
	LIST_INSERT_HEAD(&device->partial, grown, link);
	return grown;
}

/* The attachment that the request belongs to, if it takes page requests. */
static struct device_attachment *find_taker(struct device *device,
					    const struct page_request *request)
{
	struct device_attachment *own =
		device_attachment_for(device, request->pasid_valid ? request->pasid : 0);

	return own && own->hwpt->fault ? own : NULL;
}

void device_page_response(struct device *device, const struct page_request *last, int code)
{
	const struct iommu_ops *ops = device->iommu_dev->ops;

	if (ops->page_response)
		ops->page_response(device->iommu_dev, last, code);
	/* Its DMA may go on from here. */
	stall_answer(device, last, code);
}

static void refuse(struct device *device, const struct page_request *last)
{
	device_page_response(device, last, IOMMUFD_PAGE_RESP_INVALID);
}

/* A complete group to the fault queue of who takes it. */
static int deliver(struct device *device, const struct page_request *requests, uint32_t n)
{
	const struct page_request *last = &requests[n - 1];
	struct device_attachment *own = find_taker(device, last);
	int rc = own ? fault_deliver(own->hwpt->fault, &own->faults, requests, n) : -EINVAL;

	if (rc)
		refuse(device, last);
	return rc;
}

int device_page_request(struct device *device, const struct page_request *request)
{
	struct partial_group *group = find_partial(device, request), *grown;
	int rc;

	if (!device->fault_attachments) {
		refuse(device, request);
		return -EINVAL;
	}
	if (!group && request->last)
		return deliver(device, request, 1);
	grown = append(device, group, request);
	if (!grown) {
		if (group)
			forget_partial(group);
		refuse(device, request);
		return -ENOMEM;
	}
	group = grown;
	if (!request->last)
		return 0;
	rc = deliver(device, group->requests, group->n);
	forget_partial(group);
	return rc;
}

void device_drop_partial(struct device *device)
{
	struct partial_group *partial;

	while ((partial = LIST_FIRST(&device->partial)))
		forget_partial(partial);
}
