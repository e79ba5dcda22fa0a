/* SPDX-License-Identifier: MIT */
/*
 * Which system calls of a program come to the supervisor: those that name a path, ioctl() with commands of our type, the accesses at an
 * offset, and the few that end an address space or change what it may do. The kernel decides without asking for all others.
 */
#ifndef UIOMMUFD_LAUNCHER_FILTER_H
#define UIOMMUFD_LAUNCHER_FILTER_H

/*
 * What is read and written without an offset are event descriptors. They are handed out from this number on, as far as there is room below the usual limit, so
 * that the kernel can tell their read() and write() from everybody else's by the number. Where one has another number (dup, SCM_RIGHTS) these calls are
 * the kernel's, on a socket, which has the message.
 */
#define FILTER_FIRST_EVENT 960
#define FILTER_EVENTS	   64

/*
 * Installs the filter in this process, for good: it, what it executes and its children can't gain privileges any more. *ret_listener is
 * the descriptor that notifications are read from (O_CLOEXEC). -EINVAL, -EPERM, -EACCES, -EBUSY (another listener is there), -EMFILE.
 */
int filter_install(int *ret_listener);

#endif
