/* SPDX-License-Identifier: MIT */
/* All groups of rows, in the order in which they run. */
#include "groups.h"

const struct bench_group bench_groups[] = {
	{"limits", bench_limits},
	{"hazard", bench_hazard},
	{"imap", bench_imap},
	{"dma", bench_dma},
	{"ioas", bench_ioas},
	{"hwpt", bench_hwpt},
	{"nested", bench_nested},
	{"faults", bench_faults},
	{"scale", bench_scales},
	{"mmio", bench_mmio},
	{"models", bench_models},
	{"ioctl", bench_ioctl, BENCH_IOMMU},
	{"shim", bench_shim, BENCH_SHIM},
	{"remote", bench_remote, BENCH_SHIM},
	{"launcher", bench_launcher, BENCH_LAUNCHER},
	{},
};
