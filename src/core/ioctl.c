/* SPDX-License-Identifier: MIT */
/* The front door of /dev/iommu: the table, and the checks that every call passes before its handler runs. */
#include "core/ioctl.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/mock.h>

#include "core/machine_impl.h"

/* What a number means: the struct as we know it, and where its first version ended. */
struct row {
	unsigned int cmd; /* the whole value: type, direction and size bits are part of it */
	uint16_t size, min_size;
	int (*handler)(struct ucmd *ucmd);
};

#define SIZE_UPTO(type, last) (offsetof(struct type, last) + sizeof(((struct type *)0)->last))
#define ROW(number, handler_, type, last)                                                          \
	[(number)-IOMMUFD_CMD_BASE] = {_IO(IOMMUFD_TYPE, number), sizeof(struct type),             \
				       SIZE_UPTO(type, last), handler_}

static const struct row rows[] = {
	ROW(IOMMUFD_CMD_DESTROY, destroy_ioctl, iommu_destroy, id),
	ROW(IOMMUFD_CMD_IOAS_ALLOC, ioas_alloc_ioctl, iommu_ioas_alloc, out_ioas_id),
	ROW(IOMMUFD_CMD_IOAS_ALLOW_IOVAS, ioas_allow_iovas_ioctl, iommu_ioas_allow_iovas,
	    allowed_iovas),
	ROW(IOMMUFD_CMD_IOAS_COPY, ioas_copy_ioctl, iommu_ioas_copy, src_iova),
	ROW(IOMMUFD_CMD_IOAS_IOVA_RANGES, ioas_iova_ranges_ioctl, iommu_ioas_iova_ranges,
	    out_iova_alignment),
	ROW(IOMMUFD_CMD_IOAS_MAP, ioas_map_ioctl, iommu_ioas_map, iova),
	ROW(IOMMUFD_CMD_IOAS_UNMAP, ioas_unmap_ioctl, iommu_ioas_unmap, length),
	ROW(IOMMUFD_CMD_OPTION, option_ioctl, iommu_option, val64),
	ROW(IOMMUFD_CMD_VFIO_IOAS, vfio_ioas_ioctl, iommu_vfio_ioas, __reserved),
	ROW(IOMMUFD_CMD_HWPT_ALLOC, hwpt_alloc_ioctl, iommu_hwpt_alloc, __reserved),
	ROW(IOMMUFD_CMD_GET_HW_INFO, get_hw_info_ioctl, iommu_hw_info, __reserved),
	ROW(IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING, hwpt_set_dirty_tracking_ioctl,
	    iommu_hwpt_set_dirty_tracking, __reserved),
	ROW(IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP, hwpt_get_dirty_bitmap_ioctl,
	    iommu_hwpt_get_dirty_bitmap, data),
	ROW(IOMMUFD_CMD_HWPT_INVALIDATE, hwpt_invalidate_ioctl, iommu_hwpt_invalidate, __reserved),
	ROW(IOMMUFD_CMD_FAULT_QUEUE_ALLOC, fault_queue_alloc_ioctl, iommu_fault_alloc,
	    out_fault_fd),
	ROW(IOMMUFD_CMD_IOAS_MAP_FILE, ioas_map_file_ioctl, iommu_ioas_map_file, iova),
	ROW(IOMMUFD_CMD_VIOMMU_ALLOC, viommu_alloc_ioctl, iommu_viommu_alloc, out_viommu_id),
	ROW(IOMMUFD_CMD_VDEVICE_ALLOC, vdevice_alloc_ioctl, iommu_vdevice_alloc, virt_id),
	ROW(IOMMUFD_CMD_IOAS_CHANGE_PROCESS, ioas_change_process_ioctl, iommu_ioas_change_process,
	    __reserved),
	ROW(IOMMUFD_CMD_VEVENTQ_ALLOC, veventq_alloc_ioctl, iommu_veventq_alloc, out_veventq_fd),
	ROW(IOMMUFD_CMD_HW_QUEUE_ALLOC, hw_queue_alloc_ioctl, iommu_hw_queue_alloc, length),
	ROW(IOMMUFD_CMD_IOAS_NOIOMMU_GET_PA, ioas_noiommu_get_pa_ioctl, iommu_ioas_noiommu_get_pa,
	    out_phys),
	ROW(_IOC_NR(IOMMU_TEST_CMD), test_ioctl, iommu_test_cmd, last),
};

/* No struct of the table is larger. */
union any_cmd {
	uint64_t align;
	unsigned char bytes[96];
};

int ucmd_respond(struct ucmd *ucmd, size_t size)
{
	return client_write(ucmd->client, ucmd->uptr, ucmd->cmd,
			    size < ucmd->user_size ? size : ucmd->user_size);
}

int ucmd_respond_new(struct ucmd *ucmd, size_t size, struct object *object, int rc)
{
	if (!rc)
		rc = ucmd_respond(ucmd, size);
	if (rc)
		object_abandon(object);
	else
		object_publish(object);
	return rc;
}

/* A tail that we don't know must be zero. Looked at in pieces that end with a page: the first offence counts. */
static int check_zero_tail(struct client *client, uint64_t src, uint64_t len)
{
	static const unsigned char zeroes[256];
	unsigned char piece[256];

	while (len) {
		size_t n = sizeof(piece) - (src & (sizeof(piece) - 1));

		if (n > len)
			n = len;
		if (client_read(client, piece, src, n))
			return -EFAULT;
		if (memcmp(piece, zeroes, n))
			return -E2BIG;
		src += n;
		len -= n;
	}
	return 0;
}

int copy_struct_from_client(struct client *client, void *dst, size_t size, uint64_t src,
			    size_t user_size)
{
	size_t n = user_size < size ? user_size : size;

	if (user_size > size) {
		int rc = check_zero_tail(client, src + size, user_size - size);

		if (rc)
			return rc;
	}
	memset((char *)dst + n, 0, size - n);
	return client_read(client, dst, src, n);
}

/* The size that the caller gave, and the struct. */
static int read_cmd(struct ucmd *ucmd, const struct row *row)
{
	/* Mostly it is the struct as we know it: then one access does. */
	if (row->min_size == row->size &&
	    !client_read(ucmd->client, ucmd->cmd, ucmd->uptr, row->size)) {
		memcpy(&ucmd->user_size, ucmd->cmd, sizeof(ucmd->user_size));
		if (ucmd->user_size == row->size)
			return 0;
	}
	if (client_read(ucmd->client, &ucmd->user_size, ucmd->uptr, sizeof(ucmd->user_size)))
		return -EFAULT;
	if (ucmd->user_size < row->min_size)
		return -EINVAL;
	return copy_struct_from_client(ucmd->client, ucmd->cmd, row->size, ucmd->uptr,
				       ucmd->user_size);
}

static long run_row(struct ucmd *ucmd, const struct row *row)
{
	int rc = read_cmd(ucmd, row);

	if (rc)
		return rc;
	LOCK_SCOPED(&ucmd->ctx->lock);
	if (ucmd->ctx->machine->rewrite)
		ucmd->ctx->machine->rewrite(ucmd, row->cmd);
	return row->handler(ucmd);
}

long ctx_ioctl(struct file *file, struct client *client, unsigned int cmd, uint64_t arg)
{
	unsigned int nr = _IOC_NR(cmd);
	union any_cmd buffer;
	struct ucmd ucmd = {
		.ctx = ctx_of_file(file), .client = client, .uptr = arg, .cmd = &buffer};
	const struct row *row;

	_Static_assert(sizeof(struct iommu_test_cmd) <= sizeof(buffer), "any_cmd is too small");
	if (nr < IOMMUFD_CMD_BASE || nr - IOMMUFD_CMD_BASE >= sizeof(rows) / sizeof(rows[0])) {
		LOCK_SCOPED(&ucmd.ctx->lock);
		return vfio_compat_ioctl(&ucmd, cmd);
	}
	row = &rows[nr - IOMMUFD_CMD_BASE];
	if (row->cmd == cmd && row->handler)
		return run_row(&ucmd, row);
	if (client_read(client, &ucmd.user_size, arg, sizeof(ucmd.user_size)))
		return -EFAULT;
	return -ENOTTY;
}
