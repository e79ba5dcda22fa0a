/* SPDX-License-Identifier: MIT */
/* The function that a call of ours stands in front of: the C library's, or that of another
 * preloaded library. */
#ifndef UIOMMUFD_PRELOAD_NEXT_H
#define UIOMMUFD_PRELOAD_NEXT_H

#include <dlfcn.h>

#define EXPORT __attribute__((visibility("default")))

/*
 * NEXT(stat)(path, st): looked up once. Works before our constructor has run. Two threads may look
 * it up at once, and find the same.
 */
#define NEXT(name)                                                                                 \
	({                                                                                         \
		static __typeof__(&name) next_function;                                            \
		__typeof__(&name) function = __atomic_load_n(&next_function, __ATOMIC_RELAXED);    \
		if (__builtin_expect(!function, 0)) {                                              \
			function = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                     \
			__atomic_store_n(&next_function, function, __ATOMIC_RELAXED);              \
		}                                                                                  \
		function;                                                                          \
	})

/*
 * OWN(close)(fd): the call as the program makes it, through the shim. A plain call is the real one,
 * here as in the rest of the library (see real.h).
 */
#define OWN(name) ((__typeof__(&name))dlsym(RTLD_DEFAULT, #name))

#endif
