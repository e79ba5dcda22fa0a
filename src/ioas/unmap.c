/* SPDX-License-Identifier: MIT */
/* UNMAP: taking areas out, once nobody uses them. */
#include <errno.h>

#include <uiommufd/iommufd.h>

#include "core/ioctl.h"
#include "core/machine_impl.h"
#include "core/sanitizer.h"
#include "ioas/access.h"
#include "ioas/ioas.h"

/* How often accesses are asked to let go of one area. */
#define MAX_TRIES 100

/* Takes one area out: when this returns, no DMA through it is running. */
static void remove_area(struct ioas *ioas, const struct imap_entry *entry)
{
	struct ctx *ctx = ioas->object.ctx;
	struct area *area = entry->value;
	struct ioas_table *table;

	ioas_hide_front(ioas, entry);
	if (ctx->machine->sanitizer)
		sanitizer_remember(ctx->machine->sanitizer,
				   (struct sanitizer_event){.space = ioas,
							    .first = entry->first,
							    .last = entry->last});
	imap_remove(&ioas->areas, entry->first);
	if (!TAILQ_EMPTY(&ioas->tables)) {
		hazard_wait(&ctx->machine->hazard, entry->first, entry->last);
		/* Only now: DMA that was still running may have marked it dirty. */
		TAILQ_FOREACH(table, &ioas->tables, link)
			if (table->unmapped)
				table->unmapped(table, entry->first, entry->last);
		pages_unpin(ctx, area->pages, area_page(area, 0),
			    area_page(area, entry->last - entry->first));
	}
	pages_put(ctx, area->pages);
	pool_free(&ioas->area_pool, area);
}

/* The area is pinned by accesses: asks all of them to let go, without the lock. The IOAS may change meanwhile. */
static int ask_accesses(struct ioas *ioas, const struct imap_entry *entry, unsigned int *tries)
{
	struct area *area = entry->value;

	area->closing = true;
	if ((*tries)++ > MAX_TRIES)
		return -EDEADLOCK;
	object_use(&ioas->object); /* the lock is dropped: the IOAS stays */
	access_notify_unmap(ioas, entry->first, entry->last - entry->first + 1);
	object_unuse(&ioas->object);
	return 0;
}

int ioas_unmap(struct ioas *ioas, uint64_t first, uint64_t last, uint64_t *ret_removed)
{
	struct imap_entry entry;
	unsigned int tries = 0;
	uint64_t at = first;

	*ret_removed = 0;
	while (imap_first_in(&ioas->areas, at, last, &entry)) {
		struct area *area = entry.value;

		if (area->locks)
			return -EBUSY;
		if (entry.first < first || entry.last > last)
			return -ENOENT;
		if (area->pins) {
			int rc = ask_accesses(ioas, &entry, &tries);

			if (rc)
				return rc;
			at = entry.first;
			continue;
		}
		remove_area(ioas, &entry);
		*ret_removed += entry.last - entry.first + 1;
		if (entry.last == last)
			break;
		at = entry.last + 1;
		tries = 0;
	}
	return 0;
}

static int unmap_range(struct ioas *ioas, uint64_t iova, uint64_t *length)
{
	uint64_t last, removed;
	int rc;

	if (iova == 0 && *length == UINT64_MAX)
		return ioas_unmap(ioas, 0, UINT64_MAX, length);
	if (iova == UINT64_MAX || *length == UINT64_MAX)
		return -EOVERFLOW;
	if (!*length)
		return -EINVAL;
	if (__builtin_add_overflow(iova, *length - 1, &last))
		return -EOVERFLOW;
	rc = ioas_unmap(ioas, iova, last, &removed);
	if (rc)
		return rc;
	*length = removed;
	return removed ? 0 : -ENOENT;
}

int ioas_unmap_ioctl(struct ucmd *ucmd)
{
	struct iommu_ioas_unmap *cmd = ucmd->cmd;
	struct ioas *ioas = ioas_find(ucmd->ctx, cmd->ioas_id);
	uint64_t length = cmd->length;
	int rc;

	if (!ioas)
		return -ENOENT;
	rc = unmap_range(ioas, cmd->iova, &length);
	if (rc)
		return rc;
	cmd->length = length;
	return ucmd_respond(ucmd, sizeof(*cmd));
}
