/* SPDX-License-Identifier: MIT */
/* Allocation with a place to fail. */
#include "base/alloc.h"
#include "base/inject.h"

#include <stdlib.h>
#include <string.h>

void *mem_alloc(size_t size)
{
	return inject_fail() ? NULL : malloc(size);
}

void *mem_zalloc(size_t size)
{
	return inject_fail() ? NULL : calloc(1, size);
}

void *mem_page_zalloc(void)
{
	void *page = inject_fail() ? NULL : aligned_alloc(4096, 4096);

	return page ? memset(page, 0, 4096) : NULL;
}

void *mem_calloc(size_t n, size_t size)
{
	return inject_fail() ? NULL : calloc(n, size);
}

void *mem_realloc(void *old, size_t size)
{
	return inject_fail() ? NULL : realloc(old, size);
}
