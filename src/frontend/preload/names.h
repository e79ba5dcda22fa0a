/* SPDX-License-Identifier: MIT */
/*
 * Every function that the descriptor half of the shim interposes: type, name, parameters, arguments. preload.map exports the
 * same names; a test compares the two.
 */
#ifndef UIOMMUFD_PRELOAD_NAMES_H
#define UIOMMUFD_PRELOAD_NAMES_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
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
	F(ssize_t, writev, (int fd, const struct iovec *iov, int n), (fd, iov, n))                 \
	F(ssize_t, preadv, (int fd, const struct iovec *iov, int n, off_t at), (fd, iov, n, at))   \
	F(ssize_t, preadv64, (int fd, const struct iovec *iov, int n, off64_t at),                 \
	  (fd, iov, n, at))                                                                        \
	F(ssize_t, pwritev, (int fd, const struct iovec *iov, int n, off_t at), (fd, iov, n, at))  \
	F(ssize_t, pwritev64, (int fd, const struct iovec *iov, int n, off64_t at),                \
	  (fd, iov, n, at))                                                                        \
	F(ssize_t, preadv2, (int fd, const struct iovec *iov, int n, off_t at, int flags),         \
	  (fd, iov, n, at, flags))                                                                 \
	F(ssize_t, preadv64v2, (int fd, const struct iovec *iov, int n, off64_t at, int flags),    \
	  (fd, iov, n, at, flags))                                                                 \
	F(ssize_t, pwritev2, (int fd, const struct iovec *iov, int n, off_t at, int flags),        \
	  (fd, iov, n, at, flags))                                                                 \
	F(ssize_t, pwritev64v2, (int fd, const struct iovec *iov, int n, off64_t at, int flags),   \
	  (fd, iov, n, at, flags))                                                                 \
	F(ssize_t, recv, (int fd, void *buf, size_t count, int flags), (fd, buf, count, flags))    \
	F(ssize_t, send, (int fd, const void *buf, size_t count, int flags),                       \
	  (fd, buf, count, flags))                                                                 \
	F(ssize_t, recvfrom,                                                                       \
	  (int fd, void *buf, size_t count, int flags, struct sockaddr *from, socklen_t *len),     \
	  (fd, buf, count, flags, from, len))                                                      \
	F(ssize_t, sendto,                                                                         \
	  (int fd, const void *buf, size_t count, int flags, const struct sockaddr *to,            \
	   socklen_t len),                                                                         \
	  (fd, buf, count, flags, to, len))                                                        \
	F(ssize_t, __recv_chk, (int fd, void *buf, size_t count, size_t size, int flags),          \
	  (fd, buf, count, size, flags))                                                           \
	F(ssize_t, __recvfrom_chk,                                                                 \
	  (int fd, void *buf, size_t count, size_t size, int flags, struct sockaddr *from,         \
	   socklen_t *len),                                                                        \
	  (fd, buf, count, size, flags, from, len))                                                \
	F(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags), (fd, msg, flags))       \
	F(int, fclose, (FILE * stream), (stream))                                                  \
	F(void *, mmap, (void *addr, size_t length, int prot, int flags, int fd, off_t offset),    \
	  (addr, length, prot, flags, fd, offset))                                                 \
	F(void *, mmap64,                                                                          \
	  (void *addr, size_t length, int prot, int flags, int fd, off64_t offset),                \
	  (addr, length, prot, flags, fd, offset))                                                 \
	F(int, munmap, (void *addr, size_t length), (addr, length))                                \
	F(int, mprotect, (void *addr, size_t length, int prot), (addr, length, prot))              \
	F(int, madvise, (void *addr, size_t length, int advice), (addr, length, advice))           \
	F(int, shmdt, (const void *addr), (addr))                                                  \
	F(int, ftruncate, (int fd, off_t length), (fd, length))                                    \
	F(int, ftruncate64, (int fd, off64_t length), (fd, length))                                \
	F(int, fallocate, (int fd, int mode, off_t offset, off_t length),                          \
	  (fd, mode, offset, length))                                                              \
	F(int, fallocate64, (int fd, int mode, off64_t offset, off64_t length),                    \
	  (fd, mode, offset, length))                                                              \
	F(int, sigaction, (int sig, const struct sigaction *act, struct sigaction *old),           \
	  (sig, act, old))                                                                         \
	F(sighandler_t, signal, (int sig, sighandler_t handler), (sig, handler))                   \
	F(sighandler_t, bsd_signal, (int sig, sighandler_t handler), (sig, handler))               \
	F(sighandler_t, sysv_signal, (int sig, sighandler_t handler), (sig, handler))              \
	F(sighandler_t, __sysv_signal, (int sig, sighandler_t handler), (sig, handler))            \
	F(int, sigprocmask, (int how, const sigset_t *set, sigset_t *old), (how, set, old))        \
	F(int, pthread_sigmask, (int how, const sigset_t *set, sigset_t *old), (how, set, old))    \
	F(int, sigsuspend, (const sigset_t *set), (set))                                           \
	F(int, ppoll,                                                                              \
	  (struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *set),    \
	  (fds, n, timeout, set))                                                                  \
	F(int, __ppoll_chk,                                                                        \
	  (struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *set,     \
	   size_t size),                                                                           \
	  (fds, n, timeout, set, size))                                                            \
	F(int, pselect,                                                                            \
	  (int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout,         \
	   const sigset_t *set),                                                                   \
	  (n, in, out, except, timeout, set))                                                      \
	F(int, epoll_pwait,                                                                        \
	  (int epoll, struct epoll_event *events, int n, int timeout, const sigset_t *set),        \
	  (epoll, events, n, timeout, set))                                                        \
	F(int, epoll_pwait2,                                                                       \
	  (int epoll, struct epoll_event *events, int n, const struct timespec *timeout,           \
	   const sigset_t *set),                                                                   \
	  (epoll, events, n, timeout, set))                                                        \
	F(int, pthread_attr_setsigmask_np, (pthread_attr_t * attr, const sigset_t *set),           \
	  (attr, set))                                                                             \
	F(void, _exit, (int status), (status))                                                     \
	F(void, _Exit, (int status), (status))                                                     \
	F(void, quick_exit, (int status), (status))                                                \
	F(int, execve, (const char *path, char *const argv[], char *const envp[]),                 \
	  (path, argv, envp))                                                                      \
	F(int, execv, (const char *path, char *const argv[]), (path, argv))                        \
	F(int, execvp, (const char *file, char *const argv[]), (file, argv))                       \
	F(int, execvpe, (const char *file, char *const argv[], char *const envp[]),                \
	  (file, argv, envp))                                                                      \
	F(int, posix_spawn,                                                                        \
	  (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,               \
	   const posix_spawnattr_t *attr, char *const argv[], char *const envp[]),                 \
	  (pid, path, actions, attr, argv, envp))                                                  \
	F(int, posix_spawnp,                                                                       \
	  (pid_t * pid, const char *file, const posix_spawn_file_actions_t *actions,               \
	   const posix_spawnattr_t *attr, char *const argv[], char *const envp[]),                 \
	  (pid, file, actions, attr, argv, envp))                                                  \
	F(int, fexecve, (int fd, char *const argv[], char *const envp[]), (fd, argv, envp))        \
	F(int, execveat,                                                                           \
	  (int dirfd, const char *path, char *const argv[], char *const envp[], int flags),        \
	  (dirfd, path, argv, envp, flags))                                                        \
	F(ssize_t, recvmsg, (int sock, struct msghdr *msg, int flags), (sock, msg, flags))         \
	F(int, recvmmsg,                                                                           \
	  (int sock, struct mmsghdr *msgs, unsigned int n, int flags, struct timespec *timeout),   \
	  (sock, msgs, n, flags, timeout))                                                         \
	F(int, pidfd_getfd, (int pidfd, int fd, unsigned int flags), (pidfd, fd, flags))           \
	F(int, setuid, (uid_t uid), (uid))                                                         \
	F(int, seteuid, (uid_t uid), (uid))                                                        \
	F(int, setreuid, (uid_t ruid, uid_t euid), (ruid, euid))                                   \
	F(int, setresuid, (uid_t ruid, uid_t euid, uid_t suid), (ruid, euid, suid))                \
	F(int, capset, (void *header, const void *data), (header, data))                           \
	F(int, setrlimit, (__rlimit_resource_t resource, const struct rlimit *limit),              \
	  (resource, limit))                                                                       \
	F(int, setrlimit64, (__rlimit_resource_t resource, const struct rlimit64 *limit),          \
	  (resource, limit))                                                                       \
	F(int, prlimit,                                                                            \
	  (pid_t pid, enum __rlimit_resource resource, const struct rlimit *limit,                 \
	   struct rlimit *old),                                                                    \
	  (pid, resource, limit, old))                                                             \
	F(int, prlimit64,                                                                          \
	  (pid_t pid, enum __rlimit_resource resource, const struct rlimit64 *limit,               \
	   struct rlimit64 *old),                                                                  \
	  (pid, resource, limit, old))

/* The library's own calls of it go to the first that a program would find: sanitizers have to see every thread. */
#define PRELOAD_THREAD(F)                                                                          \
	F(int, pthread_create,                                                                     \
	  (pthread_t * thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg),       \
	  (thread, attr, run, arg))

#define PRELOAD_VARIADIC(F)                                                                        \
	F(int, open, (const char *path, int flags, ...), )                                         \
	F(int, open64, (const char *path, int flags, ...), )                                       \
	F(int, openat, (int dirfd, const char *path, int flags, ...), )                            \
	F(int, openat64, (int dirfd, const char *path, int flags, ...), )                          \
	F(int, ioctl, (int fd, unsigned long cmd, ...), )                                          \
	F(int, fcntl, (int fd, int cmd, ...), )                                                    \
	F(int, fcntl64, (int fd, int cmd, ...), )                                                  \
	F(void *, mremap, (void *old, size_t old_len, size_t new_len, int flags, ...), )

/*
 * The view interposes these, and more. In the rest of the library they mean the real ones, or the service would ask itself what is
 * in /proc. A test looks whether the list is complete.
 */
#define PRELOAD_VIEWED(F)                                                                          \
	F(int, access, (const char *path, int mode), (path, mode))                                 \
	F(int, chdir, (const char *path), (path))                                                  \
	F(FILE *, fopen, (const char *path, const char *mode), (path, mode))                       \
	F(FILE *, fopen64, (const char *path, const char *mode), (path, mode))                     \
	F(int, fstat, (int fd, struct stat *st), (fd, st))                                         \
	F(int, fstat64, (int fd, struct stat64 *st), (fd, st))                                     \
	F(int, fstatfs, (int fd, struct statfs *st), (fd, st))                                     \
	F(int, fstatfs64, (int fd, struct statfs64 *st), (fd, st))                                 \
	F(int, memfd_create, (const char *name, unsigned int flags), (name, flags))

#endif
