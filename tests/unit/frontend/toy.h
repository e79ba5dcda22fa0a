/* SPDX-License-Identifier: MIT */
/*
 * A machine with files so simple that only the frontend can be at fault: a number that ioctls read and write in the caller's
 * memory. It stands in for the core in a shim of its own (libtoy-preload.so) that shows it as /dev/iommu.
 */
#ifndef UIOMMUFD_TESTS_TOY_H
#define UIOMMUFD_TESTS_TOY_H

#include <stdint.h>
#include <sys/ioctl.h>

#define TOY_GET	 _IO(';', 1) /* arg: uint64_t *, gets the number */
#define TOY_SET	 _IO(';', 2) /* arg: const uint64_t * */
#define TOY_NEW	 _IO(';', 3) /* a second descriptor, of a file of its own */
#define TOY_LIVE _IO(';', 4) /* how many files live in the host */
#define TOY_HOST _IO(';', 5) /* the process that answers */
#define TOY_FD                                                                                     \
	_IO(';', 6) /* arg: a descriptor: 1 if it is a toy of this host, 0 if foreign, or -errno */
#define TOY_READABLE _IO(';', 7) /* arg: 0 or 1 */
#define TOY_EVENT    _IO(';', 8) /* like TOY_NEW, with real readiness */
#define TOY_NATIVE                                                                                 \
	_IO(';', 9) /* arg: a descriptor of a pipe or file: writes "toy" to a duplicate */

/*
 * A toy can be mapped, and read and written at the same offsets: a device's registers.
 * Page 0: stores are trapped. What is stored to BELL is added to RUNG; all else is kept.
 * Page 1: plain memory.
 * Page 2: all is trapped. A load of COUNT gives how many loads there were; EIO refuses.
 */
#define TOY_PAGES     3
#define TOY_BELL      0x10
#define TOY_RUNG      0x18
#define TOY_COUNT     0x2010
#define TOY_REFUSED   0x2020
#define TOY_BAR_PAGES (TOY_PAGES * 4096)

#endif
