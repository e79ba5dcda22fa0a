/* SPDX-License-Identifier: MIT */
/* A context in words, so that a test can say that nothing has changed, and a failed one shows what has. */
#include "bench.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/machine_impl.h"
#include "core/mmap.h"
#include "device/device.h"
#include "hwpt/hwpt.h"
#include "ioas/access.h"
#include "ioas/ioas.h"

static void describe_ranges(FILE *out, const char *what, const struct ranges *ranges)
{
	for (size_t i = 0; i < ranges->n; i++)
		fprintf(out, "  %s %" PRIx64 "-%" PRIx64 "\n", what, ranges->v[i].first,
			ranges->v[i].last);
}

static void describe_ioas(FILE *out, struct ioas *ioas)
{
	struct imap_entry entry;

	fprintf(out, "  alignment %" PRIu64 " huge %d\n", ioas->alignment, ioas->huge_pages);
	describe_ranges(out, "reserved", &ioas->reserved);
	describe_ranges(out, "allowed", &ioas->allowed);
	imap_for_each_in(&ioas->areas, 0, UINT64_MAX, &entry) {
		const struct area *area = entry.value;
		const struct pages *pages = area->pages;

		fprintf(out,
			"  area %" PRIx64 "-%" PRIx64 " offset %" PRIx64
			" perm %u pins %u locks %u closing %d"
			" pages %" PRIx64 " refs %u pinned %" PRIu64 "\n",
			entry.first, entry.last, area->offset, area->perm, area->pins, area->locks,
			area->closing, pages->start, pages->refs, pages_npinned(pages));
	}
}

static void describe_device(FILE *out, const struct device *device)
{
	const struct device_attachment *own;

	for (own = device->attachments; own; own = own->next)
		fprintf(out, "  pasid %u on %u\n", own->pasid, own->hwpt->object.id);
	fprintf(out, "  takes faults %u, has vdevice %u\n", device->fault_attachments,
		device->vdevice ? device->vdevice->id : 0);
}

static void describe_object(FILE *out, struct object *object)
{
	fprintf(out, "%u %s users %u\n", object->id, object->type->name, object->users);
	if (object->type == &ioas_type)
		describe_ioas(out, (struct ioas *)object);
	else if (object->type == &device_type)
		describe_device(out, (struct device *)object);
	else if (object->type == &hwpt_paging_type)
		fprintf(out, "  tracking %d\n",
			atomic_load(&((struct hwpt_paging *)object)->tracking));
}

static void describe_rest(FILE *out, struct bench *bench)
{
	const struct user_account *user = atomic_load(&bench->machine->users);
	const struct mmap_region *region;

	LIST_FOREACH(region, &bench->ctx->regions, link)
		fprintf(out, "region %" PRIx64 " %" PRIx64 "\n", region->offset, region->length);
	fprintf(out, "mode %d vfio %u descriptors %u taken %u\n", bench->ctx->account_mode,
		bench->ctx->vfio_ioas ? bench->ctx->vfio_ioas->object.id : 0, bench_open_fds(bench),
		bench->ctx->ids.count);
	fprintf(out, "pinned %lu locked %lu\n", bench_pinned(bench),
		atomic_load(&bench->client.mm->locked_vm));
	for (; user; user = user->next)
		if (atomic_load(&user->locked))
			fprintf(out, "user %u %lu\n", user->uid, atomic_load(&user->locked));
}

char *bench_describe(struct bench *bench)
{
	struct object *object;
	uint32_t id = 0;
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	while ((object = idmap_next(&bench->ctx->ids, id, &id)))
		describe_object(out, object);
	describe_rest(out, bench);
	fclose(out);
	return text;
}
