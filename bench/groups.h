/* SPDX-License-Identifier: MIT */
#ifndef UIOMMUFD_BENCH_GROUPS_H
#define UIOMMUFD_BENCH_GROUPS_H

#include "bench.h"

/* Ends with one that has no name. */
extern const struct bench_group bench_groups[];

#endif
