/* SPDX-License-Identifier: MIT */
/*
 * Registers in an image (little-endian, as are the machines that this runs on). A program may load what is stored here at any time, so each
 * is one access; what a model stored before is seen by who sees the register.
 */
#ifndef UIOMMUFD_MODEL_REG_H
#define UIOMMUFD_MODEL_REG_H

#include <stdint.h>

static inline uint64_t reg_get64(const void *image, uint64_t offset)
{
	return __atomic_load_n((const uint64_t *)((const char *)image + offset), __ATOMIC_ACQUIRE);
}

static inline uint32_t reg_get32(const void *image, uint64_t offset)
{
	return __atomic_load_n((const uint32_t *)((const char *)image + offset), __ATOMIC_ACQUIRE);
}

static inline void reg_put64(void *image, uint64_t offset, uint64_t value)
{
	__atomic_store_n((uint64_t *)((char *)image + offset), value, __ATOMIC_RELEASE);
}

static inline void reg_put32(void *image, uint64_t offset, uint32_t value)
{
	__atomic_store_n((uint32_t *)((char *)image + offset), value, __ATOMIC_RELEASE);
}

static inline void reg_put16(void *image, uint64_t offset, uint16_t value)
{
	__atomic_store_n((uint16_t *)((char *)image + offset), value, __ATOMIC_RELEASE);
}

static inline void reg_put8(void *image, uint64_t offset, uint8_t value)
{
	__atomic_store_n((uint8_t *)image + offset, value, __ATOMIC_RELEASE);
}

/* The same for any size: 1, 2, 4 or 8. */
uint64_t reg_get(const void *image, uint64_t offset, unsigned int size);
void reg_put(void *image, uint64_t offset, unsigned int size, uint64_t value);

/* A register: which of its bits a driver can change, and what happens then. */
struct reg_row {
	uint32_t offset, size; /* 1, 2, 4 or 8, and aligned */
	uint64_t writable;
	/*
	 * After the writable bits have been put into the image; may be NULL. `now` is what the image holds, `stored` the bits of the store (0 where
	 * it did not reach), which is what counts for registers of commands, and for those that are cleared by a 1.
	 */
	void (*store)(void *state, uint64_t now, uint64_t stored);
};

/* Registers of an image; a row of size 0 ends them. */
struct reg_file {
	const struct reg_row *rows;
	void *image;
	void *state;
};

/* A store of len bytes, spread over the registers that it touches, in the order of the rows. */
void reg_store(const struct reg_file *file, uint64_t offset, uint64_t value, unsigned int len);

#endif
