/* SPDX-License-Identifier: MIT */
#include "base/event.h"

#include <linux/aio_abi.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <time.h>

#include "base/sys.h"

/* How many ends of I/O may wait to be taken away. */
#define ENDS 64
/* How often room for one more is made. */
#define TRIES 64

/*
 * This process's, or its parent's before a fork: then the kernel does not know it. 0: none yet. It lives as long as the process's memory.
 */
static _Atomic aio_context_t context;

static aio_context_t make_context(aio_context_t stale)
{
	aio_context_t made = 0;

	if (sys_raw(SYS_io_setup, ENDS, &made))
		return 0;
	if (atomic_compare_exchange_strong(&context, &stale, made))
		return made;
	sys_raw(SYS_io_destroy, made); /* another thread was first */
	return stale;
}

static void take_ends(aio_context_t from)
{
	struct io_event ends[ENDS];
	struct timespec at_once = {0};

	sys_raw(SYS_io_getevents, from, 0, ENDS, ends, &at_once);
}

/*
 * The I/O is a read of no bytes from the eventfd itself. That is refused (eventfd(2): fewer than 8), takes nothing out, and ends before io_submit()
 * returns, whoever else is at the eventfd. A refused I/O has ended, so it is told like any other.
 */
static long submit(aio_context_t to, int fd)
{
	struct iocb refused = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)fd,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)fd,
	};
	struct iocb *all[] = {&refused};

	return sys_raw(SYS_io_submit, to, 1, all);
}

/* What was made before a fork is not the child's. */
static bool is_gone(aio_context_t which)
{
	return sys_raw(SYS_io_getevents, which, 0, 0, NULL, NULL) == -EINVAL;
}

/* True: it was added. */
static bool add_by_aio(int fd)
{
	aio_context_t to = atomic_load(&context);
	long rc = to ? submit(to, fd) : -EINVAL;

	if (rc == -EINVAL && is_gone(to)) {
		to = make_context(to);
		rc = to ? submit(to, fd) : rc;
	}
	/* Other threads fill it, too; or there is no memory. */
	for (int i = 0; i < TRIES && rc == -EAGAIN; i++) {
		take_ends(to);
		rc = submit(to, fd);
	}
	return rc == 1;
}

void event_add(int fd)
{
	const uint64_t one = 1;
	struct pollfd now = {.fd = fd, .events = POLLOUT};
	const struct timespec at_once = {0};

	if (!add_by_aio(fd) && sys_raw(SYS_ppoll, &now, 1, &at_once, 0, 0) == 1 &&
	    now.revents & POLLOUT)
		sys_raw(SYS_write, fd, &one, sizeof(one));
}

bool event_take(int fd)
{
	struct pollfd now = {.fd = fd, .events = POLLIN};
	const struct timespec at_once = {0};
	uint64_t count;
	struct iovec to = {&count, sizeof(count)};
	long rc = sys_raw(SYS_preadv2, fd, &to, 1, -1, -1, RWF_NOWAIT);

	/* Before Linux 5.8 there is no such read of an eventfd. */
	if (rc == -EOPNOTSUPP && sys_raw(SYS_ppoll, &now, 1, &at_once, 0, 0) == 1)
		rc = sys_raw(SYS_read, fd, &count, sizeof(count));
	return rc == sizeof(count);
}
