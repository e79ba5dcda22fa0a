/* SPDX-License-Identifier: MIT */
/*
 * vIOMMUs: a slice of an IOMMU for one guest. Under it live nested HWPTs, vDEVICEs (which physical device is behind a virtual
 * id), vEVENTQs and hardware queues. Models embed struct viommu in their own. All with the context's lock held.
 */
#ifndef UIOMMUFD_VIOMMU_VIOMMU_H
#define UIOMMUFD_VIOMMU_VIOMMU_H

#include <sys/queue.h>

#include "core/ctx.h"
#include "core/mmap.h"
#include "core/object.h"
#include "hwpt/hwpt.h"
#include "ioas/access.h"
#include "iommu/iommu.h"

struct hw_queue;
struct vdevice;
struct veventq;
struct viommu;

struct viommu_ops {
	/* Undoes viommu_init(); the struct itself is freed by the caller. Empty: nothing to undo. */
	void (*destroy)(struct viommu *viommu);
	int (*alloc_nested)(struct viommu *viommu, uint32_t flags, const struct user_data *data,
			    struct domain **ret_domain);
	/* As struct domain_ops' invalidate. */
	int (*invalidate)(struct viommu *viommu, struct user_array *array);
	/* A device gets a virtual id: may refuse. Empty: nothing to do. */
	int (*vdevice_init)(struct vdevice *vdevice);
	/* The bytes of the model's struct hw_queue of this type, or 0: not supported. */
	size_t (*hw_queue_size)(struct viommu *viommu, uint32_t type);
	/* Starts a queue; its memory is pinned and at queue->host. */
	int (*hw_queue_init)(struct hw_queue *queue);
	void (*hw_queue_destroy)(struct hw_queue *queue);
};

struct viommu {
	struct object object;
	const struct viommu_ops *ops; /* set by the model */
	uint32_t type;
	const struct iommu_ops *iommu_ops; /* the model, and which of its IOMMUs */
	void *iommu;
	struct hwpt_paging *parent; /* holds a use */
	LIST_HEAD(, vdevice) vdevices;
	LIST_HEAD(, veventq) veventqs;
	struct mmap_region *region; /* what the user may map, or NULL */
};

extern const struct object_type viommu_type;

struct viommu *viommu_find(struct ctx *ctx, uint32_t id);
bool viommu_supported(struct iommu_dev *dev, uint32_t type);
/* Not published. -EOPNOTSUPP: the IOMMU has no vIOMMU of this type; errors of the model; -ENOMEM. */
int viommu_new(struct hwpt_paging *parent, struct iommu_dev *dev, uint32_t type,
	       const struct user_data *data, struct viommu **ret_viommu);
/* A nested HWPT of this vIOMMU, not published. -EINVAL: the device is behind another IOMMU; -EOPNOTSUPP; -ENOMEM. */
int viommu_alloc_nested(struct viommu *viommu, struct iommu_dev *dev, uint32_t flags,
			const struct user_data *data, struct hwpt **ret_hwpt);

/* ---- vDEVICEs (vdevice.c) ---- */

struct vdevice {
	struct object object;
	LIST_ENTRY(vdevice) link;
	struct viommu *viommu; /* holds a use */
	struct iommu_dev *dev;
	struct object **back; /* where the device keeps its vDEVICE */
	uint64_t virt_id;
};

/*
 * Not published. `back` is where the device remembers it. -EINVAL: another IOMMU; -EEXIST: the device has one, or the virtual id is
 * taken; errors of the model; -ENOMEM.
 */
int vdevice_new(struct viommu *viommu, struct iommu_dev *dev, struct object **back,
		uint64_t virt_id, struct vdevice **ret_vdevice);
/* By virtual id or by device; NULL if there is none. */
struct vdevice *viommu_find_vdevice(struct viommu *viommu, uint64_t virt_id);
struct vdevice *viommu_vdevice_of(struct viommu *viommu, const struct iommu_dev *dev);

/* ---- events (veventq.c) ---- */

/* Queues an event of a type for the user. -EOPNOTSUPP: nobody asked for it; -ENOMEM: it is lost, and the user told so. */
int viommu_report(struct viommu *viommu, uint32_t type, const void *data, size_t len);

/* ---- hardware queues (hw_queue.c) ---- */

struct hw_queue {
	struct object object;
	struct viommu *viommu; /* holds a use */
	struct access *access; /* keeps the memory */
	uint32_t type, index;
	uint64_t iova, length;
	char *host;
	bool started;		   /* by the model */
	struct object *depends_on; /* an earlier queue that it holds a use of, or NULL */
};

#endif
