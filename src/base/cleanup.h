/* SPDX-License-Identifier: MIT */
/*
 * Ownership that ends with the scope: a variable that is declared with one of these is given back on
 * every way out. What leaves the scope alive is taken out of its variable by TAKE_PTR or TAKE_FD.
 */
#ifndef UIOMMUFD_BASE_CLEANUP_H
#define UIOMMUFD_BASE_CLEANUP_H

#include "base/sys.h"

#include <stdlib.h>

static inline void cleanup_free_p(void *p)
{
	free(*(void **)p);
}

/* The system call itself: a frontend may have interposed close(). */
static inline void cleanup_fd_p(const int *fd)
{
	if (*fd >= 0)
		sys_raw(SYS_close, *fd);
}

#define CLEANUP(fn)  __attribute__((cleanup(fn)))
#define CLEANUP_FREE CLEANUP(cleanup_free_p) /* memory of malloc(); NULL is nothing */
#define CLEANUP_FD   CLEANUP(cleanup_fd_p)   /* a descriptor; negative is none */

/* The value, which the variable no longer owns. */
#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})

#endif
