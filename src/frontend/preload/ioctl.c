/* SPDX-License-Identifier: MIT */
/*
 * ioctl(): the call that all is about. Three loads decide for a descriptor of which something is known. A number that is
 * believed foreign is looked at again for commands of our type, so that a stale belief costs time and not truth.
 */
#include "frontend/preload/defer.h"
#include "frontend/preload/process.h"
#include "frontend/preload/real.h"
#include "frontend/preload/trace.h"

#include <linux/fs.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#define OUR_TYPE 0x3b

static inline bool our_type(unsigned int cmd)
{
	return (cmd >> 8 & 0xff) == OUR_TYPE;
}

/* What Linux does itself for every descriptor. */
static bool vfs_command(unsigned int cmd)
{
	return cmd == FIOCLEX || cmd == FIONCLEX || cmd == FIONBIO || cmd == FIGETBSZ;
}

static long local_ioctl(int fd, struct endpoint *endpoint, unsigned int cmd, uint64_t arg)
{
	struct process *process = process_get();
	long rc;

	if (!our_type(cmd) && vfs_command(cmd)) {
		rc = REAL(ioctl)(fd, cmd, arg);
		rc = rc < 0 ? -errno : rc;
	} else {
		defer_begin();
		rc = service_ioctl(process->service, endpoint->file, &process->client, cmd, arg);
		defer_end();
		if (rc < 0)
			process_settle_withdrawn(process);
	}
	endpoint_put(endpoint);
	return rc;
}

static int64_t remote_ioctl(int fd, const struct descriptor *descriptor, unsigned int cmd,
			    uint64_t arg, bool *ret_no_file)
{
	struct wire_msg msg = {.op = WIRE_IOCTL, .arg = {cmd, arg}};
	int64_t rc = descriptor_ask(fd, descriptor, &msg, NULL);

	*ret_no_file = msg.flags & WIRE_NO_FILE;
	return rc;
}

/* By what is known of the number. False: that is not enough. */
static bool known_ioctl(int fd, unsigned long cmd, uint64_t arg, int64_t *ret_rc)
{
	struct descriptor descriptor;
	bool no_file;

	if (vfs_command((unsigned int)cmd) ||
	    !descriptor_remote(fd, descriptor_slot(fd), &descriptor))
		return false;
	*ret_rc = remote_ioctl(fd, &descriptor, (unsigned int)cmd, arg, &no_file);
	if (no_file)
		descriptor_forget(fd);
	return !no_file;
}

__attribute__((noinline)) static int slow_ioctl(int fd, unsigned long cmd, uint64_t arg)
{
	struct descriptor descriptor;
	bool no_file;
	int64_t result;
	int rc;

	if (known_ioctl(fd, cmd, arg, &result))
		return (int)shim_result(result);
	rc = descriptor_find(fd, &descriptor);
	if (rc == -ENOENT)
		return REAL(ioctl)(fd, cmd, arg);
	if (rc)
		return (int)shim_result(rc);
	if (descriptor.local)
		return (int)shim_result(local_ioctl(fd, descriptor.local, (unsigned int)cmd, arg));
	if (vfs_command((unsigned int)cmd))
		return REAL(ioctl)(fd, cmd, arg);
	return (int)shim_result(remote_ioctl(fd, &descriptor, (unsigned int)cmd, arg, &no_file));
}

static int call_ioctl(int fd, unsigned long cmd, uint64_t arg)
{
	uintptr_t slot = descriptor_slot(fd);
	struct endpoint *endpoint;
	long rc = 0;

	if (slot == SLOT_FOREIGN && !our_type((unsigned int)cmd))
		return REAL(ioctl)(fd, cmd, arg);
	/* From before the endpoint is held until it is let go: a handler may leave by siglongjmp(). */
	defer_begin();
	endpoint = descriptor_local(fd, slot);
	if (endpoint)
		rc = local_ioctl(fd, endpoint, (unsigned int)cmd, arg);
	defer_end();
	return endpoint ? (int)shim_result(rc) : slow_ioctl(fd, cmd, arg);
}

SHIM int ioctl(int fd, unsigned long cmd, ...)
{
	va_list list;

	va_start(list, cmd);
	uint64_t arg = va_arg(list, uint64_t);
	va_end(list);
	if (__builtin_expect(trace_on, false))
		return trace_ioctl(fd, cmd, arg, call_ioctl);
	return call_ioctl(fd, cmd, arg);
}
