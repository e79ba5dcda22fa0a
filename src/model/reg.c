/* SPDX-License-Identifier: MIT */
#include "model/reg.h"

/* Bits of the register at `reg` that a store of len bytes at `offset` reaches: their mask, and their value in *ret_stored. */
static uint64_t reg_reached(const struct reg_row *row, uint64_t offset, uint64_t value,
			    unsigned int len, uint64_t *ret_stored)
{
	uint64_t mask = 0, stored = 0;

	for (unsigned int i = 0; i < row->size; i++) {
		uint64_t at = row->offset + i;

		if (at < offset || at - offset >= len)
			continue;
		mask |= UINT64_C(0xff) << (8 * i);
		stored |= (value >> (8 * (at - offset)) & 0xff) << (8 * i);
	}
	*ret_stored = stored;
	return mask;
}

uint64_t reg_get(const void *image, uint64_t offset, unsigned int size)
{
	switch (size) {
	case 1:
		return __atomic_load_n((const uint8_t *)image + offset, __ATOMIC_ACQUIRE);
	case 2:
		return __atomic_load_n((const uint16_t *)((const char *)image + offset),
				       __ATOMIC_ACQUIRE);
	case 4:
		return reg_get32(image, offset);
	default:
		return reg_get64(image, offset);
	}
}

void reg_put(void *image, uint64_t offset, unsigned int size, uint64_t value)
{
	switch (size) {
	case 1:
		reg_put8(image, offset, value);
		break;
	case 2:
		reg_put16(image, offset, value);
		break;
	case 4:
		reg_put32(image, offset, value);
		break;
	default:
		reg_put64(image, offset, value);
	}
}

void reg_store(const struct reg_file *file, uint64_t offset, uint64_t value, unsigned int len)
{
	for (const struct reg_row *row = file->rows; row->size; row++) {
		uint64_t stored, mask = reg_reached(row, offset, value, len, &stored), now;

		if (!mask)
			continue;
		now = reg_get(file->image, row->offset, row->size);
		mask &= row->writable;
		if (mask) {
			now = (now & ~mask) | (stored & mask);
			reg_put(file->image, row->offset, row->size, now);
		}
		if (row->store)
			row->store(file->state, now, stored);
	}
}
