/* SPDX-License-Identifier: MIT */
/* What the files of this folder share. All fields are guarded by the machine's VFIO lock, unless said otherwise. */
#ifndef UIOMMUFD_VFIO_INTERNAL_H
#define UIOMMUFD_VFIO_INTERNAL_H

#include <stdatomic.h>
#include <sys/queue.h>

#include <uiommufd/vfio.h>

#include "core/machine_impl.h"
#include "device/device.h"
#include "pci/function.h"
#include "vfio/vfio.h"

struct vfio_device;
struct vfio_file;
struct vfio_group;
struct dmabuf;

#define VFIO_GROUP_CHAINS 256

/* The machine's part. */
struct vfio {
	struct machine_part part;
	struct machine *machine;
	struct lock lock; /* RANK_VFIO */
	LIST_HEAD(, vfio_device) devices;
	LIST_HEAD(, vfio_group) groups[VFIO_GROUP_CHAINS]; /* by number */
};

/* A group: who has its devices, and on which context. */
struct vfio_group {
	struct machine_node node; /* vfio/N */
	LIST_ENTRY(vfio_group) link;
	struct vfio *vfio;
	unsigned int number;
	char path[24];
	struct vfio_group_file *opened; /* the one descriptor of it, or NULL */
	struct ctx *ctx;		/* that its devices are bound on, while `bound` > 0 */
	struct group *group;		/* of those that are */
	unsigned int bound;		/* devices, by the cdev or by the group */
	unsigned int cdevs_bound;	/* by the cdev */
};

/* An interrupt index: eventfds by vector. Guarded by the function's irqs.lock; changed with the VFIO lock too. */
struct vfio_vectors {
	struct host_event **events;
	unsigned int count;
};

struct vfio_device {
	struct machine_node node; /* vfio/devices/vfioN */
	LIST_ENTRY(vfio_device) link;
	struct vfio *vfio;
	struct vfio_group *group;
	unsigned int number;
	char path[32];
	struct pci_function *function;

	unsigned int users; /* files that it is open by: one cdev, or some of the group's */
	struct ctx *ctx;    /* a reference, while it is bound */
	struct device *device;

	struct vfio_vectors vectors;	    /* of the kind that is on: function->irqs.kind */
	struct host_event *unmask;	    /* unmasks INTx, or NULL */
	struct host_event *error, *request; /* of the ERR and REQ indices, or NULL */
	LIST_HEAD(, vfio_ioeventfd) ioeventfds;
	bool low_power;
	struct host_event *wakeup; /* for low power, or NULL */
	atomic_bool wakes; /* there is one: an access ends low power. Looked at without the lock */

	struct lock exports_lock;	  /* RANK_FILES; guards exports */
	LIST_HEAD(, vfio_export) exports; /* dma-bufs of its BARs */
};

/* A descriptor of a device: of the cdev, or one that a group has given. */
struct vfio_file {
	struct file file;
	struct vfio_device *device;
	struct machine *machine;       /* a reference */
	struct vfio_group_file *group; /* that it comes from, with a reference, or NULL */
	/* It may be used: set once, by BIND, or from the start. Looked at without the lock. */
	atomic_bool bound;
	atomic_ulong position; /* of read() and write() */
};

/* ---- life (device.c) ---- */

static inline struct vfio_file *vfio_file_of(struct file *file)
{
	return (struct vfio_file *)file;
}

extern const struct file_ops vfio_cdev_ops, vfio_group_device_ops;

/* A file of a device, not bound. -ENOMEM. */
int vfio_file_new(struct vfio_device *device, const struct file_ops *ops,
		  struct vfio_file **ret_file);
/*
 * The first user: binds the device to a context, and makes it ready to be used. -EPERM: its group is another context's; errors of
 * device_bind(), -ENOMEM, -EAGAIN; -ENODEV: it has gone, or is about to. With the VFIO lock.
 */
int vfio_open_device(struct vfio_device *device, struct ctx *ctx);
/* The last user has gone: resets and unbinds it. With the VFIO lock. */
void vfio_close_device(struct vfio_device *device);

/* Is it there, and vfio-pci's? Without a lock: it may go at once. */
bool vfio_present(const struct vfio_device *device);

/* ---- VF tokens (token.c); with the VFIO lock ---- */

struct vfio_token {
	uint64_t half[2]; /* the UUID's 16 bytes */
};

/* A UUID as text, "2ab74924-c335-45f4-9b16-8569e5b08258", at the start of `text`. -EINVAL. */
int vfio_token_parse(const char *text, struct vfio_token *ret_token);
#define VFIO_TOKEN_TEXT 36
/*
 * May it be opened with this token (NULL: none was given)? A physical function takes it over. -EACCES: it is the wrong one, or one is needed; -EINVAL: the
 * device has nothing to do with tokens.
 */
int vfio_token_check(struct vfio_device *device, const struct vfio_token *token);
/* A physical function's user sets it. -EBUSY: there are virtual functions in use. */
int vfio_token_set(struct vfio_device *device, const struct vfio_token *token);

/* ---- groups (group.c) ---- */

struct vfio_group_file;
/* The machine's group of this number, made if there is none. -ENOMEM. */
int vfio_group_get(struct vfio *vfio, unsigned int number, struct vfio_group **ret_group);
void vfio_group_file_put(struct vfio_group_file *file);

/* ---- ioctls; the device is open. 0 or positive, or -errno ---- */

typedef long vfio_handler(struct vfio_device *device, struct client *client, uint64_t arg);

long vfio_bind(struct vfio_file *file, struct client *client, uint64_t arg);
vfio_handler vfio_attach, vfio_detach;				     /* bind.c */
vfio_handler vfio_get_info, vfio_get_region_info, vfio_get_irq_info; /* info.c */
vfio_handler vfio_set_irqs;					     /* irq.c */
vfio_handler vfio_reset, vfio_get_hot_reset_info, vfio_hot_reset;    /* reset.c */
vfio_handler vfio_ioeventfd;					     /* ioeventfd.c */
vfio_handler vfio_feature;					     /* feature.c */

/*
 * Reads the head of a struct, `min` bytes that begin with its argsz: -EFAULT, -EINVAL if argsz is less than that.
 */
int vfio_read_head(struct client *client, void *head, uint64_t arg, size_t min);

/* ---- groups by descriptor (group.c) ---- */

#define VFIO_GROUP_LIST 32

struct vfio_group_list {
	unsigned int count;
	struct vfio_group *groups[VFIO_GROUP_LIST];
};

/* The groups that an array of s32 at the client names. -EFAULT; -EBADF; -EINVAL: no group of this machine. Without the VFIO lock. */
int vfio_group_list_read(struct vfio *vfio, struct client *client, uint64_t at, uint32_t count,
			 struct vfio_group_list *ret_list);
bool vfio_group_listed(const struct vfio_group_list *list, const struct vfio_group *group);

/* ---- resets, low power, dma-bufs, doorbells; with the VFIO lock ---- */

/* Resets the function; what was exported of its BARs is gone then. */
void vfio_reset_function(struct vfio_device *device);
void vfio_leave_low_power(struct vfio_device *device);
/*
 * Before an access of the user's: a device in low power that was to tell of its end is woken up, and tells (uapi/linux/vfio.h,
 * VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP). Without the VFIO lock.
 */
void vfio_wake(struct vfio_device *device);
/* FEATURE_DMA_BUF: `data` of `size` bytes at the client's. A descriptor, or -errno. Without the VFIO lock. */
long vfio_export(struct vfio_device *device, struct client *client, uint64_t data, uint64_t size);
/* Takes the memory away from who has it (or gives it back), as long as the device decodes it at all. */
void vfio_revoke_exports(struct vfio_device *device, bool revoked);
/* ... for ever. */
void vfio_end_exports(struct vfio_device *device);
void vfio_end_ioeventfds(struct vfio_device *device);

/* ---- regions (region.c) ---- */

#define VFIO_REGION_SHIFT 40

static inline uint64_t vfio_region_offset(unsigned int index)
{
	return (uint64_t)index << VFIO_REGION_SHIFT;
}

ssize_t vfio_read(struct file *file, struct client *client, uint64_t buf, size_t count,
		  int64_t pos);
ssize_t vfio_write(struct file *file, struct client *client, uint64_t buf, size_t count,
		   int64_t pos);
int vfio_mmap(struct file *file, struct client *client, struct file_mapping *mapping);

/* ---- interrupts (irq.c) ---- */

void vfio_irqs_init(struct vfio_device *device);
/* Takes down all of a device's interrupts. With the VFIO lock. */
void vfio_end_irqs(struct vfio_device *device);
/* How many interrupts an index has. -EINVAL: there is no such index. */
int vfio_irq_count(const struct vfio_device *device, unsigned int index, uint32_t *ret_count);

#endif
