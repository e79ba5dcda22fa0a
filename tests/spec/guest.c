/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include "unit.h"

#include <string.h>
#include <sys/mman.h>

char *guest_memory(void)
{
	static char *memory;

	if (!memory)
		memory = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	memset(memory, 0, GUEST_DATA);
	for (uint64_t at = GUEST_DATA; at < GUEST_SIZE; at += 8)
		if (*(uint64_t *)(memory + at) != at)
			*(uint64_t *)(memory + at) = at;
	return memory;
}
