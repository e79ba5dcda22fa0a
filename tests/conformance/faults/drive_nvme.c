/* SPDX-License-Identifier: MIT */
/*
 * An NVMe disk with two queues, of which two threads have one each. Data, PRP lists and the queues themselves are at addresses of stage 1, and any of them may be
 * absent. A controller that can't get at its queues says that it has failed (CSTS.CFS): then one of the threads starts it anew.
 */
#include <stdlib.h>
#include <string.h>

#include "../../../examples/nvme.h"
#include "storm.h"

#define ENTRIES		     16
#define ADMIN		     DRIVERS /* the window of the admin queue */
#define STATUS_DATA_TRANSFER 0x04

struct queue {
	unsigned int window, id;
	unsigned int tail, head, phase;
};

struct nvme {
	struct slot *slot;
	pthread_rwlock_t lock; /* shared: of who has a command under way; alone: of who starts it */
	struct queue admin, io[2];
};

static void queue_init(struct nvme *nvme, struct queue *queue, unsigned int window, unsigned int id)
{
	const struct storm *storm = nvme->slot->storm;

	memset(frame_of(storm, window, SQ_PAGE), 0, PAGE_BYTES);
	memset(frame_of(storm, window, CQ_PAGE), 0, PAGE_BYTES);
	*queue = (struct queue){.window = window, .id = id, .phase = 1};
}

static bool works(const struct nvme *nvme)
{
	return (get32(nvme->slot->bar + CSTS) & (CSTS_READY | CSTS_FATAL)) == CSTS_READY;
}

/* One command, to its end: its status, or -1, if the controller does not work any more. */
static int run(struct nvme *nvme, struct queue *queue, const struct command *command)
{
	const struct storm *storm = nvme->slot->storm;
	char *doorbells = nvme->slot->bar + DOORBELLS + (size_t)queue->id * 8;
	struct completion *done =
		(struct completion *)frame_of(storm, queue->window, CQ_PAGE) + queue->head;
	unsigned int tries = 0;
	uint16_t status;

	((struct command *)frame_of(storm, queue->window, SQ_PAGE))[queue->tail] = *command;
	queue->tail = (queue->tail + 1) % ENTRIES;
	put32(doorbells, queue->tail);
	while (((status = __atomic_load_n(&done->status, __ATOMIC_ACQUIRE)) & 1) != queue->phase) {
		if (!works(nvme))
			return -1;
		pause_for(&tries);
	}
	must(done->id == command->id);
	queue->head = (queue->head + 1) % ENTRIES;
	queue->phase ^= !queue->head;
	put32(doorbells + 4, queue->head);
	return status >> 1 & 0x7ff;
}

/* ---- starting ---- */

static bool create_queue(struct nvme *nvme, unsigned int i)
{
	unsigned int id = i + 1, window = nvme->io[i].window;
	struct command cq = create_cq(id, ENTRIES, va_of(window, CQ_PAGE));
	struct command sq = create_sq(id, ENTRIES, va_of(window, SQ_PAGE));

	return run(nvme, &nvme->admin, &cq) == 0 && run(nvme, &nvme->admin, &sq) == 0;
}

static bool try_to_start(struct nvme *nvme)
{
	char *bar = nvme->slot->bar;
	unsigned int tries = 0;
	uint32_t csts;

	put32(bar + CC, 0);
	while (get32(bar + CSTS) & CSTS_READY)
		pause_for(&tries);
	queue_init(nvme, &nvme->admin, ADMIN, 0);
	for (unsigned int i = 0; i < 2; i++)
		queue_init(nvme, &nvme->io[i], 2 + i, i + 1);
	put32(bar + AQA, admin_sizes(ENTRIES));
	put64(bar + ASQ, va_of(ADMIN, SQ_PAGE));
	put64(bar + ACQ, va_of(ADMIN, CQ_PAGE));
	put32(bar + CC, CC_ENABLE);
	/* A reset of the function takes the enabling back. */
	while (!((csts = get32(bar + CSTS)) & CSTS_READY) && get32(bar + CC) & 1 &&
	       !(csts & CSTS_FATAL))
		pause_for(&tries);
	return create_queue(nvme, 0) && create_queue(nvme, 1);
}

/* Unless somebody has done it since. */
static void start(struct nvme *nvme)
{
	unsigned int tries = 0;

	pthread_rwlock_wrlock(&nvme->lock);
	if (!works(nvme))
		while (!try_to_start(nvme))
			pause_for(&tries);
	pthread_rwlock_unlock(&nvme->lock);
}

struct nvme *nvme_new(struct slot *slot)
{
	struct nvme *nvme = calloc(1, sizeof(*nvme));

	must(nvme);
	nvme->slot = slot;
	pthread_rwlock_init(&nvme->lock, NULL);
	for (unsigned int window = 2; window <= ADMIN; window++)
		for (unsigned int page = SQ_PAGE; page <= CQ_PAGE; page++)
			stage1_map(&slot->storm->tables, va_of(window, page),
				   slot->storm->frames[window] + (uint64_t)page * PAGE_BYTES);
	return nvme;
}

/* ---- transfers ---- */

/* The command for n pages of the window from `page` on, and of the disk from `place` on. A third page makes a list. */
static struct command make_command(struct driver *driver, uint8_t opcode, unsigned int page,
				   unsigned int place, unsigned int n)
{
	const struct storm *storm = driver->storm;
	uint64_t *list = (uint64_t *)frame_of(storm, driver->number, LIST_PAGE);
	uint64_t block = ((uint64_t)driver->queue * 64 + place) * (PAGE_BYTES / 512);
	struct command command = {.opcode = opcode,
				  .id = (uint16_t)random_below(&driver->random, 1000),
				  .nsid = 1,
				  .prp = {va_of(driver->number, page)},
				  .dword = {(uint32_t)block, 0, n * (PAGE_BYTES / 512) - 1}};

	for (unsigned int i = 1; i < n; i++)
		list[i - 1] = va_of(driver->number, page + i);
	if (n > 2)
		command.prp[1] = va_of(driver->number, LIST_PAGE);
	else if (n == 2)
		command.prp[1] = list[0];
	return command;
}

/* What the queues and the list are in goes too, at times. */
static void clear(struct driver *driver, unsigned int page, unsigned int n)
{
	struct slot *slot = driver->slot;

	slot_clear(slot, driver->number, page, n);
	if (!random_below(&driver->random, 2))
		slot_clear(slot, driver->number, LIST_PAGE, 1);
	if (!random_below(&driver->random, 4))
		slot_clear(slot, driver->number,
			   random_below(&driver->random, 2) ? SQ_PAGE : CQ_PAGE, 1);
}

/* Fills what is to be written, or is known to be read. */
static void settle(struct driver *driver, uint8_t opcode, unsigned int page, unsigned int place,
		   unsigned int n, bool *ret_bad)
{
	for (unsigned int i = 0; i < n; i++) {
		const char *at = frame_of(driver->storm, driver->number, page + i);

		if (opcode == WRITE)
			driver->shadow[place + i] = (uint8_t)*at;
		else if (driver->shadow[place + i])
			*ret_bad |= (uint8_t)*at != driver->shadow[place + i] ||
				    memcmp(at, at + 1, PAGE_BYTES - 1);
	}
}

static void fill(struct driver *driver, unsigned int page, unsigned int place, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		memset(frame_of(driver->storm, driver->number, page + i),
		       1 + (int)random_below(&driver->random, 255), PAGE_BYTES);
		driver->shadow[place + i] = 0;
	}
}

enum outcome nvme_transfer(struct driver *driver, bool refused, bool *ret_bad)
{
	struct nvme *nvme = driver->slot->nvme;
	unsigned int n = 1 + random_below(&driver->random, 4);
	unsigned int page = random_below(&driver->random, DATA_PAGES - 4);
	unsigned int place = random_below(&driver->random, 60);
	uint8_t opcode = random_below(&driver->random, 2) ? WRITE : READ;
	struct command command;
	int status;

	if (opcode == WRITE)
		fill(driver, page, place, n);
	clear(driver, page, n);
	command = make_command(driver, opcode, page + (refused ? REFUSED_PAGE : 0), place, n);
	pthread_rwlock_rdlock(&nvme->lock);
	status = works(nvme) ? run(nvme, &nvme->io[driver->queue], &command) : -1;
	pthread_rwlock_unlock(&nvme->lock);
	if (status < 0) {
		start(nvme);
		return LOST;
	}
	if (status == STATUS_DATA_TRANSFER)
		return FAILED;
	must(!status);
	settle(driver, opcode, page, place, n, ret_bad);
	return MOVED;
}
