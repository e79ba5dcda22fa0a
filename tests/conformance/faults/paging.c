/* SPDX-License-Identifier: MIT */
/*
 * A program that pages from the disk that faults: one thread, and one queue of an NVMe. A command touches an absent page; while it waits the program reads what belongs
 * there from the same disk by the same queue, maps it, and answers. Each time the page's bytes lie where the command writes, or elsewhere.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../../examples/nvme.h"
#include "storm.h"

#define NVME	0x123411eau
#define MEMORY	(2u << 20)
#define ENTRIES 16u
#define BLOCKS	8u /* of a page */
#define ROUNDS	100u
#define SWAP	64u /* the page of the disk from which pages come in */

/* Pages of the window. */
enum { ADMIN_QUEUE = 0, IO_QUEUE = 2, BUFFER = 4, ABSENT = 8 };

struct queue {
	unsigned int page, id, tail, head, phase;
};

static struct vfio device;
static char *bar;
static struct stage1 tables;
static uint64_t frames;
static uint32_t object;
static int faults;
static struct queue admin = {ADMIN_QUEUE, 0, 0, 0, 1}, io = {IO_QUEUE, 1, 0, 0, 1};

static char *at_page(unsigned int page)
{
	return tables.memory + frames + (size_t)page * PAGE_BYTES;
}

static void map(unsigned int page)
{
	stage1_map(&tables, va_of(0, page), frames + (uint64_t)page * PAGE_BYTES);
}

/* ---- the disk ---- */

static void submit(struct queue *queue, struct command command)
{
	((struct command *)at_page(queue->page))[queue->tail] = command;
	queue->tail = (queue->tail + 1) % ENTRIES;
	put32(bar + DOORBELLS + queue->id * 8, queue->tail);
}

/* The next completion must be this command's. */
static void complete(struct queue *queue, uint16_t id)
{
	struct completion *done = (struct completion *)at_page(queue->page + 1) + queue->head;
	unsigned int tries = 0;
	uint16_t status;

	while (((status = __atomic_load_n(&done->status, __ATOMIC_ACQUIRE)) & 1) != queue->phase)
		pause_for(&tries);
	must(done->id == id && !(status >> 1));
	queue->head = (queue->head + 1) % ENTRIES;
	queue->phase ^= !queue->head;
	put32(bar + DOORBELLS + queue->id * 8 + 4, queue->head);
}

static struct command transfer(uint8_t opcode, uint16_t id, unsigned int disk_page,
			       unsigned int page)
{
	return (struct command){.opcode = opcode,
				.id = id,
				.nsid = 1,
				.prp = {va_of(0, page)},
				.dword = {disk_page * BLOCKS, 0, BLOCKS - 1}};
}

static void start(void)
{
	unsigned int tries = 0;

	put32(bar + AQA, admin_sizes(ENTRIES));
	put64(bar + ASQ, va_of(0, ADMIN_QUEUE));
	put64(bar + ACQ, va_of(0, ADMIN_QUEUE + 1));
	put32(bar + CC, CC_ENABLE);
	while (!(get32(bar + CSTS) & CSTS_READY))
		pause_for(&tries);
	submit(&admin, create_cq(1, ENTRIES, va_of(0, IO_QUEUE + 1)));
	complete(&admin, 0);
	submit(&admin, create_sq(1, ENTRIES, va_of(0, IO_QUEUE)));
	complete(&admin, 0);
}

/* ---- paging ---- */

static void page_in(void)
{
	struct pollfd ready = {.fd = faults, .events = POLLIN};
	struct iommu_hwpt_page_response response = {0};
	struct iommu_hwpt_pgfault message;

	must(poll(&ready, 1, -1) == 1);
	must(read(faults, &message, sizeof(message)) == sizeof(message));
	must((message.addr & ~0xfffull) == va_of(0, ABSENT));
	submit(&io, transfer(READ, 7, SWAP, BUFFER));
	complete(&io, 7);
	memcpy(at_page(ABSENT), at_page(BUFFER), PAGE_BYTES);
	map(ABSENT);
	response.cookie = message.cookie;
	must(write(faults, &response, sizeof(response)) == sizeof(response));
}

static bool is_filled(unsigned int page, unsigned int with)
{
	const char *at = at_page(page);

	return (uint8_t)*at == with && !memcmp(at, at + 1, PAGE_BYTES - 1);
}

static void round_of(unsigned int number, uint8_t opcode, unsigned int disk_page)
{
	unsigned int swapped = 1 + number % 100, there = 101 + number % 100;

	memset(at_page(BUFFER), (int)there, PAGE_BYTES);
	submit(&io, transfer(WRITE, 1, disk_page, BUFFER));
	complete(&io, 1);
	memset(at_page(BUFFER), (int)swapped, PAGE_BYTES);
	submit(&io, transfer(WRITE, 2, SWAP, BUFFER));
	complete(&io, 2);

	stage1_unmap(&tables, va_of(0, ABSENT), object);
	submit(&io, transfer(opcode, 3, disk_page, ABSENT));
	page_in();
	complete(&io, 3);

	submit(&io, transfer(READ, 4, disk_page, BUFFER));
	complete(&io, 4);
	if (disk_page == SWAP)
		there = swapped;
	must(is_filled(BUFFER, opcode == WRITE ? swapped : there));
	must(is_filled(ABSENT, opcode == WRITE ? swapped : there));
}

static void set_up(void)
{
	int iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	void *memory =
		mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t queue_id;

	must(iommufd >= 0 && memory != MAP_FAILED);
	vfio_bind(&device, NVME, 0, iommufd);
	bar = vfio_bar(&device, 0);
	stage1_init(&tables, iommufd, device.id, memory, MEMORY);
	stage1_prepare(&tables, WINDOW(0), DATA_PAGES);
	frames = stage1_take(&tables, DATA_PAGES);
	faults = stage1_fault_queue(&tables, &queue_id);
	stage1_add_device(&tables, device.id, 1);
	object = stage1_object(&tables, device.id, queue_id);
	vfio_attach(&device, object);
	for (unsigned int page = 0; page < ABSENT; page++)
		map(page);
}

int main(void)
{
	alarm(120); /* nothing takes as long: a hang */
	set_up();
	start();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		round_of(4 * i, WRITE, 1);
		round_of(4 * i + 1, READ, 2);
		round_of(4 * i + 2, WRITE, SWAP);
		round_of(4 * i + 3, READ, SWAP);
	}
	printf("%u pages came in\n", 4 * ROUNDS);
	return 0;
}
