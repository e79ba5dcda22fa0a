/* SPDX-License-Identifier: MIT */
/* Pages that files in memory lose: they may be pinned, and devices go on seeing them. */
#ifndef UIOMMUFD_PRELOAD_FILE_PAGES_H
#define UIOMMUFD_PRELOAD_FILE_PAGES_H

#include <stddef.h>

/* Before MADV_REMOVE of a range, which makes holes in the files that are mapped there. */
void file_pages_removed(const void *addr, size_t len);

#endif
