/* SPDX-License-Identifier: MIT */
/*
 * Files as memory (IOMMU_IOAS_MAP_FILE). All page-sets of one file share one backing, which maps the file once: no
 * descriptor is kept, for the program may close any, and a mapping for each page-set would exhaust the process's areas.
 */
#ifndef UIOMMUFD_MEM_BACKING_H
#define UIOMMUFD_MEM_BACKING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mm.h"
#include "core/machine_impl.h"

struct backing;

/*
 * The backing of the file behind `fd` (which stays the caller's), reaching to at least `end` bytes. Any file is taken:
 * whether it can be pinned shows at backing_probe(). With a reference. -EBADF (also for O_PATH), -ENOMEM.
 */
int backing_open(struct machine *machine, int fd, uint64_t end, struct backing **ret_backing);
void backing_get(struct backing *backing);
void backing_put(struct backing *backing);

/* Could [start, start + len) be pinned? -EINVAL: not memfd, shmem or hugetlbfs, or past the end of the file. */
int backing_probe(struct backing *backing, uint64_t start, uint64_t len);
/* Where a byte of the file is in our memory, valid up to the `end` given at open; NULL if the file can't be mapped. */
char *backing_host(struct backing *backing, uint64_t offset);
void backing_key(struct backing *backing, uint64_t offset, struct page_key *ret_key);

#endif
