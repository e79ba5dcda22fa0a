/* SPDX-License-Identifier: MIT */
/*
 * The mock IOMMU and its test command, as a kernel built with CONFIG_IOMMUFD_TEST has them.
 *
 * The mock is an IOMMU model like the others: a machine that has it offers mock devices and this
 * one ioctl on /dev/iommu, which makes devices, plays their DMA, faults and events, and looks at
 * page tables, pins and caches from outside. The kernel's selftests are written on it. Names and
 * layouts are those that they use; a test holds them against the kernel's.
 */
#ifndef UIOMMUFD_MOCK_H
#define UIOMMUFD_MOCK_H

#include <uiommufd/iommufd.h>

/* ---- What the mock hardware is ---- */

enum {
	MOCK_PAGE_SIZE = 2048,
	MOCK_HUGE_PAGE_SIZE = 512 * MOCK_PAGE_SIZE,
	MOCK_APERTURE_START = 1UL << 24,
	MOCK_APERTURE_LAST = (1UL << 31) - 1,
	MOCK_PASID_WIDTH = 20,
};

enum {
	MOCK_NESTED_DOMAIN_IOTLB_ID_MAX = 3,
	MOCK_NESTED_DOMAIN_IOTLB_NUM = 4, /* entries of a nested HWPT's IOTLB */
	MOCK_DEV_CACHE_ID_MAX = 3,
	MOCK_DEV_CACHE_NUM = 4, /* entries of a device's cache */
};

/* Entries hold these until they are invalidated; then 0. */
#define IOMMU_TEST_IOTLB_DEFAULT     0xbadbeef
#define IOMMU_TEST_DEV_CACHE_DEFAULT 0xbaddad

/* IOMMU_GET_HW_INFO. */
#define IOMMU_HW_INFO_TYPE_SELFTEST   0xfeedbeef
#define IOMMU_HW_INFO_SELFTEST_REGVAL 0xdeadbeef
struct iommu_test_hw_info {
	__u32 flags;
	__u32 test_reg;
};

/* IOMMU_HWPT_ALLOC: a nested HWPT's IOTLB starts with `iotlb` in each entry; a paging HWPT is of a
 * pagetable_type. */
#define IOMMU_HWPT_DATA_SELFTEST 0xdead
enum {
	MOCK_IOMMUPT_DEFAULT = 0, /* MOCK_PAGE_SIZE and MOCK_HUGE_PAGE_SIZE, within the aperture */
	MOCK_IOMMUPT_HUGE = 1,	  /* 4 KiB and larger, within [0, 2^38 - 1] */
};
struct iommu_hwpt_selftest {
	__u32 iotlb;
	__u32 pagetable_type;
};

/* IOMMU_HWPT_INVALIDATE of a nested HWPT, and of a vIOMMU (a device's cache). */
#define IOMMU_TEST_INVALIDATE_FLAG_ALL		      (1 << 0) /* all entries, else the one named */
#define IOMMU_HWPT_INVALIDATE_DATA_SELFTEST	      0xdeadbeef
#define IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID   0xdadbeef
#define IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST	      0xdeadbeef
#define IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST_INVALID 0xdadbeef
struct iommu_hwpt_invalidate_selftest {
	__u32 flags;
	__u32 iotlb_id;
};
struct iommu_viommu_invalidate_selftest {
	__u32 flags;
	__u32 vdev_id;
	__u32 cache_id;
};

/* IOMMU_VIOMMU_ALLOC: out_data repeats in_data, which is also the first word of the region that can
 * be mapped. */
#define IOMMU_VIOMMU_TYPE_SELFTEST 0xdeadbeef
struct iommu_viommu_selftest {
	__u32 in_data;
	__u32 out_data;
	__aligned_u64 out_mmap_offset;
	__aligned_u64 out_mmap_length;
};

/* IOMMU_VEVENTQ_ALLOC. */
#define IOMMU_VEVENTQ_TYPE_SELFTEST 0xbeefbeef
struct iommu_viommu_event_selftest {
	__u32 virt_id;
};

/* IOMMU_HW_QUEUE_ALLOC: index 0, then 1. */
#define IOMMU_HW_QUEUE_TYPE_SELFTEST 0xdeadbeef
#define IOMMU_TEST_HW_QUEUE_MAX	     2

/* ---- The test command ---- */

enum {
	IOMMU_TEST_OP_ADD_RESERVED = 1,
	IOMMU_TEST_OP_MOCK_DOMAIN = 2,
	IOMMU_TEST_OP_MD_CHECK_MAP = 3,
	IOMMU_TEST_OP_MD_CHECK_REFS = 4,
	IOMMU_TEST_OP_CREATE_ACCESS = 5,
	IOMMU_TEST_OP_DESTROY_ACCESS_PAGES = 6,
	IOMMU_TEST_OP_ACCESS_PAGES = 7,
	IOMMU_TEST_OP_ACCESS_RW = 8,
	IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT = 9,
	IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE = 10,
	IOMMU_TEST_OP_ACCESS_REPLACE_IOAS = 11,
	IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS = 12,
	IOMMU_TEST_OP_DIRTY = 13,
	IOMMU_TEST_OP_MD_CHECK_IOTLB = 14,
	IOMMU_TEST_OP_TRIGGER_IOPF = 15,
	IOMMU_TEST_OP_DEV_CHECK_CACHE = 16,
	IOMMU_TEST_OP_TRIGGER_VEVENT = 17,
	IOMMU_TEST_OP_PASID_ATTACH = 18,
	IOMMU_TEST_OP_PASID_REPLACE = 19,
	IOMMU_TEST_OP_PASID_DETACH = 20,
	IOMMU_TEST_OP_PASID_CHECK_HWPT = 21,
	IOMMU_TEST_OP_DMABUF_GET = 22,
	IOMMU_TEST_OP_DMABUF_REVOKE = 23,
};

/* MOCK_DOMAIN_FLAGS: the device lacks dirty tracking; it has PASIDs. */
enum {
	MOCK_FLAGS_DEVICE_NO_DIRTY = 1 << 0,
	MOCK_FLAGS_DEVICE_PASID = 1 << 2,
};

/* CREATE_ACCESS: it will pin, so the IOAS is kept page-aligned. */
enum {
	MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES = 1 << 0,
};

/* ACCESS_PAGES: pin for writing. */
enum {
	MOCK_FLAGS_ACCESS_WRITE = 1 << 0,
	MOCK_FLAGS_ACCESS_SYZ =
		1 << 16, /* iova: the number of an area, and from bit 32 an offset */
};

/* ACCESS_RW: write to the IOAS; pin each page instead of going by the caller's address space. */
enum {
	MOCK_ACCESS_RW_WRITE = 1 << 0,
	MOCK_ACCESS_RW_SLOW_PATH = 1 << 2,
};

/*
 * IOMMU_TEST_CMD. `id` is what each operation names first: see there. uptr is an address of the
 * caller.
 *
 * ENOENT: no such id; EOPNOTSUPP: no such op; others at the operation.
 */
struct iommu_test_cmd {
	__u32 size;
	__u32 op;
	__u32 id;
	__u32 __reserved;
	union {
		/* id: IOAS. Excludes a range. EADDRINUSE: mapped or allowed. EINVAL: length 0. */
		struct {
			__aligned_u64 start;
			__aligned_u64 length;
		} add_reserved;
		/* id: IOAS or HWPT. Makes a device and attaches it. */
		struct {
			__u32 out_stdev_id; /* for the other operations */
			__u32 out_hwpt_id;
			__u32 out_idev_id; /* the device object, for the ioctls */
		} mock_domain;
		struct {
			__u32 out_stdev_id;
			__u32 out_hwpt_id;
			__u32 out_idev_id;
			__u32 dev_flags; /* MOCK_FLAGS_DEVICE_* */
		} mock_domain_flags;
		/* id: device (stdev). pt_id comes back as the HWPT. */
		struct {
			__u32 pt_id;
		} mock_domain_replace;
		/* id: HWPT. Does it translate the range to the caller's memory at uptr? EINVAL: no.
		 */
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
		} check_map;
		/* Is every page of the caller's memory pinned `refs` times? EIO: no. */
		struct {
			__aligned_u64 length;
			__aligned_u64 uptr;
			__u32 refs;
		} check_refs;
		/* id: IOAS. Gives a descriptor, of an in-process access to the IOAS. */
		struct {
			__u32 out_access_fd;
			__u32 flags; /* MOCK_FLAGS_ACCESS_CREATE_* */
		} create_access;
		/* id: access descriptor. Unpins. ENOENT: an unmap has done so. */
		struct {
			__u32 access_pages_id;
		} destroy_access_pages;
		/* id: access descriptor. Pins, and compares with the caller's memory at uptr.
		 * EBADE: not the same. */
		struct {
			__u32 flags; /* MOCK_FLAGS_ACCESS_WRITE */
			__u32 out_access_pages_id;
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
		} access_pages;
		/* id: access descriptor. Copies between the IOAS and uptr. */
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
			__u32 flags; /* MOCK_ACCESS_RW_* */
		} access_rw;
		/* Bounds temporary memory, so that long operations are cut into more steps. EINVAL:
		 * too little. */
		struct {
			__u32 limit;
		} memory_limit;
		/* id: access descriptor. 0 detaches it. */
		struct {
			__u32 ioas_id;
		} access_replace_ioas;
		/* id: HWPT. Makes pages dirty that the bitmap at uptr names. EINVAL: tracking is
		 * off. */
		struct {
			__u32 flags;
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 page_size;
			__aligned_u64 uptr;
			__aligned_u64 out_nr_dirty;
		} dirty;
		/* id: nested HWPT. EINVAL: its IOTLB's entry `id` is not `iotlb`. */
		struct {
			__u32 id;
			__u32 iotlb;
		} check_iotlb;
		/* The device (idev) asks for a page. */
		struct {
			__u32 dev_id;
			__u32 pasid;
			__u32 grpid;
			__u32 perm;
			__u64 addr;
		} trigger_iopf;
		/* id: device (idev). EINVAL: its cache's entry `id` is not `cache`. */
		struct {
			__u32 id;
			__u32 cache;
		} check_dev_cache;
		/* The device (idev) causes an event of its vIOMMU. ENOENT: it is attached through
		 * none. */
		struct {
			__u32 dev_id;
		} trigger_vevent;
		/* id: device (stdev). */
		struct {
			__u32 pasid;
			__u32 pt_id;
		} pasid_attach;
		struct {
			__u32 pasid;
			__u32 pt_id;
		} pasid_replace;
		struct {
			__u32 pasid;
		} pasid_detach;
		/* id: device (stdev). EINVAL: the PASID is attached to something else; hwpt_id 0:
		 * to anything. */
		struct {
			__u32 pasid;
			__u32 hwpt_id;
		} pasid_check;
		/* The ioctl's result is a descriptor of a new dma-buf, as a device would export
		 * one. */
		struct {
			__u32 length;
			__u32 open_flags;
		} dmabuf_get;
		struct {
			__s32 dmabuf_fd;
			__u32 revoked;
		} dmabuf_revoke;
	};
	__u32 last;
};
#define IOMMU_TEST_CMD _IO(IOMMUFD_TYPE, IOMMUFD_CMD_BASE + 32)

#endif
