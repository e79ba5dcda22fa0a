/* SPDX-License-Identifier: MIT */
/* The tables, and how they are written. */
#ifndef UIOMMUFD_TRACE_TABLE_H
#define UIOMMUFD_TRACE_TABLE_H

#include "frontend/trace/decode.h"

/* A field, its way and kind; names for FLAGS and ENUM. */
#define FIELD(type, member, direction, what, ...)                                                  \
	{                                                                                          \
		.name = #member, .offset = offsetof(type, member),                                 \
		.size = sizeof(((type *)0)->member), .way = TRACE_##direction,                     \
		.kind = TRACE_##what, ##__VA_ARGS__                                                \
	}
#define NAMES(list) .names = (list)
#define NAME(constant)                                                                             \
	{                                                                                          \
		(uint32_t)(constant), #constant                                                    \
	}
#define ROW(command, type, ...)                                                                    \
	{                                                                                          \
		.cmd = (command), .name = #command, .layout = { sizeof(type), {__VA_ARGS__} }      \
	}

extern const struct trace_ioctl trace_iommufd[], trace_group[], trace_device[];
extern const size_t trace_iommufd_count, trace_group_count, trace_device_count;

/* IOMMU_TEST_CMD and what it looks like for an operation. */
extern const uint32_t trace_mock_cmd;
const struct trace_struct *trace_mock_layout(uint32_t op);

#endif
