/* SPDX-License-Identifier: MIT */
/* Memory of our own. Each of these is an injection point; all return NULL on failure and are given
 * back with free(). */
#ifndef UIOMMUFD_BASE_ALLOC_H
#define UIOMMUFD_BASE_ALLOC_H

#include <stddef.h>

void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
/* 4096 zeroes at a multiple of 4096. */
void *mem_page_zalloc(void);
void *mem_calloc(size_t n, size_t size);
void *mem_realloc(void *old, size_t size);

#endif
