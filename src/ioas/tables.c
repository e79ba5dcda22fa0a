/* SPDX-License-Identifier: MIT */
/* Page tables that show an IOAS: from the first to the last of them, all memory of the IOAS is pinned. */
#include <errno.h>

#include "core/machine_impl.h"
#include "ioas/ioas.h"

static void hide(struct ioas *ioas, const struct imap_entry *entry)
{
	struct area *area = entry->value;

	ioas_set_host(ioas, entry, NULL);
	pages_unpin(ioas->object.ctx, area->pages, area_page(area, 0),
		    area_page(area, entry->last - entry->first));
}

/* Unpins what is below `end`. */
static void hide_all(struct ioas *ioas, uint64_t last)
{
	struct imap_entry entry;
	uint64_t at = 0;

	while (imap_first_in(&ioas->areas, at, last, &entry)) {
		hide(ioas, &entry);
		if (entry.last >= last)
			return;
		at = entry.last + 1;
	}
}

static int show(struct ioas *ioas, const struct imap_entry *entry)
{
	uint64_t length = entry->last - entry->first + 1;
	struct area *area = entry->value;
	int rc;

	rc = pages_pin(ioas->object.ctx, area->pages, area_page(area, 0),
		       area_page(area, length - 1));
	if (rc)
		return rc;
	if (!area->perm) {
		hide(ioas, entry);
		return -EINVAL;
	}
	ioas_set_host(ioas, entry, pages_host(area->pages, area->offset, length));
	return 0;
}

/* The first page table: pins everything, or nothing. */
static int show_all(struct ioas *ioas)
{
	struct imap_entry entry;

	imap_for_each_in(&ioas->areas, 0, UINT64_MAX, &entry) {
		int rc = show(ioas, &entry);

		if (rc) {
			if (entry.first)
				hide_all(ioas, entry.first - 1);
			return rc;
		}
	}
	return 0;
}

static int reserve_outside(struct ioas *ioas, struct ioas_table *table)
{
	int rc = 0;

	if (table->first)
		rc = ioas_reserve(ioas, 0, table->first - 1, table);
	if (!rc && table->last != UINT64_MAX)
		rc = ioas_reserve(ioas, table->last + 1, UINT64_MAX, table);
	return rc;
}

int ioas_add_table(struct ioas *ioas, struct ioas_table *table)
{
	uint64_t smallest = table->page_sizes & -table->page_sizes;
	int rc;

	if (smallest > PAGE_SIZE)
		return -EINVAL;
	rc = ioas_update_alignment(ioas, smallest);
	if (rc)
		return rc;
	rc = reserve_outside(ioas, table);
	if (!rc && TAILQ_EMPTY(&ioas->tables))
		rc = show_all(ioas);
	if (rc) {
		ioas_unreserve(ioas, table);
		ioas_update_alignment(ioas, 1);
		return rc;
	}
	TAILQ_INSERT_TAIL(&ioas->tables, table, link);
	return 0;
}

void ioas_remove_table(struct ioas *ioas, struct ioas_table *table)
{
	TAILQ_REMOVE(&ioas->tables, table, link);
	if (TAILQ_EMPTY(&ioas->tables)) {
		hazard_wait(&ioas->object.ctx->machine->hazard, 0, UINT64_MAX);
		hide_all(ioas, UINT64_MAX);
	}
	ioas_unreserve(ioas, table);
	ioas_update_alignment(ioas, 1);
}
