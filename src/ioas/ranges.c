/* SPDX-License-Identifier: MIT */
/* What may be mapped where: reserved and allowed ranges, and the alignment. */
#include <errno.h>
#include <stdlib.h>

#include <uiommufd/iommufd.h>

#include "core/ioctl.h"
#include "ioas/access.h"
#include "ioas/ioas.h"
#include "mem/page.h"

int ioas_reserve(struct ioas *ioas, uint64_t first, uint64_t last, const void *owner)
{
	struct imap_entry entry;

	if (imap_first_in(&ioas->areas, first, last, &entry) ||
	    ranges_overlap(&ioas->allowed, first, last))
		return -EADDRINUSE;
	return ranges_add(&ioas->reserved, first, last, owner);
}

void ioas_unreserve(struct ioas *ioas, const void *owner)
{
	ranges_remove_owner(&ioas->reserved, owner);
}

/* ---- alignment ---- */

static bool fits(const struct imap_entry *entry, uint64_t alignment)
{
	const struct area *area = entry->value;
	uint64_t all = entry->first | (entry->last - entry->first + 1) | page_offset(area->offset);

	return !(all & (alignment - 1));
}

static bool all_fit(struct ioas *ioas, uint64_t alignment)
{
	struct imap_entry entry;

	imap_for_each_in(&ioas->areas, 0, UINT64_MAX, &entry)
		if (!fits(&entry, alignment))
			return false;
	return true;
}

int ioas_update_alignment(struct ioas *ioas, uint64_t wanted)
{
	struct ioas_table *table;
	struct access *access;

	if (!ioas->huge_pages && wanted < PAGE_SIZE)
		wanted = PAGE_SIZE;
	TAILQ_FOREACH(table, &ioas->tables, link) {
		uint64_t smallest = table->page_sizes & -table->page_sizes;

		if (smallest > wanted)
			wanted = smallest;
	}
	LIST_FOREACH(access, &ioas->accesses, link)
		if (access->alignment > wanted)
			wanted = access->alignment;
	if (wanted > ioas->alignment && !all_fit(ioas, wanted))
		return -EADDRINUSE;
	ioas->alignment = wanted;
	return 0;
}

/* ---- ioctls ---- */

int ioas_iova_ranges_ioctl(struct ucmd *ucmd)
{
	struct iommu_ioas_iova_ranges *cmd = ucmd->cmd;
	uint32_t room = cmd->num_iovas;
	struct range hole = {0};
	struct ioas *ioas;
	uint64_t at = 0;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	ioas = ioas_find(ucmd->ctx, cmd->ioas_id);
	if (!ioas)
		return -ENOENT;
	cmd->num_iovas = 0;
	cmd->out_iova_alignment = ioas->alignment;
	while (ranges_next(&ioas->reserved, false, at, UINT64_MAX, &hole)) {
		struct iommu_iova_range out = {hole.first, hole.last};

		if (cmd->num_iovas < room &&
		    client_write(ucmd->client, cmd->allowed_iovas + cmd->num_iovas * sizeof(out),
				 &out, sizeof(out)))
			return -EFAULT;
		cmd->num_iovas++;
		at = hole.last + 1;
		if (!at)
			break;
	}
	rc = ucmd_respond(ucmd, sizeof(*cmd));
	if (!rc && cmd->num_iovas > room)
		rc = -EMSGSIZE;
	return rc;
}

static int read_allowed(struct ucmd *ucmd, const struct iommu_ioas_allow_iovas *cmd,
			struct ranges *out)
{
	for (uint32_t i = 0; i < cmd->num_iovas; i++) {
		struct iommu_iova_range in;
		int rc;

		if (client_read(ucmd->client, &in, cmd->allowed_iovas + i * sizeof(in), sizeof(in)))
			return -EFAULT;
		if (in.start >= in.last)
			return -EINVAL;
		if (ranges_overlap(out, in.start, in.last))
			return -EINVAL;
		rc = ranges_add(out, in.start, in.last, NULL);
		if (rc)
			return rc;
	}
	return 0;
}

static bool any_reserved(const struct ioas *ioas, const struct ranges *allowed)
{
	for (size_t i = 0; i < allowed->n; i++)
		if (ranges_overlap(&ioas->reserved, allowed->v[i].first, allowed->v[i].last))
			return true;
	return false;
}

int ioas_allow_iovas_ioctl(struct ucmd *ucmd)
{
	struct iommu_ioas_allow_iovas *cmd = ucmd->cmd;
	struct ranges allowed = {0};
	struct ioas *ioas;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	ioas = ioas_find(ucmd->ctx, cmd->ioas_id);
	if (!ioas)
		return -ENOENT;
	rc = read_allowed(ucmd, cmd, &allowed);
	if (!rc && any_reserved(ioas, &allowed))
		rc = -EADDRINUSE;
	if (rc) {
		ranges_done(&allowed);
		return rc;
	}
	ranges_done(&ioas->allowed);
	ioas->allowed = allowed;
	return 0;
}
