/* SPDX-License-Identifier: MIT */
/*
 * The functions behind the ones that the shim interposes: REAL(close)(fd). They are looked up once, at the first call or in
 * the constructor, whichever is earlier.
 *
 * The rest of the library (the core, the service) calls close() and means the real one: the linker's --wrap leads
 * those calls to __wrap_close(), which is REAL(close). Only the shim's own files know the difference.
 */
#ifndef UIOMMUFD_PRELOAD_REAL_H
#define UIOMMUFD_PRELOAD_REAL_H

#include "frontend/preload/names.h"

struct real {
#define REAL_MEMBER(ret, name, params, args) ret(*name) params;
	PRELOAD_PLAIN(REAL_MEMBER)
	PRELOAD_THREAD(REAL_MEMBER)
	PRELOAD_VARIADIC(REAL_MEMBER)
	PRELOAD_VIEWED(REAL_MEMBER)
#undef REAL_MEMBER
};

extern struct real real;

void real_resolve(void);

#define REAL(name) (__builtin_expect(!real.name, 0) ? (real_resolve(), real.name) : real.name)

/* An interposed function. */
#define SHIM __attribute__((visibility("default")))

/* A call's result as the program expects it. */
static inline long shim_result(long rc)
{
	if (rc >= 0)
		return rc;
	errno = (int)-rc;
	return -1;
}

#endif
