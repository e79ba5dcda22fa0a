/* SPDX-License-Identifier: MIT */
/* Sizes of pages, and who maps a file. */
#include <errno.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/mm.h"
#include "base/mm_private.h"

static uint64_t pretended_size(const struct mm_full *full, uint64_t va)
{
	for (size_t i = 0; i < full->n_pretended; i++)
		if (va >= full->pretended[i].start && va < full->pretended[i].end)
			return full->pretended[i].page_size;
	return PAGE_BYTES;
}

uint64_t mm_page_size(struct mm *mm, uint64_t va)
{
	struct mm_full *full = mm_full(mm);
	CLEANUP(vma_view_done) struct vma_view temp = {.fd = -1};
	struct vma_view *view;
	struct vma vma;

	LOCK_SCOPED(&full->lock);
	if (full->n_pretended)
		return pretended_size(full, va);
	if (mm_view(full, &temp, &view) || vma_find(view, va, &vma) || vma.start > va ||
	    vma.page_size < PAGE_BYTES)
		return PAGE_BYTES;
	return vma.page_size;
}

/* Cuts [start, end) out of what is remembered; a range that loses its middle keeps its lower part. */
static void forget(struct mm_full *full, uint64_t start, uint64_t end)
{
	size_t kept = 0;

	for (size_t i = 0; i < full->n_pretended; i++) {
		struct mm_pretended part = full->pretended[i];

		if (part.start < end && start < part.end) {
			if (part.start < start)
				part.end = start;
			else
				part.start = end < part.end ? end : part.end;
		}
		if (part.start < part.end)
			full->pretended[kept++] = part;
	}
	full->n_pretended = kept;
}

int mm_pretend_pages(struct mm *mm, uint64_t va, uint64_t len, uint64_t page_size)
{
	struct mm_full *full = mm_full(mm);
	struct mm_pretended *grown;

	LOCK_SCOPED(&full->lock);
	forget(full, va, va + len);
	if (page_size == PAGE_BYTES)
		return 0;
	grown = mem_realloc(full->pretended, (full->n_pretended + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	grown[full->n_pretended++] = (struct mm_pretended){va, va + len, page_size};
	full->pretended = grown;
	return 0;
}

unsigned int mm_count_maps(dev_t dev, ino_t ino)
{
	struct vma_view view;
	struct vma vma;
	unsigned int n = 0;

	vma_view_init(&view, 0);
	if (vma_begin(&view))
		return 0;
	for (uint64_t at = 0; !vma_find(&view, at, &vma); at = vma.end)
		if (vma.inode == ino && vma.major == major(dev) && vma.minor == minor(dev))
			n++;
	vma_view_done(&view);
	return n;
}
