/* SPDX-License-Identifier: MIT */
/*
 * What a user-space driver needs of VFIO and IOMMUFD, in a few calls: the device's file, an address space, registers, memory for DMA, interrupts. Plain
 * system calls, as for any kernel. Whatever fails ends the program with a sentence.
 */
#ifndef EXAMPLES_VFIO_H
#define EXAMPLES_VFIO_H

#include <stddef.h>
#include <stdint.h>

struct vfio {
	char name[64]; /* "0000:01:00.0" */
	char node[64]; /* "/dev/vfio/devices/vfio0" */
	int fd, iommufd;
	uint32_t ioas;
	uint32_t id; /* as IOMMUFD knows the device */
};

/* The first device with this id (vendor << 16 | device), bound and attached to an address space of its own, with Bus Master on. */
void vfio_open(struct vfio *vfio, uint32_t id);
/* Without an address space of its own: the one of number `nth`, from 0, bound to this /dev/iommu. */
void vfio_bind(struct vfio *vfio, uint32_t id, unsigned int nth, int iommufd);
/* Puts it behind a page table, in the place of what is there; or behind none. */
void vfio_attach(struct vfio *vfio, uint32_t page_table);
void vfio_detach(struct vfio *vfio);
void vfio_close(struct vfio *vfio);

/* A BAR, mapped. */
void *vfio_bar(struct vfio *vfio, unsigned int bar);
uint32_t vfio_config_read(struct vfio *vfio, unsigned int offset);

/* Fresh memory that the device sees too: at *ret_iova. */
void *vfio_memory(struct vfio *vfio, size_t size, uint64_t *ret_iova);
/* The device sees these addresses no more. */
void vfio_unmap(struct vfio *vfio, uint64_t iova, size_t size);

/* An eventfd for vector 0 of MSI-X. */
int vfio_interrupt(struct vfio *vfio);

/* Seconds, for measuring. */
double vfio_now(void);

/* Registers: each load and store happens once, and in order. */
static inline uint8_t get8(const void *at)
{
	return *(const volatile uint8_t *)at;
}

static inline uint32_t get32(const void *at)
{
	return *(const volatile uint32_t *)at;
}

static inline uint64_t get64(const void *at)
{
	return *(const volatile uint64_t *)at;
}

static inline void put8(void *at, uint8_t value)
{
	__atomic_store_n((uint8_t *)at, value, __ATOMIC_RELEASE);
}

static inline void put16(void *at, uint16_t value)
{
	__atomic_store_n((uint16_t *)at, value, __ATOMIC_RELEASE);
}

static inline void put32(void *at, uint32_t value)
{
	__atomic_store_n((uint32_t *)at, value, __ATOMIC_RELEASE);
}

static inline void put64(void *at, uint64_t value)
{
	__atomic_store_n((uint64_t *)at, value, __ATOMIC_RELEASE);
}

#endif
