/* SPDX-License-Identifier: MIT */
/*
 * Eventfds of a program, as the kernel handles them for its devices: without ever waiting, whatever the flags of the file. Those are the program's and are left alone.
 * Any thread, with any lock.
 */
#ifndef UIOMMUFD_BASE_EVENT_H
#define UIOMMUFD_BASE_EVENT_H

#include <stdbool.h>

/*
 * Adds 1; a counter that is full stays full. What is no eventfd is left alone.
 *
 * A write() waits while the counter is full, and poll() before it does not help: others write too. The end of an asynchronous I/O adds 1 in the
 * kernel, as an interrupt does, and has done so when this returns. Where there is no asynchronous I/O (a sandbox forbids it), or none of eventfds
 * (before Linux 5.8), it is poll() and write() after all. A sandbox that kills for io_setup() kills.
 */
void event_add(int fd);

/* Takes out what was added: true if there was something. Others may read it too. */
bool event_take(int fd);

#endif
