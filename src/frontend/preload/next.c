/* SPDX-License-Identifier: MIT */
/* Looks all functions up that the view stands in front of, before the program can have a second thread. */
#include "frontend/preload/next.h"

/* The linker's names for the ends of the section. */
extern const struct next_entry __start_next_entries[] __attribute__((visibility("hidden")));
extern const struct next_entry __stop_next_entries[] __attribute__((visibility("hidden")));

__attribute__((constructor(101))) static void next_resolve(void)
{
	for (const struct next_entry *entry = __start_next_entries; entry < __stop_next_entries;
	     entry++)
		__atomic_store_n(entry->function, dlsym(RTLD_NEXT, entry->symbol),
				 __ATOMIC_RELAXED);
}
