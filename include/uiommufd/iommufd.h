/* SPDX-License-Identifier: MIT */
/*
 * The IOMMUFD uAPI: the ioctls of /dev/iommu, as Linux 7.3 has them.
 *
 * Names, numbers and layouts are the kernel's, so that a program written for <linux/iommufd.h>
 * compiles with this header too; the text is ours and says what each call does here. A test holds
 * every size, offset and value against the kernel's own header.
 *
 * It shares the include guard of <linux/iommufd.h> (both spellings: in the kernel's tree and as
 * installed), so a program may include both, in either order: the first one counts. If an old
 * <linux/iommufd.h> came first, what it lacks is missing: then include this one before it.
 *
 * Rules for every ioctl of this file
 *  - The argument is a struct whose first field is `size`: the caller's sizeof. A shorter struct
 *    than today's is taken, down to that of the ioctl's first version, and what is missing counts
 *    as zero; in a longer one the unknown tail must be zero. Fields named out_* are written back,
 *    as are others where the text says so, never beyond `size`.
 *  - Objects have ids, one number space for each open /dev/iommu: from 1, the lowest free number
 *    first. 0 is no object.
 *  - IOVA ranges are given as start and length, or as start and last (inclusive). All addresses
 *    and lengths are bytes.
 *  - The result is 0, or -1 and errno. Beside those named at each ioctl, any of them can give:
 *      EFAULT      the struct, or memory that it names, can't be read or written
 *      EINVAL      `size` is less than the first version's
 *      E2BIG       the unknown tail of the struct is not zero
 *      EOPNOTSUPP  a flag, type or reserved field holds a value that is not known here
 *      ENOENT      an id names no object, or one of the wrong kind
 *      ENOMEM      no memory
 *      ENOTTY      no such ioctl
 */
#if !defined(_UAPI_IOMMUFD_H) && !defined(_IOMMUFD_H)
#define _UAPI_IOMMUFD_H
#define _IOMMUFD_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IOMMUFD_TYPE (';')

enum {
	IOMMUFD_CMD_BASE = 0x80,
	IOMMUFD_CMD_DESTROY = IOMMUFD_CMD_BASE,
	IOMMUFD_CMD_IOAS_ALLOC = 0x81,
	IOMMUFD_CMD_IOAS_ALLOW_IOVAS = 0x82,
	IOMMUFD_CMD_IOAS_COPY = 0x83,
	IOMMUFD_CMD_IOAS_IOVA_RANGES = 0x84,
	IOMMUFD_CMD_IOAS_MAP = 0x85,
	IOMMUFD_CMD_IOAS_UNMAP = 0x86,
	IOMMUFD_CMD_OPTION = 0x87,
	IOMMUFD_CMD_VFIO_IOAS = 0x88,
	IOMMUFD_CMD_HWPT_ALLOC = 0x89,
	IOMMUFD_CMD_GET_HW_INFO = 0x8a,
	IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING = 0x8b,
	IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP = 0x8c,
	IOMMUFD_CMD_HWPT_INVALIDATE = 0x8d,
	IOMMUFD_CMD_FAULT_QUEUE_ALLOC = 0x8e,
	IOMMUFD_CMD_IOAS_MAP_FILE = 0x8f,
	IOMMUFD_CMD_VIOMMU_ALLOC = 0x90,
	IOMMUFD_CMD_VDEVICE_ALLOC = 0x91,
	IOMMUFD_CMD_IOAS_CHANGE_PROCESS = 0x92,
	IOMMUFD_CMD_VEVENTQ_ALLOC = 0x93,
	IOMMUFD_CMD_HW_QUEUE_ALLOC = 0x94,
	IOMMUFD_CMD_IOAS_NOIOMMU_GET_PA = 0x95,
};

/* ---- Objects
 * ------------------------------------------------------------------------------------------------
 */

/*
 * IOMMU_DESTROY: takes the object `id` away.
 *
 * EBUSY: something still uses it. A device stays in use until its driver unbinds it, a fault queue
 * or event queue until its descriptor is closed, an IOAS while a page table is filled from it, a
 * page table while devices are attached.
 */
struct iommu_destroy {
	__u32 size;
	__u32 id;
};
#define IOMMU_DESTROY _IO(IOMMUFD_TYPE, IOMMUFD_CMD_DESTROY)

/* ---- IOAS: an I/O address space, the map from IOVA to memory ---- */

/* IOMMU_IOAS_ALLOC: makes an empty IOAS. flags: 0. */
struct iommu_ioas_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_ioas_id;
};
#define IOMMU_IOAS_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_ALLOC)

/* [start, last], both included. */
struct iommu_iova_range {
	__aligned_u64 start;
	__aligned_u64 last;
};

/*
 * IOMMU_IOAS_IOVA_RANGES: which IOVAs can be mapped: all but those that attached devices and page
 * tables exclude.
 *
 * allowed_iovas: address of an array of num_iovas struct iommu_iova_range to fill, in rising order.
 * num_iovas comes back as the number that there are, also when the array is too short.
 * out_iova_alignment: every IOVA, length and offset into a page has to be a multiple of it (a power
 * of two).
 *
 * Both answers change when devices are attached and detached, so ask after attaching.
 *
 * EMSGSIZE: the array is too short; as much as fits was written, and num_iovas.
 */
struct iommu_ioas_iova_ranges {
	__u32 size;
	__u32 ioas_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
	__aligned_u64 out_iova_alignment;
};
#define IOMMU_IOAS_IOVA_RANGES _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_IOVA_RANGES)

/*
 * IOMMU_IOAS_ALLOW_IOVAS: IOVAs that have to stay usable, and to which automatic placement is
 * limited from now on.
 *
 * allowed_iovas: address of an array of num_iovas struct iommu_iova_range; it replaces the former
 * list, an empty one takes it away. A device that would exclude a part of it can't be attached any
 * more.
 *
 * Existing mappings and IOMMU_IOAS_MAP_FIXED_IOVA are not limited by the list.
 *
 * EINVAL: a range has start >= last, or overlaps an earlier one. EADDRINUSE: a part is excluded
 * already; the former list stays.
 */
struct iommu_ioas_allow_iovas {
	__u32 size;
	__u32 ioas_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
};
#define IOMMU_IOAS_ALLOW_IOVAS _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_ALLOW_IOVAS)

/* Flags of MAP, MAP_FILE and COPY. At least one of WRITEABLE and READABLE (seen from the device) is
 * needed. */
enum iommufd_ioas_map_flags {
	IOMMU_IOAS_MAP_FIXED_IOVA =
		1 << 0, /* at the IOVA given; else one is chosen and written back */
	IOMMU_IOAS_MAP_WRITEABLE = 1 << 1,
	IOMMU_IOAS_MAP_READABLE = 1 << 2,
};

/*
 * IOMMU_IOAS_MAP: maps the caller's memory [user_va, user_va + length) at `iova`.
 *
 * The memory is pinned as soon as a page table is filled from the IOAS, until the unmap. Without
 * one it isn't looked at, and a bad address is found only when the first device is attached. A
 * chosen IOVA is the lowest that fits, is never 0 and is aligned as its memory is, so that large
 * pages can be used.
 *
 * EINVAL: length 0, no permission asked for, user_va, length or a fixed iova not aligned
 * (IOMMU_IOAS_IOVA_RANGES). EOVERFLOW: a range runs over the end of the address space. EEXIST:
 * something is mapped there. EINVAL: a fixed IOVA is excluded. ENOSPC: no room for an automatic
 * one. EFAULT: the memory can't be pinned with these permissions. ENOMEM: beyond RLIMIT_MEMLOCK.
 */
struct iommu_ioas_map {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 __reserved;
	__aligned_u64 user_va;
	__aligned_u64 length;
	__aligned_u64 iova;
};
#define IOMMU_IOAS_MAP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_MAP)

/*
 * IOMMU_IOAS_MAP_FILE: maps [start, start + length) of a memfd, shared memory or hugetlbfs file, or
 * of a dma-buf.
 *
 * The IOAS holds the file, not the descriptor and not the caller's memory: it survives close() and
 * exec(), and is what IOMMU_IOAS_CHANGE_PROCESS wants.
 *
 * As IOMMU_IOAS_MAP, and EBADF: fd is not open. EINVAL, when it comes to pinning: not such a file,
 * or past its end, or beyond a dma-buf's size. EOPNOTSUPP: a dma-buf of another exporter than a
 * VFIO device. ENODEV: it was revoked.
 */
struct iommu_ioas_map_file {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__s32 fd;
	__aligned_u64 start;
	__aligned_u64 length;
	__aligned_u64 iova;
};
#define IOMMU_IOAS_MAP_FILE _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_MAP_FILE)

/*
 * IOMMU_IOAS_COPY: maps in dst_ioas_id what is mapped in src_ioas_id at [src_iova, src_iova +
 * length).
 *
 * The memory is shared with the source: pinned once, charged once. Any part of the source can be
 * taken, also across several mappings that touch. Both may be the same IOAS. flags are those of the
 * new mapping; dst_iova comes back.
 *
 * As IOMMU_IOAS_MAP, and ENOENT: not everything in the source range is mapped. EPERM: WRITEABLE,
 * but the memory was first mapped without it.
 */
struct iommu_ioas_copy {
	__u32 size;
	__u32 flags;
	__u32 dst_ioas_id;
	__u32 src_ioas_id;
	__aligned_u64 length;
	__aligned_u64 dst_iova;
	__aligned_u64 src_iova;
};
#define IOMMU_IOAS_COPY _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_COPY)

/*
 * IOMMU_IOAS_UNMAP: takes away every mapping inside [iova, iova + length). 0 and 2^64 - 1 take away
 * all.
 *
 * When it returns, no DMA to that memory is running and none can start. length comes back as the
 * bytes unmapped. A mapping is never cut: one that reaches out of the range is ENOENT, and those
 * below it are gone already then.
 *
 * ENOENT: nothing is mapped there. EBUSY: a mapping is still being made, or a hardware queue lies
 * in it. EINVAL, EOVERFLOW: a bad range. EDEADLOCK: an in-process user of the memory does not let
 * go.
 */
struct iommu_ioas_unmap {
	__u32 size;
	__u32 ioas_id;
	__aligned_u64 iova;
	__aligned_u64 length;
};
#define IOMMU_IOAS_UNMAP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_UNMAP)

/*
 * IOMMU_IOAS_CHANGE_PROCESS: all pinned memory of this /dev/iommu is charged to the calling process
 * from now on, after an exec() or when the descriptor was passed on. All or nothing.
 *
 * EINVAL: a mapping is not of a file (IOMMU_IOAS_MAP_FILE). EBUSY: a mapping is still being made.
 * ENOMEM: beyond the caller's RLIMIT_MEMLOCK.
 */
struct iommu_ioas_change_process {
	__u32 size;
	__u32 __reserved;
};
#define IOMMU_IOAS_CHANGE_PROCESS _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_CHANGE_PROCESS)

/*
 * IOMMU_IOAS_NOIOMMU_GET_PA: the physical address behind an IOVA, for a device without IOMMU that
 * has to be told it.
 *
 * length: how much to look at; comes back as what is contiguous from there. Needs CAP_SYS_RAWIO
 * (EPERM).
 *
 * EOPNOTSUPP: no device without IOMMU is attached to the IOAS. ENOENT: not mapped. EINVAL: length
 * 0, or a revoked dma-buf. EOVERFLOW: a bad iova.
 */
struct iommu_ioas_noiommu_get_pa {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 out_phys;
};
#define IOMMU_IOAS_NOIOMMU_GET_PA _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_NOIOMMU_GET_PA)

/* ---- Options and the VFIO compatibility IOAS ---- */

enum iommufd_option {
	/*
	 * Whom pinned memory is charged to: 0, the user (default); 1, the process, as VFIO does.
	 * object_id: 0. Setting needs CAP_SYS_RESOURCE (EPERM) and has to come before any object
	 * exists (EBUSY).
	 */
	IOMMU_OPTION_RLIMIT_MODE = 0,
	/*
	 * 1 (default): page tables use large pages where they can. 0: only PAGE_SIZE. object_id: an
	 * IOAS. EINVAL for 0 when the IOAS has a page table and a mapping; EADDRINUSE when a
	 * mapping isn't page-aligned.
	 */
	IOMMU_OPTION_HUGE_PAGES = 1,
};

enum iommufd_option_ops {
	IOMMU_OPTION_OP_SET = 0,
	IOMMU_OPTION_OP_GET = 1,
};

/* IOMMU_OPTION: sets option_id to val64, or reads it into val64. EINVAL: no such value. */
struct iommu_option {
	__u32 size;
	__u32 option_id;
	__u16 op;
	__u16 __reserved;
	__u32 object_id;
	__aligned_u64 val64;
};
#define IOMMU_OPTION _IO(IOMMUFD_TYPE, IOMMUFD_CMD_OPTION)

enum iommufd_vfio_ioas_op {
	IOMMU_VFIO_IOAS_GET = 0,
	IOMMU_VFIO_IOAS_SET = 1,
	IOMMU_VFIO_IOAS_CLEAR = 2,
};

/*
 * IOMMU_VFIO_IOAS: the IOAS that the VFIO container ioctls (uiommufd/vfio.h) of this descriptor
 * work on. Read into ioas_id, set from it, or forgotten. ENODEV: GET, and none is set.
 */
struct iommu_vfio_ioas {
	__u32 size;
	__u32 ioas_id;
	__u16 op;
	__u16 __reserved;
};
#define IOMMU_VFIO_IOAS _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VFIO_IOAS)

/* ---- HWPT: a page table that devices are attached to ---- */

enum iommufd_hwpt_alloc_flags {
	IOMMU_HWPT_ALLOC_NEST_PARENT = 1 << 0, /* can be the stage 2 below nested HWPTs */
	IOMMU_HWPT_ALLOC_DIRTY_TRACKING = 1
					  << 1, /* only devices that can track dirty pages attach */
	IOMMU_HWPT_FAULT_ID_VALID = 1 << 2,	/* page requests go to fault_id */
	IOMMU_HWPT_ALLOC_PASID = 1 << 3,	/* can be attached to a PASID */
};

/* VT-d first stage: bits of iommu_hwpt_vtd_s1.flags, each named after its bit in the PASID-table
 * entry. */
enum iommu_hwpt_vtd_s1_flags {
	IOMMU_VTD_S1_SRE = 1 << 0,  /* supervisor requests are taken */
	IOMMU_VTD_S1_EAFE = 1 << 1, /* the extended accessed bit is set */
	IOMMU_VTD_S1_WPE = 1 << 2,  /* supervisor writes obey the write permission */
};

/* IOMMU_HWPT_DATA_VTD_S1. */
struct iommu_hwpt_vtd_s1 {
	__aligned_u64 flags;
	__aligned_u64 pgtbl_addr; /* guest physical address of the top table */
	__u32 addr_width;	  /* of the input: 48 (4 levels) or 57 (5) */
	__u32 __reserved;
};

/*
 * IOMMU_HWPT_DATA_ARM_SMMUV3: the first two words of the guest's stream table entry. Word 0 may
 * hold V, Config, S1Fmt, S1ContextPtr, S1CDMax; word 1 EATS, S1DSS, S1CIR, S1COR, S1CSH, S1STALLD.
 * EIO: another bit is set, or Config or EATS is not one that a guest may use.
 */
struct iommu_hwpt_arm_smmuv3 {
	__aligned_le64 ste[2];
};

/* IOMMU_HWPT_DATA_AMD_GUEST: the guest's device table entry. */
struct iommu_hwpt_amd_guest {
	__aligned_u64 dte[4];
};

enum iommu_hwpt_data_type {
	IOMMU_HWPT_DATA_NONE = 0,
	IOMMU_HWPT_DATA_VTD_S1 = 1,
	IOMMU_HWPT_DATA_ARM_SMMUV3 = 2,
	IOMMU_HWPT_DATA_AMD_GUEST = 3,
};

/*
 * IOMMU_HWPT_ALLOC: makes a page table for the IOMMU of device dev_id.
 *
 * pt_id says what it translates with:
 *   an IOAS        a paging HWPT, filled from the IOAS. data_type: NONE, as a rule.
 *   a paging HWPT  a nested one: stage 1 is the guest's own tables, which data describes, stage 2
 *                  is pt_id (made with NEST_PARENT).
 *   a vIOMMU       the same, on the vIOMMU's stage 2.
 * data_uptr, data_len: the struct for data_type; NONE goes with length 0 and only with it.
 * fault_id: a fault queue, with IOMMU_HWPT_FAULT_ID_VALID.
 *
 * EINVAL: no such pt_id or one of another kind, a parent that can't be one, a vIOMMU of another
 * IOMMU, data of a wrong length. EOPNOTSUPP: a flag, combination or data_type that this IOMMU
 * hasn't. EADDRINUSE: a mapping lies outside of what the page table can translate. EFAULT, ENOMEM:
 * as for IOMMU_IOAS_MAP, from pinning what is mapped.
 */
struct iommu_hwpt_alloc {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 pt_id;
	__u32 out_hwpt_id;
	__u32 __reserved;
	__u32 data_type;
	__u32 data_len;
	__aligned_u64 data_uptr;
	__u32 fault_id;
	__u32 __reserved2; /* not looked at */
};
#define IOMMU_HWPT_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_ALLOC)

enum iommufd_hwpt_set_dirty_tracking_flags {
	IOMMU_HWPT_DIRTY_TRACKING_ENABLE = 1,
};

/*
 * IOMMU_HWPT_SET_DIRTY_TRACKING: starts (everything counts as clean then) or stops recording of the
 * pages that devices write. EOPNOTSUPP: hwpt_id was not made with IOMMU_HWPT_ALLOC_DIRTY_TRACKING.
 */
struct iommu_hwpt_set_dirty_tracking {
	__u32 size;
	__u32 flags;
	__u32 hwpt_id;
	__u32 __reserved; /* not looked at */
};
#define IOMMU_HWPT_SET_DIRTY_TRACKING _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING)

enum iommufd_hwpt_get_dirty_bitmap_flags {
	IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR = 1, /* leave them dirty */
};

/*
 * IOMMU_HWPT_GET_DIRTY_BITMAP: which pages of [iova, iova + length) were written; they are clean
 * afterwards.
 *
 * data: address of a bitmap, one bit for page_size bytes, the first bit of the first byte for
 * `iova`. Bits are only ever set, never cleared. An entry of the page table that is larger than
 * page_size sets all of its bits.
 * A hole in the range ends the walk, without an error: ask for what is mapped.
 *
 * EINVAL: length or page_size 0, a range that is not aligned to the IOAS's alignment and to
 * page_size. EOVERFLOW: it runs over the end. EOPNOTSUPP: as for IOMMU_HWPT_SET_DIRTY_TRACKING.
 */
struct iommu_hwpt_get_dirty_bitmap {
	__u32 size;
	__u32 hwpt_id;
	__u32 flags;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 page_size;
	__aligned_u64 data;
};
#define IOMMU_HWPT_GET_DIRTY_BITMAP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP)

enum iommu_hwpt_invalidate_data_type {
	IOMMU_HWPT_INVALIDATE_DATA_VTD_S1 = 0,	     /* to a nested HWPT */
	IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3 = 1, /* to a vIOMMU */
};

enum iommu_hwpt_vtd_s1_invalidate_flags {
	IOMMU_VTD_INV_FLAGS_LEAF = 1 << 0, /* only leaf entries have changed */
};

/* IOMMU_HWPT_INVALIDATE_DATA_VTD_S1: addr is a multiple of 4096; npages counts 4 KiB; 0 and 2^64 -
 * 1 mean everything. */
struct iommu_hwpt_vtd_s1_invalidate {
	__aligned_u64 addr;
	__aligned_u64 npages;
	__u32 flags;
	__u32 __reserved;
};

/*
 * IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3: a command of the guest's queue: TLBI_NSNH_ALL, _NH_VA,
 * _NH_VAA, _NH_ALL, _NH_ASID, ATC_INV, CFGI_CD, CFGI_CD_ALL. A StreamID in it is a vDEVICE's
 * virt_id. EIO: another command, or one with bits that it may not have.
 */
struct iommu_viommu_arm_smmuv3_invalidate {
	__aligned_le64 cmd[2];
};

/*
 * IOMMU_HWPT_INVALIDATE: the guest has changed its tables: what is cached of them is dropped.
 * hwpt_id is a nested HWPT or a vIOMMU. When it returns, no DMA through a dropped translation is
 * running.
 *
 * data_uptr: address of entry_num entries of entry_len bytes each, of the type data_type. They are
 * done in order up to the first bad one; entry_num comes back as the number done, with an error
 * too.
 *
 * EINVAL: hwpt_id is something else, data_type does not fit it, entry_len is 0 or above 4096, more
 * than 2^19 entries. EOPNOTSUPP: the vIOMMU takes no invalidations, or a flag is not known.
 */
struct iommu_hwpt_invalidate {
	__u32 size;
	__u32 hwpt_id;
	__aligned_u64 data_uptr;
	__u32 data_type;
	__u32 entry_len;
	__u32 entry_num;
	__u32 __reserved;
};
#define IOMMU_HWPT_INVALIDATE _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_INVALIDATE)

/* ---- What a device's IOMMU is ---- */

enum iommu_hw_info_vtd_flags {
	/* Stage 2 write permission must not be relied on below a read-only mapping: map the parent
	   writeable. */
	IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17 = 1 << 0,
};

/* IOMMU_HW_INFO_TYPE_INTEL_VTD: the capability registers as the hardware has them. */
struct iommu_hw_info_vtd {
	__u32 flags;
	__u32 __reserved;
	__aligned_u64 cap_reg;
	__aligned_u64 ecap_reg;
};

enum iommu_hw_info_arm_smmuv3_flags {
	/* TLBI and CFGI commands have to be given twice. */
	IOMMU_HW_INFO_ARM_SMMUV3_ERRATA_REPEAT_TLBI_CFGI = 1 << 0,
};

/* IOMMU_HW_INFO_TYPE_ARM_SMMUV3: IDR0 to IDR5, IIDR and AIDR as the hardware has them. */
struct iommu_hw_info_arm_smmuv3 {
	__u32 flags;
	__u32 __reserved;
	__u32 idr[6];
	__u32 iidr;
	__u32 aidr;
};

/* IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV: what a virtual interface of the command-queue virtualisation
 * has. */
struct iommu_hw_info_tegra241_cmdqv {
	__u32 flags;
	__u8 version;
	__u8 log2vcmdqs; /* log2 of its number of queues */
	__u8 log2vsids;	 /* log2 of its number of virtual stream ids */
	__u8 __reserved;
};

/* IOMMU_HW_INFO_TYPE_AMD: the extended feature registers. */
struct iommu_hw_info_amd {
	__aligned_u64 efr;
	__aligned_u64 efr2;
};

enum iommu_hw_info_type {
	IOMMU_HW_INFO_TYPE_NONE = 0,
	IOMMU_HW_INFO_TYPE_DEFAULT = 0, /* as in_data_type: whatever the IOMMU is */
	IOMMU_HW_INFO_TYPE_INTEL_VTD = 1,
	IOMMU_HW_INFO_TYPE_ARM_SMMUV3 = 2,
	IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV = 3,
	IOMMU_HW_INFO_TYPE_AMD = 4,
};

enum iommufd_hw_capabilities {
	IOMMU_HW_CAP_DIRTY_TRACKING = 1 << 0,
	IOMMU_HW_CAP_PCI_PASID_EXEC = 1
				      << 1, /* the device's PASID capability: execute permission */
	IOMMU_HW_CAP_PCI_PASID_PRIV = 1 << 2,	     /* and privileged mode */
	IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED = 1 << 3, /* no ATS: a guest must not enable it */
};

enum iommufd_hw_info_flags {
	IOMMU_HW_INFO_FLAG_INPUT_TYPE = 1 << 0, /* in_data_type is looked at */
};

/*
 * IOMMU_GET_HW_INFO: describes the IOMMU of device dev_id.
 *
 * data_uptr, data_len: a buffer for the struct of the IOMMU's type: as much as fits is written, the
 * rest of the buffer is zeroed. data_len comes back as the struct's true length. 0 asks for the
 * other fields alone.
 * out_max_pasid_log2: how many PASIDs the device has, as a power of two; 0 is none.
 *
 * EOPNOTSUPP: the type asked for is not one of this IOMMU, or the device has none.
 */
struct iommu_hw_info {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 data_len;
	__aligned_u64 data_uptr;
	union {
		__u32 in_data_type;
		__u32 out_data_type;
	};
	__u8 out_max_pasid_log2;
	__u8 __reserved[3];
	__aligned_u64 out_capabilities;
};
#define IOMMU_GET_HW_INFO _IO(IOMMUFD_TYPE, IOMMUFD_CMD_GET_HW_INFO)

/* ---- Page requests ---- */

enum iommu_hwpt_pgfault_flags {
	IOMMU_PGFAULT_FLAGS_PASID_VALID = (1 << 0),
	IOMMU_PGFAULT_FLAGS_LAST_PAGE = (1 << 1),
};

enum iommu_hwpt_pgfault_perm {
	IOMMU_PGFAULT_PERM_READ = (1 << 0),
	IOMMU_PGFAULT_PERM_WRITE = (1 << 1),
	IOMMU_PGFAULT_PERM_EXEC = (1 << 2),
	IOMMU_PGFAULT_PERM_PRIV = (1 << 3),
};

/*
 * A page request, as read from a fault queue's descriptor. Requests of one group (dev_id, pasid,
 * grpid) come together, LAST_PAGE on the last of them, and are answered together: `cookie` is the
 * same in all.
 */
struct iommu_hwpt_pgfault {
	__u32 flags;
	__u32 dev_id;
	__u32 pasid;
	__u32 grpid;
	__u32 perm;
	__u32 __reserved;
	__aligned_u64 addr;
	__u32 length; /* 0: one page */
	__u32 cookie;
};

enum iommufd_page_response_code {
	IOMMUFD_PAGE_RESP_SUCCESS = 0, /* resolved: the device tries again */
	IOMMUFD_PAGE_RESP_INVALID = 1, /* not resolved: the device gets an error */
};

/* An answer, as written to a fault queue's descriptor. EINVAL: no group waits under this cookie, or
 * another code. */
struct iommu_hwpt_page_response {
	__u32 cookie;
	__u32 code;
};

/*
 * IOMMU_FAULT_QUEUE_ALLOC: makes a fault queue and a descriptor of it (O_CLOEXEC).
 *
 * read gives whole groups of struct iommu_hwpt_pgfault and never waits: 0 when there is none,
 * EINVAL when the buffer is too small for the first group, ESPIPE when it is not a multiple of the
 * struct's size (poll waits). write takes struct iommu_hwpt_page_response. flags: 0.
 *
 * EMFILE, ENFILE: no descriptor.
 */
struct iommu_fault_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_fault_id;
	__u32 out_fault_fd;
};
#define IOMMU_FAULT_QUEUE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_FAULT_QUEUE_ALLOC)

/* ---- vIOMMU: a guest's IOMMU ---- */

enum iommu_viommu_type {
	IOMMU_VIOMMU_TYPE_DEFAULT = 0, /* refused */
	IOMMU_VIOMMU_TYPE_ARM_SMMUV3 = 1,
	IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV = 2,
};

/* IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV: where the virtual interface's first page can be mapped, by mmap
 * of /dev/iommu. */
struct iommu_viommu_tegra241_cmdqv {
	__aligned_u64 out_vintf_mmap_offset;
	__aligned_u64 out_vintf_mmap_length;
};

/*
 * IOMMU_VIOMMU_ALLOC: makes a vIOMMU, the part of device dev_id's IOMMU that one guest sees.
 * hwpt_id is its stage 2, made with IOMMU_HWPT_ALLOC_NEST_PARENT. data_uptr, data_len: the type's
 * own struct, if it has one; written back.
 *
 * EOPNOTSUPP: flags, type, or the IOMMU can't. EINVAL: hwpt_id is not a nesting parent.
 */
struct iommu_viommu_alloc {
	__u32 size;
	__u32 flags;
	__u32 type;
	__u32 dev_id;
	__u32 hwpt_id;
	__u32 out_viommu_id;
	__u32 data_len;
	__u32 __reserved; /* not looked at */
	__aligned_u64 data_uptr;
};
#define IOMMU_VIOMMU_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VIOMMU_ALLOC)

/*
 * IOMMU_VDEVICE_ALLOC: device dev_id is known to the guest's IOMMU as virt_id (a StreamID, a
 * requester id), in invalidations and events. One for a device, destroyed with it: then its id
 * stays taken, and ENOENT.
 *
 * EEXIST: the device has one already, or the virt_id is taken. EINVAL: it is behind another IOMMU.
 */
struct iommu_vdevice_alloc {
	__u32 size;
	__u32 viommu_id;
	__u32 dev_id;
	__u32 out_vdevice_id;
	__aligned_u64 virt_id;
};
#define IOMMU_VDEVICE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VDEVICE_ALLOC)

enum iommu_veventq_flag {
	IOMMU_VEVENTQ_FLAG_LOST_EVENTS = (1U << 0), /* no event follows: the queue was full */
};

/*
 * What is read from an event queue's descriptor: this, then the event of the queue's type. sequence
 * counts all events, from 0 to INT_MAX and again from 0: a jump tells how many were lost.
 */
struct iommufd_vevent_header {
	__u32 flags;
	__u32 sequence;
};

enum iommu_veventq_type {
	IOMMU_VEVENTQ_TYPE_DEFAULT = 0, /* refused */
	IOMMU_VEVENTQ_TYPE_ARM_SMMUV3 = 1,
	IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV = 2,
};

/* IOMMU_VEVENTQ_TYPE_ARM_SMMUV3: an event record; its StreamID is the vDEVICE's virt_id. */
struct iommu_vevent_arm_smmuv3 {
	__aligned_le64 evt[4];
};

/* IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV: a bit for each logical queue that has met an error. */
struct iommu_vevent_tegra241_cmdqv {
	__aligned_le64 lvcmdq_err_map[2];
};

/*
 * IOMMU_VEVENTQ_ALLOC: makes a queue for a vIOMMU's events of one type, and a descriptor of it
 * (O_CLOEXEC).
 *
 * veventq_depth: how many events it keeps; the next is lost, which is told. read never waits: 0
 * when there is none, EINVAL when the first event does not fit (poll waits).
 *
 * EINVAL: depth 0 or above 2^19. EEXIST: the vIOMMU has one of this type. EMFILE, ENFILE: no
 * descriptor.
 */
struct iommu_veventq_alloc {
	__u32 size;
	__u32 flags;
	__u32 viommu_id;
	__u32 type;
	__u32 veventq_depth;
	__u32 out_veventq_id;
	__u32 out_veventq_fd;
	__u32 __reserved;
};
#define IOMMU_VEVENTQ_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VEVENTQ_ALLOC)

enum iommu_hw_queue_type {
	IOMMU_HW_QUEUE_TYPE_DEFAULT = 0, /* refused */
	/* length: a power of two, 32 bytes or more; the base aligned to it; made in rising,
	   destroyed in falling order. */
	IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV = 1,
};

/*
 * IOMMU_HW_QUEUE_ALLOC: hands queue `index` of a vIOMMU's hardware to the guest: it lies in guest
 * memory at [nesting_parent_iova, + length) and the hardware reads it by itself. What is mapped
 * there can't be unmapped (EBUSY) until the queue is destroyed.
 *
 * It takes two ids: the queue's, and the next for its hold on the memory.
 *
 * EINVAL: length 0, no such index, or size or alignment are not the type's. EOVERFLOW, ERANGE: a
 * bad range. ENOENT: not all of it is mapped. EPERM: not readable. EFAULT: not contiguous.
 * EADDRINUSE: a mapping of the IOAS is not page-aligned. EEXIST: the index is in use. EIO: the one
 * before it isn't.
 */
struct iommu_hw_queue_alloc {
	__u32 size;
	__u32 flags;
	__u32 viommu_id;
	__u32 type;
	__u32 index;
	__u32 out_hw_queue_id;
	__aligned_u64 nesting_parent_iova;
	__aligned_u64 length;
};
#define IOMMU_HW_QUEUE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HW_QUEUE_ALLOC)

#endif
