/* SPDX-License-Identifier: MIT */
/*
 * The driver of device_sum.c's device: it has the device add up what lies in memory.
 *
 *   uiommufd run --device ./device_sum.so -- sum
 */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include "vfio.h"

#define SUM  0x12345a5au
#define SIZE 65536u

enum { ADDRESS = 0, LENGTH = 8, STATUS = 12, RESULT = 16 };

static uint32_t add_up(char *registers, uint64_t iova)
{
	put64(registers + ADDRESS, iova);
	put32(registers + LENGTH, SIZE);
	while (get32(registers + STATUS) == 1)
		;
	return get32(registers + STATUS);
}

int main(void)
{
	unsigned char *memory;
	uint64_t iova, sum = 0;
	struct vfio vfio;
	char *registers;

	vfio_open(&vfio, SUM);
	registers = vfio_bar(&vfio, 0);
	memory = vfio_memory(&vfio, SIZE, &iova);
	for (unsigned int i = 0; i < SIZE; i++)
		sum += memory[i] = i * 7 + i / 256;
	if (add_up(registers, iova) || get64(registers + RESULT) != sum)
		errx(1, "the device can't add up");
	printf("%s added up %u bytes at IOVA %#llx: %llu\n", vfio.name, SIZE,
	       (unsigned long long)iova, (unsigned long long)sum);
	vfio_unmap(&vfio, iova, SIZE);
	if (add_up(registers, iova) != 2)
		errx(1, "the device still reads what is unmapped");
	printf("unmapped: the device says that it can't\n");
	vfio_close(&vfio);
	return 0;
}
