/* SPDX-License-Identifier: MIT */
/*
 * Every function that the descriptor half of the shim interposes: type, name, parameters, arguments. preload.map exports the
 * same names; a test compares the two.
 */
#ifndef UIOMMUFD_PRELOAD_NAMES_H
#define UIOMMUFD_PRELOAD_NAMES_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define PRELOAD_PLAIN(F)                                                                           \
	F(int, __open_2, (const char *path, int flags), (path, flags))                             \
	F(int, __open64_2, (const char *path, int flags), (path, flags))                           \
	F(int, __openat_2, (int dirfd, const char *path, int flags), (dirfd, path, flags))         \
	F(int, __openat64_2, (int dirfd, const char *path, int flags), (dirfd, path, flags))       \
	F(int, creat, (const char *path, mode_t mode), (path, mode))                               \
	F(int, creat64, (const char *path, mode_t mode), (path, mode))                             \
	F(int, close, (int fd), (fd))                                                              \
	F(int, close_range, (unsigned int first, unsigned int last, int flags),                    \
	  (first, last, flags))                                                                    \
	F(void, closefrom, (int first), (first))                                                   \
	F(int, dup, (int fd), (fd))                                                                \
	F(int, dup2, (int fd, int to), (fd, to))                                                   \
	F(int, dup3, (int fd, int to, int flags), (fd, to, flags))                                 \
	F(ssize_t, read, (int fd, void *buf, size_t count), (fd, buf, count))                      \
	F(ssize_t, write, (int fd, const void *buf, size_t count), (fd, buf, count))               \
	F(ssize_t, pread, (int fd, void *buf, size_t count, off_t at), (fd, buf, count, at))       \
	F(ssize_t, pread64, (int fd, void *buf, size_t count, off64_t at), (fd, buf, count, at))   \
	F(ssize_t, pwrite, (int fd, const void *buf, size_t count, off_t at),                      \
	  (fd, buf, count, at))                                                                    \
	F(ssize_t, pwrite64, (int fd, const void *buf, size_t count, off64_t at),                  \
	  (fd, buf, count, at))                                                                    \
	F(ssize_t, __read_chk, (int fd, void *buf, size_t count, size_t size),                     \
	  (fd, buf, count, size))                                                                  \
	F(ssize_t, __pread_chk, (int fd, void *buf, size_t count, off_t at, size_t size),          \
	  (fd, buf, count, at, size))                                                              \
	F(ssize_t, __pread64_chk, (int fd, void *buf, size_t count, off64_t at, size_t size),      \
	  (fd, buf, count, at, size))                                                              \
	F(ssize_t, readv, (int fd, const struct iovec *iov, int n), (fd, iov, n))                  \
	F(ssize_t, writev, (int fd, const struct iovec *iov, int n), (fd, iov, n))

#define PRELOAD_VARIADIC(F)                                                                        \
	F(int, open, (const char *path, int flags, ...), )                                         \
	F(int, open64, (const char *path, int flags, ...), )                                       \
	F(int, openat, (int dirfd, const char *path, int flags, ...), )                            \
	F(int, openat64, (int dirfd, const char *path, int flags, ...), )                          \
	F(int, ioctl, (int fd, unsigned long cmd, ...), )                                          \
	F(int, fcntl, (int fd, int cmd, ...), )                                                    \
	F(int, fcntl64, (int fd, int cmd, ...), )

#endif
