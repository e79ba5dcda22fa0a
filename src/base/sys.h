/* SPDX-License-Identifier: MIT */
/*
 * System calls as the kernel gives them: the result or -errno, errno itself untouched, and no way
 * through libc, where a frontend (or a sanitizer) may have put itself in between. For the few calls
 * that need one of that.
 */
#ifndef UIOMMUFD_BASE_SYS_H
#define UIOMMUFD_BASE_SYS_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)

static inline long sys_raw6(long nr, const long arg[6])
{
	register long r10 __asm__("r10") = arg[3];
	register long r8 __asm__("r8") = arg[4];
	register long r9 __asm__("r9") = arg[5];
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(arg[0]), "S"(arg[1]), "d"(arg[2]), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#else

static inline long sys_raw6(long nr, const long arg[6])
{
	int saved = errno;
	long ret = syscall(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);

	if (ret < 0)
		ret = -errno;
	errno = saved;
	return ret;
}

#endif

/* Up to six arguments, each cast: sys_raw(SYS_close, fd). */
#define sys_raw(...) SYS_RAW_PAD(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYS_RAW_PAD(nr, a, b, c, d, e, f, ...)                                                     \
	sys_raw6(nr, (const long[6]){(long)(a), (long)(b), (long)(c), (long)(d), (long)(e),        \
				     (long)(f)})

#endif
