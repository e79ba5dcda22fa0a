/* SPDX-License-Identifier: MIT */
/*
 * The ioctl table of /dev/iommu. One row says all that the front door checks before a handler runs; a handler works on
 * a private, zero-filled copy of the caller's struct with the context locked.
 */
#ifndef UIOMMUFD_CORE_IOCTL_H
#define UIOMMUFD_CORE_IOCTL_H

#include "core/ctx.h"

/* One call on its way. */
struct ucmd {
	struct ctx *ctx;
	struct client *client;
	uint64_t uptr;	    /* the caller's struct */
	uint32_t user_size; /* its size as the caller gave it */
	void *cmd;	    /* our copy */
};

/*
 * Writes the first min(user_size, size) bytes of the copy back. -EFAULT. A handler that has made an object answers
 * before it publishes, and abandons the object if that fails.
 */
int ucmd_respond(struct ucmd *ucmd, size_t size);

/*
 * Answers with what names a new object, and publishes it; if the answer can't be written the object is abandoned. `rc` is what making it
 * the rest of the way has given: if that has failed, it is abandoned without an answer. Returns the first error.
 */
int ucmd_respond_new(struct ucmd *ucmd, size_t size, struct object *object, int rc);

/*
 * Copies a user array element or data struct whose length the user gave: longer than ours needs a zero tail (-E2BIG),
 * shorter is zero-filled. -EFAULT.
 */
int copy_struct_from_client(struct client *client, void *dst, size_t size, uint64_t src,
			    size_t user_size);

/* The calls on a context's descriptor. */
long ctx_ioctl(struct file *file, struct client *client, unsigned int cmd, uint64_t arg);

/* The handlers, each in the folder of what it works on. 0 or positive, or -errno. */
int destroy_ioctl(struct ucmd *ucmd);
int option_ioctl(struct ucmd *ucmd);
int ioas_alloc_ioctl(struct ucmd *ucmd);
int ioas_allow_iovas_ioctl(struct ucmd *ucmd);
int ioas_copy_ioctl(struct ucmd *ucmd);
int ioas_iova_ranges_ioctl(struct ucmd *ucmd);
int ioas_map_ioctl(struct ucmd *ucmd);
int ioas_map_file_ioctl(struct ucmd *ucmd);
int ioas_unmap_ioctl(struct ucmd *ucmd);
int ioas_change_process_ioctl(struct ucmd *ucmd);
int ioas_noiommu_get_pa_ioctl(struct ucmd *ucmd);
int vfio_ioas_ioctl(struct ucmd *ucmd);
int hwpt_alloc_ioctl(struct ucmd *ucmd);
int hwpt_set_dirty_tracking_ioctl(struct ucmd *ucmd);
int hwpt_get_dirty_bitmap_ioctl(struct ucmd *ucmd);
int hwpt_invalidate_ioctl(struct ucmd *ucmd);
int get_hw_info_ioctl(struct ucmd *ucmd);
int fault_queue_alloc_ioctl(struct ucmd *ucmd);
int viommu_alloc_ioctl(struct ucmd *ucmd);
int vdevice_alloc_ioctl(struct ucmd *ucmd);
int veventq_alloc_ioctl(struct ucmd *ucmd);
int hw_queue_alloc_ioctl(struct ucmd *ucmd);
int test_ioctl(struct ucmd *ucmd);
/* For machines that have the mock: see struct machine. */
void mock_rewrite(struct ucmd *ucmd, unsigned int cmd);
/* Numbers below the table: the VFIO container's. Called with the context locked. */
long vfio_compat_ioctl(struct ucmd *ucmd, unsigned int cmd);

#endif
