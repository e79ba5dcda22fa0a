/* SPDX-License-Identifier: MIT */
/*
 * The VFIO container's ioctls on a context: they work on the IOAS that IOMMU_VFIO_IOAS set, or that was made when a group joined.
 */
#include <errno.h>
#include <stddef.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "core/ioctl.h"
#include "ioas/ioas.h"

/* ---- what is there ---- */

/* Every page table of the IOAS enforces coherency; also if there is none. */
static long all_coherent(const struct ioas *ioas)
{
	const struct ioas_table *table;

	if (!ioas)
		return -ENODEV;
	TAILQ_FOREACH(table, &ioas->tables, link)
		if (!table->coherent)
			return 0;
	return 1;
}

static long check_extension(struct ctx *ctx, uint64_t extension)
{
	switch (extension) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
	case VFIO_NOIOMMU_IOMMU:
		return 1;
	case VFIO_DMA_CC_IOMMU:
		return all_coherent(ctx->vfio_ioas);
	default:
		return 0;
	}
}

/* The first type1 interface lets UNMAP_DMA cut a mapping anywhere, so no large pages. */
static long set_iommu(struct ctx *ctx, uint64_t type)
{
	if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU)
		return -EINVAL;
	if (!ctx->vfio_ioas)
		return -ENODEV;
	return type == VFIO_TYPE1_IOMMU ? ioas_set_huge_pages(ctx->vfio_ioas, 0) : 0;
}

/* ---- GET_INFO ---- */

/* Where things are in what GET_INFO writes. */
#define AVAIL_AT    sizeof(struct vfio_iommu_type1_info)
#define AVAIL_SIZE  sizeof(struct vfio_iommu_type1_info_dma_avail)
#define RANGES_AT   (AVAIL_AT + 16)
#define RANGE_AT(i) (RANGES_AT + 16 + (uint64_t)(i) * sizeof(struct vfio_iova_range))

static uint64_t page_sizes(const struct ioas *ioas)
{
	const struct ioas_table *table;
	uint64_t sizes = UINT64_MAX;

	TAILQ_FOREACH(table, &ioas->tables, link)
		sizes &= table->page_sizes;
	if (sizes & (PAGE_SIZE - 1))
		sizes = (sizes & ~(PAGE_SIZE - 1)) | PAGE_SIZE;
	return sizes;
}

static int put_avail(struct ucmd *ucmd, uint32_t argsz)
{
	struct vfio_iommu_type1_info_dma_avail avail = {
		.header = {VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, 1, argsz >= RANGES_AT ? RANGES_AT : 0},
		.avail = UINT32_MAX,
	};

	if (argsz < AVAIL_AT + AVAIL_SIZE)
		return 0;
	return client_write(ucmd->client, ucmd->uptr + AVAIL_AT, &avail, sizeof(avail));
}

/* As many of the usable ranges as there is room for; counts all. */
static int put_ranges(struct ucmd *ucmd, const struct ioas *ioas, uint32_t argsz, uint32_t *ret_n)
{
	struct range hole;
	uint64_t at = 0;

	*ret_n = 0;
	while (ranges_next(&ioas->reserved, false, at, UINT64_MAX, &hole)) {
		struct vfio_iova_range out = {hole.first, hole.last};

		if (argsz >= RANGE_AT(*ret_n + 1) &&
		    client_write(ucmd->client, ucmd->uptr + RANGE_AT(*ret_n), &out, sizeof(out)))
			return -EFAULT;
		++*ret_n;
		at = hole.last + 1;
		if (!at)
			break;
	}
	return 0;
}

static int put_ranges_header(struct ucmd *ucmd, uint32_t n)
{
	struct vfio_iommu_type1_info_cap_iova_range header = {
		.header = {VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, 0},
		.nr_iovas = n,
	};

	return client_write(ucmd->client, ucmd->uptr + RANGES_AT, &header,
			    offsetof(struct vfio_iommu_type1_info_cap_iova_range, iova_ranges));
}

static long get_info(struct ucmd *ucmd)
{
	struct vfio_iommu_type1_info info = {0};
	struct ioas *ioas = ucmd->ctx->vfio_ioas;
	uint32_t argsz, n;
	int rc;

	if (client_read(ucmd->client, &info, ucmd->uptr,
			offsetof(struct vfio_iommu_type1_info, cap_offset)))
		return -EFAULT;
	argsz = info.argsz;
	if (argsz < offsetof(struct vfio_iommu_type1_info, cap_offset))
		return -EINVAL;
	if (!ioas)
		return -ENODEV;
	info.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info.iova_pgsizes = page_sizes(ioas);
	rc = put_avail(ucmd, argsz);
	if (!rc)
		rc = put_ranges(ucmd, ioas, argsz, &n);
	if (rc)
		return rc;
	info.argsz = RANGE_AT(n);
	if (argsz >= info.argsz) {
		info.cap_offset = AVAIL_AT;
		rc = put_ranges_header(ucmd, n);
	}
	if (rc)
		return rc;
	return client_write(ucmd->client, ucmd->uptr, &info,
			    argsz < sizeof(info) ? argsz : sizeof(info));
}

/* ---- MAP_DMA, UNMAP_DMA ---- */

static long map_dma(struct ucmd *ucmd)
{
	const uint32_t known = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	struct vfio_iommu_type1_dma_map map;
	uint32_t flags = IOMMU_IOAS_MAP_FIXED_IOVA;
	struct memory_range range;
	uint64_t iova;

	if (client_read(ucmd->client, &map, ucmd->uptr, sizeof(map)))
		return -EFAULT;
	if (map.argsz < sizeof(map) || map.flags & ~known)
		return -EINVAL;
	if (!ucmd->ctx->vfio_ioas)
		return -ENODEV;
	if (map.flags & VFIO_DMA_MAP_FLAG_READ)
		flags |= IOMMU_IOAS_MAP_READABLE;
	if (map.flags & VFIO_DMA_MAP_FLAG_WRITE)
		flags |= IOMMU_IOAS_MAP_WRITEABLE;
	range = (struct memory_range){map.vaddr, map.size, flags & IOMMU_IOAS_MAP_WRITEABLE};
	iova = map.iova;
	return ioas_map_user(ucmd->ctx->vfio_ioas, ucmd->client, &range, flags, &iova);
}

/* What is mapped across the ends is cut there first: the end before the start. */
static int cut_ends(struct ioas *ioas, uint64_t iova, uint64_t size)
{
	int rc = ioas_cut_after(ioas, iova + size - 1);

	if (!rc && iova)
		rc = ioas_cut_after(ioas, iova - 1);
	return rc;
}

static int unmap_range(struct ioas *ioas, uint64_t iova, uint64_t size, uint64_t *ret_removed)
{
	uint64_t last;

	*ret_removed = 0;
	if (!size)
		return -EINVAL;
	if (__builtin_add_overflow(iova, size - 1, &last))
		return -EOVERFLOW;
	return ioas_unmap(ioas, iova, last, ret_removed);
}

static long unmap_dma(struct ucmd *ucmd)
{
	struct vfio_iommu_type1_dma_unmap unmap;
	struct ioas *ioas = ucmd->ctx->vfio_ioas;
	uint64_t removed;
	int rc = 0;

	if (client_read(ucmd->client, &unmap, ucmd->uptr, sizeof(unmap)))
		return -EFAULT;
	if (unmap.argsz < sizeof(unmap) || unmap.flags & ~VFIO_DMA_UNMAP_FLAG_ALL)
		return -EINVAL;
	if (!ioas)
		return -ENODEV;
	object_use(&ioas->object); /* the lock may be dropped: the IOAS stays */
	if (unmap.flags & VFIO_DMA_UNMAP_FLAG_ALL) {
		rc = unmap.iova || unmap.size ? -EINVAL : 0;
		if (!rc)
			rc = ioas_unmap(ioas, 0, UINT64_MAX, &removed);
		else
			goto out;
	} else {
		if (!ioas->huge_pages)
			rc = cut_ends(ioas, unmap.iova, unmap.size);
		if (rc)
			goto out;
		rc = unmap_range(ioas, unmap.iova, unmap.size, &removed);
	}
	unmap.size = removed;
	if (client_write(ucmd->client, ucmd->uptr, &unmap, sizeof(unmap)))
		rc = -EFAULT;
out:
	object_unuse(&ioas->object);
	return rc;
}

long vfio_compat_ioctl(struct ucmd *ucmd, unsigned int cmd)
{
	switch (cmd) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return check_extension(ucmd->ctx, ucmd->uptr);
	case VFIO_SET_IOMMU:
		return set_iommu(ucmd->ctx, ucmd->uptr);
	case VFIO_IOMMU_GET_INFO:
		return get_info(ucmd);
	case VFIO_IOMMU_MAP_DMA:
		return map_dma(ucmd);
	case VFIO_IOMMU_UNMAP_DMA:
		return unmap_dma(ucmd);
	default:
		return -ENOTTY;
	}
}
