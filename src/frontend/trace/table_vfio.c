/* SPDX-License-Identifier: MIT */
/* The ioctls of VFIO groups and devices. */
#include "frontend/trace/table.h"

#include <uiommufd/vfio.h>

static const struct trace_name no_flags[] = {{}};
static const struct trace_name group_flags[] = {
	NAME(VFIO_GROUP_FLAGS_VIABLE), NAME(VFIO_GROUP_FLAGS_CONTAINER_SET), {}};
static const struct trace_name device_flags[] = {
	NAME(VFIO_DEVICE_FLAGS_RESET),	  NAME(VFIO_DEVICE_FLAGS_PCI),
	NAME(VFIO_DEVICE_FLAGS_PLATFORM), NAME(VFIO_DEVICE_FLAGS_AMBA),
	NAME(VFIO_DEVICE_FLAGS_CCW),	  NAME(VFIO_DEVICE_FLAGS_AP),
	NAME(VFIO_DEVICE_FLAGS_FSL_MC),	  NAME(VFIO_DEVICE_FLAGS_CAPS),
	NAME(VFIO_DEVICE_FLAGS_CDX),	  {}};
static const struct trace_name region_flags[] = {NAME(VFIO_REGION_INFO_FLAG_READ),
						 NAME(VFIO_REGION_INFO_FLAG_WRITE),
						 NAME(VFIO_REGION_INFO_FLAG_MMAP),
						 NAME(VFIO_REGION_INFO_FLAG_CAPS),
						 {}};
static const struct trace_name regions[] = {
	NAME(VFIO_PCI_BAR0_REGION_INDEX), NAME(VFIO_PCI_BAR1_REGION_INDEX),
	NAME(VFIO_PCI_BAR2_REGION_INDEX), NAME(VFIO_PCI_BAR3_REGION_INDEX),
	NAME(VFIO_PCI_BAR4_REGION_INDEX), NAME(VFIO_PCI_BAR5_REGION_INDEX),
	NAME(VFIO_PCI_ROM_REGION_INDEX),  NAME(VFIO_PCI_CONFIG_REGION_INDEX),
	NAME(VFIO_PCI_VGA_REGION_INDEX),  {}};
static const struct trace_name irqs[] = {
	NAME(VFIO_PCI_INTX_IRQ_INDEX), NAME(VFIO_PCI_MSI_IRQ_INDEX), NAME(VFIO_PCI_MSIX_IRQ_INDEX),
	NAME(VFIO_PCI_ERR_IRQ_INDEX),  NAME(VFIO_PCI_REQ_IRQ_INDEX), {}};
static const struct trace_name irq_flags[] = {NAME(VFIO_IRQ_INFO_EVENTFD),
					      NAME(VFIO_IRQ_INFO_MASKABLE),
					      NAME(VFIO_IRQ_INFO_AUTOMASKED),
					      NAME(VFIO_IRQ_INFO_NORESIZE),
					      {}};
static const struct trace_name irq_set_flags[] = {NAME(VFIO_IRQ_SET_DATA_NONE),
						  NAME(VFIO_IRQ_SET_DATA_BOOL),
						  NAME(VFIO_IRQ_SET_DATA_EVENTFD),
						  NAME(VFIO_IRQ_SET_ACTION_MASK),
						  NAME(VFIO_IRQ_SET_ACTION_UNMASK),
						  NAME(VFIO_IRQ_SET_ACTION_TRIGGER),
						  {}};
static const struct trace_name hot_reset_flags[] = {
	NAME(VFIO_PCI_HOT_RESET_FLAG_DEV_ID), NAME(VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED), {}};
static const struct trace_name ioeventfd_flags[] = {NAME(VFIO_DEVICE_IOEVENTFD_8),
						    NAME(VFIO_DEVICE_IOEVENTFD_16),
						    NAME(VFIO_DEVICE_IOEVENTFD_32),
						    NAME(VFIO_DEVICE_IOEVENTFD_64),
						    {}};
static const struct trace_name feature_flags[] = {NAME(VFIO_DEVICE_FEATURE_GET),
						  NAME(VFIO_DEVICE_FEATURE_SET),
						  NAME(VFIO_DEVICE_FEATURE_PROBE),
						  {}};
static const struct trace_name bind_flags[] = {NAME(VFIO_DEVICE_BIND_FLAG_TOKEN), {}};
static const struct trace_name attach_flags[] = {NAME(VFIO_DEVICE_ATTACH_PASID), {}};
static const struct trace_name detach_flags[] = {NAME(VFIO_DEVICE_DETACH_PASID), {}};
static const struct trace_name precopy_flags[] = {NAME(VFIO_PRECOPY_INFO_REINIT), {}};

const struct trace_ioctl trace_group[] = {
	ROW(VFIO_GROUP_GET_STATUS, struct vfio_group_status,
	    FIELD(struct vfio_group_status, argsz, IN, DEC),
	    FIELD(struct vfio_group_status, flags, OUT, FLAGS, NAMES(group_flags))),
	{.cmd = VFIO_GROUP_SET_CONTAINER,
	 .name = "VFIO_GROUP_SET_CONTAINER",
	 .argument = TRACE_NONE},
	{.cmd = VFIO_GROUP_UNSET_CONTAINER,
	 .name = "VFIO_GROUP_UNSET_CONTAINER",
	 .argument = TRACE_NONE},
	{.cmd = VFIO_GROUP_GET_DEVICE_FD,
	 .name = "VFIO_GROUP_GET_DEVICE_FD",
	 .argument = TRACE_NONE},
};
const size_t trace_group_count = sizeof(trace_group) / sizeof(trace_group[0]);

const struct trace_ioctl trace_device[] = {
	ROW(VFIO_DEVICE_GET_INFO, struct vfio_device_info,
	    FIELD(struct vfio_device_info, argsz, BOTH, DEC),
	    FIELD(struct vfio_device_info, flags, OUT, FLAGS, NAMES(device_flags)),
	    FIELD(struct vfio_device_info, num_regions, OUT, DEC),
	    FIELD(struct vfio_device_info, num_irqs, OUT, DEC),
	    FIELD(struct vfio_device_info, cap_offset, OUT, DEC)),
	ROW(VFIO_DEVICE_GET_REGION_INFO, struct vfio_region_info,
	    FIELD(struct vfio_region_info, argsz, BOTH, DEC),
	    FIELD(struct vfio_region_info, flags, OUT, FLAGS, NAMES(region_flags)),
	    FIELD(struct vfio_region_info, index, IN, ENUM, NAMES(regions)),
	    FIELD(struct vfio_region_info, cap_offset, OUT, DEC),
	    FIELD(struct vfio_region_info, size, OUT, HEX),
	    FIELD(struct vfio_region_info, offset, OUT, HEX)),
	ROW(VFIO_DEVICE_GET_IRQ_INFO, struct vfio_irq_info,
	    FIELD(struct vfio_irq_info, argsz, IN, DEC),
	    FIELD(struct vfio_irq_info, flags, OUT, FLAGS, NAMES(irq_flags)),
	    FIELD(struct vfio_irq_info, index, IN, ENUM, NAMES(irqs)),
	    FIELD(struct vfio_irq_info, count, OUT, DEC)),
	ROW(VFIO_DEVICE_SET_IRQS, struct vfio_irq_set, FIELD(struct vfio_irq_set, argsz, IN, DEC),
	    FIELD(struct vfio_irq_set, flags, IN, FLAGS, NAMES(irq_set_flags)),
	    FIELD(struct vfio_irq_set, index, IN, ENUM, NAMES(irqs)),
	    FIELD(struct vfio_irq_set, start, IN, DEC), FIELD(struct vfio_irq_set, count, IN, DEC)),
	ROW(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, struct vfio_pci_hot_reset_info,
	    FIELD(struct vfio_pci_hot_reset_info, argsz, IN, DEC),
	    FIELD(struct vfio_pci_hot_reset_info, flags, OUT, FLAGS, NAMES(hot_reset_flags)),
	    FIELD(struct vfio_pci_hot_reset_info, count, OUT, DEC)),
	ROW(VFIO_DEVICE_PCI_HOT_RESET, struct vfio_pci_hot_reset,
	    FIELD(struct vfio_pci_hot_reset, argsz, IN, DEC),
	    FIELD(struct vfio_pci_hot_reset, flags, IN, FLAGS, NAMES(no_flags)),
	    FIELD(struct vfio_pci_hot_reset, count, IN, DEC)),
	ROW(VFIO_DEVICE_IOEVENTFD, struct vfio_device_ioeventfd,
	    FIELD(struct vfio_device_ioeventfd, argsz, IN, DEC),
	    FIELD(struct vfio_device_ioeventfd, flags, IN, FLAGS, NAMES(ioeventfd_flags)),
	    FIELD(struct vfio_device_ioeventfd, offset, IN, HEX),
	    FIELD(struct vfio_device_ioeventfd, data, IN, HEX),
	    FIELD(struct vfio_device_ioeventfd, fd, IN, SIGNED),
	    FIELD(struct vfio_device_ioeventfd, reserved, IN, RESERVED)),
	ROW(VFIO_DEVICE_FEATURE, struct vfio_device_feature,
	    FIELD(struct vfio_device_feature, argsz, IN, DEC),
	    FIELD(struct vfio_device_feature, flags, IN, FLAGS, NAMES(feature_flags))),
	ROW(VFIO_DEVICE_BIND_IOMMUFD, struct vfio_device_bind_iommufd,
	    FIELD(struct vfio_device_bind_iommufd, argsz, IN, DEC),
	    FIELD(struct vfio_device_bind_iommufd, flags, IN, FLAGS, NAMES(bind_flags)),
	    FIELD(struct vfio_device_bind_iommufd, iommufd, IN, SIGNED),
	    FIELD(struct vfio_device_bind_iommufd, out_devid, OUT, DEC),
	    FIELD(struct vfio_device_bind_iommufd, token_uuid_ptr, IN, HEX)),
	ROW(VFIO_DEVICE_ATTACH_IOMMUFD_PT, struct vfio_device_attach_iommufd_pt,
	    FIELD(struct vfio_device_attach_iommufd_pt, argsz, IN, DEC),
	    FIELD(struct vfio_device_attach_iommufd_pt, flags, IN, FLAGS, NAMES(attach_flags)),
	    FIELD(struct vfio_device_attach_iommufd_pt, pt_id, BOTH, DEC),
	    FIELD(struct vfio_device_attach_iommufd_pt, pasid, IN, DEC)),
	ROW(VFIO_DEVICE_DETACH_IOMMUFD_PT, struct vfio_device_detach_iommufd_pt,
	    FIELD(struct vfio_device_detach_iommufd_pt, argsz, IN, DEC),
	    FIELD(struct vfio_device_detach_iommufd_pt, flags, IN, FLAGS, NAMES(detach_flags)),
	    FIELD(struct vfio_device_detach_iommufd_pt, pasid, IN, DEC)),
	ROW(VFIO_MIG_GET_PRECOPY_INFO, struct vfio_precopy_info,
	    FIELD(struct vfio_precopy_info, argsz, IN, DEC),
	    FIELD(struct vfio_precopy_info, flags, OUT, FLAGS, NAMES(precopy_flags)),
	    FIELD(struct vfio_precopy_info, initial_bytes, OUT, HEX),
	    FIELD(struct vfio_precopy_info, dirty_bytes, OUT, HEX)),
	{.cmd = VFIO_DEVICE_RESET, .name = "VFIO_DEVICE_RESET", .argument = TRACE_NONE},
};
const size_t trace_device_count = sizeof(trace_device) / sizeof(trace_device[0]);
