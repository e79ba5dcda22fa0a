/* SPDX-License-Identifier: MIT */
/* dmatest: its registers are told in src/model/dmatest.c. */
#include <string.h>

#include "storm.h"

enum {
	ADDRESS = 0x00,
	COMMAND = 0x08,
	STATUS = 0x0c,
	LENGTH = 0x14,
	FAULT = 0x18,
	BUFFER = 0x1000
};
enum { START = 1, TO_MEMORY = 2 };
enum { DONE = 1, FAULTED = 2 };

/* Its status: 0, if a reset came in between. */
static uint32_t run(char *bar, uint64_t address, uint32_t length, uint32_t direction)
{
	unsigned int tries = 0;

	put64(bar + ADDRESS, address);
	put32(bar + LENGTH, length);
	put32(bar + COMMAND, START | direction);
	while (get32(bar + COMMAND) & START)
		pause_for(&tries);
	return get32(bar + STATUS);
}

enum outcome dmatest_transfer(struct driver *driver, bool refused, bool *ret_bad)
{
	struct slot *slot = driver->slot;
	unsigned int page = random_below(&driver->random, DATA_PAGES - 1);
	unsigned int offset = random_below(&driver->random, PAGE_BYTES);
	uint32_t length = 1 + random_below(&driver->random, PAGE_BYTES);
	bool to_memory = random_below(&driver->random, 2);
	char *at = frame_of(driver->storm, driver->number, page) + offset;
	char want[PAGE_BYTES];
	uint32_t status;

	memset(want, (int)random_below(&driver->random, 256), length);
	if (refused)
		page += REFUSED_PAGE;
	else
		slot_clear(slot, driver->number, page, 2);
	if (to_memory)
		memcpy(slot->bar + BUFFER, want, length);
	else if (!refused)
		memcpy(at, want, length);
	status = run(slot->bar, va_of(driver->number, page) + offset, length,
		     to_memory ? TO_MEMORY : 0);
	if (!(status & DONE))
		return LOST;
	if (status & FAULTED)
		return FAILED;
	*ret_bad = memcmp(to_memory ? at : slot->bar + BUFFER, want, length);
	return MOVED;
}
