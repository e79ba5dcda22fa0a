/* SPDX-License-Identifier: MIT */
/*
 * Fields of hardware registers and descriptors, named by their masks (contiguous and not 0), as
 * their specifications draw them: field_get(STE_CONFIG, word), word = field_put(STE_CONFIG, word, 5).
 */
#ifndef UIOMMUFD_BASE_FIELD_H
#define UIOMMUFD_BASE_FIELD_H

#include <stdbool.h>
#include <stdint.h>

/* Bits low to high, both included. */
#define FIELD_MASK(high, low) ((UINT64_MAX >> (63 - (high))) & (UINT64_MAX << (low)))

static inline uint64_t field_get(uint64_t mask, uint64_t word)
{
	return (word & mask) >> __builtin_ctzll(mask);
}

/* The word with the field replaced; what is too large for it is cut. */
static inline uint64_t field_put(uint64_t mask, uint64_t word, uint64_t value)
{
	return (word & ~mask) | ((value << __builtin_ctzll(mask)) & mask);
}

static inline bool field_fits(uint64_t mask, uint64_t value)
{
	return value <= mask >> __builtin_ctzll(mask);
}

#endif
