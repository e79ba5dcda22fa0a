/* SPDX-License-Identifier: MIT */
/* The function that a call of ours stands in front of: the C library's, or that of another
 * preloaded library. */
#ifndef UIOMMUFD_PRELOAD_NEXT_H
#define UIOMMUFD_PRELOAD_NEXT_H

#include <dlfcn.h>

#define EXPORT __attribute__((visibility("default")))

/*
 * NEXT(stat)(path, st): looked up when the shim is loaded (next.c), for the loader's lock must not be taken later: a child of fork() may find
 * it held for ever. Before our constructor has run it is looked up at the call.
 */
#define NEXT(name)                                                                                 \
	({                                                                                         \
		static __typeof__(&name) next_function;                                            \
		static const struct next_entry next_entry __attribute__((                          \
			section("next_entries"), used)) = {#name, (void **)&next_function};        \
		__typeof__(&name) function = __atomic_load_n(&next_function, __ATOMIC_RELAXED);    \
		if (__builtin_expect(!function, 0)) {                                              \
			function = (__typeof__(&name))dlsym(RTLD_NEXT, next_entry.symbol);         \
			__atomic_store_n(&next_function, function, __ATOMIC_RELAXED);              \
		}                                                                                  \
		function;                                                                          \
	})

/* One use of NEXT(): the linker gathers them. */
struct next_entry {
	const char *symbol;
	void **function;
};

/*
 * OWN(close)(fd): the call as the program makes it, through the shim. A plain call is the real one,
 * here as in the rest of the library (see real.h).
 */
#define OWN(name) ((__typeof__(&name))dlsym(RTLD_DEFAULT, #name))

#endif
