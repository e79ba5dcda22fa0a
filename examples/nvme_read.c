/* SPDX-License-Identifier: MIT */
/*
 * A driver in user space for an NVMe disk: it writes a pattern, reads it back, and then reads as fast as it can, with many commands at a time.
 *
 *   uiommufd run --device nvme,size=64M -- nvme_read [SECONDS]
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvme.h"
#include "vfio.h"

#define NVME	0x123411eau
#define ENTRIES 64 /* of each queue */
#define PAGE	4096
#define DEPTH	32 /* commands at a time */

struct queue {
	struct command *commands;
	struct completion *completions;
	uint64_t commands_iova, completions_iova;
	char *doorbells;
	unsigned int tail, head, phase;
};

struct disk {
	struct vfio vfio;
	char *registers;
	struct queue admin, io;
	char *data; /* a page for each command */
	uint64_t data_iova;
	uint64_t blocks;
	unsigned int block; /* bytes */
};

static void queue_init(struct disk *disk, struct queue *queue, unsigned int id)
{
	queue->commands = vfio_memory(&disk->vfio, PAGE, &queue->commands_iova);
	queue->completions = vfio_memory(&disk->vfio, PAGE, &queue->completions_iova);
	queue->doorbells = disk->registers + DOORBELLS + id * 8;
	queue->phase = 1;
}

static void submit(struct queue *queue, struct command command)
{
	queue->commands[queue->tail] = command;
	queue->tail = (queue->tail + 1) % ENTRIES;
}

static void ring(struct queue *queue)
{
	put32(queue->doorbells, queue->tail);
}

/* Waits for the next completion: the id of its command. */
static unsigned int complete(struct queue *queue)
{
	struct completion *completion = &queue->completions[queue->head];
	uint16_t status;

	while (((status = __atomic_load_n(&completion->status, __ATOMIC_ACQUIRE)) & 1) !=
	       queue->phase)
		;
	if (status >> 1)
		errx(1, "command %u failed: status %#x", completion->id, status >> 1);
	queue->head = (queue->head + 1) % ENTRIES;
	queue->phase ^= !queue->head;
	return completion->id;
}

static void taken(struct queue *queue)
{
	put32(queue->doorbells + 4, queue->head);
}

static void admin(struct disk *disk, struct command command)
{
	submit(&disk->admin, command);
	ring(&disk->admin);
	complete(&disk->admin);
	taken(&disk->admin);
}

static void start(struct disk *disk)
{
	vfio_open(&disk->vfio, NVME);
	disk->registers = vfio_bar(&disk->vfio, 0);
	put32(disk->registers + CC, 0);
	while (get32(disk->registers + CSTS) & CSTS_READY)
		;
	queue_init(disk, &disk->admin, 0);
	queue_init(disk, &disk->io, 1);
	put32(disk->registers + AQA, admin_sizes(ENTRIES));
	put64(disk->registers + ASQ, disk->admin.commands_iova);
	put64(disk->registers + ACQ, disk->admin.completions_iova);
	put32(disk->registers + CC, CC_ENABLE);
	while (!(get32(disk->registers + CSTS) & CSTS_READY))
		;
	admin(disk, create_cq(1, ENTRIES, disk->io.completions_iova));
	admin(disk, create_sq(1, ENTRIES, disk->io.commands_iova));
	disk->data = vfio_memory(&disk->vfio, DEPTH * PAGE, &disk->data_iova);
}

static void identify(struct disk *disk)
{
	uint64_t blocks;

	admin(disk, (struct command){.opcode = IDENTIFY, .prp = {disk->data_iova}, .dword = {1}});
	printf("%s is %s: %.40s\n", disk->vfio.name, disk->vfio.node, disk->data + 24);
	admin(disk, (struct command){.opcode = IDENTIFY, .nsid = 1, .prp = {disk->data_iova}});
	memcpy(&blocks, disk->data, sizeof(blocks));
	disk->blocks = blocks;
	disk->block = 1u << disk->data[128 + 4 * (disk->data[26] & 0xf) + 2];
	printf("%llu blocks of %u bytes, %llu MiB\n", (unsigned long long)blocks, disk->block,
	       (unsigned long long)(blocks * disk->block >> 20));
}

/* A page to or from the place of number `page` on the disk. */
static struct command page_command(struct disk *disk, uint8_t opcode, unsigned int id,
				   uint64_t page)
{
	unsigned int n = PAGE / disk->block;

	return (struct command){.opcode = opcode,
				.id = id,
				.nsid = 1,
				.prp = {disk->data_iova + id * PAGE},
				.dword = {page * n, page * n >> 32, n - 1}};
}

static void all_at_once(struct disk *disk, uint8_t opcode)
{
	for (unsigned int i = 0; i < DEPTH; i++)
		submit(&disk->io, page_command(disk, opcode, i, i));
	ring(&disk->io);
	for (unsigned int i = 0; i < DEPTH; i++)
		complete(&disk->io);
	taken(&disk->io);
}

static void write_and_check(struct disk *disk)
{
	char *want = malloc(DEPTH * PAGE);

	if (!want)
		err(1, "malloc");
	for (unsigned int i = 0; i < DEPTH * PAGE; i++)
		disk->data[i] = want[i] = i * 31 + i / PAGE;
	all_at_once(disk, WRITE);
	memset(disk->data, 0, DEPTH * PAGE);
	all_at_once(disk, READ);
	if (memcmp(disk->data, want, DEPTH * PAGE))
		errx(1, "it does not read what was written");
	printf("%d KiB written, and read back the same\n", DEPTH * PAGE >> 10);
	free(want);
}

/* A new command for each that is done. */
static void race(struct disk *disk, double seconds)
{
	uint64_t pages = disk->blocks * disk->block / PAGE, n = 0, random = 1;
	double began = vfio_now(), now = began;

	for (unsigned int i = 0; i < DEPTH; i++)
		submit(&disk->io, page_command(disk, READ, i, i % pages));
	ring(&disk->io);
	while (now < began + seconds) {
		for (unsigned int i = 0; i < DEPTH; i++, n++) {
			random = random * UINT64_C(6364136223846793005) + 1;
			submit(&disk->io, page_command(disk, READ, complete(&disk->io),
						       (random >> 20) % pages));
			if (i % 8 == 7) {
				taken(&disk->io);
				ring(&disk->io);
			}
		}
		now = vfio_now();
	}
	for (unsigned int i = 0; i < DEPTH; i++)
		complete(&disk->io);
	taken(&disk->io);
	printf("%.0f thousand reads of 4 KiB a second, through the IOMMU\n",
	       n / (now - began) / 1e3);
}

int main(int argc, char **argv)
{
	struct disk disk = {0};

	start(&disk);
	identify(&disk);
	write_and_check(&disk);
	race(&disk, argc > 1 ? atof(argv[1]) : 1);
	put32(disk.registers + CC, 0);
	vfio_close(&disk.vfio);
	return 0;
}
