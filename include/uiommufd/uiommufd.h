/* SPDX-License-Identifier: MIT */
/*
 * libuiommufd: IOMMUFD inside a program. The program makes a machine, opens its nodes and makes the ioctls of
 * <uiommufd/iommufd.h> on them, without a kernel that knows IOMMUFD and without a privilege; software that stands for a
 * device reaches the program's memory through what these have mapped.
 *
 * Results. Functions return 0 or a positive number, or -errno; errno itself is left alone. What is made comes through a
 * ret_ parameter, untouched on failure. -ENOMEM is out of memory. -ECHILD from any function that names an
 * object: it was made by the process that this one was forked from; a child makes its own.
 *
 * Ownership. What a function makes is the caller's, and there is one function that gives it back; NULL is nothing there.
 * An object keeps what it was made from: the order in which they are given back doesn't matter.
 *
 * Threads. Any function may be called by any thread at any time, but nothing may be in use while it is given back. Each
 * open node has one lock, as in Linux: calls on it, and on what was made from it, are one after the other. No function
 * may be called in a signal handler but uiommufd_handle_fault().
 *
 * Memory. Pointers that ioctls carry are the program's own. A bad one gives -EFAULT, never a signal: therefore the
 * first machine installs handlers for SIGSEGV and SIGBUS, which pass on whatever isn't theirs to the handlers before
 * them. A program that installs its own afterwards calls uiommufd_handle_fault() in them; a thread that blocks one of these signals
 * says so by uiommufd_blocks_faults(). Nobody watches what the program does with its address space: before it unmaps,
 * discards or moves memory that is mapped for devices it tells the machine (uiommufd_memory_going(),
 * uiommufd_memory_moved()), or devices see what is at these addresses then, if anything.
 *
 * Descriptors. Where an ioctl gives a descriptor (fault queues, vEVENTQs), it is a real one, O_RDWR and O_CLOEXEC: it
 * can be polled, read and written by the system calls, duplicated, sent to other processes and closed. What
 * they can't have from it is the exact behaviour of the kernel's descriptors, which uiommufd_read() and uiommufd_write() give. A descriptor keeps the node that it
 * came from open. Descriptors that the program names in ioctls (memfds, dma-bufs) are its own. Behind them is a helper
 * process, started with the first one, that shares the program's memory. The library keeps a number from 1000 upward for its
 * connection to that, and one for each descriptor that it has given: the program must not close these.
 */
#ifndef UIOMMUFD_UIOMMUFD_H
#define UIOMMUFD_UIOMMUFD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define UIOMMUFD_API __attribute__((visibility("default")))
#else
#define UIOMMUFD_API
#endif

struct uiommufd_machine; /* IOMMUs, devices and groups */
struct uiommufd_file;	 /* an open node of a machine */
struct uiommufd_access;	 /* a device's way into an IOAS */

/* ---- machines ---- */

/*
 * What uiommufd_machine_new() makes. `size` is the caller's sizeof, so that the struct can grow: what a shorter one lacks counts as
 * zero, and what a longer one has beyond today's has to be zero. Zero everywhere is the default.
 */
struct uiommufd_machine_options {
	size_t size;
	uint64_t flags; /* none are defined: 0 */
	/* The machine's IOMMUs and devices, as text: see uiommufd-machine(5). NULL: none. */
	const char *description;
	/* Where a sentence is put that says why a description can't be used, with a zero behind it; or NULL. */
	char *why;
	size_t why_size; /* bytes there */
	/*
	 * Turns the sanitizer on: called for each finding (DMA through a stale translation, or after unmap), with some lines of text that end with a
	 * newline. It runs where the DMA does, in a thread of the program's or of the helper process, with locks held: it may call no function of the
	 * library, and of the program's descriptors the helper has standard error alone. NULL: no sanitizer, unless UIOMMUFD_SANITIZE in the environment
	 * says so, as for uiommufd-run(1)'s --sanitize.
	 */
	void (*finding)(void *data, const char *text);
	void *finding_data;
};

/*
 * Makes a machine.
 *
 * It has the mock IOMMU that the kernel's own tests use (<uiommufd/mock.h>), the devices that its ioctls make, and those of its description. What is
 * opened on one machine shares its devices, and the account of pinned memory of each user.
 *
 * options may be NULL for the default. With a description, models may have errors of their own beside those below.
 *
 * Errors:
 *   -EINVAL  options->size is less than that of the first version, a flag is unknown, or the description can't be used
 *   -E2BIG   what options has beyond the struct known here is not zero
 *   -ENOMEM
 */
UIOMMUFD_API int uiommufd_machine_new(const struct uiommufd_machine_options *options,
				      struct uiommufd_machine **ret_machine);

/*
 * Gives back a machine.
 *
 * What is open on it stays usable; the machine itself ends with the last of that.
 */
UIOMMUFD_API void uiommufd_machine_unref(struct uiommufd_machine *machine);

/*
 * Tells a machine of memory that is about to go.
 *
 * The program calls it before it takes away what is at [va, va + length) in its address space: munmap(), mmap() over it,
 * madvise() with MADV_DONTNEED. What is pinned of it is taken over, so that devices go on seeing it; nothing else happens. Costs
 * next to nothing where nothing is pinned. va and length are bytes, of any alignment.
 *
 * Errors:
 *   -ECHILD
 */
UIOMMUFD_API int uiommufd_memory_going(struct uiommufd_machine *machine, const void *va,
				       size_t length);

/*
 * Tells a machine of memory that has moved.
 *
 * The program calls it after mremap() has moved length bytes (whole pages): what is pinned of them is at `to` now.
 *
 * Errors:
 *   -ECHILD
 */
UIOMMUFD_API int uiommufd_memory_moved(struct uiommufd_machine *machine, const void *from,
				       const void *to, size_t length);

/* ---- the process ---- */

/*
 * Tells the library that the process's rights have changed.
 *
 * User id, effective capabilities and RLIMIT_MEMLOCK decide how much memory can be pinned and who is charged. They are read when the first machine is
 * made; a program that changes them afterwards and wants that to count says so.
 *
 * Errors:
 *   -ESRCH  there has been no machine in this process
 */
UIOMMUFD_API int uiommufd_creds_changed(void);

/*
 * Does a fault belong to the library?
 *
 * For a program's own handlers of SIGSEGV and SIGBUS, if it installs them after its first machine: they call this
 * before anything else, with their own arguments (so they have SA_SIGINFO), and return if it returns true: the fault was the library's and is mended. May be called
 * in signal handlers, and leaves errno alone.
 */
UIOMMUFD_API bool uiommufd_handle_fault(int sig, siginfo_t *info, void *ucontext);

/*
 * Tells the library that this thread blocks SIGSEGV or SIGBUS, or no longer does.
 *
 * A thread that blocks either before its first call on a node need not tell. One that does so later has to, before its next call, or a bad
 * pointer in an ioctl kills the program.
 */
UIOMMUFD_API void uiommufd_blocks_faults(bool blocks);

/* ---- open nodes ---- */

/*
 * Opens a node of a machine.
 *
 * node is a path below /dev: "iommu", or "vfio/vfio" for the same with the accounting of VFIO's container; and of the devices of a description
 * "vfio/devices/vfioN" and the groups "vfio/N". No flags are defined: 0.
 *
 * Errors:
 *   -EINVAL  a flag
 *   -ENOENT  the machine has no such node
 *   -ENOMEM
 *   -ECHILD
 */
UIOMMUFD_API int uiommufd_open(struct uiommufd_machine *machine, const char *node,
			       unsigned int flags, struct uiommufd_file **ret_file);

/*
 * Makes an ioctl on an open node.
 *
 * cmd and arg are those of ioctl(2) on the node; <uiommufd/iommufd.h> tells of each. Numbers that a command takes in place of a
 * pointer are cast. Returns what the ioctl returns: 0, or a number or descriptor that it is told to give.
 *
 * Errors:
 *   -ENOTTY  no such ioctl
 *   -EFAULT  arg, or memory that it names, can't be read or written
 *   -EMFILE  it gives a descriptor and there is no number left for it, or for the helper's connection
 *   -ENFILE  the system has no descriptor left
 *   -EIO     the helper process was killed
 *   -EAGAIN  the helper process could not be started
 *   -ENOMEM
 *   -ECHILD
 *
 * Each ioctl has errors of its own beside these: <uiommufd/iommufd.h> tells them.
 */
UIOMMUFD_API long uiommufd_ioctl(struct uiommufd_file *file, unsigned long cmd, void *arg);

/*
 * Maps what an ioctl has offered for mapping.
 *
 * length (bytes, rounded up to pages), prot, flags and offset are those of mmap(2) on the node. As long as it
 * stands, the object that it belongs to can't be destroyed. uiommufd_munmap() undoes it; where all of it is plain memory munmap() does too.
 *
 * Registers of a device are no plain memory: each store has its effect when it has been executed, and loads may have effects. That is done in the handler of
 * SIGSEGV, so threads that access them leave that signal open, and a program's own handler calls uiommufd_handle_fault(). A
 * mapping of registers keeps the device open. In a child after fork they give SIGBUS.
 *
 * Errors:
 *   -EINVAL  length is 0 or too long, or flags lack MAP_SHARED
 *   -ENXIO   nothing is offered at this offset
 *   -EPERM   prot is not what is offered
 *   -ENODEV  the node has nothing to map
 *   -EAGAIN  the memory can't be locked, which mlockall() asked for
 *   -ENOMEM
 *   -ECHILD
 */
UIOMMUFD_API int uiommufd_mmap(struct uiommufd_file *file, size_t length, int prot, int flags,
			       off_t offset, void **ret_address);

/*
 * Undoes uiommufd_mmap(), or a part of it.
 *
 * Errors: as munmap(2).
 */
UIOMMUFD_API int uiommufd_munmap(void *address, size_t length);

/*
 * Reads from an open node at an offset.
 *
 * As pread(2) on the node: a device's registers and config space are at the offsets that VFIO_DEVICE_GET_REGION_INFO tells. Returns the bytes that were read.
 *
 * Errors:
 *   -EINVAL  the node has nothing there, the device is not bound, or offset is negative
 *   -EIO     the device does not decode accesses to memory, or to I/O
 *   -EFAULT  buf can't be written, or the range goes beyond config space
 *   -ECHILD
 */
UIOMMUFD_API ssize_t uiommufd_pread(struct uiommufd_file *file, void *buf, size_t count,
				    off_t offset);

/*
 * Writes to an open node at an offset.
 *
 * As pwrite(2) on the node; all else is as for uiommufd_pread().
 *
 * Errors:
 *   -EINVAL  the node has nothing there, the device is not bound, or offset is negative
 *   -EIO     the device does not decode accesses to memory, or to I/O
 *   -EFAULT  buf can't be read, or the range goes beyond config space
 *   -ECHILD
 */
UIOMMUFD_API ssize_t uiommufd_pwrite(struct uiommufd_file *file, const void *buf, size_t count,
				     off_t offset);

/*
 * Gives a descriptor of an open node.
 *
 * For ioctls that take a number: VFIO_DEVICE_BIND_IOMMUFD and VFIO_GROUP_SET_CONTAINER are told so of a node of <uiommufd/iommufd.h>. It is a new one each time, O_RDWR and
 * O_CLOEXEC, and keeps the node open until it is closed, by close(2) or uiommufd_close_fd(). Other processes that were given it can use it too, under `uiommufd run`. Returns
 * the descriptor.
 *
 * Errors:
 *   -EMFILE  there is no number left for it, or for the helper's connection
 *   -ENFILE  the system has no descriptor left
 *   -EIO     the helper process was killed
 *   -EAGAIN  the helper process could not be started
 *   -ENOMEM
 *   -ECHILD
 */
UIOMMUFD_API int uiommufd_file_fd(struct uiommufd_file *file);

/*
 * Closes an open node.
 *
 * Its objects are destroyed as soon as nothing needs them any more: a descriptor or access that was made from it does.
 */
UIOMMUFD_API void uiommufd_close(struct uiommufd_file *file);

/* ---- descriptors that ioctls have given ---- */

/*
 * Reads from a descriptor of the library's.
 *
 * As read(2) on the kernel's descriptor would: it never waits (0: there is nothing), gives as many whole groups of faults, or events, as fit, and
 * what it could not copy stays. read(2) itself also works, and io_uring: it gives one group, or event, at a time (what doesn't fit
 * into the buffer is lost), and on an empty queue it waits, or gives EAGAIN if O_NONBLOCK is set.
 *
 * Errors:
 *   -EBADF   fd is closed
 *   -ENOTTY  fd is not one that this process's library serves
 *   -EINVAL  the first group or event is longer than count; vEVENTQ: count is less than a header
 *   -ESPIPE  fault queue: count is not a multiple of a message
 *   -EFAULT  buf can't be written
 *   -ENOMEM
 *   -ECHILD
 */
UIOMMUFD_API ssize_t uiommufd_read(int fd, void *buf, size_t count);

/*
 * Writes to a descriptor of the library's.
 *
 * As write(2) on the kernel's descriptor would: returns the bytes of the responses that were taken, if there is one, else the error
 * of the first. write(2) itself also works, and io_uring: what it carries has its effect soon after, and a response that is refused is so in silence.
 *
 * Errors:
 *   -EBADF   fd is closed
 *   -ENOTTY  fd is not one that this process's library serves
 *   -EINVAL  a code or cookie is unknown; it is no fault queue
 *   -ESPIPE  count is not a multiple of a response
 *   -EFAULT  buf can't be read
 *   -ECHILD
 */
UIOMMUFD_API ssize_t uiommufd_write(int fd, const void *buf, size_t count);

/*
 * Closes a descriptor of the library's.
 *
 * As close(2), but if this was the last descriptor of what it stands for, that has ended when this returns: the object can be
 * destroyed then. After close(2) that takes a moment.
 *
 * Errors:
 *   -EBADF   fd is closed
 *   -ENOTTY  fd is not one that this process's library serves; it stays open
 *   -ECHILD
 */
UIOMMUFD_API int uiommufd_close_fd(int fd);

/* ---- in-process accesses: what software that stands for a device uses ---- */

enum {
	UIOMMUFD_ACCESS_PINS =
		1
		<< 0, /* options: it will pin; the IOAS is kept page-aligned while it is attached */
	UIOMMUFD_ACCESS_WRITE = 1 << 1, /* pin: the device writes; else it only reads */
};

/*
 * What uiommufd_access_new() makes. `size` is as in struct uiommufd_machine_options.
 *
 * unmap, if not NULL, is called before a part of the IOAS is unmapped, in the thread that unmaps, with IOVAs first..last (inclusive):
 * pins that touch these must be given up before it returns; it may call any function of the library on the access but
 * attach, detach and free. While it runs the node is not locked, so other calls go on. Leaving an IOAS, or its end, calls it for all addresses.
 * Without it, what is pinned can't be unmapped (-EBUSY for the program's IOAS_UNMAP).
 */
struct uiommufd_access_options {
	size_t size;
	uint32_t flags; /* UIOMMUFD_ACCESS_PINS or 0 */
	void (*unmap)(void *data, uint64_t first, uint64_t last);
	void *data; /* unmap's */
};

/*
 * Makes an access, which is not attached yet.
 *
 * options may be NULL for the default. The access has an id among the node's objects that nothing can be done with.
 *
 * Errors:
 *   -EINVAL  file is no node with IOASes; options->size is less than that of the first version; a flag is unknown
 *   -E2BIG   what options has beyond the struct known here is not zero
 *   -ENOMEM
 *   -ECHILD
 */
UIOMMUFD_API int uiommufd_access_new(struct uiommufd_file *file,
				     const struct uiommufd_access_options *options,
				     struct uiommufd_access **ret_access);

/*
 * Gives back an access.
 *
 * It is detached first, and calls of its unmap in other threads have returned.
 */
UIOMMUFD_API void uiommufd_access_free(struct uiommufd_access *access);

/*
 * Attaches an access to an IOAS, or moves it there from another one.
 *
 * As long as it is attached the IOAS can't be destroyed. When it moves all pins are given up.
 *
 * Errors:
 *   -ENOENT      there is no such IOAS
 *   -EADDRINUSE  the IOAS has a mapping that is not page-aligned, and the access pins
 *   -EINVAL      the access is being detached by another thread
 *   -ENOMEM
 *   -ECHILD
 */
UIOMMUFD_API int uiommufd_access_attach(struct uiommufd_access *access, uint32_t ioas_id);

/*
 * Detaches an access from its IOAS.
 *
 * All pins are given up: unmap is called. Pins without an unmap are to be given up before.
 *
 * Errors:
 *   -ENOENT  it is not attached
 *   -ECHILD
 */
UIOMMUFD_API int uiommufd_access_detach(struct uiommufd_access *access);

/*
 * Reads through IOVAs, as a device would.
 *
 * Copies length bytes at iova to buf, which has to be good memory. On failure part may have been copied.
 *
 * Errors:
 *   -EINVAL     length is 0, or it is a dma-buf's memory
 *   -EOVERFLOW  the range goes beyond the last address
 *   -ENOENT     the access is not attached, or part of the range is not mapped
 *   -EPERM      the mapping can't be read
 *   -EFAULT     the memory behind it is gone
 *   -ENOMEM
 *   -ECHILD
 */
UIOMMUFD_API int uiommufd_access_read(struct uiommufd_access *access, uint64_t iova, void *buf,
				      size_t length);

/*
 * Writes through IOVAs, as a device would.
 *
 * Copies length bytes from buf, which has to be good memory, to iova. On failure part may have been copied.
 *
 * Errors:
 *   -EINVAL     length is 0, or it is a dma-buf's memory
 *   -EOVERFLOW  the range goes beyond the last address
 *   -ENOENT     the access is not attached, or part of the range is not mapped
 *   -EPERM      the mapping can't be written
 *   -EFAULT     the memory behind it is gone
 *   -ENOMEM
 *   -ECHILD
 */
UIOMMUFD_API int uiommufd_access_write(struct uiommufd_access *access, uint64_t iova,
				       const void *buf, size_t length);

/*
 * Pins the pages that [iova, iova + length) touches.
 *
 * They stay what they are, and are charged to who mapped them, until uiommufd_access_unpin() of the same range. flags is UIOMMUFD_ACCESS_WRITE or 0.
 *
 * ret_pages, if not NULL, has room for a pointer to each page that the range touches, the first one's first: where the page is in this process.
 * It holds while the page is pinned and the program leaves its mapping alone; NULL stands for a page that can only be
 * reached by uiommufd_access_read() and uiommufd_access_write().
 *
 * Errors:
 *   -EINVAL     length is 0; the mapping is not page-aligned, about to be unmapped or a dma-buf's; a flag is unknown
 *   -EOVERFLOW  the range goes beyond the last address
 *   -ENOENT     the access is not attached, or part of the range is not mapped
 *   -EPERM      the mapping can't be read, or written
 *   -EFAULT     the memory behind it is gone
 *   -ENOMEM     or the limit on locked memory is reached
 *   -ECHILD
 */
UIOMMUFD_API int uiommufd_access_pin(struct uiommufd_access *access, uint64_t iova, uint64_t length,
				     unsigned int flags, void **ret_pages);

/*
 * Undoes an uiommufd_access_pin() of the same range.
 *
 * Errors:
 *   -ECHILD
 */
UIOMMUFD_API int uiommufd_access_unpin(struct uiommufd_access *access, uint64_t iova,
				       uint64_t length);

/* ---- shared virtual addressing ---- */

/*
 * Binds a PASID of a device to a process's address space.
 *
 * DMA with that PASID then goes to the addresses of the process, as they are at that moment: nothing is mapped or pinned, and what is absent the process's
 * own memory management brings in. dev_id is the device's id on this node (VFIO gives it, or the mock). pid names the process; 0 is the caller.
 * Binding the same process again finds the same bond, which stands until each bind has been undone, or until the device goes.
 *
 * Errors:
 *   -EINVAL  file is no node with devices; pasid is 0, or one that the device has not
 *   -ENOENT  there is no such device
 *   -EBUSY   the PASID is bound to another process, or has a page table
 *   -ESRCH   there is no such process
 *   -EACCES  its memory is not the caller's to look at
 *   -EMFILE  no descriptor is left to look with
 *   -ENFILE  the system has no descriptor left
 *   -ENOMEM
 *   -ECHILD
 */
UIOMMUFD_API int uiommufd_sva_bind(struct uiommufd_file *file, uint32_t dev_id, uint32_t pasid,
				   pid_t pid);

/*
 * Undoes a bind.
 *
 * When the last one is undone, no DMA through the bond is running and none can start.
 *
 * Errors:
 *   -EINVAL  file is no node with devices
 *   -ENOENT  there is no such device, or the PASID is not bound
 *   -ECHILD
 */
UIOMMUFD_API int uiommufd_sva_unbind(struct uiommufd_file *file, uint32_t dev_id, uint32_t pasid);

#ifdef __cplusplus
}
#endif

#endif
