/* SPDX-License-Identifier: MIT */
/*
 * A device does DMA to pages that aren't there. Each access waits while its request goes to a fault queue; a handler maps the page and answers, and the access goes on:
 * what operating systems do for their programs, for a device.
 *
 *   uiommufd run --iommu vtd --device dmatest -- fault_dma
 *   uiommufd run --iommu smmuv3 --device dmatest,stalls=on -- fault_dma
 *
 * The page tables are the program's own (stage1.h). A VT-d's device asks by a page request (PRI), for all the pages that an access misses at once; behind an
 * SMMUv3 the access itself stalls, and asks for its next page. The handler (faults.h) need not know.
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "faults.h"
#include "stage1.h"
#include "vfio.h"

#define DMATEST 0x123411e9u
#define VA	0x7f0000000000ull
#define PAGES	256
#define MEMORY	(4u << 20)
/* Where in a page each transfer begins, so that it touches two. */
#define OFFSET 0x800

/* dmatest's registers: src/model/dmatest.c. */
enum { ADDRESS = 0x00, COMMAND = 0x08, STATUS = 0x0c, BUFFER = 0x1000 };
enum { START = 1, TO_MEMORY = 2 };

static struct vfio device;
static struct stage1 tables;
static char *registers, *memory;
static uint64_t frames; /* address of the pages that are handed to the device when it asks */
static int queue;
static atomic_uint requests;
static atomic_bool done;

/* ---- the handler ---- */

static enum iommufd_page_response_code map_page(void *arg, const struct iommu_hwpt_pgfault *fault)
{
	uint64_t page = (fault->addr - VA) / PAGE_BYTES;

	(void)arg;
	atomic_fetch_add(&requests, 1);
	if (page >= PAGES)
		return IOMMUFD_PAGE_RESP_INVALID;
	stage1_map(&tables, VA + page * PAGE_BYTES, frames + page * PAGE_BYTES);
	return IOMMUFD_PAGE_RESP_SUCCESS;
}

static void *handle(void *arg)
{
	(void)arg;
	while (!atomic_load(&done)) {
		int rc = faults_handle(queue, 100, map_page, NULL);

		if (rc < 0)
			errx(1, "the fault queue: %s", strerror(-rc));
	}
	return NULL;
}

/* ---- the device ---- */

/* Moves 4096 bytes between the device's own memory and an address: its status. */
static uint32_t transfer(uint64_t address, uint32_t direction)
{
	put64(registers + ADDRESS, address);
	put32(registers + COMMAND, START | direction);
	while (get32(registers + COMMAND) & START)
		;
	return get32(registers + STATUS);
}

static void fill(char *at, uint64_t address)
{
	for (unsigned int i = 0; i < PAGE_BYTES; i++)
		at[i] = (char)(address / PAGE_BYTES + i * 7);
}

/* The device writes to pages that are absent, and reads what it wrote. */
static void run_device(void)
{
	char want[PAGE_BYTES];

	for (uint64_t va = VA + OFFSET; va + PAGE_BYTES < VA + PAGES * PAGE_BYTES;
	     va += 2 * PAGE_BYTES) {
		fill(want, va);
		memcpy(registers + BUFFER, want, PAGE_BYTES);
		if (transfer(va, TO_MEMORY) != 1)
			errx(1, "the transfer to %#llx failed", (unsigned long long)va);
		if (memcmp(memory + frames + (va - VA), want, PAGE_BYTES))
			errx(1, "other bytes came to %#llx", (unsigned long long)va);
		memset(registers + BUFFER, 0, PAGE_BYTES);
		if (transfer(va, 0) != 1 || memcmp(registers + BUFFER, want, PAGE_BYTES))
			errx(1, "other bytes came from %#llx", (unsigned long long)va);
	}
}

static void set_up(void)
{
	uint32_t id;
	int iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	if (iommufd < 0)
		err(1, "/dev/iommu");
	vfio_bind(&device, DMATEST, 0, iommufd);
	registers = vfio_bar(&device, 0);
	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap");
	stage1_init(&tables, iommufd, device.id, memory, MEMORY);
	stage1_add_device(&tables, device.id, 1);
	stage1_prepare(&tables, VA, PAGES);
	frames = stage1_take(&tables, PAGES);
	queue = stage1_fault_queue(&tables, &id);
	vfio_attach(&device, stage1_object(&tables, device.id, id));
}

int main(void)
{
	pthread_t handler;
	double began;

	set_up();
	if (pthread_create(&handler, NULL, handle, NULL))
		errx(1, "no thread");
	began = vfio_now();
	run_device();
	printf("%u pages were absent, asked for and mapped, %.1f microseconds each; all data are "
	       "right\n",
	       atomic_load(&requests), (vfio_now() - began) * 1e6 / PAGES);
	if (transfer(VA + PAGES * PAGE_BYTES, 0) != 3)
		errx(1, "a page that the handler does not have was there");
	printf("and one that it has not: the device was told\n");
	atomic_store(&done, true);
	pthread_join(handler, NULL);
	vfio_close(&device);
	return 0;
}
