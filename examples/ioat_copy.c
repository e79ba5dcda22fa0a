/* SPDX-License-Identifier: MIT */
/*
 * A driver in user space for Intel's copy engine (IOAT, 8086:2021): it has the device copy memory through the IOMMU, and then takes the memory away
 * from under it.
 *
 *   uiommufd run --device ioat -- ioat_copy [MEBIBYTES]
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vfio.h"

#define IOAT	0x80862021u
#define PIECE	((size_t)64 << 10)
#define RING	1024 /* descriptors; a power of two */
#define MAPPING ((size_t)16 << 20)

/* Registers of BAR 0, and bits of them. */
enum {
	INTRCTRL = 0x03,
	VERSION = 0x08,
	CHANCTRL = 0x80,
	CHANCMD = 0x84,
	DMACOUNT = 0x86,
	CHANSTS = 0x88,
	CHAINADDR = 0x90,
	CHANERR = 0xa8
};
enum { CHANCMD_RESET = 0x20, DONE = 1, HALTED = 3 };

struct descriptor {
	uint32_t size, control;
	uint64_t from, to, next, unused[4];
};

struct ioat {
	struct vfio vfio;
	char *registers;
	struct descriptor *ring;
	uint64_t ring_iova;
	int event;
};

static unsigned int state(struct ioat *ioat)
{
	return get64(ioat->registers + CHANSTS) & 7;
}

static void reset(struct ioat *ioat)
{
	put32(ioat->registers + CHANERR, get32(ioat->registers + CHANERR));
	put8(ioat->registers + CHANCMD, CHANCMD_RESET);
	while (get8(ioat->registers + CHANCMD) & CHANCMD_RESET)
		;
}

/* Sets up n descriptors for a range, and waits for the interrupt of the last. */
static unsigned int copy(struct ioat *ioat, uint64_t to, uint64_t from, size_t size)
{
	unsigned int n = 0;
	uint64_t count;

	for (size_t at = 0; at < size; at += PIECE, n++)
		ioat->ring[n] = (struct descriptor){.size = PIECE,
						    .control = at + PIECE == size, /* interrupt */
						    .from = from + at,
						    .to = to + at,
						    .next = ioat->ring_iova + (n + 1) * 64};
	reset(ioat);
	put64(ioat->registers + CHAINADDR, ioat->ring_iova);
	put16(ioat->registers + CHANCTRL,
	      0x19); /* arm the interrupt, also for errors; stop at any */
	put16(ioat->registers + DMACOUNT, n);
	if (read(ioat->event, &count, sizeof(count)) != sizeof(count))
		err(1, "eventfd");
	while (state(ioat) != DONE && state(ioat) != HALTED)
		;
	return state(ioat);
}

static void start(struct ioat *ioat)
{
	vfio_open(&ioat->vfio, IOAT);
	ioat->registers = vfio_bar(&ioat->vfio, 0);
	ioat->ring = vfio_memory(&ioat->vfio, RING * sizeof(*ioat->ring), &ioat->ring_iova);
	ioat->event = vfio_interrupt(&ioat->vfio);
	put8(ioat->registers + INTRCTRL, 0x8); /* interrupts by MSI-X */
	printf("%s is %s: IOAT version %x, bound to /dev/iommu\n", ioat->vfio.name, ioat->vfio.node,
	       get8(ioat->registers + VERSION));
}

static void fill(uint64_t *memory, size_t size)
{
	for (size_t i = 0; i < size / 8; i++)
		memory[i] = i * UINT64_C(0x9e3779b97f4a7c15);
}

int main(int argc, char **argv)
{
	size_t total = (size_t)(argc > 1 ? atoi(argv[1]) : 1024) << 20;
	uint64_t from_iova, to_iova;
	struct ioat ioat;
	double began, device, memcpys;
	char *from, *to;

	start(&ioat);
	from = vfio_memory(&ioat.vfio, MAPPING, &from_iova);
	to = vfio_memory(&ioat.vfio, MAPPING, &to_iova);
	fill((uint64_t *)from, MAPPING);
	memset(to, 0, MAPPING);

	began = vfio_now();
	for (size_t done = 0; done < total; done += MAPPING)
		if (copy(&ioat, to_iova, from_iova, MAPPING) != DONE)
			errx(1, "the device has stopped: CHANERR %#x",
			     get32(ioat.registers + CHANERR));
	device = vfio_now() - began;
	if (memcmp(from, to, MAPPING))
		errx(1, "it did not copy what was there");
	began = vfio_now();
	for (size_t done = 0; done < total; done += MAPPING)
		memcpy(to, from, MAPPING);
	memcpys = vfio_now() - began;
	printf("the device copied %zu MiB from IOVA %#llx to %#llx: %.1f GiB/s (memcpy: %.1f)\n",
	       total >> 20, (unsigned long long)from_iova, (unsigned long long)to_iova,
	       total / device / (1 << 30), total / memcpys / (1 << 30));

	vfio_unmap(&ioat.vfio, to_iova, MAPPING);
	if (copy(&ioat, to_iova, from_iova, MAPPING) != HALTED)
		errx(1, "the device still writes what is unmapped");
	printf("unmapped: the device stops, with CHANERR %#x (the destination)\n",
	       get32(ioat.registers + CHANERR));
	vfio_close(&ioat.vfio);
	return 0;
}
