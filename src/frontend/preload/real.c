/* SPDX-License-Identifier: MIT */
/* The real functions, and the names under which --wrap leads the rest of the library to them. */
#include "frontend/preload/real.h"

#include <dlfcn.h>
#include <stdarg.h>

struct real real;
static __typeof__(&pthread_create) first_pthread_create;

void real_resolve(void)
{
	int saved = errno;

#define REAL_RESOLVE(ret, name, params, args) real.name = dlsym(RTLD_NEXT, #name);
	PRELOAD_PLAIN(REAL_RESOLVE)
	PRELOAD_THREAD(REAL_RESOLVE)
	PRELOAD_VARIADIC(REAL_RESOLVE)
	PRELOAD_VIEWED(REAL_RESOLVE)
#undef REAL_RESOLVE
	first_pthread_create = (__typeof__(&pthread_create))dlsym(RTLD_DEFAULT, "pthread_create");
	errno = saved;
}

#define REAL_WRAP(ret, name, params, args)                                                         \
	ret __wrap_##name params;                                                                  \
	ret __wrap_##name params                                                                   \
	{                                                                                          \
		return REAL(name) args;                                                            \
	}
#pragma GCC diagnostic ignored "-Wpedantic"
PRELOAD_PLAIN(REAL_WRAP)
PRELOAD_VIEWED(REAL_WRAP)

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
			  void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
			  void *arg)
{
	if (!first_pthread_create)
		real_resolve();
	return first_pthread_create(thread, attr, run, arg);
}

/* The variadic ones take one more argument, a word, whatever the call. */
#define REAL_WRAP_OPEN(name)                                                                       \
	int __wrap_##name(const char *path, int flags, ...);                                       \
	int __wrap_##name(const char *path, int flags, ...)                                        \
	{                                                                                          \
		va_list list;                                                                      \
                                                                                                   \
		va_start(list, flags);                                                             \
		mode_t mode = va_arg(list, mode_t);                                                \
		va_end(list);                                                                      \
		return REAL(name)(path, flags, mode);                                              \
	}
REAL_WRAP_OPEN(open)
REAL_WRAP_OPEN(open64)

#define REAL_WRAP_OPENAT(name)                                                                     \
	int __wrap_##name(int dirfd, const char *path, int flags, ...);                            \
	int __wrap_##name(int dirfd, const char *path, int flags, ...)                             \
	{                                                                                          \
		va_list list;                                                                      \
                                                                                                   \
		va_start(list, flags);                                                             \
		mode_t mode = va_arg(list, mode_t);                                                \
		va_end(list);                                                                      \
		return REAL(name)(dirfd, path, flags, mode);                                       \
	}
REAL_WRAP_OPENAT(openat)
REAL_WRAP_OPENAT(openat64)

#define REAL_WRAP_CONTROL(name, cmd_type)                                                          \
	int __wrap_##name(int fd, cmd_type cmd, ...);                                              \
	int __wrap_##name(int fd, cmd_type cmd, ...)                                               \
	{                                                                                          \
		va_list list;                                                                      \
                                                                                                   \
		va_start(list, cmd);                                                               \
		void *arg = va_arg(list, void *);                                                  \
		va_end(list);                                                                      \
		return REAL(name)(fd, cmd, arg);                                                   \
	}
REAL_WRAP_CONTROL(ioctl, unsigned long)
REAL_WRAP_CONTROL(fcntl, int)
REAL_WRAP_CONTROL(fcntl64, int)

void *__wrap_mremap(void *old, size_t old_len, size_t new_len, int flags, ...);
void *__wrap_mremap(void *old, size_t old_len, size_t new_len, int flags, ...)
{
	va_list list;

	va_start(list, flags);
	void *fixed = va_arg(list, void *);
	va_end(list);
	return REAL(mremap)(old, old_len, new_len, flags, fixed);
}
