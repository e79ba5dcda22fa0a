/* SPDX-License-Identifier: MIT */
/*
 * What an IOMMU model gives: the operations behind HWPTs, vIOMMUs and devices.
 *
 * Stage 2 needs nothing from a model but its limits: the IOAS's map is the page table (ioas/ioas.h). Models bring what
 * differs: hw_info, stage 1 in the user's memory, caches and their invalidation, virtual IOMMUs.
 *
 * All operations are called with the context's lock held unless said otherwise, return 0 or -errno, and see data from the user as a
 * private copy. An empty slot means -EOPNOTSUPP, decided once by the caller.
 */
#ifndef UIOMMUFD_IOMMU_IOMMU_H
#define UIOMMUFD_IOMMU_IOMMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pt/pt.h"

struct client;
struct domain;
struct iommu_dev;
struct object;
struct page_request;
struct viommu;

/* A typed data struct of the user: HWPT_ALLOC's and VIOMMU_ALLOC's `data_*`. */
struct user_data {
	struct client *client;
	uint32_t type;
	uint64_t uptr;
	uint32_t len;
};

/*
 * Copies the user's struct of this type: `min` is the size of its first version, `size` of ours. -EINVAL: another type, shorter
 * than min or longer than size; -EFAULT.
 */
int user_data_read(const struct user_data *data, uint32_t type, void *dst, size_t min, size_t size);

/* An array of invalidation requests. */
struct user_array {
	struct client *client;
	uint32_t type;
	uint64_t uptr;
	uint32_t entry_len;
	uint32_t entry_num;
	uint32_t done; /* out: how many were handled, also when the next one failed */
	/* For user_array_next(): room for entries that are copied ahead, and which of them are there. */
	void *ahead;
	uint32_t ahead_first, ahead_end;
};

#define USER_ARRAY_AHEAD 1024 /* bytes */

/*
 * The entry that is not done yet, in `ahead`, good until the next call. An entry that can't be read does not keep those before it from being handled. -EINVAL: entries
 * are not of `size` bytes, which is at most USER_ARRAY_AHEAD; -EFAULT.
 */
int user_array_next(struct user_array *array, size_t size, const void **ret_entry);
/*
 * Copies all entries, each of which may be shorter than `size` or longer, as structs of the uAPI may. -EFAULT; -E2BIG: what is too long
 * is not zero there.
 */
int user_array_read_all(const struct user_array *array, void *dst, size_t size);

enum iommu_capability {
	IOMMU_CAN_CACHE_COHERENCY,
	IOMMU_CAN_DIRTY_TRACKING,
	IOMMU_CAN_PASID_TABLES_BY_USER, /* a fault of an unattached PASID belongs to the RID's nested domain */
};

struct iommu_ops {
	bool (*capable)(struct iommu_dev *dev, enum iommu_capability cap);
	/*
	 * Fills `buf` (of *len bytes) with the information of *type (0: the model's own), says which type it is and its true
	 * length. -EOPNOTSUPP: another type. Empty: type NONE and nothing.
	 */
	int (*hw_info)(struct iommu_dev *dev, uint32_t *type, void *buf, size_t *len);
	/* A stage 2 (or only) page table. `flags`: IOMMU_HWPT_ALLOC_*, `data` may be NULL. */
	int (*alloc_paging)(struct iommu_dev *dev, uint32_t flags, const struct user_data *data,
			    struct domain **ret_domain);
	/* A stage 1 in the user's memory over a parent. */
	int (*alloc_nested)(struct iommu_dev *dev, struct domain *parent, uint32_t flags,
			    const struct user_data *data, struct domain **ret_domain);
	/* Puts `domain` behind a device's RID (pasid 0) or PASID, or takes away what is there (NULL: never fails). */
	int (*attach)(struct iommu_dev *dev, uint32_t pasid, struct domain *domain,
		      struct domain *old);
	/* Turns page requests on (the first fault-capable attachment) or off (the last). Empty: the device has none. */
	int (*enable_faults)(struct iommu_dev *dev, bool on);
	/* The answer to a page request group, which its last request names: IOMMUFD_PAGE_RESP_*. */
	void (*page_response)(struct iommu_dev *dev, const struct page_request *last, int code);
	/* The bytes of a model's struct viommu of this type, or 0: not supported. */
	size_t (*viommu_size)(struct iommu_dev *dev, uint32_t type);
	/* Sets up what viommu_size() made room for; gives the operations by viommu->ops. */
	int (*viommu_init)(struct viommu *viommu, struct domain *parent,
			   const struct user_data *data);
};

/* One access that stage 1 is asked to translate. */
struct stage1_request {
	uint32_t pasid; /* that the device sent; 0: none */
	uint32_t perm;	/* enum pt_perm */
	uint64_t iova;
	bool locked; /* the context's lock is held: findings of the sanitizer can be told */
	uint32_t hwpt_id, dev_id;
};

/* What stage 1 says. */
struct stage1 {
	uint64_t first, last; /* the page, as IOVAs */
	uint64_t address;     /* of `first`, to stage 2 */
	uint32_t perm;	      /* enum pt_perm: what it is known to allow, with what was asked for */
	/*
	 * A cache holds it, and may be asked cheaply if it still does: as long as *version is `seen`. NULL: it must not be remembered.
	 */
	const _Atomic uint64_t *version;
	uint64_t seen;
	bool recoverable; /* on -EFAULT: a page request may help */
	bool final; /* else: what stage 2 refuses is refused for good, no page request helps */
	/* On -EFAULT: why, in the model's own words, for its report(). */
	uint32_t reason;
	uint64_t detail;
};

struct domain_ops {
	/* Handles the entries in order until one fails; array->done counts. Nested domains. */
	int (*invalidate)(struct domain *domain, struct user_array *array);
	/*
	 * Translates by stage 1: nested domains. Called by DMA, without a lock but inside of a section that announces all addresses
	 * (container/hazard.h), or with the context's lock held; the domain is attached to the device. `memory` leads through stage 2.
	 * 0; -EFAULT (ret->recoverable); -EAGAIN of the memory.
	 */
	int (*translate)(struct domain *domain, struct iommu_dev *dev,
			 const struct stage1_request *request, const struct pt_memory *memory,
			 struct stage1 *ret);
	/*
	 * The access that translate() refused so has failed: nobody takes a page request of it, or that did not help. With the context's lock
	 * held. Empty: nobody is told.
	 */
	void (*report)(struct domain *domain, struct iommu_dev *dev,
		       const struct stage1_request *request, const struct stage1 *stage1);
	void (*free)(struct domain *domain);
};

/* A page table of a model: embedded in its own struct. */
struct domain {
	const struct domain_ops *ops;
	const struct iommu_ops *owner; /* the model that made it */
	uint64_t first, last;	       /* the aperture (paging) */
	uint64_t page_sizes;	       /* bitmap (paging) */
	bool coherent;		       /* enforces cache coherency */
	bool dirty_tracking;	       /* was made with IOMMU_HWPT_ALLOC_DIRTY_TRACKING (paging) */
};

/* A range of IOVAs that a device's own addressing takes (MSI window and the like). */
struct reserved_region {
	uint64_t first, last;
};

/* A device as its IOMMU sees it: embedded in the model's own struct. */
struct iommu_dev {
	const struct iommu_ops *ops;
	void *iommu;	     /* which of the model's IOMMUs: nesting objects must agree */
	uint32_t max_pasids; /* 0: none */
	bool ats_not_supported;
	bool stalls; /* a fault holds its one access up; else a page request (PRI) asks for pages ahead, too */
	bool no_page_requests;	     /* its faults never wait, whatever it is attached to */
	const char *name;	     /* for reports; NULL: none */
	bool pasid_exec, pasid_priv; /* the device's PASID capability has these permissions */
	const struct reserved_region *reserved; /* n_reserved of them, constant */
	size_t n_reserved;
};

#endif
