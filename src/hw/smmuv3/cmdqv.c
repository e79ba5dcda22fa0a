/* SPDX-License-Identifier: MIT */
/* Virtual interfaces: their page, their queues, and the thread that serves them. */
#include "hw/smmuv3/cmdqv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "core/host.h"
#include "core/machine_impl.h"
#include "hw/smmuv3/cmdqv_queue.h"

#define PAGE0_BYTES 0x10000

/* How long the thread sleeps when it found nothing to do, at least and at most, in nanoseconds. */
#define SLEEP_FIRST 2000
#define SLEEP_LAST  1000000

struct cmdqv {
	struct smmu_viommu *viommu;
	struct hw_queue *queues[CMDQV_QUEUES]; /* NULL: none of this index */
	atomic_bool stop, running; /* the thread, which there is while there are queues */
};

size_t cmdqv_info(void *buf)
{
	const struct iommu_hw_info_tegra241_cmdqv info = {
		.version = 1,
		.log2vcmdqs = CMDQV_LOG2_QUEUES,
		.log2vsids = CMDQV_LOG2_VSIDS,
	};

	memcpy(buf, &info, sizeof(info));
	return sizeof(info);
}

/* ---- the virtual interface ---- */

static int tell(const struct mmap_region *region, const struct user_data *data)
{
	const struct iommu_viommu_tegra241_cmdqv out = {
		.out_vintf_mmap_offset = region->offset,
		.out_vintf_mmap_length = region->length,
	};
	size_t len = data->len < sizeof(out) ? data->len : sizeof(out);

	return client_write(data->client, data->uptr, &out, len);
}

static int make_page(struct viommu *viommu, const struct user_data *data)
{
	struct iommu_viommu_tegra241_cmdqv arg;
	int rc = data ? user_data_read(data, IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV, &arg, sizeof(arg),
				       sizeof(arg))
		      : 0;

	if (!rc)
		rc = mmap_region_new(viommu->object.ctx, PAGE0_BYTES, &viommu->region);
	return !rc && data ? tell(viommu->region, data) : rc;
}

int cmdqv_new(struct viommu *viommu, const struct user_data *data, struct cmdqv **ret_cmdqv)
{
	struct cmdqv *cmdqv = mem_zalloc(sizeof(*cmdqv));
	int rc;

	if (!cmdqv)
		return -ENOMEM;
	cmdqv->viommu = (struct smmu_viommu *)viommu;
	rc = make_page(viommu, data);
	if (rc) {
		free(cmdqv);
		return rc;
	}
	*ret_cmdqv = cmdqv;
	return 0;
}

void cmdqv_free(struct cmdqv *cmdqv)
{
	free(cmdqv);
}

int cmdqv_check_vdevice(struct vdevice *vdevice)
{
	struct vdevice *other;
	unsigned int n = 0;

	if (vdevice->virt_id > UINT32_MAX)
		return -EINVAL;
	LIST_FOREACH(other, &vdevice->viommu->vdevices, link)
		n++; /* this one too */
	return n > 1u << CMDQV_LOG2_VSIDS ? -ENOSPC : 0;
}

/* ---- the thread ---- */

static bool any_work(const struct cmdqv *cmdqv)
{
	for (unsigned int i = 0; i < CMDQV_QUEUES; i++)
		if (cmdqv_has_work(cmdqv->viommu->viommu.region->memory.host, i))
			return true;
	return false;
}

/* A bit for each queue that has stopped; the guest looks at their registers for the reason. */
static void report(struct cmdqv *cmdqv, uint64_t stopped)
{
	const struct iommu_vevent_tegra241_cmdqv event = {.lvcmdq_err_map = {stopped}};

	if (stopped)
		viommu_report(&cmdqv->viommu->viommu, IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV, &event,
			      sizeof(event));
}

/* With the context's lock held. Was there something to do? */
static bool serve(struct cmdqv *cmdqv)
{
	uint64_t stopped = 0;
	bool moved = false;

	for (unsigned int i = 0; i < CMDQV_QUEUES; i++) {
		enum cmdqv_progress progress = cmdqv_run_queue(cmdqv->viommu, cmdqv->queues[i], i);

		moved |= progress != CMDQV_IDLE;
		if (progress == CMDQV_STOPPED)
			stopped |= (uint64_t)1 << i;
	}
	report(cmdqv, stopped);
	return moved;
}

static bool try_serve(struct cmdqv *cmdqv)
{
	struct lock *lock = &cmdqv->viommu->viommu.object.ctx->lock;
	bool moved;

	if (!any_work(cmdqv) || !lock_try(lock))
		return false;
	moved = serve(cmdqv);
	lock_release(lock);
	return moved;
}

static void thread_run(void *arg)
{
	struct cmdqv *cmdqv = arg;
	struct timespec nap = {.tv_nsec = SLEEP_FIRST};

	while (!atomic_load(&cmdqv->stop)) {
		if (try_serve(cmdqv)) {
			nap.tv_nsec = SLEEP_FIRST;
			continue;
		}
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < SLEEP_LAST)
			nap.tv_nsec *= 2;
	}
	atomic_store(&cmdqv->running, false);
}

static int start_thread(struct cmdqv *cmdqv)
{
	struct machine_host *host = cmdqv->viommu->viommu.object.ctx->machine->host;
	int rc;

	if (atomic_load(&cmdqv->running))
		return 0;
	atomic_store(&cmdqv->stop, false);
	atomic_store(&cmdqv->running, true);
	rc = host->ops->thread(host, thread_run, cmdqv);
	if (rc)
		atomic_store(&cmdqv->running, false);
	return rc;
}

static void stop_thread(struct cmdqv *cmdqv)
{
	const struct timespec nap = {.tv_nsec = SLEEP_FIRST};

	atomic_store(&cmdqv->stop, true);
	while (atomic_load(&cmdqv->running))
		nanosleep(&nap, NULL);
}

/* ---- queues ---- */

size_t cmdqv_queue_size(struct viommu *viommu, uint32_t type)
{
	return ((struct smmu_viommu *)viommu)->cmdqv && type == IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV
		       ? sizeof(struct hw_queue)
		       : 0;
}

static int check_queue(const struct cmdqv *cmdqv, const struct hw_queue *queue)
{
	const uint64_t most = (uint64_t)CMD_BYTES << SMMU_CMDQ_LOG2;

	if (queue->index >= CMDQV_QUEUES)
		return -EINVAL;
	if (cmdqv->queues[queue->index])
		return -EEXIST;
	if (queue->index && !cmdqv->queues[queue->index - 1])
		return -EIO;
	if (queue->length & (queue->length - 1) || queue->length < 2 * CMD_BYTES ||
	    queue->length > most || queue->iova & (queue->length - 1))
		return -EINVAL;
	return 0;
}

/* Queues start in the order of their indices, and stop in the opposite one. */
int cmdqv_queue_init(struct hw_queue *queue)
{
	struct cmdqv *cmdqv = ((struct smmu_viommu *)queue->viommu)->cmdqv;
	int rc = check_queue(cmdqv, queue);

	if (!rc)
		rc = start_thread(cmdqv);
	if (rc)
		return rc;
	if (queue->index) {
		queue->depends_on = &cmdqv->queues[queue->index - 1]->object;
		object_use(queue->depends_on);
	}
	cmdqv_reset_queue(queue->viommu->region->memory.host, queue->index);
	cmdqv->queues[queue->index] = queue;
	return 0;
}

void cmdqv_queue_destroy(struct hw_queue *queue)
{
	struct cmdqv *cmdqv = ((struct smmu_viommu *)queue->viommu)->cmdqv;

	cmdqv->queues[queue->index] = NULL;
	cmdqv_reset_queue(queue->viommu->region->memory.host, queue->index);
	if (!queue->index)
		stop_thread(cmdqv);
}
